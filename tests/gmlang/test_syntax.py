"""Text to AST and back: nothing is lost, and no text ends in a traceback."""

import random
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmlang.diagnostics import Diagnostic, GmError, Source
from gmlang.syntax import ast
from gmlang.syntax.parse import needs_more, parse, parse_query
from gmlang.syntax.print import format_source, print_program
from gmlang.syntax.table import load_table
from tests.support.programs import flat_program, society_program

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.gm"))
TEXTS = [path.read_text("utf-8") for path in EXAMPLES]


def without_spans(node: object) -> object:
    """Return an AST as nested tuples without its places."""
    if is_dataclass(node) and not isinstance(node, type):
        parts = [without_spans(getattr(node, f.name)) for f in fields(node) if f.name != "span"]
        return (type(node).__name__, *parts)
    if isinstance(node, tuple):
        return tuple(without_spans(part) for part in node)
    return node


def _parse(text: str) -> ast.Program:
    return parse(Source("test", text))


@pytest.mark.parametrize("text", TEXTS, ids=[p.stem for p in EXAMPLES])
def test_printing_and_parsing_is_the_identity(text: str):
    program = _parse(text)
    assert without_spans(_parse(print_program(program))) == without_spans(program)


@pytest.mark.parametrize("text", TEXTS, ids=[p.stem for p in EXAMPLES])
def test_formatting_twice_changes_nothing_more(text: str):
    once = format_source(Source("test", text))
    assert format_source(Source("test", once)) == once


NAMES = st.sampled_from(["a", "b", "x", "rain", "it", "purple", "jar"])


def _wrap(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = "+ - * / // % ** == != < <= > >= and or in & .. ..<"
    binary = st.sampled_from(operators.split())
    return st.one_of(
        st.tuples(inner, binary, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, binary, inner).map(lambda t: f"{t[0]} {t[1]} {t[2]}"),
        inner.map(lambda e: f"-({e})"),
        inner.map(lambda e: f"not ({e})"),
        st.tuples(inner, inner, inner).map(lambda t: f"(({t[0]}) if ({t[1]}) else ({t[2]}))"),
        st.tuples(NAMES, inner, inner).map(lambda t: f"{t[0]}[{t[1]}, {t[2]}]"),
        st.tuples(NAMES, inner, inner).map(lambda t: f"{t[0]}({t[1]}, k=({t[2]}) | {t[1]})"),
        st.tuples(NAMES, NAMES).map(lambda t: f"{t[0]}.{t[1]}"),
        st.tuples(inner, inner).map(lambda t: f"sum(({t[0]}) for i in 0..3 if ({t[1]}))"),
        st.tuples(inner, inner).map(lambda t: f"{{({t[0]}): ({t[1]})}}"),
        st.tuples(NAMES, NAMES, NAMES).map(lambda t: f"({t[0]} is {t[1]} {t[2]})"),
    )


LEAVES = st.one_of(NAMES, st.sampled_from(["0", "7", "0.5", "1e-3", "true", "false", '"s"', "_"]))
EXPRESSIONS = st.recursive(LEAVES, _wrap, max_leaves=12)
STATEMENTS = st.one_of(
    EXPRESSIONS.map(lambda e: f"factor {e} as name"),
    EXPRESSIONS.map(lambda e: f"var v[{e}] : bool ~ Bernoulli({e})"),
    EXPRESSIONS.map(lambda e: f"constraint {e}"),
    EXPRESSIONS.map(lambda e: f"observe x = {e}"),
    EXPRESSIONS.map(lambda e: f"model m(x: T) prior 0.1:\n    predict x.a = {e} @ 0.9"),
    EXPRESSIONS.map(lambda e: f"for i in 0..3 if {e}:\n    prefer {e} weight 1\n    factor 2"),
    EXPRESSIONS.map(
        lambda e: f"if {e}:\n    factor 1\nelif {e}:\n    factor 2\nelse:\n    factor 3"
    ),
    EXPRESSIONS.map(lambda e: f"x ~ match {e}:\n    true -> Bernoulli({e})\n    _ -> Uniform()"),
    EXPRESSIONS.map(lambda e: f"def f(a, b) = match a, {e}:\n    1, _ -> {e}\n    _, _ -> 2"),
    EXPRESSIONS.map(lambda e: f"query P({e} | {e}) within 200 ms as answer, MAP()"),
    EXPRESSIONS.map(lambda e: f"use bird(x) except {e}"),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(STATEMENTS, min_size=1, max_size=4))
def test_generated_programs_survive_printing(statements: list[str]):
    text = "\n".join(statements) + "\n"
    try:
        program = _parse(text)
    except GmError:
        return
    printed = print_program(program)
    assert without_spans(_parse(printed)) == without_spans(program)
    assert format_source(Source("test", printed)) == printed


def _mistakes(text: str) -> tuple[Diagnostic, ...]:
    try:
        _parse(text)
    except GmError as error:
        return error.diagnostics
    return ()


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=80))
def test_any_text_is_a_program_or_a_diagnosis(text: str):
    assert all(d.code.startswith("GM1") for d in _mistakes(text))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(TEXTS), st.integers(0, 2000), st.integers(0, 12), st.text(max_size=6))
