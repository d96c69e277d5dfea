"""`refit`: confidences of what a learned model is made of, fitted to what it applies to."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gmlang
from gmlang.cli import group
from gmlang.diagnostics import Source
from gmlang.syntax.parse import parse
from gmlang.syntax.print import print_program

THINGS = """domain Color = {red, green, blue, purple}
entity Thing:
    color : Color
    size : 0..4
    striped : bool
    ink[3] : bool
data glyph[2, 3] : real = [[0.2, 0.9, 0.7], [0.6, 0.1, 0.8]]
data sure = 0.8
"""
MODELS = """model purple(x: Thing) prior 0.1:
    predict x.color = purple @ {0}
model striped(y: Thing) prior 0.2:
    predict y.striped = true @ {1}
model inky(t: Thing, k: 0..1) prior 0.3:
    for i in 0..2: predict t.ink[i] ~ Bernoulli(glyph[k, i]) @ {2}
    if t.size > 2: predict t.color = red @ {3}
    use large(t)
model large(z: Thing):
    predict z.size = 4 @ 0.7
model loud = purple striped
var ex[4] : Thing
"""
SEEN = """observe ex[0].color = purple, ex[0].striped = true, ex[0].ink[0] = true
observe ex[1].color = blue, ex[1].striped = false, ex[1].size = 3
observe ex[2].color = purple, ex[2].ink[1] = false
observe ex[3].striped = true, ex[3].size = 4, ex[3].ink[2] = true, ex[3].color = red
"""
EVENTS = """observe ex[1].color == purple or ex[1].size > 2
observe ex[0].color like {purple: 3, red: 1}
"""
TIED = """prefer ex[0].color == ex[2].color weight 1.5
prefer ex[1].striped weight 0.7
"""
OTHERS = """var other[2] : Thing
observe other[0].color = green, other[1].size = 1, other[1].striped = false
"""
OLD = (0.9, 0.85, 0.8, 0.6)


def _program(numbers: tuple[float, ...], seen: str, parts: str, refit: str = "refit") -> str:
    text = THINGS + MODELS.format(*numbers) + seen
    not_others = " but not other" if "other[" in seen else ""
    return f"{text}learn model zarf(x: Thing) from ex{not_others} using {parts} size 1 {refit}\n"


def _told(numbers: tuple[float, ...], seen: str, parts: str) -> float:
    """Return the log-probability of the examples where the parts have some numbers."""
    found = gmlang.compile(_program(numbers, seen, parts, "")).learn_model("zarf")
    return float(found.scores[0].sum())


@pytest.mark.parametrize(
    ("seen", "parts", "which"),
    [
        (SEEN, "loud", (0, 1)),
        (SEEN, "inky(1)", (2, 3)),
        (SEEN + EVENTS, "loud", (0, 1)),
        (SEEN + TIED, "loud", (0, 1)),
        (SEEN + TIED + EVENTS + OTHERS, "inky(0)", (2, 3)),
    ],
)
def test_numbers_are_the_most_probable(seen: str, parts: str, which: tuple[int, ...]):
    """F is highest there: its slope by log-odds is nothing, and how it bends says the errors."""
    found = gmlang.compile(_program(OLD, seen, parts)).learn_model("zarf")
    assert found.fit is not None
    assert found.fit.is_converged
    fitted = found.fit.numbers
    assert [one.before for one in fitted] == [OLD[k] for k in which]

    def total(odds: np.ndarray) -> float:
        chances = 1.0 / (1.0 + np.exp(-odds))
        numbers = list(OLD)
        for k, chance in zip(which, chances, strict=True):
            numbers[k] = float(chance)
        before = np.array([OLD[k] for k in which])
        prior = 10.0 * (before * np.log(chances) + (1.0 - before) * np.log1p(-chances))
        return _told(tuple(numbers), seen, parts) + float(prior.sum())

    best = np.array([one.after for one in fitted])
    place = np.log(best) - np.log1p(-best)
    step = 1e-3
    for k in range(len(place)):
        change = np.eye(len(place))[k] * step
        assert (total(place + change) - total(place - change)) / (2 * step) == pytest.approx(
            0.0, abs=2e-4
        )
    before = np.array([OLD[k] for k in which])
    gained = total(place) - total(np.log(before) - np.log1p(-before))
    assert found.fit.gain == pytest.approx(gained, abs=1e-8)


def test_complete_cases_count_as_cases():
    text = """entity Thing:
    a : 0..3
