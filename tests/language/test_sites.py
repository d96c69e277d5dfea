"""Data that happens by chance, or lies far out: laws of sums of reals that are not normal.

Against sums over fine grids of one or two reals, worked out here.
"""

# pyright: reportArgumentType=false, reportOperatorIssue=false, reportOptionalSubscript=false

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

import gmlang

X = [0.5, -1.2, 2.0, 0.3, -0.7, 1.5, 0.1, -2.2]
LINE = f"data x[N] : real = {X}\nvar a : real ~ Normal(0, 2)\nvar b : real ~ Normal(0, 2)\n"
Log = Callable[[np.ndarray], np.ndarray]

YES = np.array([1, 0, 1, 0, 0, 1, 1, 0])
COUNTS = np.array([3, 1, 7, 2, 0, 5, 2, 0])
FAR = np.array([1.2, -1.9, 4.4, 0.4, 9.0, 3.2, 0.3, -4.1])


def grid(log_seen: Log, *, sd: float = 2.0, width: float = 10.0) -> dict[str, float]:
    """Sum over a grid: `log_seen` takes what is linear in the reals, [points rows]."""
    axis = np.linspace(-width, width, 401)
    a, b = (one.ravel() for one in np.meshgrid(axis, axis, indexing="ij"))
    log = stats.norm.logpdf(a, 0, sd) + stats.norm.logpdf(b, 0, sd)
    log = log + log_seen(a[:, None] + b[:, None] * np.array(X)).sum(axis=1)
    cell = 2 * np.log(axis[1] - axis[0])
    log_z = float(np.logaddexp.reduce(log) + cell)
    w = np.exp(log - log_z + cell)
    mean = [float(w @ a), float(w @ b)]
    return {
        "logz": log_z,
        "a": mean[0],
        "b": mean[1],
        "var": float(w @ (b - mean[1]) ** 2),
        "above": float(w @ ((b > 1.025).astype(float))),
    }


