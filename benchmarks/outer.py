"""Outer parameters on published posteriors: means and spreads beside posteriordb's references.

    python benchmarks/outer.py [POSTERIOR ...]

Reads ../shared/data/posteriors where it is there. Each model is a log density of arrays, as the
engine is handed one; nothing is said of where to start but draws of the proper priors. Seconds are
of the processor. An error of a mean is in posterior standard deviations, that of a spread the log
of its ratio.
"""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, gammaln, ndtri

from gmruntime.budget import start_budget
from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows, validate
from gmruntime.continuous.outer import Domain, Inside, integrate, integrate_mixed
from gmruntime.graph import FactorGraph

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "posteriors"
BUDGET_S = 2.0
SEEDS = 3


class Model(NamedTuple):
    """A posterior: its log density, its domain, its prior's inverse cdf, and what is compared."""

    log_density: Callable[[np.ndarray], np.ndarray]
    domain: Domain
    draw: Callable[[np.ndarray], np.ndarray] | None
    names: tuple[str, ...]
    asked: Callable[[np.ndarray], np.ndarray] | None = None


def normal(x, mean, sd):
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def half_cauchy(x, scale):
    return np.log(2 / np.pi / scale) - np.log1p((x / scale) ** 2)


def read(name):
    return {k: np.array(v) for k, v in json.loads((FOLDER / f"{name}.json").read_text()).items()}


def domain_of(size, positive=(), **bounds):
    lows, highs = np.full(size, -np.inf), np.full(size, np.inf)
    lows[list(positive)] = 0.0
    for name, (low, high) in bounds.items():
        if name != "ordered":
            lows[int(name[1:])], highs[int(name[1:])] = low, high
    return lows, highs


def regression(x, y, log_prior, draw, prefix="beta"):
    """A linear regression with unknown noise; its sums of squares are taken once."""
    squares, cross, own, n = x.T @ x, x.T @ y, y @ y, len(y)

    def log_density(theta):
        b, s = theta[:, :-1], theta[:, -1]
        rest = own - 2 * b @ cross + np.einsum("ni,ij,nj->n", b, squares, b)
        return log_prior(theta) - n * np.log(s) - 0.5 * rest / s**2 - n / 2 * np.log(2 * np.pi)

    k = x.shape[1]
    names = (*(f"{prefix}[{i + 1}]" for i in range(k)), "sigma")
    return Model(log_density, Domain(*domain_of(k + 1, (k,))), draw, names)


def eight_schools():
    """Mu and theta are summed in closed form at each tau; theta's means come back from there."""
    data = read("eight_schools")
    y, s = data["y"], data["sigma"]

    def inner(tau):
        v = s**2 + tau[:, None] ** 2
        precision = 1 / 25 + (1 / v).sum(1)
        mean = (y / v).sum(1) / precision
        return v, precision, mean

    def log_density(theta):
        v, precision, mean = inner(theta[:, 0])
        value = (-0.5 * np.log(2 * np.pi * v) - 0.5 * (y - mean[:, None]) ** 2 / v).sum(1)
        value += normal(mean, 0.0, 5.0) + 0.5 * np.log(2 * np.pi / precision)
        return value + half_cauchy(theta[:, 0], 5.0)

    def moments(theta):
        tau = theta[:, :1]
        v, precision, mean = inner(theta[:, 0])
        shrink = tau**2 / v
        means = mean[:, None] + shrink * (y - mean[:, None])
        variances = shrink * s**2 + (1 - shrink) ** 2 / precision[:, None]
        means = np.c_[means, mean, tau[:, 0]]
        return means, np.c_[variances, 1 / precision, 0 * tau[:, 0]] + means**2

    names = (*(f"theta[{j + 1}]" for j in range(8)), "mu", "tau")
    draw = lambda u: 5 * np.tan(np.pi / 2 * u)  # noqa: E731
    return Model(log_density, Domain(*domain_of(1, (0,))), draw, names, moments)


def kidiq():
    d = read("kidiq")
    x = np.c_[np.ones(len(d["kid_score"])), d["mom_hs"], d["mom_iq"]]

    def draw(u):
        return np.c_[np.full((len(u), 3), np.nan), 2.5 * np.tan(np.pi / 2 * u[:, 3])]

    return regression(x, d["kid_score"], lambda t: half_cauchy(t[:, -1], 2.5), draw)


