"""Machines of many deterministic steps are run forwards and backwards."""

from pathlib import Path

import numpy as np
import pytest

import gmlang

COUNTER = Path(__file__).resolve().parents[2] / "examples" / "counter.gm"


def _counter(slots: int, size: int) -> gmlang.Model:
    text = COUNTER.read_text("utf-8").partition("query")[0]
    return gmlang.compile(
        text.replace("data T = 40", f"data T = {slots}").replace("data N = 17", f"data N = {size}")
    )


def _runs_both_ways(model: gmlang.Model) -> None:
    on = model.query("MAP(c1[T], pc[T] | c0[0] = 13, c1[0] = 2)", budget_s=60)
    assert (on.status, on.value) == ("exact", {"c1[T]": "15", "pc[T]": "2"})
    back = model.query("MAP(c0[0] | c1[0] = 0, c0[T] = 0, c1[T] = 9, pc[T] = 2)", budget_s=60)
    assert (back.status, back.value) == ("exact", {"c0[0]": "9"})
    none = model.query("MAP(c0[0] | c1[0] = 5, c0[T] = 0, c1[T] = 3, pc[T] = 2)", budget_s=60)
    assert none.status == "impossible"


def test_a_counter_machine_runs_both_ways():
    _runs_both_ways(_counter(60, 17))


@pytest.mark.slow
def test_a_thousand_steps_run_both_ways():
    _runs_both_ways(_counter(1000, 65))


SORT = """
data n = 16
var x[n + 1, n] : 0..9
for t in 0..<n, i in 0..<n if i % 2 == t % 2 and i + 1 < n:
    x[t + 1, i] := min(x[t, i], x[t, i + 1])
    x[t + 1, i + 1] := max(x[t, i], x[t, i + 1])
for t in 0..<n, i in 0..<n if (i % 2 == t % 2 and i + 1 == n) or (i == 0 and t % 2 == 1):
    x[t + 1, i] := x[t, i]
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_sixteen_numbers_are_sorted_and_shuffled_back(seed: int):
    numbers = np.random.default_rng(seed).integers(0, 10, 16)
    given = [f"x[0, {i}] = {v}" for i, v in enumerate(numbers)]
    model = gmlang.compile(SORT)
    found = model.query(f"MAP(x | {', '.join(given)})", budget_s=60)
    assert found.status == "exact"
    assert np.asarray(found.array)[-1].astype(int).tolist() == sorted(numbers)
    out = [f"x[n, {i}] = {v}" for i, v in enumerate(sorted(numbers))]
    found = model.query(f"MAP(x | {', '.join([*out, *given[::2]])})", budget_s=60)
    assert found.status == "exact"
    back = np.asarray(found.array)[0].astype(int)
    assert sorted(back.tolist()) == sorted(numbers)
    assert (back[::2] == numbers[::2]).all()
