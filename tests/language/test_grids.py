"""Reals that laws depend on otherwise than linearly: panels, and what is proven of them."""

# pyright: reportOptionalOperand=false, reportOperatorIssue=false
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportOptionalSubscript=false

import numpy as np
import pytest
from scipy import stats

import gmlang
from gmlang.diagnostics import GmError
from gmlang.families.likelihoods import LIKELIHOODS, log_density
from gmruntime.continuous.grids.concave import Around, around, log_integrals
from tests.support.grid_programs import made

BUDGET_S = 30


def _close(value: float, truth: float, error: float | None) -> bool:
    return error is not None and abs(value - truth) <= error + 1e-9 * max(1.0, abs(truth))


@pytest.mark.parametrize("seed", [0, 2, 3, 12])
def test_small_programs_against_sums_of_their_own(seed: int):
    program = made(seed)
    model = gmlang.compile(program.text)
    log_z = model.query("logZ()", budget_s=BUDGET_S)
    p = model.query("P(s)", budget_s=BUDGET_S)
    mean = model.query("E(a)", budget_s=BUDGET_S)
    assert program.is_concave
    assert log_z.status == "bounded"
    assert log_z.log_lower <= program.log_z <= log_z.log_upper
    assert log_z.log_upper - log_z.log_lower < 1e-2
    assert (np.array(list(p.lower.values())) <= program.p + 1e-12).all()
    assert (np.array(list(p.upper.values())) >= program.p - 1e-12).all()
    assert mean.status == "estimate"
    assert _close(mean.value, program.mean, mean.error)


@pytest.mark.slow
def test_many_small_programs():
    covered = []
    for seed in range(300):
        program = made(seed)
        model = gmlang.compile(program.text)
        log_z = model.query("logZ()", budget_s=BUDGET_S)
        p = model.query("P(s)", budget_s=BUDGET_S)
        mean = model.query("E(a)", budget_s=BUDGET_S)
        assert {log_z.status, p.status, mean.status} <= {"bounded", "estimate"}
        if log_z.status == "bounded":
            assert log_z.log_lower <= program.log_z <= log_z.log_upper, seed
        else:
            covered.append(_close(log_z.value, program.log_z, log_z.error))
        if p.status == "bounded":
            assert (np.array(list(p.lower.values())) <= program.p + 1e-9).all(), seed
            assert (np.array(list(p.upper.values())) >= program.p - 1e-9).all(), seed
        if mean.error is not None:
            covered.append(_close(mean.value, program.mean, mean.error))
    assert np.mean(covered) >= 0.9


def test_proportions_that_nobody_sees():
    text = (
        "data N = 4\nvar p : real[0, 1] ~ Beta(2, 3)\nvar z[N] : bool\n"
        "for i in 0..<N: z[i] ~ Bernoulli(p)\n"
        "observe z[0] = true\nobserve z[1] = true\nobserve z[2] = false\n"
    )
    model = gmlang.compile(text)
    found = model.query("P(z[3])", budget_s=BUDGET_S)
    assert found.status == "bounded"
    assert found.lower["true"] <= 4 / 8 <= found.upper["true"]
    mean = model.query("E(p | z[3] = true)", budget_s=BUDGET_S)
    assert mean.value == pytest.approx(5 / 9, abs=1e-8)


def test_an_index_picks_a_rate():
    text = (
        "data n[T] : 0..50 = [1, 9]\nvar r[2] : real[0, inf] ~ Gamma(2, rate=1)\n"
        "var z[T] : 0..1\nfor t in 0..<T:\n    z[t] ~ Categorical([0.3, 0.7])\n"
        "    observe n[t] ~ Poisson(r[z[t]])\n"
    )
    one = {(k,): stats.nbinom(2, 0.5).logpmf(k) for k in (1, 9)}
    both = np.log(stats.nbinom(2, 0.5).pmf(1) * stats.nbinom(3, 2 / 3).pmf(9))
    weights = {(0, 0): 0.09, (0, 1): 0.21, (1, 0): 0.21, (1, 1): 0.49}
    total = sum(w * np.exp(both if a == b else one[1,] + one[9,]) for (a, b), w in weights.items())
    found = gmlang.compile(text).query("logZ()", budget_s=BUDGET_S)
    assert found.log_lower <= np.log(total) <= found.log_upper


