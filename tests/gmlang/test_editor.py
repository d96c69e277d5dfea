"""What editors know of a text: any text, right or wrong."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmlang.core.parameters import METHODS
from gmlang.diagnostics import Source
from gmlang.editor import outline, renaming
from gmlang.editor.analysis import Analysis, analyse, loader
from gmlang.editor.completion import complete
from gmlang.editor.hover import hover
from gmlang.editor.positions import Lines, moved
from gmlang.syntax.mend import mend
from gmlang.words import WORDS

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {
    path.name: path.read_text("utf-8")
    for folder in ("examples", "examples/society", "stdlib/gmstdlib")
    for path in sorted((ROOT / folder).glob("*.gm"))
}
FRAGMENTS = (
    *('"""', '"', "(", "[", "{", ")", "\n", "\n    ", "\r\n", "\r", "model x(", "for ", "match "),
    *("x.", "=", "~", ":", "\x00", "\u202e", "\u2028", "\x0c", "\U0001f327", '"\U0001f327', "#"),
    *(
        "import things as t\n",
        "from things import ",
        "if 1:\n",
        "else:\n",
        "elif",
        "\t",
        "}}",
        "P(",
    ),
)


def read(text: str, name: str = "main.gm") -> Analysis:
    return analyse(Source(str(ROOT / "examples" / name), text), loader(ROOT / "examples", {}))


@st.composite
def edited(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(sorted(PROGRAMS.values())))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.sampled_from((0, 0, 1, 5, 40)))
        text = text[:at] + draw(st.sampled_from(("", *FRAGMENTS))) + text[at + cut :]
    return text


@settings(max_examples=60, deadline=None)
@given(edited(), st.data())
def test_every_text_is_answered(text: str, data: st.DataObject):
    found = read(text)
    lines = Lines(text)
    for _ in range(5):
        at = data.draw(st.integers(0, len(text)))
        assert lines.offset(*lines.position(at)) in (at, at - 1)
        occurrence = found.bindings.at(found.source.name, at)
        if occurrence is not None:
            assert hover(occurrence)
        line = text[text.rfind("\n", 0, at) + 1 : at]
        complete(line, found, at, loader(None, {}), None)
        outline.signature(text[:at], found, at)
    outline.symbols(found)
    outline.folds(text)
    for diagnostic in found.diagnostics:
        assert diagnostic.message


@settings(max_examples=60, deadline=None)
@given(edited())
def test_what_is_mended_keeps_its_places(text: str):
    mended = mend(Source("", text))
    assert len(mended.program.span.source.text) == len(text)
    for statement in mended.program.statements:
        place = statement.span
        if not mended.mistakes:
            assert place.text == text[place.start : place.end]


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_name_of_a_right_program_stands_for_something(name: str):
    text = PROGRAMS[name]
    found = read(text, name)
    assert all(d.severity == "warning" for d in found.diagnostics)
    known = {o.span.start: o for o in found.bindings.occurrences[found.source.name]}
    assert all(len(occurrence.definitions) == 1 for occurrence in known.values())
    words = {word.text for word in WORDS}
    blanked = re.sub(
        r'"""(.|\n)*?"""|"[^"\n]*"|#[^\n]*', lambda match: " " * len(match.group()), text
    )
    # Labels, options of methods, named arguments, units and no end stand for nothing else.
    elsewhere = r"\bas \w+$|\busing .*|\b\w+(?==[^=\s])|\bm?s$|\binf(?=\])"
    blanked = re.sub(elsewhere, _blank, blanked, flags=re.MULTILINE)
    for match in re.finditer(r"(?<![\w.])[^\W\d]\w*", blanked):
        if match.group() not in words:
            assert match.start() in known, match.group()


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


@pytest.mark.parametrize("name", sorted(n for n in PROGRAMS if [*(ROOT / "examples").rglob(n)]))
def test_renaming_and_renaming_back_changes_nothing(name: str):
    text = PROGRAMS[name]
    found = read(text, name)
    own = found.source.name

    def rename(analysis: Analysis, at: int, new: str) -> str:
        occurrence = analysis.bindings.at(own, at)
        assert occurrence is not None
        definition = renaming.renamable(occurrence)
        spans = renaming.plan(
            definition, new, [analysis], lambda _, texts: loader(ROOT / "examples", texts)
        )
        return renaming.rewritten(
            analysis.source.text, [span for span in spans if span.source.name == own], new
        )

    done: set[str] = set()
    for occurrence in found.bindings.occurrences[own]:
        definition = occurrence.definitions[0]
        is_here = definition.places[0].source.name == own
        if definition.name in done or definition.is_fixed or not is_here or len(done) > 5:
            continue
        done.add(definition.name)
        changed = rename(found, occurrence.span.start, "renamed_name")
        assert changed != text
        after = read(changed, name)
        assert len(after.diagnostics) == len(found.diagnostics)
        at = after.bindings.declared[own]
        assert not (
            definition.name in at and definition.entry is not None and definition.name != ""
        )
        start = changed.index("renamed_name")
        assert rename(after, start, definition.name) == text


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("var a : bool\nvar b : bool\nobserve a = true\n", "a", "b"),
        ("param n = 3\ndef f(x) = x + n\n", "n", "x"),
        ("var a : {red, blue}\nobserve a = red\n", "red", "blue"),
        ("var a : {red, blue}\nobserve a = red\n", "a", "red"),
        ("entity E:\n    a : bool\n    b : bool\nvar e : E\nobserve e.a = true\n", "a : bool", "b"),
        ("data n = 3\nvar v[4] : bool\nfor i in 0..n:\n    observe v[i] = true\n", "n =", "i"),
    ],
)
def test_a_name_that_is_taken_is_refused(text: str, old: str, new: str):
    found = read(text)
    at = re.search(rf"\b{old}", text)
    assert at is not None
    occurrence = found.bindings.at(found.source.name, at.start())
    assert occurrence is not None
    with pytest.raises(renaming.RenameError):
        renaming.plan(
            renaming.renamable(occurrence), new, [found], lambda _, texts: loader(None, texts)
        )


