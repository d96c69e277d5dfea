"""Hidden Markov models beside hmmlearn, latent classes beside stepmix: the same data and starts.

    python benchmarks/learning_peers.py

Needs hmmlearn and stepmix. Times are of the processor, of all threads, loops compiled before.
"""

from time import process_time

import numpy as np

import gmlang
from gmlang.learning.compiled import objective_of
from gmlang.learning.course import learns_of
from gmlang.learning.methods.em import closed_form
from gmlang.learning.objective import Objective, Point
from gmlang.learning.problem import pose
from gmruntime.budget import UNLIMITED

HMM = """
data K = 5
data M = 12
data y[N, T] : 0..<M
param start[K] : simplex ~ Dirichlet(0)
param A[K, K] : simplex ~ Dirichlet(0)
param B[K, M] : simplex ~ Dirichlet(0)
var z[N, T] : 0..<K
var o[N, T] : 0..<M
for n in 0..<N: z[n, 0] ~ Categorical(start)
for n in 0..<N, t in 1..<T: z[n, t] ~ Categorical(A[z[n, t - 1]])
for n in 0..<N, t in 0..<T: o[n, t] ~ Categorical(B[z[n, t]])
observe o = y
learn start, A, B
"""
CLASSES = """
data seen : rows
param share[4] : simplex
param says[4, 12] : probability
var kind : 0..3 ~ Categorical(share)
var x[12] : bool
for k in 0..11: x[k] ~ Bernoulli(says[kind, k])
learn share, says from seen
"""
ROUNDS = 50
RESTARTS = 10


def sequences(rng: np.random.Generator) -> np.ndarray:
    """Draw 200 sequences of 100."""
    follow = 0.3 * rng.dirichlet(np.full(5, 0.5), 5) + 0.7 * np.eye(5)
    shown = rng.dirichlet(np.full(12, 0.3), 5)
    y = np.zeros((200, 100), np.int64)
    for row in y:
        z = rng.integers(5)
        for t in range(100):
            row[t] = rng.choice(12, p=shown[z])
            z = rng.choice(5, p=follow[z])
    return y


def objective(text: str, **data: object) -> Objective:
    model = gmlang.compile(text).bind(**data)
    program = model.checked.program
    what = learns_of(program, model.values)[0]
    problem = pose(program, model.values, what, None, np.random.default_rng(0), 1 << 30)
    return objective_of(problem, problem.rows, UNLIMITED, 0)


def climbed(found: Objective, numbers: np.ndarray) -> Point:
    """Do plain rounds of expectation and maximisation."""
    point = found.at(numbers, UNLIMITED)
    for _ in range(ROUNDS):
        point = found.at(closed_form(found, point), UNLIMITED)
    return point


def hidden_markov() -> None:
    from hmmlearn.hmm import CategoricalHMM

    rng = np.random.default_rng(0)
    y = sequences(rng)
    begin = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5), 5), rng.dirichlet(np.ones(12), 5)
    found = objective(HMM, y=y)
    numbers = np.concatenate([part.reshape(-1) for part in begin])
    found.at(numbers, UNLIMITED)
    start = process_time()
    point = climbed(found, numbers)
    mine = process_time() - start
    for kind in ("log", "scaling"):
        other = CategoricalHMM(5, n_iter=ROUNDS, tol=-np.inf, init_params="", implementation=kind)
        other.startprob_, other.transmat_, other.emissionprob_ = (part.copy() for part in begin)
        start = process_time()
        other.fit(y.reshape(-1, 1), [100] * 200)
        theirs = process_time() - start
        score = other.score(y.reshape(-1, 1), [100] * 200)
        print(
            f"hidden Markov, {ROUNDS} rounds: gmlang {mine:.2f} s, {point.log_likelihood:.4f}; "
            f"hmmlearn ({kind}) {theirs:.2f} s, {score:.4f}: {theirs / mine:.1f} times",
            flush=True,
        )


def latent_classes() -> None:
    from stepmix.stepmix import StepMix

    rng = np.random.default_rng(0)
    share, says = rng.dirichlet(np.full(4, 5.0)), rng.beta(0.7, 0.7, (4, 12))
    kind = rng.choice(4, 6000, p=share)
    x = (rng.random((6000, 12)) < says[kind]).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    used, held = x[:5000], x[5000:]
    model = gmlang.compile(CLASSES)
    model.learn(seen={"x": used}, restarts=1)
    start = process_time()
    learned = model.learn(seen={"x": used}, restarts=RESTARTS)
    mine = process_time() - start
    score = float(learned.model.log_likelihood(seen={"x": held}).mean())
    other = StepMix(4, n_init=RESTARTS, measurement="binary_nan", random_state=0, verbose=0)
    start = process_time()
    other.fit(used)
    theirs = process_time() - start
    print(
        f"latent classes, {RESTARTS} starts: gmlang {mine:.2f} s, held out {score:.4f}, "
        f"{learned.restarts.num_reached} starts reached the best; stepmix {theirs:.2f} s, "
        f"held out {other.score(held):.4f}: {theirs / mine:.1f} times",
        flush=True,
    )


if __name__ == "__main__":
    hidden_markov()
    latent_classes()
