"""Small programs with reals that laws depend on, and what holds in them by sums of their own.

Nothing of the product is used: each real is summed over thousands of nodes on a scale without ends,
finite variables one by one.
"""

# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false
# pyright: reportArgumentType=false

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import stats
from scipy.special import logsumexp, xlog1py


@dataclass(frozen=True)
class Real:
    """A real: how it is declared, its density, and its scale."""

    declared: str
    log_density: Callable[[np.ndarray], np.ndarray]
    scale: str
    is_concave: bool = True

    def points(self, kinks: list[float]) -> tuple[np.ndarray, np.ndarray]:
        """Return points, and logs of weights; no panel goes over a kink."""
        edges = np.linspace(*{"log": (-45, 75), "logit": (-45, 36)}.get(self.scale, (-34, 34)), 401)
        where = np.array([0.0, 1.0, *kinks])
        if self.scale == "itself":
            edges = np.union1d(edges, np.arcsinh(where))
        nodes, weights = np.polynomial.legendre.leggauss(20)
        halves = np.diff(edges) / 2
        t = (edges[:-1, None] + halves[:, None] * (1 + nodes)).reshape(-1)
        match self.scale:
            case "log":
                x, stretch = np.exp(t), t
            case "logit":
                x, stretch = 1 / (1 + np.exp(-t)), -np.abs(t) - 2 * np.log1p(np.exp(-np.abs(t)))
            case _:
                x, stretch = np.sinh(t), np.log(np.cosh(t))
        found = stretch + np.log((halves[:, None] * weights).reshape(-1)) + self.log_density(x)
        return x, found


def real_of(kind: str) -> Real:
    """Return a real by the name of its law."""
    return {
        "rate1": Real("real[0, inf] ~ Exponential(rate=1)", stats.expon().logpdf, "log"),
        "rate2": Real(
            "real[0, inf] ~ Gamma(0.6, rate=0.5)", stats.gamma(0.6, scale=2).logpdf, "log"
        ),
        "rate3": Real("real[0, inf] ~ LogNormal(0, 1)", stats.lognorm(1).logpdf, "log"),
        "rate4": Real("real[0, inf] ~ Cauchy(0, 2)", stats.halfcauchy(scale=2).logpdf, "log"),
        "rate5": Real("real[0, inf] ~ InverseGamma(2, 1)", stats.invgamma(2).logpdf, "log"),
        "rate6": Real("real[0, inf] ~ Normal(1, 2)", _normal_above_0, "log", is_concave=False),
        "share1": Real("real[0, 1] ~ Beta(2, 3)", stats.beta(2, 3).logpdf, "logit"),
        "share2": Real("real[0, 1] ~ Beta(0.5, 0.5)", stats.beta(0.5, 0.5).logpdf, "logit"),
        "share3": Real("real[0, 1] ~ Uniform()", stats.uniform().logpdf, "logit"),
        "mean1": Real("real ~ Laplace(0, 1)", stats.laplace().logpdf, "itself"),
        "mean2": Real("real ~ Logistic(1, 1)", stats.logistic(1).logpdf, "itself"),
        "mean3": Real("real ~ Cauchy(0, 1)", stats.cauchy().logpdf, "itself", is_concave=False),
    }[kind]


def _normal_above_0(x: np.ndarray) -> np.ndarray:
    return stats.norm(1, 2).logpdf(x) - np.log(stats.norm(1, 2).sf(0))


Law = tuple[str, Callable[[np.ndarray, float], np.ndarray]]
"""How a law is written of a real, `{}`, and the log of it at points for data."""


