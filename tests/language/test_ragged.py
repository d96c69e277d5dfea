"""Aggregates over data that have more items in some instances than in others."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.diagnostics import GmError

ROWS = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=4)

MEANINGS = {
    "sum(k for k in 0..3 if seen[i, k])": sum,
    "count(k > 1 for k in 0..3 if seen[i, k])": lambda own: sum(k > 1 for k in own),
    "min(9, k for k in 0..3 if seen[i, k])": lambda own: min([9, *own]),
    "max(-9, k for k in 0..3 if seen[i, k])": lambda own: max([-9, *own]),
    "all(k != 2 for k in 0..3 if seen[i, k])": lambda own: 2 not in own,
    "any(k == 2 for k in 0..3 if seen[i, k])": lambda own: 2 in own,
    "xor(k >= 0 for k in 0..3 if seen[i, k])": lambda own: len(own) % 2,
    "exactly(2, k >= 0 for k in 0..3 if seen[i, k])": lambda own: len(own) == 2,
    "at_most(1, k >= 0 for k in 0..3 if seen[i, k])": lambda own: len(own) <= 1,
    "alldifferent(k // 2 for k in 0..3 if seen[i, k])": (
        lambda own: len({k // 2 for k in own}) == len(own)
    ),
}
"""Aggregates of row i, and what they are of the places k where it is true."""


def _written(rows: Sequence[Sequence[bool]]) -> str:
    return "data seen[N, 4] : bool = " + str([[int(cell) for cell in row] for row in rows])


@pytest.mark.parametrize("aggregate", MEANINGS)
@settings(deadline=None, max_examples=40)
@given(rows=ROWS, least=st.integers(-1, 6))
def test_filters_by_rows_of_any_length(aggregate: str, rows: list[list[bool]], least: int):
    text = f"""{_written(rows)}
var x[N] : bool
for i in 0..<N if 1 * {aggregate} > {least}: constraint x[i]
"""
    kept = [MEANINGS[aggregate]([k for k in range(4) if row[k]]) > least for row in rows]
    assert gmlang.compile(text).query("count()").value == 2 ** (len(rows) - sum(kept))


@settings(deadline=None)
@given(rows=ROWS)
def test_ends_of_loops_and_indices(rows: list[list[bool]]):
    text = f"""{_written(rows)}
def last(i) = max(0, k for k in 0..3 if seen[i, k])
var x[N, 4] : bool
for i in 0..<N, k in 0..last(i): constraint x[i, k]
for i in 0..<N if not seen[i, last(i)]: constraint x[i, 3]
"""
    free = 0
    for row in rows:
        last = max([0, *(k for k in range(4) if row[k])])
        free += 3 - last - (last < 3 and not row[last])
    assert gmlang.compile(text).query("count()").value == 2**free


def test_the_least_of_nothing_names_the_row():
    text = f"""{_written([[True] * 4, [False] * 4])}
var x[N] : bool
for i in 0..<N if min(k for k in 0..3 if seen[i, k]) < 2: constraint x[i]
"""
    with pytest.raises(GmError) as caught:
        gmlang.compile(text).query("count()")
    told = caught.value.diagnostics[0]
    assert "min of nothing" in told.message
    assert "i = 1" in told.message