def test_a_mutated_program_is_a_program_or_a_diagnosis(text: str, at: int, cut: int, new: str):
    at %= len(text)
    assert all(d.message for d in _mistakes(text[:at] + new + text[at + cut :]))


@pytest.mark.parametrize(
    "text",
    ["(" * 10000, "factor " + "(" * 5000 + "1" + ")" * 5000, "\0", "\t\tfactor 1", '"', "'", "x ~"],
)
def test_hostile_texts_are_diagnosed(text: str):
    with pytest.raises(GmError):
        _parse(text)


BROKEN_LINES = st.sampled_from(
    [
        "var q",
        "var q : bool $",
        "factor q +",
        "factor (q, 1",
        "factor q)",
        "prefer q",
        "constraint q = true",
        "query",
        "query P(q",
        'import "things',
        "observe",
        "domain Q = red, green",
        "param q := 3",
        "def f(x):",
        "vra q : bool",
        "q = 3",
        "else: factor 1",
        "for i in 0..3 factor i",
        "factor 'a' + 1",
        "constraint q && q",
        "import a, b",
        "query P(q) within 5",
        "predict q = 1 0.9",
        "consider q)",
        "assert",
        "var q[3 : bool",
    ]
)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.booleans(), BROKEN_LINES, BROKEN_LINES, st.data())
def test_two_broken_lines_are_both_told_and_nothing_else_is(
    seed: int, is_flat: bool, first: str, second: str, data: st.DataObject
):
    rng = random.Random(seed)
    lines = (flat_program(rng) if is_flat else society_program(rng)).rstrip().split("\n")
    # A line may be put in before any line that begins a statement, indented as that one is.
    places = [i for i, line in enumerate(lines) if _begins_a_statement(line, lines[i - 1])]
    chosen = data.draw(st.lists(st.sampled_from(places), min_size=2, max_size=2, unique=True))
    low, high = sorted(chosen)
    lines[high:high] = [_indent(lines[high]) + second]
    lines[low:low] = [_indent(lines[low]) + first]
    found = [d.span.line_column()[0] for d in _mistakes("\n".join(lines) + "\n") if d.span]
    assert found == [low + 1, high + 2]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _begins_a_statement(line: str, before: str) -> bool:
    """Say so of lines at the top level and of the further lines of simple blocks."""
    word = line.split()[0] if line.split() else ""
    words = "var factor prefer constraint observe predict use for model query param domain"
    is_inside = len(_indent(line)) > 0
    return word in words.split() and (not is_inside or _indent(before) == _indent(line))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=120))
def test_any_bytes_are_a_program_or_a_diagnosis(content: bytes):
    assert all(d.span is not None for d in _mistakes(content.decode("latin-1")))
    assert all(d.message for d in _mistakes(content.decode("utf-8", "replace")))


WORDS = ("if", "else:", "for", "match", "~", "->", "\n\t", "\n  ", "a", "var", "entity", "elif")


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from([*"()[]}:\n1\"'=", *WORDS])))
def test_any_words_are_a_program_or_a_diagnosis(words: list[str]):
    found = _mistakes(" ".join(words))
    assert len(found) <= 20
    assert all(d.code.startswith("GM1") and d.message and d.span is not None for d in found)


def test_a_text_in_which_every_line_is_wrong_tells_twenty_of_them():
    assert len(_mistakes("factor 1 1\n" * 100)) == 20


@pytest.mark.parametrize(
    "text",
    [
        "factor " + "+".join("a" * 3000),
        "factor " + "-" * 3000 + "a",
        "factor " + "2 ** " * 3000 + "a",
        "factor " + "1 if a else " * 3000 + "1",
        "factor a" + ".b" * 3000,
        "factor a" + "[0]" * 3000,
        "if a:\n    factor 1\n" + "elif a:\n    factor 1\n" * 2000,
        "".join("    " * i + "if a:\n" for i in range(99)) + "    " * 99 + "factor 1",
    ],
)
def test_what_later_phases_could_not_walk_is_refused(text: str):
    (found,) = _mistakes("var a : bool\n" + text + "\n")
    assert found.code == "GM108"


