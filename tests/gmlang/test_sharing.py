"""Definitions that are used many times over are checked once and mean what they say."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.core.from_syntax import check
from gmlang.core.program import LogFactor
from gmlang.core.walk import parts, walk
from gmlang.diagnostics import GmError, Source
from gmlang.queries.questions import QUERY_FORMS
from gmlang.syntax.parse import parse

BODIES: dict[str, Callable[[int], int]] = {
    "a + a": lambda a: a + a,
    "a * 2 - a": lambda a: a,
    "a + min(a, 2)": lambda a: a + min(a, 2),
    "max(a, 3 - a) + a": lambda a: max(a, 3 - a) + a,
    "a + sum(a * i for i in 1..2)": lambda a: 4 * a,
    "a + 1 if a > 2 and a != 5 else a - a": lambda a: a + 1 if a > 2 and a != 5 else 0,
}


def nested(uses: int) -> str:
    """Return a program that uses a definition of two mentions within itself."""
    value = "d(" * uses + "x" + ")" * uses
    return f"def d(a) = a + a\nvar x : 0..9\nfactor {value} / {2.0**uses}\nquery P(x)"


@pytest.mark.parametrize("uses", [1, 5, 20])
def test_nested_uses_mean_what_they_say(uses: int) -> None:
    # d(...d(x)) / 2^uses = x.
    weights = np.exp(np.arange(10.0))
    found = gmlang.compile(nested(uses)).query("P(x)")
    assert found.array == pytest.approx(weights / weights.sum())


def test_nested_uses_make_no_more_expressions_than_there_are_uses() -> None:
    program = check(parse(Source("", nested(20))), lambda _: None, QUERY_FORMS).program
    (factor,) = (s for s in program.statements if isinstance(s, LogFactor))
    distinct = {id(part) for part in walk(factor.value)}
    assert len(distinct) <= 3 * 21
    # Written out it would be a tree of all the sums.
    depth, part = 0, factor.value
    while inner := parts(part):
        part, depth = inner[0], depth + 1
    assert depth >= 20


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(sorted(BODIES)), min_size=1, max_size=5), st.integers(-3, 3))
def test_definitions_are_their_bodies(bodies: list[str], first: int) -> None:
    lines = [f"def d{k}(a) = {body}" for k, body in enumerate(bodies)]
    value = "x"
    for k in range(len(bodies)):
        value = f"d{k}({value})"
    expected: list[float] = []
    for x in range(first, first + 4):
        a = x
        for body in bodies:
            a = BODIES[body](a)
        expected.append(float(a))
    source = "\n".join([*lines, f"var x : {first}..{first + 3}", f"factor {value} / 100", ""])
    found = gmlang.compile(source).query("logZ()").value
    assert found == pytest.approx(float(np.logaddexp.reduce(np.array(expected) / 100.0)))


def test_what_would_be_too_much_is_refused_with_its_place() -> None:
    lines = ["def f0(a) = a + a"]
    lines += [f"def f{k}(a) = f{k - 1}(a) + f{k - 1}(a)" for k in range(1, 40)]
    source = "\n".join([*lines, "var x : 0..1", "factor f39(x)"])
    with pytest.raises(GmError) as error:
        gmlang.compile(source)
    assert [d.code for d in error.value.diagnostics] == ["GM332"]
    assert error.value.diagnostics[0].span is not None


def test_many_oversights_are_told_at_once() -> None:
    model = gmlang.compile("\n".join(f"var v{k} : bool" for k in range(3000)))
    (warning,) = model.warnings
    assert warning.code == "GM292"
    assert "3,000" in warning.message