def sblrc():
    d = read("sblrc")
    return regression(
        d["X"],
        d["y"],
        lambda t: normal(t, 0.0, 10.0).sum(1) + np.log(2.0),
        lambda u: np.c_[10 * ndtri(u[:, :-1]), 10 * ndtri(0.5 + u[:, -1:] / 2)],
    )


def ar_k():
    d = read("arK")
    y, k = d["y"], int(d["K"])
    x = np.c_[[np.r_[1.0, y[t - k : t][::-1]] for t in range(k, len(y))]]
    model = regression(
        x,
        y[k:],
        lambda t: normal(t[:, :-1], 0.0, 10.0).sum(1) + half_cauchy(t[:, -1], 2.5),
        lambda u: np.c_[10 * ndtri(u[:, :-1]), 2.5 * np.tan(np.pi / 2 * u[:, -1:])],
    )
    return model._replace(names=("alpha", *(f"beta[{i + 1}]" for i in range(k)), "sigma"))


def earnings():
    d = read("earnings")
    return regression(np.c_[np.ones(len(d["earn"])), d["height"]], d["earn"], lambda t: 0.0, None)


def mixture():
    y = read("low_dim_gauss_mix")["y"]

    def log_density(theta):
        mu, sd, share = theta[:, :2], theta[:, 2:4], theta[:, 4]
        z = (y - mu[:, :, None]) / sd[:, :, None]
        parts = -0.5 * z * z - np.log(sd)[:, :, None] - 0.5 * np.log(2 * np.pi)
        a, b = parts[:, 0] + np.log(share)[:, None], parts[:, 1] + np.log1p(-share)[:, None]
        prior = normal(mu, 0, 2).sum(1) + normal(sd, 0, 2).sum(1)
        prior += 4 * np.log(share * (1 - share)) - 2 * gammaln(5) + gammaln(10)
        return np.logaddexp(a, b).sum(1) + prior

    def draw(u):
        sd = 2 * ndtri(0.5 + u[:, 2:4] / 2)
        return np.c_[np.sort(2 * ndtri(u[:, :2]), axis=1), sd, betaincinv(5, 5, u[:, 4])]

    lows, highs = domain_of(5, (2, 3), _4=(0.0, 1.0))
    names = ("mu[1]", "mu[2]", "sigma[1]", "sigma[2]", "theta")
    return Model(log_density, Domain(lows, highs, ((0, 1),)), draw, names)


class Beside(NamedTuple):
    """A regression whose noise is the one parameter: all coefficients are integrated inside."""

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]
    prior_sd: float | None = None
    log_prior: Callable[[np.ndarray], np.ndarray] | None = None
    draw: Callable[[np.ndarray], np.ndarray] | None = None

    def inside(self):
        """Return the rows, and their numbers at settings of the noise."""
        n, k = self.x.shape
        every, root = np.arange(k, dtype=np.int32), 0.5 * np.log(2 * np.pi)
        looks = Rows(self.x, self.y, np.ones(n), np.zeros(n))
        blocks = [RealFactorBlock(looks, np.zeros((n, 0), np.int32), np.tile(every, (n, 1)))]
        if self.prior_sd is not None:
            log_scale = np.array([-np.log(self.prior_sd) - root])
            prior = Rows(np.ones((1, 1)), np.zeros(1), np.array([self.prior_sd**-2]), log_scale)
            blocks.append(RealFactorBlock(prior, np.zeros((k, 0), np.int32), every[:, None]))
        mixed = MixedGraph(FactorGraph((), ()), (RealBlock("beta", (k,)),), tuple(blocks))

        def rows_at(theta):
            looks = Rows(self.x[None], self.y[None], theta**-2.0, -np.log(theta) - root)
            return (looks, *(None for _ in blocks[1:]))

        return Inside(validate(mixed), rows_at, np.zeros(0, np.int32), np.full(k, np.nan))


def half_cauchy_draw(uniform):
    return 2.5 * np.tan(np.pi / 2 * uniform)


def kidiq_rows():
    d = read("kidiq")
    x = np.c_[np.ones(len(d["kid_score"])), d["mom_hs"], d["mom_iq"]].astype(float)
    names = ("beta[1]", "beta[2]", "beta[3]", "sigma")
    log_prior = lambda t: half_cauchy(t[:, 0], 2.5)  # noqa: E731
    return Beside(x, d["kid_score"].astype(float), names, None, log_prior, half_cauchy_draw)


