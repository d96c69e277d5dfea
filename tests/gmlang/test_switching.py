"""Reals whose laws switch more often than can be added up: estimates, beside enumeration."""

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmruntime.continuous import eliminating

PROGRAM = """
data y[T] : real
data stay[K, K] : real
data a[K] : real
data q[K] : real
data r : real
var s[T] : 0..<K
var x[T] : real
s[0] ~ Uniform()
x[0] ~ Normal(0, 1)
for t in 1..<T:
    s[t] ~ Categorical(stay[s[t-1]])
    x[t] ~ Normal(a[s[t]] * x[t-1], q[s[t]])
for t in 0..<T: observe y[t] ~ Normal(x[t], r)
"""
QUESTIONS = ("logZ()", "P(s)", "P(x)", "P(x[3] > 0.5)", "Var(x[2])", "E(2 * x[4] - 1)")


def _drawn(seed: int, count: int, kinds: int = 2) -> gmlang.Model:
    rng = np.random.default_rng(seed)
    stay = 0.3 * rng.dirichlet(np.ones(kinds), kinds) + 0.7 * np.eye(kinds)
    a, q = rng.uniform(0.5, 1.0, kinds), np.exp(rng.uniform(-3, 0.5, kinds))
    r, s, x = float(np.exp(rng.uniform(-2.5, 0))), 0, 0.0
    y = np.empty(count)
    for t in range(count):
        s = rng.choice(kinds, p=stay[s])
        x = a[s] * x + q[s] * rng.normal() if t else rng.normal()
        y[t] = x + r * rng.normal() if rng.random() < 0.8 else np.nan
    return gmlang.compile(PROGRAM).bind(y=y, stay=stay, a=a, q=q, r=r)


@pytest.fixture
def few_states(monkeypatch: pytest.MonkeyPatch):
    """Let chains be followed that could be added up as well."""

    def within(count: int) -> None:
        monkeypatch.setattr(eliminating, "_BORDER_STATES_MAX", count)

    return within


def _numbers(answer: gmlang.Answer) -> np.ndarray:
    value = answer.array if answer.array is not None else answer.value
    return np.asarray(value, np.float64).reshape(-1)


@pytest.mark.parametrize("seed", range(3))
def test_all_histories_are_exact(seed: int, few_states):  # pyright: ignore
    """Where histories reach from end to end nothing was merged."""
    model = _drawn(seed, 7)
    exact = [model.query(text, budget_s=120) for text in QUESTIONS]
    few_states(2)
    for text, truth in zip(QUESTIONS, exact, strict=True):
        found = _drawn(seed, 7).query(text, budget_s=120)
        assert found.status == "estimate"
        assert found.error_kind == "window difference"
        # Parts of distributions are merged on the way back: their moments stay as they are.
        is_event = ">" in text
        within = found.error if is_event and found.error else 1e-9
        assert _numbers(found) == pytest.approx(_numbers(truth), abs=within)


def test_errors_cover_the_truth(few_states, monkeypatch: pytest.MonkeyPatch):  # pyright: ignore
    """Of short windows, which merge much: at least nine of ten."""
    from gmruntime.continuous.switching import engine

    monkeypatch.setattr(engine, "_HISTORIES_MAX", 16)
    covered: list[bool] = []
    for seed in range(10):
        exact = [_drawn(seed, 9).query(text, budget_s=120) for text in QUESTIONS[:4]]
        few_states(2)
        for text, truth in zip(QUESTIONS[:4], exact, strict=True):
            found = _drawn(seed, 9).query(text, budget_s=120)
            assert found.error is not None
            off = np.abs(_numbers(found) - _numbers(truth)).max()
            covered.append(bool(off <= found.error + 1e-9))
        few_states(1 << 16)
    assert np.mean(covered) >= 0.9


def test_a_long_chain_is_followed():
    model = _drawn(5, 300)
    found = model.query("P(s[200])", budget_s=120)
    assert found.status == "estimate"
    assert found.error is not None
    assert found.error < 0.05
    assert model.query("logZ()", budget_s=120).error < 0.05  # pyright: ignore
    assert float(np.sum(_numbers(found))) == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["MMAP(s)", "P(x[3] - x[2] > 0)", "sample(2)"])
def test_what_is_not_understood_of_histories_is_refused(text: str):
    with pytest.raises(GmError) as caught:
        _drawn(5, 40).query(text, budget_s=120)
    assert caught.value.diagnostics[0].code == "GM374"


def test_what_is_no_chain_is_refused():
    """Twenty switches of one real are beside each other."""
    model = gmlang.compile(
        "var z[20] : bool\nvar x : real ~ Normal(0, 1)\n"
        "for i in 0..<20: z[i] ~ Bernoulli(0.2)\n"
        "for i in 0..<20: observe 0.3 ~ Normal(x, 2 if z[i] else 0.5)\n"
    )
    with pytest.raises(GmError) as caught:
        model.query("P(z)")
    assert caught.value.diagnostics[0].code == "GM374"
