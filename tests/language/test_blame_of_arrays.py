"""Blame of arrays is what each site loses on its own, in whatever order sites are predicted."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportIndexIssue=false

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang

CHANCES = st.floats(0.3, 0.99).map(lambda p: round(p, 2))


@settings(max_examples=25, deadline=None)
@given(
    st.permutations(range(3)),
    st.permutations(range(3)),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=3),
    CHANCES,
    CHANCES,
)
def test_sites_that_are_apart_are_blamed_apart(
    first: list[int], second: list[int], values: list[tuple[int, int]], c: float, d: float
):
    a = "".join(f"    predict x.n[{i}] = {values[i][0]} @ {c}\n" for i in first)
    order = f"data order[3] : 0..2 = {second}\ndata said[3] : 0..3 = {[v for _, v in values]}\n"
    b = f"    for i in 0..<3: predict x.n[order[i]] = said[order[i]] @ {d}\n"
    model = gmlang.compile(
        f"{order}entity T:\n    n[3] : 0..3\nmodel a(x: T) prior 0.2:\n{a}"
        f"model b(x: T) prior 0.2:\n{b}"
    )

    def says(value: int, confidence: float) -> np.ndarray:
        return np.where(np.arange(4) == value, confidence, (1 - confidence) / 3)

    expected = [np.log(4 * says(v, c) @ says(w, d)) for v, w in values]
    found = model.query("blame(a, b)")
    assert found.status == "exact"
    assert [found.value[f"n[{i}]"] for i in range(3)] == pytest.approx(expected, abs=1e-9)
    assert model.query("compat(a, b)").value == pytest.approx(sum(expected), abs=1e-9)


def test_reals_of_which_only_some_are_mentioned_have_names():
    text = """
entity T:
    w[3] : real[0, 1]
model high(x: T, i: 0..2) prior 0.2:
    predict x.w[i] > 0.7 @ 0.9
model low(x: T, i: 0..2) prior 0.2:
    predict x.w[i] < 0.4 @ 0.8
"""
    model = gmlang.compile(text)
    found = model.query("blame(high(1), low(1))")
    # Inside 0.3 of the range, 0.7 outside, of which 0.4 are low.
    expected = 0.3 * (0.9 / 0.3) * (0.2 / 0.6) + 0.3 * (0.1 / 0.7) * (0.2 / 0.6)
    expected += 0.4 * (0.1 / 0.7) * (0.8 / 0.4)
    assert found.value == {"w[1]": pytest.approx(np.log(expected), abs=1e-9)}
    apart = model.query("blame(high(2), low(0))").value
    assert apart == {"w[0]": pytest.approx(0.0, abs=1e-9), "w[2]": pytest.approx(0.0, abs=1e-9)}
