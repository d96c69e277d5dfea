"""Weights of an 8 x 8 field by the exact gradient, pseudo-likelihood and chains; counting classes.

    python benchmarks/learning_ising.py [field] [classes]

`field`: 176 weights from 2000 pictures drawn from known ones, held-out score and distance from the
truth, the first exact whatever the method. `classes`: variational bounds of 1 to 8 latent classes
for ten data sets of four: how often four have the highest, and
whether held-out scores fall with too many. Times are of the processor, of all threads, loops
compiled before; standard errors are part of all of them.
"""

import sys
from time import process_time

import numpy as np

import gmlang

FIELD = """
data pictures : rows
param field[8, 8] : real ~ Normal(0, 1)
param down[7, 8] : real ~ Normal(0, 1)
param right[8, 7] : real ~ Normal(0, 1)
var x[8, 8] : bool
for i in 0..<8, j in 0..<8: prefer x[i, j] weight field[i, j]
for i in 0..<7, j in 0..<8: prefer x[i, j] == x[i + 1, j] weight down[i, j]
for i in 0..<8, j in 0..<7: prefer x[i, j] == x[i, j + 1] weight right[i, j]
learn field, down, right from pictures
"""
CLASSES = """
data seen : rows
data K = 4
param share[K] : simplex
param says[K, 15] : probability
var kind : 0..<K ~ Categorical(share)
var x[15] : bool
for d in 0..14: x[d] ~ Bernoulli(says[kind, d])
learn share, says from seen
"""
METHODS = ("gradient", "pseudo", "cd(1)", "cd(5)")
NUM_ROWS, NUM_HELD_OUT = 2000, 2000
SEEDS, RESTARTS = 10, 6


def pictures(values: dict[str, np.ndarray], count: int, seed: int) -> np.ndarray:
    """Draw pictures from a field, exactly."""
    model = gmlang.compile(FIELD).bind(**values)
    rows = model.query(f"sample({count})", seed=seed, budget_s=120).value
    assert isinstance(rows, list)
    return np.array([np.array(row["x"]) == "true" for row in rows])


def field() -> None:
    # A bond between spins of -1 and 1 of weight J is worth 2 J more where they are equal.
    rng = np.random.default_rng(0)
    truth = {
        "down": 2.0 * rng.normal(0.0, 0.5, (7, 8)),
        "right": 2.0 * rng.normal(0.0, 0.5, (8, 7)),
        "field": 2.0 * rng.normal(0.0, 0.3, (8, 8)),
    }
    x = pictures(truth, NUM_ROWS + NUM_HELD_OUT, 1)
    used, held = {"x": x[:NUM_ROWS]}, {"x": x[NUM_ROWS:]}
    model = gmlang.compile(FIELD)
    score = model.bind(**truth).log_likelihood(pictures=held).mean()
    print(f"the truth itself: held out {score:.4f} nats a picture", flush=True)
    for method in METHODS:
        model.learn(pictures={"x": x[:50]}, method=method)
    for method in METHODS:
        start = process_time()
        learned = model.learn(pictures=used, method=method, budget_s=300)
        seconds = process_time() - start
        score = learned.model.log_likelihood(pictures=held).mean()
        away = np.concatenate([(learned.values[n] - truth[n]).reshape(-1) for n in truth])
        errors = np.concatenate([learned.errors[n].reshape(-1) for n in truth])
        inside = np.mean(np.abs(away) < 1.96 * errors)
        noise = "" if learned.noise is None else f", ± {learned.noise:.3f} by chance"
        print(
            f"{method}: {seconds:.2f} s, {learned.rounds} rounds, {learned.status}{noise}; "
            f"held out {score:.4f}, off by {np.sqrt((away**2).mean()):.4f} (root mean square), "
            f"{inside:.1%} within their 95 %",
            flush=True,
        )


def classes() -> None:
    found: list[int] = []
    start = process_time()
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        share, says = np.array([0.4, 0.3, 0.2, 0.1]), rng.beta(0.7, 0.7, (4, 15))
        x = (rng.random((2400, 15)) < says[rng.choice(4, 2400, p=share)]).astype(int)
        used, held = {"x": x[:400]}, {"x": x[400:]}
        model = gmlang.compile(CLASSES)
        bounds: list[float] = []
        scores: dict[str, list[float]] = {"variational": [], "em": []}
        for k in range(1, 9):
            for method in scores:
                if method == "em" and (seed or k < 4):
                    continue
                learned = model.bind(K=k).learn(seen=used, method=method, restarts=RESTARTS)
                scores[method].append(learned.model.log_likelihood(seen=held).mean())
                if learned.bound is not None:
                    bounds.append(learned.bound)
        found.append(1 + int(np.argmax(bounds)))
        shown = " ".join(f"{bound:.1f}" for bound in bounds)
        print(f"seed {seed}: {found[-1]} classes; bounds {shown}", flush=True)
        if not seed:
            for method, own in scores.items():
                shown = " ".join(f"{one:.3f}" for one in own[-5:])
                print(f"  held out, 4 to 8 classes, {method}: {shown}", flush=True)
    seconds = process_time() - start
    print(f"{found.count(4)} of {SEEDS} data sets have four; {seconds:.1f} s in all")


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["field", "classes"]
    if "field" in wanted:
        field()
    if "classes" in wanted:
        classes()
