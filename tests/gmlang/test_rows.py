"""A match that is written out becomes one table, and means what its rows mean one by one."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

import gmlang
from gmlang.core.ast import Cases, Distribution, Tabulated
from gmlang.core.program import Draw
from gmlang.diagnostics import GmError, Source
from gmlang.pipeline import check_source
from gmlang.syntax import ast
from gmlang.syntax.parse import parse
from gmlang.syntax.rows import spelt_out
from gmruntime.factors.kinds import Table
from gmruntime.graph import validate

NETWORK = """
domain Sky = {clear, cloudy}
var sky : Sky
var level : 3..5
var lit : bool
var out : {dry, damp, wet}
out ~ match sky, level, lit:
"""


def rows(rng: np.random.Generator) -> list[str]:
    """Write a row for each combination, in any order, the values in any order, some left out."""
    lines: list[str] = []
    for sky in ("clear", "cloudy"):
        for level in (3, 4, 5):
            for lit in ("true", "false"):
                values = list(rng.permutation(["dry", "damp", "wet"])[: rng.integers(1, 4)])
                numbers = np.round(rng.dirichlet(np.ones(len(values))), 3)
                numbers[0] = 1 - numbers[1:].sum()
                pairs = zip(values, map(float, numbers), strict=True)
                inside = ", ".join(f"{v}: {n:.6g}" for v, n in pairs)
                lines.append(f"    {sky}, {level}, {lit} -> {{{inside}}}\n")
    return [lines[k] for k in rng.permutation(len(lines))]


def one_by_one(text: str) -> str:
    """Write the same rows so that they are not literal."""
    return text.replace("}\n", ",}\n").replace("}\r\n", ",}\r\n")


def tables(text: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the scopes and the tables of a program's graph."""
    graph = validate(gmlang.compile(text).graph())
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for block in graph.factors:
        assert isinstance(block.kind, Table)
        found.append((block.scopes, block.kind.log_potentials))
    return found


def mistakes(text: str) -> list[str]:
    """Return the messages of a program, warnings included."""
    try:
        found = check_source(Source("test", text)).warnings
    except GmError as error:
        found = error.diagnostics
    return [f"{d.code} {d.message} {d.span.start if d.span else ''} {d.hint}" for d in found]


@pytest.mark.parametrize("seed", range(8))
def test_a_table_is_what_its_rows_are(seed: int):
    rng = np.random.default_rng(seed)
    written = rows(rng)
    # A row again: the first one counts.
    text = NETWORK + "".join([*written, written[0].split("->")[0] + "-> {dry: 0.5, wet: 0.5}\n"])
    program = check_source(Source("test", text)).program
    (draw,) = (s for s in program.statements if isinstance(s, Draw))
    assert isinstance(draw.distribution, Distribution)
    assert isinstance(draw.distribution.arguments[0], Tabulated)
    slow = check_source(Source("test", one_by_one(text))).program
    assert any(isinstance(s, Draw) and isinstance(s.distribution, Cases) for s in slow.statements)
    for (scopes, table), (scopes_, table_) in zip(
        tables(text), tables(one_by_one(text)), strict=True
    ):
        assert (scopes == scopes_).all()
        np.testing.assert_allclose(np.exp(table), np.exp(table_), atol=1e-15)


def value_of(text: str) -> ast.Expression | ast.Row:
    """Return the value of the only case of a match."""
    (statement,) = parse(Source("test", f"x ~ match y:\n    a -> {text}\n")).statements
    assert isinstance(statement, ast.Mechanism)
    assert isinstance(statement.value, ast.MatchExpression)
    return statement.value.cases[0].value


def pairs_of(braces: ast.Expression | ast.Row) -> list[tuple[object, ...]]:
    """List the pairs in braces, without the source they are from."""
    assert isinstance(braces, ast.Braces)
    found: list[tuple[object, ...]] = []
    for pair in braces.items:
        assert isinstance(pair, ast.Pair)
        assert isinstance(pair.key, ast.Name | ast.Number | ast.Boolean)
        assert isinstance(pair.value, ast.Number)
        key = pair.key.text if isinstance(pair.key, ast.Name) else pair.key.value
        places = [(part.span.start, part.span.end) for part in (pair, pair.key, pair.value)]
        found.append((key, pair.value.value, type(pair.value.value), places))
    return found


