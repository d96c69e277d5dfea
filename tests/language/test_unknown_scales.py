"""Reals whose rows depend on unknown parameters: estimates that cover what integrals say."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false, reportOptionalOperand=false, reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

from collections.abc import Callable
from itertools import pairwise
from threading import Event

import numpy as np
import pytest
from scipy import integrate, stats

import gmlang
from gmlang.diagnostics import GmError
from gmlang.queries.settings import Settings
from gmruntime.budget import Watch

LINE = """
data x[N] : real
data y[N] : real
var intercept : real ~ Normal(0, 10)
var slope : real ~ Normal(0, 10)
var noise : real[0, inf] ~ Cauchy(0, 2.5)
for i in 0..<N: observe y[i] ~ Normal(intercept + slope * x[i], noise)
"""

X = np.arange(8.0)
Y = np.array([1.1, 2.7, 5.4, 6.8, 9.3, 10.7, 13.2, 14.9])


def line_given(noise: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the density of the data, and the mean and covariance of the coefficients."""
    design = np.stack([np.ones(8), X], axis=1)
    spread = design @ design.T * 100 + np.eye(8) * noise**2
    density = stats.multivariate_normal.pdf(Y, np.zeros(8), spread)
    precision = design.T @ design / noise**2 + np.eye(2) / 100
    covariance = np.linalg.inv(precision)
    return density, covariance @ design.T @ Y / noise**2, covariance


def over_noise(of: Callable[[float], float]) -> float:
    """Integrate over the noise, by its half-Cauchy prior and the data."""

    def weighed(noise: float) -> float:
        prior = 2 * stats.cauchy.pdf(noise, 0, 2.5)
        return prior * line_given(noise)[0] * of(noise)

    return sum(
        integrate.quad(weighed, *ends, limit=400, epsabs=0)[0]
        for ends in ((0.05, 0.3), (0.3, 1.0), (1.0, 10.0), (10.0, np.inf))
    )


def test_a_line_with_unknown_noise():
    model = gmlang.compile(LINE).bind(x=X, y=Y)
    total = over_noise(lambda _: 1.0)
    log_z = model.query("logZ()", budget_s=30)
    assert log_z.status == "estimate"
    assert log_z.value == pytest.approx(np.log(total), abs=1e-3)
    slope = model.query("P(slope)", budget_s=30)
    mean = over_noise(lambda s: line_given(s)[1][1]) / total
    square = over_noise(lambda s: line_given(s)[2][1, 1] + line_given(s)[1][1] ** 2) / total
    sd = np.sqrt(square - mean**2)
    assert slope.value["mean"] == pytest.approx(mean, abs=0.01 * sd)
    assert slope.value["sd"] == pytest.approx(sd, rel=0.02)
    noise = model.query("E(noise)", budget_s=30).value
    assert noise == pytest.approx(over_noise(lambda s: s) / total, rel=0.01)

    def above(s: float) -> float:
        _, mean, covariance = line_given(s)
        return float(stats.norm.sf(2, mean[1], np.sqrt(covariance[1, 1])))

    chance = over_noise(above) / total
    assert model.query("P(slope > 2)", budget_s=30).value == pytest.approx(chance, abs=0.01)


def over_line(at: float) -> tuple[float, float]:
    """Return the probabilities that the slope, and the noise, is at most a number."""
    total = over_noise(lambda _: 1.0)

    def below(s: float) -> float:
        _, mean, covariance = line_given(s)
        return float(stats.norm.cdf(at, mean[1], np.sqrt(covariance[1, 1])))

    ends = (0.05, max(0.06, min(0.2, at)), max(0.07, at))
    noise = sum(
        integrate.quad(
            lambda s: 2 * stats.cauchy.pdf(s, 0, 2.5) * line_given(s)[0], *pair, limit=300, epsabs=0
        )[0]
        for pair in pairwise(ends)
    )
    return over_noise(below) / total, noise / total


def test_the_error_beside_a_summary_covers_all_that_is_shown():
    model = gmlang.compile(LINE).bind(x=X, y=Y)
    total = over_noise(lambda _: 1.0)
    slope, noise = (model.query(f"P({name})", budget_s=30) for name in ("slope", "noise"))
    for k, (name, found) in enumerate((("slope", slope), ("noise", noise))):
        assert found.error > model.query(f"E({name})", budget_s=30).error
        for share, value in found.value["quantiles"].items():
            assert over_line(value - found.error)[k] < float(share)
            assert over_line(value + found.error)[k] > float(share)
    first, second = (over_noise(lambda s, k=k: s**k) / total for k in (1, 2))
    assert noise.value["mean"] == pytest.approx(first, abs=noise.error)
    assert noise.value["sd"] == pytest.approx(np.sqrt(second - first**2), abs=noise.error)


def test_a_deviation_that_may_have_no_value_is_named():
    text = "var m : real ~ Normal(0, 1)\nvar s : real[0, inf] ~ Cauchy(0, 1)\n"
    found = gmlang.compile(text + "observe 1.1 ~ Normal(m, s)\n").query("P(s)", budget_s=30)
    assert "standard deviation not to be trusted" in found.note
    assert found.error > 0