def test_a_product_of_two_reals_is_an_estimate():
    text = (
        "data n : 0..50 = 3\nvar r : real[0, inf] ~ Gamma(2, rate=1)\n"
        "var q : real[0, 1] ~ Uniform()\nobserve n ~ Poisson(r * q)\n"
    )
    q = (np.polynomial.legendre.leggauss(60)[0] + 1) / 2
    weights = np.polynomial.legendre.leggauss(60)[1] / 2
    truth = np.log(weights @ stats.nbinom(2, 1 / (1 + q)).pmf(3))
    found = gmlang.compile(text).query("logZ()", budget_s=BUDGET_S)
    assert found.status == "estimate"
    assert _close(found.value, truth, found.error)


def test_an_observed_real_is_a_number_in_laws():
    text = (
        "data n[T] : 0..99 = [4, 1]\nvar r[2] : real[0, inf] ~ Exponential(rate=1)\n"
        "var z : 0..1 ~ Categorical([0.5, 0.5])\nobserve r[0] = 3\n"
        "for t in 0..<T: observe n[t] ~ Poisson(r[z])\n"
    )
    first = stats.poisson(3).pmf([4, 1]).prod()
    # 5 of them in 2 looks: the integral of exp(-3 r) r**5 / 4!
    second = 120 / 3.0**6 / 24
    total = 0.5 * np.exp(-3.0) * (first + second)
    model = gmlang.compile(text)
    log_z = model.query("logZ()", budget_s=BUDGET_S)
    assert log_z.value == pytest.approx(np.log(total), abs=1e-8)
    known = model.query("P(z | r[1] = 2)", budget_s=BUDGET_S)
    other = stats.poisson(2).pmf([4, 1]).prod()
    assert known.status == "exact"
    assert known.array[0] == pytest.approx(first / (first + other), abs=1e-9)


def test_what_a_real_is_drawn_from_counts_in_bounds():
    text = (
        "var z : bool ~ Bernoulli(0.4)\nvar r : real[0, inf]\n"
        "r ~ Exponential(rate=1) if z else Gamma(2, rate=1)\n"
        "data k : 0..9 = 1\nobserve k ~ Poisson(r)\n"
    )
    found = gmlang.compile(text).query("logZ()", budget_s=BUDGET_S)
    assert found.value == pytest.approx(np.log(0.25), abs=1e-8)
    assert not found.note


def test_what_is_done_to_a_variable_takes_the_place_of_its_law():
    text = (
        "var p : real[0, 1] ~ Beta(1, 1)\nvar z : bool ~ Bernoulli(p)\n"
        "var w : bool ~ Bernoulli(p)\n"
    )
    model = gmlang.compile(text)
    assert model.query("P(w | do(z = true))", budget_s=BUDGET_S).array[1] == pytest.approx(0.5)
    assert model.query("P(w | z = true)", budget_s=BUDGET_S).array[1] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("laws", "code"),
    [
        ("z ~ Bernoulli(p if w else 0.2)\nw ~ Bernoulli(p if z else 0.3)", "GM413"),
        ("a ~ Exponential(rate=b)\nb ~ Exponential(rate=a)", "GM413"),
        ("a ~ Exponential(rate=a)", "GM413"),
        ("a ~ Exponential(rate=2)\na ~ Exponential(rate=3)", "GM412"),
        ("a ~ Exponential(rate=2)\na ~ Exponential(rate=p)\nobserve a = 1", "GM412"),
        ("for i in 0..<2: a ~ Exponential(rate=p)", "GM412"),
    ],
)
def test_laws_have_an_order_and_no_rival(laws: str, code: str):
    text = (
        "var p : real[0, 1] ~ Beta(1, 1)\nvar z : bool\nvar w : bool\n"
        f"var a : real[0, inf]\nvar b : real[0, inf]\n{laws}\n"
        "data k : 0..9 = 1\nobserve k ~ Poisson(a)\n"
    )
    with pytest.raises(GmError, match=code):
        gmlang.compile(text).query("P(w)")