model two(x: Thing):
    predict x.a = 2 @ 0.9
var ex[5] : Thing
observe ex[0].a = 2, ex[1].a = 2, ex[2].a = 0, ex[3].a = 2
learn model zarf(x: Thing) from ex using two refit
"""
    fit = gmlang.compile(text).learn_model("zarf").fit
    assert fit is not None
    (one,) = fit.numbers
    assert one.after == pytest.approx((9 + 3) / (10 + 4), abs=1e-6)
    x = one.after
    assert one.error == pytest.approx(np.sqrt(x * (1 - x) / 14), rel=1e-3)


def test_nothing_else_changes():
    asked = "P(purple(new) | new.color = purple, new.striped = true)"
    plain = gmlang.compile(_program(OLD, SEEN + "var new : Thing\n", "loud", ""))
    fitted = plain.learn_model("zarf", refit=True)
    composite = plain.learn_model("zarf")
    assert composite.fit is None
    assert composite.source() == "model zarf = loud"
    assert [a.score for a in fitted.alternatives] == [a.score for a in composite.alternatives]
    before = plain.query(asked).probabilities
    assert fitted.model.query(asked).probabilities == before
    # What it is likely to be stays what its parts together are.
    assert fitted.model.query("P(zarf(new) = true)").value == pytest.approx(0.02)
    assert fitted.model.query("P(purple(new) = true | zarf(new))").value == 1.0


@pytest.mark.parametrize("parts", ["loud", "inky(1)", "purple", "striped"])
def test_what_is_written_answers_the_same(parts: str):
    text = _program(OLD, SEEN + "var new : Thing\n", parts)
    found = gmlang.compile(text).learn_model("zarf")
    written = gmlang.compile(text.replace(text.splitlines()[-1] + "\n", found.source() + "\n"))
    for asked in ("P(new.color | zarf(new))", "P(zarf(new) | new.color = red, new.size = 4)"):
        own = found.model.query(asked).probabilities
        assert written.query(asked).probabilities == pytest.approx(own, abs=1e-5)


def test_what_loops_change_is_kept():
    text = (
        THINGS
        + """model x_(x: Thing):
    for i in 0..2: predict x.ink[i] = true @ 0.5 + 0.1 * i
    predict x.size = 1
var ex[1] : Thing
observe ex[0].ink[0] = true
learn model zarf(x: Thing) from ex using x_ refit
"""
    )
    found = gmlang.compile(text).learn_model("zarf")
    assert found.fit is None
    assert any("nothing to refit" in note for note in found.notes)
    assert found.source() == "model zarf = x_"


def test_the_word_is_one_in_its_place_alone():
    text = """entity Thing:
    a : bool
model refit(x: Thing):
    predict x.a = true @ 0.9
var ex[2] : Thing
observe ex[0].a = true
learn model zarf(refit: Thing) from ex using refit size 2 refit within 5 s as refit
query P(refit(ex[0]))
"""
    program = parse(Source("t", text))
    assert print_program(program) == text
    found = gmlang.compile(text).learn_model("zarf")
    assert found.fit is not None
    assert found.source().splitlines()[0] == "model zarf(refit: Thing) prior 0.5:"
    with pytest.raises(gmlang.GmError, match="refit"):
        gmlang.compile("def f(a) = a\nvar y : bool\nlearn def g(a: 0..1) : 0..1 using 0..1 refit")


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    library = THINGS + MODELS.format(*OLD).replace("var ex[4] : Thing\n", "var it : Thing\n")
    library += "query P(it.color | purple(it)), P(loud(it) | it.color = purple)\n"
    Path("mine.gm").write_text(library, "utf-8")
    main = "import mine\nvar ex[4] : mine.Thing\n" + SEEN
    main += "learn model zarf(x: mine.Thing) from ex using mine.inky(1), mine.loud size 1\n"
    main += "query P(ex[2].ink[0] | zarf(ex[2]))\nquery P(ex[2].color | zarf(ex[2]))\n"
    Path("main.gm").write_text(main, "utf-8")
    before = [a.to_dict() | {"seconds": 0} for a in gmlang.load("mine.gm").run()]
    command = ["learn", "main.gm", "--refit", "-o", "out.gm", "--library", "mine.gm"]
    assert not CliRunner().invoke(group, command, standalone_mode=False).exception
    kept = Path("mine.gm").read_text("utf-8")
    assert kept.startswith(library)
    assert "fitted" in kept[len(library) :]
    assert "    use inky(x, 1) except x.ink, x.color\n" in kept
    assert [a.to_dict() | {"seconds": 0} for a in gmlang.load("mine.gm").run()] == before
    assert "use mine.inky(x, 1) except x.ink, x.color" in Path("out.gm").read_text("utf-8")
    main = main.replace("size 1\n", "size 1 refit\n")
    Path("main.gm").write_text(main, "utf-8")
    learned = list(gmlang.load("main.gm").run())[-1].probabilities
    own = list(gmlang.load("out.gm").run())[-1].probabilities
    assert own == pytest.approx(learned, abs=1e-5)
    Path("none.gm").write_text("var x : bool\nlearn p\nparam p : probability\n", "utf-8")
    found = CliRunner().invoke(group, ["learn", "none.gm", "--refit"])
    assert found.exit_code == 2
    assert "--refit" in found.output


def test_what_a_part_covers_stays_as_it_is():
    """Saying anew what is predicted of an attribute would silence what covers it."""
    text = """entity T:
    a : bool base {true: 0.1, false: 0.9}
    b : bool
