"""Things of finite and real attributes: intervals, looks and conditions, against integrals."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

import numpy as np
import pytest
from scipy import integrate, stats

import gmlang
from tests.language.test_hidden_reals import normal

MIXED = """
entity Thing:
    size : real[0, 10]
    weight : real[0, inf] base Normal(0, 3)
    hard : bool
    n : 0..5
model big(x: Thing) prior 0.3:
    predict x.size in 6..9 @ 0.8
    predict x.n > 3 @ 0.7
    if x.hard: predict x.weight ~ Normal(4, 1) @ 0.9
model heavy(x: Thing) prior 0.2:
    predict x.weight > 3 @ 0.9
    predict x.hard = true @ 0.9
    if x.size < 2.5: predict x.n = 0 @ 0.6
var it : Thing
consider big(it), heavy(it)
observe it.weight like Normal(3.5, 0.5)
"""


def mixed() -> dict[str, float]:
    """Enumerate what is finite, and integrate what is not: nothing couples the two reals."""
    high = 2 * stats.norm.sf(1)

    def weigh(is_hard: int, is_big: int, is_heavy: int) -> float:
        def f(x: np.ndarray) -> np.ndarray:
            b = 2 * normal(x, 0, 3)
            found = b * normal(x, 3.5, 0.5)
            if is_hard and is_big:
                found *= 0.9 * normal(x, 4, 1) / stats.norm.cdf(4) / b + 0.1
            if is_heavy:
                found *= 0.9 / high if x > 3 else 0.1 / (1 - high)
            return found

        return float(integrate.quad(f, 0, 10, points=[3, 3.5, 5], epsabs=1e-12)[0])

    totals: dict[str, float] = {"all": 0.0, "big": 0.0, "heavy": 0.0, "n0": 0.0}
    for hard, big, heavy, n in np.ndindex(2, 2, 2, 6):
        w = (0.3 if big else 0.7) * (0.2 if heavy else 0.8) * weigh(hard, big, heavy)
        w *= (2 * (0.9 if hard else 0.1)) if heavy else 1.0
        w *= (0.7 / (2 / 6) if n > 3 else 0.3 / (4 / 6)) if big else 1.0
        small, rest = 2.5, 7.5
        if big:
            # The interval 6..9 has the share 0.3 of the range; below 2.5 lies nothing of it.
            small, rest = 2.5 * 0.2 / 0.7, 10 - 2.5 * 0.2 / 0.7
        w *= small * (6 * (0.6 if n == 0 else 0.4 / 5) if heavy else 1.0) + rest
        totals["all"] += w
        totals["big"] += w * big
        totals["heavy"] += w * heavy
        totals["n0"] += w * (n == 0)
    return totals


def test_a_mixed_entity_agrees_with_enumeration_and_quadrature():
    model = gmlang.compile(MIXED)
    found = mixed()
    for query, name in (
        ("P(big(it) = true)", "big"),
        ("P(heavy(it) = true)", "heavy"),
        ("P(it.n = 0)", "n0"),
    ):
        answer = model.query(query)
        assert answer.status == "estimate"
        assert answer.value == pytest.approx(found[name] / found["all"], abs=1e-6)
