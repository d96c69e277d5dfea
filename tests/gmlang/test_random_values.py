"""Values of a distribution that are random themselves: `{f(x): p, g(x): q}`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.diagnostics import GmError


@settings(max_examples=25, deadline=None)
@given(
    step=st.integers(-3, 3),
    chances=st.lists(st.sampled_from([0.0, 0.25, 0.5]), min_size=6, max_size=6),
    is_rest=st.booleans(),
)
def test_a_value_outside_the_domain_needs_a_probability_of_zero(
    step: int, chances: list[float], is_rest: bool
):
    rest = ", rest" if is_rest else ", x: 1 - p[x]"
    program = (
        f"data p[6] = {chances}\nvar x : 0..5 ~ Uniform()\n"
        f"var y : 0..5 ~ {{x + {step}: p[x]{rest}}}"
    )
    if any(p > 0 and not 0 <= x + step <= 5 for x, p in enumerate(chances)):
        with pytest.raises(GmError, match="GM414"):
            gmlang.compile(program).query("P(y)")
        return
    expected = np.zeros(6)
    for x, p in enumerate(chances):
        named = {x + step} & set(range(6)) if is_rest else {x}
        if 0 <= x + step <= 5:
            expected[x + step] += p / 6
        others = [y for y in range(6) if y not in named] if is_rest else [x]
        expected[others] += (1 - p) / 6 / len(others)
    answer = gmlang.compile(program).query("P(y)")
    assert answer.status == "exact"
    assert answer.array == pytest.approx(expected, abs=1e-12)