model c(x: T) prior 0.1:
    cover x.a = true @ 0.9
    predict x.a = true @ 0.7
    predict x.b = true @ 0.8
var ex[3] : T
observe ex[0].a, ex[1].a, not ex[2].a, ex[0].b, not ex[1].b
learn model zarf(x: T) from ex using c size 1
var it : T
"""
    found = gmlang.compile(text).learn_model("zarf", refit=True)
    assert found.fit is not None
    assert [number.statement for number in found.fit.numbers] == ["predict x.b = true @ 0.8"]
    plain = gmlang.compile(text).learn_model("zarf")
    for asked in ("P(it.a | zarf(it))", "P(it.a | zarf(it), it.b)"):
        one, other = (each.model.query(asked).value for each in (found, plain))
        assert one == pytest.approx(other)


def test_members_are_named_as_a_program_names_them():
    text = """domain Color = {red, blue}
entity T:
    a : Color
model c(x: T, k: Color) prior 0.1:
    predict x.a = k @ 0.9
var ex[3] : T
observe ex[0].a = red, ex[1].a = red, ex[2].a = blue
learn model zarf(x: T) from ex using c(red)
"""
    found = gmlang.compile(text).learn_model("zarf", refit=True)
    assert found.fit is not None
    assert [number.part for number in found.fit.numbers] == ["c(red)"]


NAMED = """domain Color = {red, green, blue}
entity Thing:
    color : Color
    at : shift(1)
    seen[Color] : bool
model coloured(x: Thing, k: Color) prior 0.2:
    predict x.color = k @ 0.9
model crimson = coloured(red)
model around(x: Thing) prior 0.3:
    for v in Color if v != green: predict x.seen[v] = true @ 0.8
    for p in shift(1) if p.row == 1: predict x.at = p @ 0.4
"""
SHOWN = """var ex[2] : Thing
observe ex[0].color = red, ex[0].seen[red], ex[1].seen[blue], ex[1].at = (1, 0)
"""


@pytest.mark.parametrize("way", ["alone", "whole", "by name"])
def test_members_and_loops_over_names_are_written_so_that_they_mean_the_same(
    tmp_path: Path, way: str
):
    """In another module the domain of a loop may have no name, but its values have."""
    parts, head, entity = "crimson, around", NAMED, "Thing"
    if way != "alone":
        (tmp_path / "things.gm").write_text(NAMED, "utf-8")
        head = "from things import Thing, crimson, around\n"
    if way == "whole":
        head, parts, entity = "import things\n", "things.crimson, things.around", "things.Thing"
    text = head + SHOWN.replace("Thing", entity) + f"var it : {entity}\n"
    learn = f"learn model zarf(x: {entity}) from ex using {parts} size 2 refit\n"
    (tmp_path / "main.gm").write_text(text + learn, "utf-8")
    found = gmlang.load(tmp_path / "main.gm").learn_model("zarf")
    assert found.fit is not None
    assert len(found.best.parts) == 2
    (tmp_path / "again.gm").write_text(f"{text}{found.own_text}\n", "utf-8")
    again = gmlang.load(tmp_path / "again.gm")
    for asked in ("P(it.color | zarf(it))", "P(it.at | zarf(it))", "P(it.seen[green] | zarf(it))"):
        one, other = (model.query(asked).value for model in (found.model, again))
        assert one == pytest.approx(other, abs=1e-5)