LAWS: dict[str, tuple[str, str, Log]] = {
    "logit": (
        f"data y[N] : 0..1 = {YES.tolist()}",
        "Bernoulli(logistic(a + b * x[i]))",
        lambda z: np.where(YES == 1, -np.logaddexp(0, -z), -np.logaddexp(0, z)),
    ),
    "probit": (
        f"data y[N] : 0..1 = {YES.tolist()}",
        "Bernoulli(normal_cdf(a + b * x[i]))",
        lambda z: special.log_ndtr(np.where(YES == 1, z, -z)),
    ),
    "binomial": (
        f"data y[N] : 0..20 = {COUNTS.tolist()}",
        "Binomial(9, logistic(a + b * x[i]))",
        lambda z: stats.binom.logpmf(COUNTS, 9, special.expit(z)),
    ),
    "poisson": (
        f"data y[N] : 0..99 = {COUNTS.tolist()}",
        "Poisson(exp(a + b * x[i]))",
        lambda z: stats.poisson.logpmf(COUNTS, np.exp(z)),
    ),
    "student": (
        f"data y[N] : real = {FAR.tolist()}",
        "StudentT(4, a + b * x[i], 0.7)",
        lambda z: stats.t.logpdf(FAR, 4, z, 0.7),
    ),
    "cauchy": (
        f"data y[N] : real = {FAR.tolist()}",
        "Cauchy(a + b * x[i], 0.5)",
        lambda z: stats.cauchy.logpdf(FAR, z, 0.5),
    ),
    "laplace": (
        f"data y[N] : real = {FAR.tolist()}",
        "Laplace(a + b * x[i], 0.8)",
        lambda z: stats.laplace.logpdf(FAR, z, 0.8),
    ),
    "logistic": (
        f"data y[N] : real = {FAR.tolist()}",
        "Logistic(a + b * x[i], 0.6)",
        lambda z: stats.logistic.logpdf(FAR, z, 0.6),
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_two_reals_are_as_on_a_grid(name: str):
    data, law, log_seen = LAWS[name]
    model = gmlang.compile(f"{LINE}{data}\nfor i in 0..<N: observe y[i] ~ {law}\n")
    truth = grid(log_seen)
    for query, wanted in (
        ("logZ()", truth["logz"]),
        ("E(a)", truth["a"]),
        ("E(a + 2 * b)", truth["a"] + 2 * truth["b"]),
        ("Var(b)", truth["var"]),
        ("P(b > 1.025)", truth["above"]),
    ):
        answer = model.query(query)
        assert answer.status == "estimate"
        assert answer.error is not None
        assert answer.error < 0.02
        assert abs(answer.value - wanted) <= max(3 * answer.error, 1e-4), query


def test_what_is_said_of_the_whole_array_and_with_noise_is_the_same_as_one_by_one():
    seen = str([bool(k) for k in YES]).lower()
    array = f"{LINE}data y[N] : bool = {seen}\n"
    whole = gmlang.compile(f"{array}observe y ~ Bernoulli(normal_cdf((a - 1) / 2))\n")
    noisy = "".join(f"observe a + Normal(-1, 2) {'>' if k else '<'} 0\n" for k in YES.tolist())
    each = gmlang.compile(f"{array}{noisy}")
    for query in ("E(a)", "logZ()"):
        assert whole.query(query).value == pytest.approx(each.query(query).value, abs=1e-6)


def test_what_is_missing_says_nothing_and_a_seen_real_is_a_number():
    seen = gmlang.compile(
        f"{LINE}data y[N] : real = [1.5, _, _, _, _, _, _, _]\n"
        "for i in 0..<N: observe y[i] ~ Cauchy(a + b * x[i], 1)\n"
    )
    axis = np.linspace(-20, 20, 4001)
    log = stats.norm.logpdf(axis, 0, 2) + stats.cauchy.logpdf(1.5, axis + 0.5, 1)
    w = np.exp(log - np.logaddexp.reduce(log))
    answer = seen.query("E(a | b = 1)")
    assert answer.value == pytest.approx(w @ axis, abs=1e-3)
    assert seen.query("density(a = 0.5 | b = 1)").value == pytest.approx(
        np.interp(0.5, axis, w / (axis[1] - axis[0])), abs=3e-3
    )


SWITCHED = """
data k[4] : 0..99 = [1, 0, 6, 8]
var late[4] : bool ~ Bernoulli(0.5)
var a : real ~ Normal(0, 1)
var b : real ~ Normal(2, 1)
for i in 0..<4: observe k[i] ~ Poisson(exp(b if late[i] else a))
"""


def test_finite_variables_beside_sites_are_summed():
    axis = np.linspace(-6, 7, 521)
    a, b = (one.ravel() for one in np.meshgrid(axis, axis, indexing="ij"))
    log = stats.norm.logpdf(a, 0, 1) + stats.norm.logpdf(b, 2, 1)
    parts = []
    for k in (1, 0, 6, 8):
        low, high = (stats.poisson.logpmf(k, np.exp(x)) - np.log(2) for x in (a, b))
        parts.append(high - np.logaddexp(low, high))
        log = log + np.logaddexp(low, high)
    log_z = float(np.logaddexp.reduce(log) + 2 * np.log(axis[1] - axis[0]))
    w = np.exp(log - np.logaddexp.reduce(log))
    model = gmlang.compile(SWITCHED)
    for query, wanted in (
        ("P(late[0])", w @ np.exp(parts[0])),
        ("P(late[2])", w @ np.exp(parts[2])),
        ("E(a)", w @ a),
        ("logZ()", log_z),
    ):
        answer = model.query(query)
        found = answer.array[1] if query.startswith("P") else answer.value
        assert answer.status == "estimate"
        assert found == pytest.approx(wanted, abs=0.02)


def test_an_unknown_scale_is_integrated_over():
    text = (
        "data y[3] : real = [0.3, -0.8, 2.0]\nvar m : real ~ Normal(0, 1)\n"
        "var s : real[0, inf] ~ Exponential(rate=1)\n"
        "for i in 0..<3: observe y[i] ~ StudentT(3, m, s)\n"
    )
    m = np.linspace(-6, 6, 481)[:, None]
    u = np.linspace(-7, 4, 881)[None, :]
    log = stats.norm.logpdf(m, 0, 1) - np.exp(u) + u
    for y in (0.3, -0.8, 2.0):
        log = log + stats.t.logpdf(y, 3, m, np.exp(u))
    w = np.exp(log - np.logaddexp.reduce(log.ravel()))
    model = gmlang.compile(text)
    for query, wanted in (("E(m)", np.sum(w * m)), ("E(s)", np.sum(w * np.exp(u)))):
        answer = model.query(query)
        assert abs(answer.value - wanted) <= max(4 * answer.error, 1e-3)


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("data y : bool = true\nobserve y ~ Bernoulli(logistic(f))", "GM373"),
        ("data k[2] : 0..9 = [0, 0]\nobserve k ~ Poisson(exp(f))", "GM373"),
        ("data k : 0..9 = 2\nobserve k ~ Bernoulli(logistic(f))", "GM430"),
        ("data k : 0..9 = 4\nobserve k ~ Binomial(3, logistic(f))", "GM430"),
        ("data y : real = 4\nobserve y ~ StudentT(-1, f, 1)", "GM430"),
        ("data k : 0..9 = 2\nobserve k ~ Poisson(f)", "GM601"),
        ("data k : 0..9 = 2\nobserve k ~ Poisson(exp(f * f))", "GM601"),
        ("data y : real = 4\nobserve y ~ StudentT(f, 1)", "GM371"),
        ("data y : real = 4\nobserve y ~ (Laplace(f, 1) if z else Normal(f, 1))", "GM601"),
    ],
)
def test_mistakes_are_told(says: str, code: str):
    text = f"var z : bool\nvar f : real\n{says}\nquery P(f)\n"
    with pytest.raises(gmlang.GmError) as caught:
        gmlang.compile(text).query("P(f)")
    assert caught.value.diagnostics[0].code == code


