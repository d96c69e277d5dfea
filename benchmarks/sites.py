"""Data that is not normal: skills from games, and a logit, beside packages that do these alone.

    python benchmarks/sites.py [PLAYERS/GAMES ...]

Skills: `trueskill` goes once through all games and keeps no more than what was before; we answer
for all games together. Logit: `statsmodels` finds the maximum and its curvature; we integrate. The
truth of the logit is a long importance sample. Seconds are of the processor, warm.
"""

# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

import sys
from time import process_time

import numpy as np

import gmlang

MU, SD, BETA = 25.0, 25.0 / 3.0, 25.0 / 6.0
SKILLS = """
data P = {players}
data winner[G] : 0..<P
data loser[G] : 0..<P
var skill[P] : real ~ Normal({mu}, {sd})
for g in 0..<G: observe skill[winner[g]] + Normal(0, {noise}) > skill[loser[g]]
"""
LOGIT = """
data y[N] : bool
data x[N, 3] : real
var a : real
var b[3] : real
for i in 0..<N:
    observe y[i] ~ Bernoulli(logistic(a + b[0] * x[i, 0] + b[1] * x[i, 1] + b[2] * x[i, 2]))
"""


def season(players, games, seed=1):
    rng = np.random.default_rng(seed)
    skill = MU + SD * rng.standard_normal(players)
    one = rng.integers(0, players, games)
    other = (one + 1 + rng.integers(0, players - 1, games)) % players
    noise = np.sqrt(2) * BETA * rng.standard_normal(games)
    wins = skill[one] - skill[other] + noise > 0
    return skill, np.where(wins, one, other), np.where(wins, other, one)


def told(name, seconds, means, sds, skill):
    rmse, spread = np.sqrt(np.mean((means - skill) ** 2)), np.std((means - skill) / sds)
    print(f"  {name:28s} {seconds:7.2f} s  rmse {rmse:.3f}  sd of z {spread:.2f}")


def skills(players, games):
    skill, winner, loser = season(players, games)
    print(f"{players} players, {games} games")
    text = SKILLS.format(players=players, mu=MU, sd=SD, noise=np.sqrt(2) * BETA)
    model = gmlang.compile(text).bind(winner=winner, loser=loser)
    model.query("E(skill[0])", budget_s=100)
    start = process_time()
    model.query("E(skill[1])", budget_s=100)
    seconds = process_time() - start
    found = model.query("P(skill)", budget_s=100)
    told("gmlang, all games together", seconds, found.array, found.beliefs.sd(), skill)
    try:
        import trueskill
    except ImportError:
        print("  trueskill is not installed")
        return
    env = trueskill.TrueSkill(draw_probability=0.0, tau=0.0)
    ratings = [env.create_rating() for _ in range(players)]
    start = process_time()
    for won, lost in zip(winner.tolist(), loser.tolist(), strict=True):
        ratings[won], ratings[lost] = trueskill.rate_1vs1(ratings[won], ratings[lost], env=env)
    seconds = process_time() - start
    means, sds = (np.array([getattr(r, name) for r in ratings]) for name in ("mu", "sigma"))
    told("trueskill, one pass", seconds, means, sds, skill)


def truth(x, y, centre, covariance, draws=200_000):
    """Return mean and sd by importance sampling from a wide normal distribution."""
    rng, sign = np.random.default_rng(0), 2.0 * y - 1.0
    root = 1.2 * np.linalg.cholesky(covariance)
    noise = rng.standard_normal((draws, len(centre)))
    points = centre + noise @ root.T
    logs = np.concatenate(
        [-np.logaddexp(0, -sign * (some @ x.T)).sum(axis=1) for some in np.array_split(points, 200)]
    )
    weights = np.exp(logs + 0.5 * (noise**2).sum(axis=1) - logs.max())
    weights /= weights.sum()
    mean = weights @ points
    return mean, np.sqrt(weights @ (points - mean) ** 2)


def logit(rows=3000):
    rng = np.random.default_rng(2)
    x = np.c_[np.ones(rows), rng.exponential(0.4, rows), rng.gamma(2, 0.8, rows), rng.random(rows)]
    y = rng.random(rows) < 1 / (1 + np.exp(-x @ [-0.2, -0.9, 0.47, 0.17]))
    model = gmlang.compile(LOGIT).bind(y=y, x=x[:, 1:])
    model.query("E(a)")
    start = process_time()
    slopes = model.query("P(b)")
    seconds = process_time() - start
    print(f"logit, {rows} rows, 4 flat coefficients")
    try:
        import statsmodels.api as sm
    except ImportError:
        print(f"  gmlang {seconds:.2f} s; statsmodels is not installed")
        return
    sm.Logit(y, x).fit(disp=0)
    start = process_time()
    fitted = sm.Logit(y, x).fit(disp=0)
    theirs = process_time() - start
    mean, sd = truth(x, y.astype(float), fitted.params, fitted.cov_params())
    for name, took, means in (
        ("gmlang", seconds, slopes.array),
        ("statsmodels, the maximum", theirs, fitted.params[1:]),
    ):
        off = np.abs(means - mean[1:]) / sd[1:]
        print(f"  {name:28s} {took:7.2f} s  means off by {off.max():.3f} posterior sds at most")


def main():
    for size in sys.argv[1:] or ["500/20000", "5000/200000"]:
        skills(*map(int, size.split("/")))
    logit()


if __name__ == "__main__":
    main()