def test_means_that_have_no_value_are_not_to_be_trusted():
    text = "data k : 0..1 = 1\nvar a : real ~ Cauchy(0, 1)\nobserve k ~ Bernoulli(logistic(a))\n"
    found = gmlang.compile(text).query("E(a)", budget_s=BUDGET_S)
    assert found.error is None
    assert "not to be trusted" in found.note


@pytest.mark.parametrize(
    ("law", "code"),
    [
        ("Poisson(-r)", "GM430"),
        ("Exponential(r)", "GM371"),
        ("Poisson(1 if r > 2 else r)", "GM601"),
        ("Poisson(sum(r for k in 0..<5))", "GM601"),
    ],
)
def test_what_means_nothing(law: str, code: str):
    text = f"data n : 0..9 = 3\nvar r : real[0, inf] ~ Exponential(rate=1)\nobserve n ~ {law}\n"
    with pytest.raises(GmError, match=code):
        gmlang.compile(text).query("logZ()")


def test_data_that_is_never_drawn():
    text = (
        "data y : real = 1.5\nvar r : real[0, inf] ~ Exponential(rate=1)\nobserve y ~ Poisson(r)\n"
    )
    with pytest.raises(GmError, match="GM430"):
        gmlang.compile(text).query("logZ()")


# --- What is claimed of families, and of concave functions -------------------------------

_KNOWN = {"shape": 2.5, "df": 3.0, "a": 2.0, "b": 3.0, "n": 7.0, "mean": 0.3, "centre": 0.3}
_SCALES = {
    "linear": lambda t: t,
    "log": np.exp,
    "logit": lambda t: 1 / (1 + np.exp(-t)),
}


@pytest.mark.parametrize("family", LIKELIHOODS)
def test_what_is_called_concave_is(family: str):
    known = LIKELIHOODS[family]
    values = {"counts": [0, 1, 4], "truths": [0, 1], "0..1": [0.2, 0.9]}.get(
        known.support, [0.05, 0.7, 4.0]
    )
    for name, scale in known.concave:
        t = np.linspace(-6, 6, 241)
        if scale == "linear" and name not in ("mean", "centre"):
            t = np.linspace(0.02, 0.98 if name == "p" else 8.0, 241)
        if name == "p" and scale == "log":
            t = np.linspace(-6, -0.02, 241)
        for value in values:
            given = tuple(
                _SCALES[scale](t) if one == name else np.array(_KNOWN.get(one, 0.8))
                for one in known.parameters
            )
            logs = log_density(family, np.array(float(value)), given)
            assert np.diff(logs, 2).max() <= 1e-9 * np.abs(logs).max(), (name, scale)


def test_bounds_of_integrals_hold_and_shrink():
    widths = []
    for count in (9, 17, 33):
        where = around(np.linspace(-4.0, 5.0, count), (False, False))
        values = stats.norm(0.3, 1.2).logpdf(where.points)
        lower, upper = log_integrals(where, values, np.full(count, 1e-12))
        ends = np.array([-np.inf, *where.edges, np.inf])
        truth = np.log(np.diff(stats.norm(0.3, 1.2).cdf(ends)))
        assert (lower <= truth).all()
        assert (truth <= upper).all()
        widths.append(np.exp(upper).sum() - np.exp(lower).sum())
    assert widths[1] < widths[0] / 3
    assert widths[2] < widths[1] / 3


def test_what_is_beyond_float64_is_bounded_by_lines():
    where = around(np.linspace(-40.0, 40.0, 17), (False, False))
    values = np.where(np.abs(where.points) < 22, -np.abs(where.points), -np.inf)
    _, upper = log_integrals(where, values, np.full(17, 1e-12))
    assert np.isfinite(upper).all()
    assert np.logaddexp.reduce(upper) >= np.log(2.0)


def test_points_that_floats_do_not_tell_apart():
    found = Around(np.array([[0.0, 1.0], [0.1, 1.0], [0.2, 1.0]]), (False, False))
    assert found.are_apart().tolist() == [True, False]