class EndsLater(Event):
    """An interrupt that comes when it has been asked about so often."""

    def __init__(self, left: int):
        super().__init__()
        self.left = left

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("left", [1, 3, 5, 8, 12, 20, 40, 80])
def test_an_interrupted_search_does_not_say_that_there_is_nothing(left: int):
    model = gmlang.compile(LINE + "query P(noise)\n").bind(x=X, y=Y)
    settings = Settings(30, 0, watch=Watch(EndsLater(left)))
    (found,) = model.answer_all(model.questions, settings)
    assert "no values of the parameters" not in found.note


SCHOOLS = """
data y[J] : real = [28, 8, -3, 7, -1, 1, 18, 12]
data s[J] : real = [15, 10, 16, 11, 9, 11, 10, 18]
var mu : real ~ Normal(0, 5)
var tau : real[0, inf] ~ Cauchy(0, 5)
var theta[J] : real
"""

CENTRED = (
    SCHOOLS
    + """
for j in 0..<J:
    theta[j] ~ Normal(mu, tau)
    observe y[j] ~ Normal(theta[j], s[j])
"""
)

NOT_CENTRED = (
    SCHOOLS
    + """
var eta[J] : real ~ Normal(0, 1)
for j in 0..<J:
    theta[j] := mu + tau * eta[j]
    observe y[j] ~ Normal(theta[j], s[j])
"""
)


@pytest.mark.parametrize("text", [CENTRED, NOT_CENTRED])
def test_eight_schools(text: str):
    # Means and deviations of ten chains of ten thousand draws, from posteriordb.
    model = gmlang.compile(text)
    theta = model.query("P(theta)", budget_s=30)
    assert theta.status == "estimate"
    assert theta.value[0]["mean"] == pytest.approx(6.1505, abs=0.03 * 5.6)
    assert theta.value[0]["sd"] == pytest.approx(5.6156, rel=0.03)
    assert theta.value[7]["mean"] == pytest.approx(4.8840, abs=0.03 * 5.3)
    tau = model.query("P(tau)", budget_s=30)
    assert tau.value["mean"] == pytest.approx(3.6021, abs=0.03 * 3.2)
    assert tau.value["sd"] == pytest.approx(3.1983, rel=0.03)
    both = model.query("P(theta[0] > theta[1])", budget_s=30).value
    assert both == pytest.approx(0.569, abs=0.005)


def test_a_parameter_that_is_known_is_a_number():
    model = gmlang.compile(CENTRED)
    number = gmlang.compile(CENTRED.replace("Normal(mu, tau)", "Normal(mu, 3)"))
    given = model.query("P(theta | tau = 3)")
    assert given.status == "exact"
    assert given.array == pytest.approx(number.query("P(theta)").array)
    observed = gmlang.compile(CENTRED + "observe tau = 3\n")
    prior = np.log(2 * stats.cauchy.pdf(3, 0, 5))
    log_z = number.query("logZ()").value + prior
    assert observed.query("logZ()").value == pytest.approx(log_z)


def test_finite_variables_beside_a_parameter():
    text = (
        "var z : bool ~ Bernoulli(0.4)\nvar s : real[0, inf] ~ Exponential(rate=2)\n"
        "observe 1.5 ~ Normal(z, s)\n"
    )
    weights = [
        p
        * integrate.quad(lambda s, z=z: 2 * np.exp(-2 * s) * stats.norm.pdf(1.5, z, s), 0, np.inf)[
            0
        ]
        for z, p in ((0, 0.6), (1, 0.4))
    ]
    found = gmlang.compile(text).query("P(z)", budget_s=30)
    assert found.status == "bounded"
    assert found.lower["true"] <= weights[1] / sum(weights) <= found.upper["true"]
    assert found.value["true"] == pytest.approx(weights[1] / sum(weights), abs=1e-3)
    log_z = gmlang.compile(text).query("logZ()", budget_s=30).value
    assert log_z == pytest.approx(np.log(sum(weights)), abs=1e-3)


def test_a_mean_with_ends_is_a_parameter():
    text = "var a : real[0, 3] ~ Uniform()\nobserve 2.5 ~ Normal(a, 1)\n"
    total = (stats.norm.cdf(2.5) - stats.norm.cdf(-0.5)) / 3
    assert gmlang.compile(text).query("logZ()").value == pytest.approx(np.log(total), abs=1e-3)
    mean = stats.truncnorm.mean(-2.5, 0.5, 2.5, 1)
    assert gmlang.compile(text).query("E(a)").value == pytest.approx(mean, abs=0.01)


PRIORS = {
    "Cauchy(1, 2)": stats.cauchy(1, 2),
    "Laplace(1, 2)": stats.laplace(1, 2),
    "Logistic(1, 2)": stats.logistic(1, 2),
    "StudentT(4, 1, 2)": stats.t(4, 1, 2),
    "LogNormal(0.2, 0.7)": stats.lognorm(0.7, scale=np.exp(0.2)),
    "Exponential(mean=2)": stats.expon(scale=2),
    "Gamma(3, rate=2)": stats.gamma(3, scale=0.5),
    "Gamma(3, mean=2)": stats.gamma(3, scale=2 / 3),
    "InverseGamma(3, 2)": stats.invgamma(3, scale=2),
    "Weibull(2, 1.5)": stats.weibull_min(2, scale=1.5),
    "Normal(1, 2)": stats.norm(1, 2),
}


