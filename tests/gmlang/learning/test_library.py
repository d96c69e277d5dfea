"""Learned models written into programs and libraries, and the commands that do it."""

import json
from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner

import gmlang
from gmlang.cli import group

LIBRARY = """"Things."
domain Color = {red, green, blue, purple}
domain Shape = {jar, box, ball, book}
entity Thing:
    color : Color
    shape : Shape
    striped : bool
model purple(x: Thing) prior 0.1:
    predict x.color = purple @ 0.95
model red(x: Thing) prior 0.1:
    predict x.color = red @ 0.95
model jar(x: Thing) prior 0.1:
    predict x.shape = jar @ 0.9
model striped(x: Thing) prior 0.1:
    predict x.striped = true @ 0.95
var it : Thing
assert P(purple(it)) in 0.09..0.11
query P(it.color), P(purple(it) | it.color = purple), P(jar(it) | it.shape = jar)
"""
HEAD = "import mine\nvar ex[3] : mine.Thing\n"
SEEN = """observe ex[0].color = purple, ex[0].shape = jar, ex[0].striped = true
observe ex[1].color = purple, ex[1].shape = box, ex[1].striped = true
observe ex[2].color = purple, ex[2].shape = ball, ex[2].striped = true
"""
LEARN = "learn model zarf(x: mine.Thing) from ex using mine.purple, mine.red, mine.striped size 2\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.gm").write_text(LIBRARY, "utf-8")
    (tmp_path / "zarf.gm").write_text(HEAD + SEEN + LEARN, "utf-8")
    return tmp_path


def _run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(group, list(arguments), standalone_mode=False)
    if isinstance(found.exception, gmlang.GmError | ClickException):
        return 1, str(found.exception)
    assert found.exception is None, found
    return int(found.return_value or 0), found.output


def _answers(path: str) -> list[str]:
    """Return all answers of a program but for the time they took, to the last bit."""
    plain = [answer.to_dict() | {"seconds": 0} for answer in gmlang.load(path).run()]
    return [json.dumps(one, sort_keys=True) for one in plain]


def test_a_library_has_what_was_learned_with_where_it_came_from(folder: Path):
    before = _answers("mine.gm")
    assert _run("learn", "zarf.gm", "--library", "mine.gm")[0] == 0
    text = (folder / "mine.gm").read_text("utf-8")
    assert text.startswith(LIBRARY)
    assert text.endswith("\nmodel zarf = purple striped\n")
    assert dict(gmlang.load("mine.gm").checked.program.documentation)["zarf"].startswith(
        "Learned from 3 examples in zarf.gm: 0."
    )
    assert _answers("mine.gm") == before


def test_what_a_library_has_already_changes_nothing(folder: Path):
    _run("learn", "zarf.gm", "--library", "mine.gm")
    text = (folder / "mine.gm").read_bytes()
    status, output = _run("learn", "zarf.gm", "--library", "mine.gm")
    assert status == 0
    assert "has `model zarf = purple striped` already" in output
    assert (folder / "mine.gm").read_bytes() == text


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("model zarf = red\n", "GM738"),
        ("domain zarf = 0..3\n", "GM738"),
        ("assert P(purple(it)) > 0.5\n", "GM739"),
        ("var that : Thing\nobserve that.color = red, that.color = blue\n", "GM739"),
    ],
)
def test_a_library_that_does_not_hold_is_left_as_it_was(folder: Path, more: str, code: str):
    (folder / "mine.gm").write_text(LIBRARY + more, "utf-8")
    # The program that learns imports the library: it needs one without the mistake.
    (folder / "plain.gm").write_text(LIBRARY, "utf-8")
    (folder / "zarf.gm").write_text((HEAD + SEEN + LEARN).replace("mine", "plain"), "utf-8")
    status, output = _run("learn", "zarf.gm", "--library", "mine.gm")
    assert status == 1
    assert code in output
    assert (folder / "mine.gm").read_text("utf-8") == LIBRARY + more
    assert sorted(path.name for path in folder.iterdir()) == ["mine.gm", "plain.gm", "zarf.gm"]


def test_models_of_a_library_are_built_on_each_other(folder: Path):
    before = _answers("mine.gm")
    _run("learn", "zarf.gm", "--library", "mine.gm")
    learn = LEARN.replace("zarf(", "zarf_jar(").replace("mine.red", "mine.jar, mine.zarf")
    seen = SEEN.replace("box", "jar").replace("ball", "jar")
    (folder / "zarf.gm").write_text(HEAD + seen + learn, "utf-8")
    assert _run("learn", "zarf.gm", "--library", "mine.gm")[0] == 0
    assert (folder / "mine.gm").read_text("utf-8").endswith("\nmodel zarf_jar = jar zarf\n")
    assert _answers("mine.gm") == before
    (alike,) = gmlang.load("mine.gm").ask("P(zarf_jar(it))")
    assert alike


def test_many_models_change_no_other_answer(folder: Path):
    before = _answers("mine.gm")
    names = [f"word{k}" for k in range(12)]
    colors, shapes = ("purple", "red", "blue"), ("jar", "box")
    lines = [HEAD.replace("ex[3]", "ex[36]")]
    for k in range(12):
        for n in range(3):
            thing = f"ex[{3 * k + n}]"
            seen = f"observe {thing}.color = {colors[k % 3]}, {thing}.shape = {shapes[k % 2]}"
            lines.append(f"{seen}, {thing}.striped = {'true' if k % 4 else 'false'}\n")
    lines += [LEARN.replace("zarf(", f"{name}(") for name in names]
    (folder / "zarf.gm").write_text("".join(lines), "utf-8")
    assert _run("learn", "zarf.gm", "--library", "mine.gm")[0] == 0
    found = gmlang.load("mine.gm")
    assert {symbol.name for symbol in found.checked.program.models} > set(names)
    assert _answers("mine.gm") == before


def test_a_program_is_written_with_what_was_learned(folder: Path):
    asks = "var new : mine.Thing\nquery P(zarf(new) | new.color = purple)\n"
    (folder / "zarf.gm").write_text(HEAD + SEEN + LEARN + asks, "utf-8")
    assert _run("learn", "zarf.gm", "-o", "learned.gm")[0] == 0
    text = (folder / "learned.gm").read_text("utf-8")
    assert text == HEAD + SEEN + "model zarf = mine.purple mine.striped\n" + asks
    *_, learned = gmlang.load("zarf.gm").run()
    (written,) = gmlang.load("learned.gm").run()
    assert written.value == learned.value


def test_the_commands_say_what_was_learned(folder: Path):
    status, output = _run("run", "zarf.gm", "--json")
    assert status == 0
    (answer,) = json.loads(output)["queries"]
    assert answer["kind"] == "learn"
    assert answer["answer"] == "model zarf = mine.purple mine.striped"
    assert answer["alternatives"][0]["parts"] == ["mine.purple", "mine.striped"]
    assert answer["searched"] == "all"
    status, output = _run("learn", "zarf.gm", "--json")
    (learned,) = json.loads(output)["learned"]
    assert learned["alternatives"] == answer["alternatives"]
    assert _run("learn", "zarf.gm", "-o", "zarf.npz")[0] != 0


def test_a_question_about_it_can_be_foreseen(folder: Path):
    head = HEAD.replace("\n", "\nvar new : mine.Thing\n", 1)
    text = head + SEEN + LEARN + "query P(zarf(new) | new.color = purple)\n"
    (folder / "zarf.gm").write_text(text, "utf-8")
    status, output = _run("run", "zarf.gm", "--plan")
    assert status == 0
    assert "P(zarf(new)" in output