def test_a_value_and_a_model_of_one_name_are_told_apart():
    text = (
        "from things import Thing, purple\nvar it : Thing\nuse purple(it)\n"
        "observe it.color = purple\n"
    )
    found = read(text)
    assert not [d for d in found.diagnostics if d.severity == "error"]
    places = [text.index("purple"), text.index("purple("), text.rindex("purple")]
    kinds = []
    for place in places:
        occurrence = found.bindings.at(found.source.name, place)
        assert occurrence is not None
        kinds.append([definition.kind.name for definition in occurrence.definitions])
    assert kinds == [["MODEL"], ["MODEL"], ["VALUE"]]


def test_a_broken_line_hides_nothing_else():
    text = (
        "entity Thing:\n    big : bool\nvar it : Thing\nmodel large(x: Thing):\n    predict x.\n"
        "query P(it.big = true)\n"
    )
    found = read(text)
    (mistake,) = found.diagnostics
    assert mistake.span is not None
    assert mistake.span.line_column()[0] == 5
    at = text.index("predict x.") + len("predict x.")
    choices = complete("    predict x.", found, at, loader(None, {}), None)
    assert [choice.text for choice in choices] == ["big"]
    assert found.bindings.at(found.source.name, text.index("big = true")) is not None


def test_reals_are_known_as_other_names_are():
    text = (
        "entity Person:\n    height[2] : real[0, 3]\n    old : bool\nvar it : Person\n"
        "var width : real ~ Normal(0, 1)\nquery E(it.height[0]), P(width > 1)\n"
    )
    found = read(text)
    assert not found.diagnostics
    for name, kind in (
        ("height[0]", "attribute of `Person` of type `real`, an array of shape `[2]`"),
        ("width >", "random variable of type `real`"),
    ):
        occurrence = found.bindings.at(found.source.name, text.index(name))
        assert occurrence is not None
        assert kind in hover(occurrence)
    choices = complete("query E(it.", found, text.index("height[0]"), loader(None, {}), None)
    assert [choice.text for choice in choices] == ["height", "old"]


PICTURE = (
    "import vision\nimport vision as v\nfrom vision import blur\ndata p[H, W] : real\n"
    "data e[16, R, C] : bool := edges(p, 16)\ndata b[H, W] : real := v.blur(p, 1)\n"
)


def test_functions_of_python_are_shown_where_they_stand():
    found = read(PICTURE)
    assert not [d for d in found.diagnostics if d.severity == "error"]
    for written, name in (("edges(", "edges"), ("blur(", "blur"), ("blur\n", "blur")):
        occurrence = found.bindings.at(found.source.name, PICTURE.index(written))
        assert occurrence is not None
        (definition,) = occurrence.definitions
        (place,) = definition.places
        assert place.text == name
        assert Path(place.source.name) == ROOT / "stdlib" / "gmstdlib" / "vision.py"
        assert f"def {name}(" in hover(occurrence)
        assert "Args:" in hover(occurrence)
        with pytest.raises(renaming.RenameError, match="Python"):
            renaming.renamable(occurrence)


def test_functions_of_python_are_offered():
    found = read(PICTURE)
    at = PICTURE.index("v.blur") + 2
    choices = complete("data b[H, W] : real := v.", found, at, loader(None, {}), None)
    assert {"edges", "blur", "colour_distance"} <= {choice.text for choice in choices}
    imported = complete("from vision import ", found, 0, loader(None, {}), None)
    assert "edges" in {choice.text for choice in imported}
    signature = outline.signature("data e[16, R, C] : bool := edges(p, ", found, at)
    assert signature is not None
    assert [p.split(":")[0] for p in signature.parameters] == ["picture", "count"]
    assert signature.active == 1


def test_methods_of_learning_are_offered_behind_using():
    text = "param p : probability\nvar x : bool ~ Bernoulli(p)\nobserve x\nlearn p using "
    choices = complete("learn p using v", read(text), len(text), loader(None, {}), None)
    assert [choice.text for choice in choices] == list(METHODS)
    others = complete("learn model m(x: E) from e using ", read(""), 0, loader(None, {}), None)
    assert "em" not in [choice.text for choice in others]


@given(*(st.text(max_size=8) for _ in range(4)))
def test_places_move_with_their_text(before: str, old: str, new: str, after: str):
    one, other = before + old + after, before + new + after
    for offset in range(len(other) + 1):
        place = moved(one, other, offset)
        if place is not None and offset < len(other) and place < len(one):
            assert one[place] == other[offset]


@given(
    st.text(alphabet="a\r\n\u2028\U0001f327é", max_size=30), st.sampled_from(["utf-8", "utf-16"])
)
def test_positions_and_offsets_are_inverse(text: str, encoding: str):
    lines = Lines(text, encoding)
    for offset in range(len(text) + 1):
        if text[offset - 1 : offset + 1] != "\r\n":
            assert lines.offset(*lines.position(offset)) == offset