@pytest.mark.parametrize("prior", PRIORS)
def test_priors_of_scales(prior: str):
    text = f"var s : real[0, inf] ~ {prior}\nfor i in 0..<3: observe 2 * i - 2 ~ Normal(0, s)\n"
    law = PRIORS[prior]

    def weighed(s: float, power: int) -> float:
        seen = stats.norm.pdf([-2, 0, 2], 0, s).prod()
        return law.pdf(s) / law.sf(0) * seen * s**power

    ends = (1e-6, 1.0, 5.0, np.inf)
    total, first = (
        sum(integrate.quad(weighed, a, b, args=(k,), limit=300)[0] for a, b in pairwise(ends))
        for k in (0, 1)
    )
    model = gmlang.compile(text)
    assert model.query("logZ()", budget_s=30).value == pytest.approx(np.log(total), abs=2e-3)
    assert model.query("E(s)", budget_s=30).value == pytest.approx(first / total, rel=0.02)


def test_a_scale_that_nothing_holds_in_place_is_refused():
    text = "var s : real[0, inf]\nobserve 1.5 ~ Normal(0, s)\n"
    with pytest.raises(GmError, match="GM373"):
        gmlang.compile(text).query("P(s)", budget_s=30)


def test_quantiles_of_a_parameter_beside_finite_variables_are_no_steps():
    text = (
        "var s : real[0, inf] ~ Exponential(rate=1)\nvar z : bool ~ Bernoulli(0.2)\n"
        "observe 4 ~ Normal(0, 5 * s if z else s)\n"
        "for i in 0..<4: observe 0.5 * i - 0.75 ~ Normal(0, s)\n"
    )

    def density(s: float) -> float:
        first = 0.2 * stats.norm.pdf(4, 0, 5 * s) + 0.8 * stats.norm.pdf(4, 0, s)
        return np.exp(-s) * first * stats.norm.pdf([-0.75, -0.25, 0.25, 0.75], 0, s).prod()

    def mass(ends: tuple[float, ...]) -> float:
        return sum(integrate.quad(density, a, b, limit=300)[0] for a, b in pairwise(ends))

    total = mass((1e-3, 0.5, 1.0, 2.0, 5.0, 60.0))
    model = gmlang.compile(text)
    quantiles = model.query("P(s)", budget_s=30).value["quantiles"]
    for share, found in quantiles.items():
        below = mass((1e-3, 0.5 * found, found)) / total
        assert below == pytest.approx(float(share), abs=0.01)
    above = mass((0.9, 2.0, 5.0, 60.0)) / total
    assert model.query("P(s > 0.9)", budget_s=30).value == pytest.approx(above, abs=0.01)


SCALE = "var m : real ~ Normal(0, 1)\nvar s : real[0, inf] ~ Cauchy(0, 1)\n"


def test_no_density_is_found_where_no_scale_can_be():
    text = SCALE + "observe 3 ~ Normal(m, s)\n"
    found = gmlang.compile(text).query("density(s = -1)", budget_s=30)
    assert found.value == 0.0
    assert found.error < 1e-3


def test_a_real_on_its_own_beside_parameters_is_refused():
    text = SCALE + "var h : real[0, 1]\nobserve 3 ~ Normal(m, s)\n"
    for asked in ("P(h)", "density(h = 0.5)", "E(h)", "Var(h)"):
        with pytest.raises(GmError, match="GM601"):
            gmlang.compile(text).query(asked, budget_s=30)


def test_a_variance_that_has_no_value_is_not_to_be_trusted():
    # What is believed of s falls like s ** -3 after one observation.
    model = gmlang.compile(SCALE + "observe 1.1 ~ Normal(m, s)\n")
    assert "not to be trusted" in model.query("Var(s)", budget_s=30).note
    mean = model.query("E(s)", budget_s=30)
    assert "not to be trusted" not in mean.note

    def weighed(s: float, power: int) -> float:
        return s**power / (1 + s * s) * stats.norm.pdf(1.1, 0, np.hypot(1, s))

    total, first = (
        sum(integrate.quad(weighed, a, b, args=(k,))[0] for a, b in ((0, 5), (5, np.inf)))
        for k in (0, 1)
    )
    assert mean.value == pytest.approx(first / total, abs=3 * mean.error)


def test_a_mean_that_has_no_value_is_not_to_be_trusted():
    # With flat priors m is a Student's t of one degree of freedom: it has no mean.
    text = "var m : real\nvar s : real[0, inf]\n"
    text += "".join(f"observe {y} ~ Normal(m, s)\n" for y in (1.1, 2.7, 0.4))
    for asked in ("E(s)", "E(m)", "P(m)", "Var(m)"):
        assert "not to be trusted" in gmlang.compile(text).query(asked, budget_s=30).note