def sblrc_rows():
    d = read("sblrc")
    names = (*(f"beta[{i + 1}]" for i in range(d["X"].shape[1])), "sigma")
    log_prior = lambda t: normal(t[:, 0], 0.0, 10.0) + np.log(2.0)  # noqa: E731
    return Beside(d["X"], d["y"], names, 10.0, log_prior, lambda u: 10 * ndtri(0.5 + u / 2))


def ar_k_rows():
    d = read("arK")
    y, k = d["y"], int(d["K"])
    x = np.c_[[np.r_[1.0, y[t - k : t][::-1]] for t in range(k, len(y))]]
    names = ("alpha", *(f"beta[{i + 1}]" for i in range(k)), "sigma")
    log_prior = lambda t: half_cauchy(t[:, 0], 2.5)  # noqa: E731
    return Beside(x, y[k:], names, 10.0, log_prior, half_cauchy_draw)


def earnings_rows():
    d = read("earnings")
    x = np.c_[np.ones(len(d["earn"])), d["height"]].astype(float)
    return Beside(x, d["earn"].astype(float), ("beta[1]", "beta[2]", "sigma"))


BESIDE = {
    "kidiq-kidscore_momhsiq": kidiq_rows,
    "sblrc-blr": sblrc_rows,
    "arK-arK": ar_k_rows,
    "earnings-earn_height": earnings_rows,
}
MODELS = {
    "eight_schools-eight_schools_noncentered": eight_schools,
    "kidiq-kidscore_momhsiq": kidiq,
    "sblrc-blr": sblrc,
    "arK-arK": ar_k,
    "earnings-earn_height": earnings,
    "low_dim_gauss_mix-low_dim_gauss_mix": mixture,
}


def reference(posterior):
    with (FOLDER / "reference.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["posterior"] == posterior]
    return {row["parameter"]: (float(row["mean"]), float(row["sd"])) for row in rows}


def tell(name, found, seconds, means, sds, names):
    truth = reference(name)
    off = [
        (abs(mean - truth[n][0]) / truth[n][1], abs(np.log(sd / truth[n][1])))
        for n, mean, sd in zip(names, means, sds, strict=True)
    ]
    worst = np.max(off, axis=0)
    print(
        f"{name.split('-')[0]:20}{seconds:7.2f}{found.num_evaluations:9d}"
        f"{found.ess:9.0f}{found.khat:7.2f}{worst[0]:10.4f}{worst[1]:8.4f}  "
        f"{'; '.join(found.notes)}",
        flush=True,
    )


def all_outside(name, seed):
    model = MODELS[name]()
    start = process_time()
    asked = model.asked and (lambda theta: model.asked(theta)[0])
    found = integrate(
        model.log_density,
        model.domain,
        draw=model.draw,
        asked=asked,
        budget=start_budget(BUDGET_S, 1 << 30, clock=process_time),
        rng=np.random.default_rng(seed),
    )
    seconds = process_time() - start
    means, squares = model.asked(found.points) if asked else (found.points, found.points**2)
    weights = np.exp(found.log_weights)
    means, squares = weights @ means, weights @ squares
    tell(name, found, seconds, means, np.sqrt(squares - means**2), model.names)


def rows_inside(name, seed):
    model = BESIDE[name]()
    start = process_time()
    budget = start_budget(BUDGET_S, 1 << 30, clock=process_time)
    found = integrate_mixed(
        model.inside(),
        Domain(np.zeros(1), np.full(1, np.inf)),
        draw=model.draw,
        log_prior=model.log_prior,
        budget=budget,
        rng=np.random.default_rng(seed),
        memory=1 << 30,
    )
    means, sds, _ = found.moments(budget)
    seconds = process_time() - start
    noise = found.points.belief(found.points.points[:, 0])
    means, sds = [*means, noise.mean().value], [*sds, noise.sd().value]
    tell(name, found.points, seconds, means, sds, model.names)


def main() -> None:
    if not FOLDER.exists():
        print(f"{FOLDER} is not here: nothing is measured")
        return
    heads = ("posterior", "s", "points", "ESS", "khat", "mean off", "sd off")
    print("{:20}{:>7}{:>9}{:>9}{:>7}{:>10}{:>8}".format(*heads))
    wanted = sys.argv[1:] or [""]
    for seed in range(SEEDS):
        for name in MODELS:
            if any(name.startswith(start) for start in wanted):
                all_outside(name, seed)
    print("coefficients inside, as rows:")
    rows_inside("earnings-earn_height", 0)  # loads the compiled loops
    for name in BESIDE:
        if any(name.startswith(start) for start in wanted):
            rows_inside(name, 0)


if __name__ == "__main__":
    main()
