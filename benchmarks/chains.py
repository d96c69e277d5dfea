"""Hidden Markov models over long times, from the text of the program, beside hmmlearn.

    python benchmarks/chains.py [STEPS [STATES]]

Times are of the processor, all threads, loops compiled before; hmmlearn has its arrays already.
"""

import sys
from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage
from time import process_time

import numpy as np
from hmmlearn.hmm import CategoricalHMM

import gmlang

PROGRAM = """
data A[K, K] : real
data B[K, M] : real
data y[T] : 0..<M
var z[T] : 0..<K
var o[T] : 0..<M
z[0] ~ Uniform()
for t in 1..<T: z[t] ~ Categorical([A[z[t - 1], k] for k in 0..<K])
for t in 0..<T: o[t] ~ Categorical([B[z[t], m] for m in 0..<M])
observe o = y
"""
NUM_SYMBOLS = 8


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
    sizes = f"data K = {num_states}\ndata M = {NUM_SYMBOLS}\n"

    def opened(count: int) -> gmlang.Model:
        text = f"{sizes}data T = {count}\n{PROGRAM}"
        model = gmlang.compile(text).bind(A=follow, B=shown, y=seen[:count])
        model.graph()
        return model

    warm = opened(2000)
    for question in ("logZ()", "P(z)", "MAP(z)"):
        warm.query(question, budget_s=120)
    opening_s, model = timed(lambda: opened(num_steps))
    assert isinstance(model, gmlang.Model)
    peer = CategoricalHMM(num_states, implementation="scaling")
    peer.startprob_ = np.full(num_states, 1.0 / num_states)
    peer.transmat_, peer.emissionprob_ = follow, shown
    column = seen[:, None]
    print(f"{num_steps} steps of {num_states} states: to the graph {opening_s:.2f} s")
    for question, theirs in (
        ("logZ()", lambda: peer.score(column)),
        ("P(z)", lambda: peer.predict_proba(column)),
        ("MAP(z)", lambda: peer.decode(column)),
    ):
        ours_s, answer = timed(lambda: model.query(question, budget_s=120))  # noqa: B023
        theirs_s, found = timed(theirs)
        assert isinstance(answer, gmlang.Answer)
        print(f"{question}: {answer.status}, {ours_s:.2f} s; hmmlearn {theirs_s:.2f} s", end="")
        if question == "logZ()":
            print(f"; apart by {abs(answer.value - found):.1e}", end="")  # pyright: ignore
        print()
    print(f"{getrusage(RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB at most")


if __name__ == "__main__":
    main()