def test_a_row_is_what_the_grammar_reads():
    inside = "{ dry: 0.5,damp :1e-1, wet: 4.0E-1 , 7: 1, true: 0 }"
    row = value_of(inside)
    assert isinstance(row, ast.Row)
    assert row.numbers == (0.5, 0.1, 0.4, 1, 0)
    assert pairs_of(spelt_out(row)) == pairs_of(value_of(inside.replace(" }", ",}")))


def _changed(change: Callable[[list[str]], None]) -> str:
    written = rows(np.random.default_rng(1))
    change(written)
    return NETWORK + "".join(written)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines.pop(),
        lambda lines: lines.append("    clear, 9, true -> {dry: 1.0}\n"),
        lambda lines: lines.append("    _, 3, true -> {dry: 1.0}\n"),
        lambda lines: lines.append("    clear, 3 -> {dry: 1.0}\n"),
        lambda lines: lines.append("    clear, 3, true -> {dry: 0.5}\n"),
        lambda lines: lines.append("    clear, 3, true -> {dry: 0.50001, wet: 0.5}\n"),
        lambda lines: lines.append("    clear, 3, true -> {dry: 2.0}\n"),
        lambda lines: lines.append("    clear, 3, true -> {dry: 0.5, dry: 0.5}\n"),
        lambda lines: lines.append("    clear, 3, true -> {rainy: 1.0}\n"),
        lambda lines: lines.append("    clear, 3, true -> {dry: 0.5, rest: 0.5}\n"),
        lambda lines: lines.append("    clear, 3, true -> {if: 1.0}\n"),
        lambda lines: lines.append("    clear, 3, true -> {dry: 1.0} }\n"),
        lambda lines: lines.insert(0, "    cloud, 3, true -> {dry: 1.0}\n"),
    ],
)
def test_mistakes_are_told_as_ever(change: Callable[[list[str]], None]):
    text = _changed(change)
    assert [m.replace("1 ", "") for m in mistakes(text)] == [
        m.replace("1 ", "") for m in mistakes(_one_by_one_in_place(text))
    ]


def _one_by_one_in_place(text: str) -> str:
    """Write rows that are not literal, every place as before: a blank becomes a tab."""
    return text.replace("-> {", "->\t{")


def num_calls(text: str) -> int:
    """Count the calls, of Python's functions and of others, that a check makes."""
    check_source(Source("test", text))
    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        check_source(Source("test", text))
    finally:
        sys.setprofile(None)
    return count


def match_of(size: int, row: str) -> str:
    """Write a match of so many rows."""
    written = "".join(f"    {k} -> {row}\n" for k in range(size))
    return f"var x : 0..{size - 1}\nvar y : bool\ny ~ match x:\n{written}query P(y)\n"


def models_of(size: int, _: str) -> str:
    """Write so many models, each of which uses another."""
    header = (
        "entity T:\n    size : 0..3\nvar it : T\nmodel m0(x: T):\n    predict x.size = 1 @ 0.9\n"
    )
    one = "model m{}(x: T) prior 0.1:\n    use m{}(x)\n    predict x.size = 2 @ 0.5\n"
    return header + "".join(one.format(k, k // 2) for k in range(1, size)) + "query P(it.size)\n"


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (match_of, "{true: 0.25, false: 0.75}"),
        (match_of, "{true: 0.25, false: rest}"),
        (match_of, "Bernoulli(0.25)"),
        (models_of, ""),
    ],
)
def test_checking_is_linear_in_the_text(text: Callable[[int, str], str], row: str):
    fewer, more = num_calls(text(100, row)), num_calls(text(400, row))
    assert more < 4.2 * fewer
