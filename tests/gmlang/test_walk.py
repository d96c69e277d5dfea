"""Expressions come apart and go together again, every part of them."""

from dataclasses import fields, is_dataclass

import pytest

import gmlang
from gmlang.core.ast import Constant, Expression, Integer
from gmlang.core.walk import parts, replace_part, walk, with_parts
from gmlang.diagnostics import Source, Span
from gmlang.pipeline import check_source
from tests.support.programs import flat_program, society_program, wide_program

NOWHERE = Span(Source("", ""), 0, 0)

INDICES_EVERYWHERE = """
entity Thing:
    row[2] : bool
param k = 1
data w[3, 2] : real = [[1, 2], [3, 4], [5, 6]]
var it[3] : Thing
var x[3] : bool
var n : 0..2 ~ {0: 0.5, 1: 0.25, 2: 0.25}
model red(t: Thing, i: 0..1):
    prefer t.row[i] weight w[i, k]
consider red(it[0 if k > 0 else 1], 1)
factor exactly(1 if k > 0 else 2, x[i] for i in (0 if k > 0 else 1)..2 if i < k + 2)
factor 1.5 * it[0 if k > 0 else 1].row[0 if k > 0 else 1] + 1.0 * red(it[0 if k > 0 else 2], 1)
"""


def everything(value: object) -> list[Expression]:
    """List all the expressions inside a checked program, found by looking at every field."""
    found: list[Expression] = []
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, Expression):
            found.append(part)
        if isinstance(part, tuple):
            pending.extend(part)
        elif is_dataclass(part) and not isinstance(part, Span):
            pending.extend(getattr(part, f.name) for f in fields(part) if f.name != "type")
    return found


def programs() -> list[str]:
    import random

    rng = random.Random(3)
    made = [make(rng) for make in (flat_program, society_program, wide_program) for _ in range(4)]
    return [INDICES_EVERYWHERE, *made]


@pytest.mark.parametrize("text", programs())
def test_apart_and_together_is_the_identity(text: str) -> None:
    for expression in everything(check_source(Source("p.gm", text)).program):
        assert with_parts(expression, parts(expression)) == expression
        new = [Constant(NOWHERE, 100 + k, Integer()) for k in range(len(parts(expression)))]
        assert list(parts(with_parts(expression, new))) == new


@pytest.mark.parametrize("text", programs())
def test_walking_finds_what_every_field_holds(text: str) -> None:
    for expression in everything(check_source(Source("p.gm", text)).program):
        assert {id(e) for e in walk(expression)} == {id(e) for e in everything(expression)}


def test_every_part_that_is_found_can_be_replaced() -> None:
    mark = Constant(NOWHERE, 77, Integer())
    for expression in everything(check_source(Source("p.gm", INDICES_EVERYWHERE)).program):
        for part in walk(expression):
            assert any(p is mark for p in walk(replace_part(expression, part, mark)))


def test_a_conditional_inside_the_index_of_a_thing() -> None:
    model = gmlang.compile(INDICES_EVERYWHERE)
    same = INDICES_EVERYWHERE.replace("0 if k > 0 else 1", "0").replace("0 if k > 0 else 2", "0")
    expected = gmlang.compile(same)
    for query in ("P(it[0].row[0])", "P(red(it[0], 1))", "P(x[1])", "logZ()"):
        assert model.query(query).value == pytest.approx(expected.query(query).value)