def laws_of(kind: str) -> list[tuple[Law, Callable[[np.random.Generator], float], str]]:
    """List laws of data for a real: each with what draws data, and the domain of that."""
    counts = lambda rng: float(rng.poisson(2))  # noqa: E731
    if kind.startswith("rate"):
        return [
            (("Poisson({})", lambda x, k: stats.poisson(x).logpmf(k)), counts, "0..60"),
            (("Poisson(2.5 * {})", lambda x, k: stats.poisson(2.5 * x).logpmf(k)), counts, "0..60"),
            (
                ("Exponential(rate={})", lambda x, y: np.log(x) - x * y),
                lambda rng: round(float(rng.exponential()), 2),
                "real",
            ),
            (
                ("Normal(0.5, {})", lambda x, y: stats.norm(0.5, x).logpdf(y)),
                lambda rng: round(float(rng.normal()), 2),
                "real",
            ),
            (
                ("Gamma(2, mean={})", lambda x, y: stats.gamma(2, scale=x / 2).logpdf(y)),
                lambda rng: round(float(rng.gamma(2)), 2) + 0.01,
                "real",
            ),
        ]
    if kind.startswith("share"):
        return [
            (
                ("Bernoulli({})", lambda x, k: np.where(k > 0, np.log(x), np.log1p(-x))),
                lambda rng: float(rng.integers(2)),
                "0..1",
            ),
            (
                ("Bernoulli(1 - {})", lambda x, k: np.where(k > 0, np.log1p(-x), np.log(x))),
                lambda rng: float(rng.integers(2)),
                "0..1",
            ),
            (
                ("Binomial(7, {})", lambda x, k: stats.binom(7, x).logpmf(k)),
                lambda rng: float(rng.integers(8)),
                "0..7",
            ),
            (("Geometric({})", lambda x, k: xlog1py(k, -x) + np.log(x)), counts, "0..60"),
        ]
    return [
        (
            ("Laplace({}, 0.7)", lambda x, y: stats.laplace(x, 0.7).logpdf(y)),
            lambda rng: round(float(rng.normal()), 2),
            "real",
        ),
        (
            ("Poisson(exp(0.5 * {}))", lambda x, k: _poisson_exp(0.5 * x, k)),
            counts,
            "0..60",
        ),
        (
            ("Bernoulli(logistic({} - 1))", lambda x, k: _bernoulli_logistic(x - 1, k)),
            lambda rng: float(rng.integers(2)),
            "0..1",
        ),
    ]


def _poisson_exp(eta: np.ndarray, k: float) -> np.ndarray:
    with np.errstate(over="ignore"):
        return k * eta - np.exp(eta) - float(np.log(np.arange(1, k + 1)).sum())


def _bernoulli_logistic(eta: np.ndarray, k: float) -> np.ndarray:
    return -np.logaddexp(0, -eta if k else eta)


@dataclass(frozen=True)
class Made:
    """A program, and what holds in it."""

    text: str
    log_z: float
    p: np.ndarray
    mean: float
    is_concave: bool


def made(seed: int) -> Made:
    """Make a program with two reals of one kind, a selector, and a hidden state for each datum."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(["rate", "share", "mean"]))
    counts = {"rate": 6, "share": 3, "mean": 3}
    names = [f"{kind}{rng.integers(counts[kind]) + 1}" for _ in range(2)]
    reals = [real_of(name) for name in names]
    options = laws_of(kind)
    (form, law), draw, domain = options[int(rng.integers(len(options)))]
    count = int(rng.integers(2, 7))
    data = [draw(rng) for _ in range(count)]
    shape = str(rng.choice(["change", "switch", "hidden"]))
    shown = [f"{v:g}" for v in data]
    lines = [f"data y[N] : {domain} = [{', '.join(shown)}]"]
    lines += [f"var {name} : {real.declared}" for name, real in zip("ab", reals, strict=True)]
    if shape == "change":
        lines += [f"var s : 0..<{count} ~ Uniform()"]
        lines += [f"for i in 0..<N: observe y[i] ~ {form.format('(a if i < s else b)')}"]
        states = [(np.log(1 / count), [k < s for k in range(count)]) for s in range(count)]
    elif shape == "switch":
        lines += ["var s : 0..1 ~ Categorical([0.3, 0.7])"]
        lines += ["for i in 0..<N:", f"    observe y[i] ~ {form.format('a')} if s == 0 else "
                  f"{form.format('b')}"]  # fmt: skip
        states = [(np.log((0.3, 0.7)[s]), [s == 0] * count) for s in range(2)]
    else:
        lines += ["var h[N] : bool ~ Bernoulli(0.4)", "var s : 0..1 := 1 if h[0] else 0"]
        lines += [f"for i in 0..<N: observe y[i] ~ {form.format('(a if h[i] else b)')}"]
        states = [
            (sum(np.log(0.4 if one else 0.6) for one in own), list(own))
            for own in product((False, True), repeat=count)
        ]
    looks = [real.points(data) for real in reals]
    each = [[law(x, y) for y in data] for x, _ in looks]
    logs, means = [], []
    for log_p, firsts in states:
        total = log_p
        for k, (x, weights) in enumerate(looks):
            own = [each[k][i] for i in range(count) if firsts[i] == (k == 0)]
            with np.errstate(all="ignore"):
                density = weights + sum(own, np.zeros(len(x)))
            total += logsumexp(density)
            if k == 0:
                means.append(float(np.exp(density - logsumexp(density)) @ x))
        logs.append(total)
    log_z = float(logsumexp(logs))
    chances = np.exp(np.array(logs) - log_z)
    if shape == "hidden":
        first = np.array([own[0] for _, own in states])
        p = np.array([chances[~first].sum(), chances[first].sum()])
    else:
        p = chances
    return Made(
        "\n".join(lines) + "\n",
        log_z,
        p,
        float(chances @ np.array(means)),
        all(real.is_concave for real in reals),
    )
