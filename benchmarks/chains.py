"""Hidden Markov models over long times, from the text of the program, beside hmmlearn.

    python benchmarks/chains.py [STEPS [STATES]]

Times are of the processor, all threads, loops compiled before; hmmlearn, where it is installed, has
its arrays already. The same steps one by one, and at once, through a filter.
"""

import sys
from collections.abc import Callable
from functools import partial
from resource import RUSAGE_SELF, getrusage
from time import process_time

import numpy as np

import gmlang

PROGRAM = """
data A[K, K] : real
data B[K, M] : real
data y[T] : 0..<M
var z[T] : 0..<K
var o[T] : 0..<M
z[0] ~ Uniform()
for t in 1..<T: z[t] ~ Categorical(A[z[t - 1]])
for t in 0..<T: o[t] ~ Categorical(B[z[t]])
observe o = y
"""
NUM_SYMBOLS = 8
QUESTIONS = ("logZ()", "P(z)", "MAP(z)")
PAGE_BYTES = 4096


def timed(what: Callable[[], object]) -> tuple[float, object]:
    """Return the seconds of the processor that something takes, and what it returns."""
    start_s = process_time()
    found = what()
    return process_time() - start_s, found


def main() -> None:
    """Ask for the evidence, all marginals and the best path, both ways."""
    num_steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    num_states = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    rng = np.random.default_rng(0)
    follow = rng.dirichlet(np.ones(num_states), num_states)
    shown = rng.dirichlet(np.ones(NUM_SYMBOLS), num_states)
    seen = rng.integers(0, NUM_SYMBOLS, num_steps)

    def opened(count: int) -> gmlang.Model:
        model = gmlang.compile(PROGRAM).bind(A=follow, B=shown, y=seen[:count])
        model.graph()
        return model

    warm = opened(2000)
    for question in QUESTIONS:
        warm.query(question, budget_s=120)
    opening_s, model = timed(lambda: opened(num_steps))
    assert isinstance(model, gmlang.Model)
    print(f"{num_steps} steps of {num_states} states: to the graph {opening_s:.2f} s")
    ours: list[tuple[float, object]] = []
    for question in QUESTIONS:
        taken_s, answer = timed(partial(model.query, question, budget_s=120))
        assert isinstance(answer, gmlang.Answer)
        print(f"{question}: {answer.status}, {taken_s:.2f} s, so far {peak_gb():.2f} GB at most")
        ours.append((taken_s, answer.value if question == "logZ()" else None))
    log_z = float(str(ours[0][1]))
    follow_it(gmlang.compile(PROGRAM).bind(A=follow, B=shown), seen, log_z)
    ask_peer(follow, shown, seen, log_z)


def ask_peer(follow: np.ndarray, shown: np.ndarray, seen: np.ndarray, log_z: float) -> None:
    """Ask hmmlearn the same, where it is installed."""
    try:
        from hmmlearn.hmm import CategoricalHMM
    except ImportError:
        print("hmmlearn is not installed")
        return
    peer = CategoricalHMM(len(follow), implementation="scaling")
    peer.startprob_ = np.full(len(follow), 1.0 / len(follow))
    peer.transmat_, peer.emissionprob_ = follow, shown
    asks = (peer.score, peer.predict_proba, peer.decode)
    times = [timed(partial(ask, seen[:, None])) for ask in asks]
    said = ", ".join(f"{taken_s:.2f} s" for taken_s, _ in times)
    print(f"hmmlearn: {said}; log Z apart by {abs(log_z - float(str(times[0][1]))):.1e}")


def follow_it(model: gmlang.Model, seen: np.ndarray, log_z: float) -> None:
    """Take all steps one by one, and all at once."""
    single, many = model.filter(ask="P(z[t])"), model.filter(ask="P(z[t])")
    values, begun = seen.tolist(), 1000
    for value in values[:begun]:
        single.step(y=value)
    many.update(y=seen[:begun])
    before = resident_mb()

    def step_by_step() -> None:
        for value in values[begun:]:
            single.step(y=value)

    single_s, _ = timed(step_by_step)
    grown = resident_mb() - before
    many_s, _ = timed(lambda: many.update(y=seen[begun:]))
    count = len(values) - begun
    print(
        f"filter: step {1e6 * single_s / count:.1f} us and {grown:+.1f} MB, "
        f"update {1e6 * many_s / count:.2f} us a step; "
        f"apart by {abs(single.total_log_loss + log_z):.1e}, {abs(many.log_z - log_z):.1e}"
    )


def peak_gb() -> float:
    """Return the most memory that was taken."""
    return getrusage(RUSAGE_SELF).ru_maxrss / 1e6


def resident_mb() -> float:
    """Return the memory that is taken now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE_BYTES / 1e6


if __name__ == "__main__":
    main()