def test_long_chains_that_do_not_nest_are_read():
    assert not _mistakes("constraint " + " and ".join("a" * 3000) + "\n")
    assert not _mistakes("factor " + "+".join("a" * 100) + "\n")
    assert not _mistakes("data y : real = [" + "1, " * 5000 + "1]\n")


def test_a_place_is_where_the_mistake_is():
    (found,) = _mistakes("for i in 0..2:\n        factor 1\n    factor 2\n")
    assert found.span is not None
    assert found.span.line_column() == (3, 5)
    assert "0 or 8" in found.message


def test_words_of_the_language_may_be_names_where_no_word_is_meant():
    program = _parse("var model : bool\nvar weight : bool\nfactor model + weight\n")
    assert len(program.statements) == 3


def test_a_word_ends_where_a_name_does():
    assert _mistakes("for i inx0..2:\n    factor i\n")


def test_rows_that_are_long_tables_are_written_row_by_row_too():
    rows = [str([100 * k + n for n in range(20)]) for k in range(2)]
    text = f"data k[2, 2, 20] : int = [[{', '.join(rows)}], [{', '.join(rows)}]]\n"
    written = format_source(Source("test", text))
    below = "    [\n" + "".join(f"        {row},\n" for row in rows) + "    ],\n"
    assert written == f"data k[2, 2, 20] : int = [\n{2 * below}]\n"
    assert format_source(Source("test", written)) == written


def test_a_long_table_is_written_row_by_row():
    rows = [str([10 * k + n for n in range(10)]) for k in range(4)]
    text = f"data k[4, 10] : int = [{', '.join(rows)}]  # Numbers.\nvar a : bool\n"
    printed = format_source(Source("test", text))
    below = "".join(f"    {row},\n" for row in rows)
    assert printed == f"data k[4, 10] : int = [\n{below}]  # Numbers.\nvar a : bool\n"
    assert format_source(Source("test", printed)) == printed
    assert without_spans(_parse(printed)) == without_spans(_parse(text))
    short = "data k[2, 2] : int = [[1, 2], [3, 4]]\n"
    assert format_source(Source("test", short)) == short


@pytest.mark.parametrize(
    "above",
    [
        "b ~ match a:\n    true -> Bernoulli(0.5)\n    _ -> Uniform()\n",
        "def f(a) = match a:\n    true -> 1\n    _ -> 2\n",
        "entity T:\n    a : bool\n    b : bool base {true: 1, false: 2}\n",
        'entity T:\n    a : bool\n    "What # says."\n',
        "model m(x: T):\n    predict x.a = true\n",
    ],
)
def test_a_comment_below_a_block_stays_below_it(above: str):
    text = above + "\n# A comment.\nquery P(a)\n"
    assert format_source(Source("test", text)) == text


def test_carriage_returns_and_comments_do_not_matter():
    plain = _parse("var a : bool\nfor i in 0..1:\n    factor a\n")
    other = _parse(
        "# top\r\nvar a : bool  # x\r\n\r\nfor i in 0..1:\r\n    # y\r\n    factor a\r\n"
    )
    assert without_spans(plain) == without_spans(other)


def test_a_query_may_stand_alone():
    (query,) = parse_query(Source("q", "P(it is purple jar | it.color = purple) within 200 ms"))
    assert query.options[0].unit == "ms"
    first, second = parse_query(Source("q", "query P(bit) using bp(iters=50), MAP(bit)"))
    assert first.options
    assert not second.options


def test_the_parser_knows_when_more_is_to_come():
    assert needs_more("model m(x: T):")
    assert needs_more("query P(a,")
    assert not needs_more("var a : bool")
    assert not needs_more("for i in 0..3:\n    factor 1\n\n")


@pytest.mark.parametrize("junk", ["", "[1]", "{}", '{"rows": 3}', "\0"])
def test_a_damaged_cache_is_built_anew(junk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_table.cache_clear()
    before = _parse(TEXTS[0])
    (file,) = (tmp_path / "gmlang").iterdir()
    file.write_text(junk, "utf-8")
    load_table.cache_clear()
    assert _parse(TEXTS[0]) == before
    assert file.read_text("utf-8") != junk
    load_table.cache_clear()
    assert _parse(TEXTS[0]) == before


def test_loops_behind_a_comma_go_with_the_model_considered():
    head = "var it : Thing\n\n"
    text = head + "consider m(it, i, j) for i in 0..2, j in 0..1, m(it, 0, 0)\n"
    expected = head + "consider m(it, i, j) for i in 0..2 for j in 0..1, m(it, 0, 0)\n"
    assert format_source(Source("test", text)) == format_source(Source("test", expected))