def test_flat_reals_beside_data_that_a_line_tells_apart_are_refused():
    data = "data x[4] : real = [-2, -1, 1, 2]\ndata y[4] : bool = [false, false, true, true]\n"
    law = "for i in 0..<4: observe y[i] ~ Bernoulli(logistic(a + b * x[i]))\n"
    with pytest.raises(gmlang.GmError, match="nothing says where"):
        gmlang.compile(f"{data}var a : real\nvar b : real\n{law}").query("P(b)")
    vague = f"{data}var a : real ~ Normal(0, 100)\nvar b : real ~ Normal(0, 100)\n{law}"
    assert gmlang.compile(vague).query("P(b > 0)").value > 0.99


MANY = """
data k[25] : 0..99 = {counts}
var x[25] : real ~ Normal(1, 1)
for i in 0..<25: observe k[i] ~ Poisson(exp(x[i]))
"""


def test_of_many_reals_with_one_site_each_the_moments_are_exact():
    counts = [(7 * i) % 11 for i in range(25)]
    axis = np.linspace(-7, 9, 3001)
    log_z, means = 0.0, []
    for k in counts:
        log = stats.norm.logpdf(axis, 1, 1) + stats.poisson.logpmf(k, np.exp(axis))
        log_z += float(np.logaddexp.reduce(log) + np.log(axis[1] - axis[0]))
        means.append(float(np.exp(log - np.logaddexp.reduce(log)) @ axis))
    model = gmlang.compile(MANY.format(counts=counts))
    answer = model.query("logZ()")
    assert answer.status == "estimate"
    assert answer.error is None
    assert "no error is known" in answer.note
    assert answer.value == pytest.approx(log_z, abs=1e-4)
    assert model.query("P(x)").array == pytest.approx(means, abs=1e-4)
    assert model.query("E(x[3] - x[4])").value == pytest.approx(means[3] - means[4], abs=1e-4)


@pytest.mark.parametrize("query", ["MAP()", "P(x)", "logZ()"])
def test_of_many_reals_what_is_not_understood_is_refused(query: str):
    text = MANY.format(counts=[0] * 25)
    if query != "MAP()":
        text = text.replace(" ~ Normal(1, 1)", "")
    with pytest.raises(gmlang.GmError):
        gmlang.compile(text).query(query)


def test_a_finite_variable_beside_many_reals_is_summed_and_its_belief_an_estimate():
    text = MANY.format(counts=[3] * 25).replace("exp(x[i])", "exp(x[i] + (1 if late else 0))")
    axis = np.linspace(-7, 9, 3001)
    prior = stats.norm.logpdf(axis, 1, 1) + np.log(axis[1] - axis[0])
    low, high = (
        25 * np.logaddexp.reduce(prior + stats.poisson.logpmf(3, np.exp(axis + add)))
        for add in (0.0, 1.0)
    )
    answer = gmlang.compile(f"var late : bool ~ Bernoulli(0.5)\n{text}").query("P(late)")
    assert answer.status == "estimate"
    assert answer.array[1] == pytest.approx(1 / (1 + np.exp(low - high)), abs=1e-4)
