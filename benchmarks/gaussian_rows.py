"""Joint reals: chains beside statsmodels, networks from bnlearn, borders of many states, steps.

    python benchmarks/gaussian_rows.py [chain STEPS | offset STEPS | steps STEPS]
    python benchmarks/gaussian_rows.py networks FOLDER | borders

Times are of the processor, all threads, loops compiled before. Everybody has its arrays already. A
network is a JSON file of its nodes and regressions, as pgmpy has them in `utils/example_models`.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import process_time
from typing import TypeVar

import numpy as np

from gmruntime.budget import start_budget
from gmruntime.continuous.eliminating import Eliminated, eliminate_reals
from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows, validate
from gmruntime.continuous.stepping import NOTHING_BELIEVED, GaussianBelief, GaussianStep
from gmruntime.graph import FactorGraph, VariableBlock

MEMORY_BYTES = 8 << 30
STEP = np.array([[1, 0, 0.1, 0], [0, 1, 0, 0.1], [0, 0, 1, 0], [0, 0, 0, 1.0]])
NOISE, BLUR = np.array([0.01, 0.01, 0.1, 0.1]), np.array([0.5, 0.5])
T = TypeVar("T")


def timed(what: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds of the processor that something takes, and what it returns."""
    start_s = process_time()
    found = what()
    return process_time() - start_s, found


def normal(
    real_scopes: np.ndarray,
    coefficients: np.ndarray,
    offsets: np.ndarray,
    sds: np.ndarray,
    scopes: np.ndarray | None = None,
) -> RealFactorBlock:
    """Say that coefficients . x - offset is normal around 0."""
    logs = -np.log(sds) - 0.5 * np.log(2.0 * np.pi)
    selectors = np.zeros((len(real_scopes), 0)) if scopes is None else scopes
    rows = Rows(coefficients, offsets, 1.0 / sds**2, logs)
    return RealFactorBlock(rows, selectors.astype(np.int32), real_scopes.astype(np.int32))


def eliminated(mixed: MixedGraph, values: np.ndarray | None = None) -> Eliminated:
    """Validate and eliminate; None observes no real."""
    mixed = validate(mixed)
    nothing = np.full(mixed.finite.num_variables, -1, np.int32)
    values = np.full(mixed.num_reals, np.nan) if values is None else values
    budget = start_budget(600.0, MEMORY_BYTES)
    return eliminate_reals(mixed, nothing, values, budget=budget, memory=MEMORY_BYTES)


def drawn_chain(num_steps: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw what is seen of a thing that moves, and where it is before that."""
    rng = np.random.default_rng(0)
    noise, blur = rng.standard_normal((num_steps, 4)), rng.standard_normal((num_steps, 2))
    noise[0] *= 10.0
    noise *= NOISE
    speeds = np.cumsum(noise[:, 2:], axis=0)
    moves = noise[:, :2].copy()
    moves[1:] += 0.1 * speeds[:-1]
    seen = np.cumsum(moves, axis=0) + BLUR * blur + shift
    return seen, np.array([shift, shift, 0.0, 0.0])


def chain(seen: np.ndarray, start: np.ndarray) -> MixedGraph:
    """Return the chain as rows: two coordinates and their speeds, the coordinates seen."""
    number = np.arange(4 * len(seen)).reshape(-1, 4)
    blocks = [normal(number[0][:, None], np.ones((1, 1)), start, 10.0 * NOISE)]
    for i in range(4):
        parents = np.flatnonzero(STEP[i])
        scopes = np.column_stack([number[1:, i], number[:-1][:, parents]])
        row = np.concatenate([[1.0], -STEP[i, parents]])[None]
        blocks.append(normal(scopes, row, np.zeros(1), NOISE[i : i + 1]))
    for i in range(2):
        blocks.append(normal(number[:, i : i + 1], np.ones((1, 1)), seen[:, i], BLUR[i : i + 1]))
    return MixedGraph(FactorGraph((), ()), (RealBlock("x", number.shape),), tuple(blocks))


def smooth_chain(num_steps: int, shift: float = 0.0) -> tuple[float, np.ndarray, np.ndarray]:
    """Return log Z, means and sds, and say how long that takes."""
    seen, start = drawn_chain(num_steps, shift)
    rows_s, mixed = timed(lambda: chain(seen, start))
    solving_s, found = timed(lambda: eliminated(mixed))
    (patch,) = found.patches
    beliefs_s, beliefs = timed(lambda: patch.all_beliefs(np.ones(())))
    log_z = float(patch.log_values)
    print(
        f"{num_steps} steps, shifted by {shift:g}: rows {rows_s:.2f} s, log Z and means "
        f"{solving_s:.2f} s, all sds {beliefs_s:.2f} s; log Z {log_z:.6f}; "
        f"{getrusage(RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB at most"
    )
    return log_z, beliefs.mean(), beliefs.sd()


def ask_peer(num_steps: int, log_z: float, mean: np.ndarray, sd: np.ndarray) -> None:
    """Smooth the same with statsmodels, where it is installed."""
    try:
        from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother
    except ImportError:
        print("statsmodels is not installed")
        return
    seen, start = drawn_chain(num_steps, 0.0)
    peer = KalmanSmoother(k_endog=2, k_states=4, k_posdef=4)
    peer.bind(np.ascontiguousarray(seen))
    peer["design"], peer["transition"], peer["selection"] = np.eye(4)[:2], STEP, np.eye(4)
    peer["state_cov"], peer["obs_cov"] = np.diag(NOISE**2), np.diag(BLUR**2)
    peer.initialize_known(start, np.diag((10.0 * NOISE) ** 2))
    taken_s, found = timed(peer.smooth)
    sds = np.sqrt(np.diagonal(found.smoothed_state_cov.transpose(2, 0, 1), axis1=1, axis2=2))
    print(
        f"statsmodels: {taken_s:.2f} s; apart: log Z {abs(found.llf - log_z):.1e}, means "
        f"{np.abs(found.smoothed_state.T.ravel() - mean).max():.1e}, "
        f"sds {np.abs(sds.ravel() / sd - 1.0).max():.1e} of themselves"
    )


def ask_networks(folder: Path) -> None:
    """Observe a third of each network, twenty times, and compare with dense matrices."""
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        index = {str(name): k for k, name in enumerate(told["nodes"])}
        count = len(index)
        weights, offsets, sds = np.zeros((count, count)), np.zeros(count), np.zeros(count)
        for name, cpd in told["cpds"].items():
            sds[index[name]] = np.sqrt(np.ravel(cpd["variance"])[0])
            for parent, value in cpd["coefficients"].items():
                number = float(np.ravel(value)[0])
                if parent == "(Intercept)":
                    offsets[index[name]] = number
                else:
                    weights[index[name], index[parent]] = number
        times, worst = [], 0.0
        for seed in range(20):
            taken_s, off = _compared(weights, offsets, sds, np.random.default_rng(seed))
            times.append(taken_s)
            worst = max(worst, off)
        print(
            f"{path.stem}: {count} reals, {1e3 * np.median(times):.1f} ms, {1e3 * max(times):.1f} "
            f"at most; off by {worst:.1e} at most"
        )


def _compared(
    weights: np.ndarray, offsets: np.ndarray, sds: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the seconds for log Z, means and sds of the hidden ones, and what they are off by."""
    count = len(offsets)
    whole = np.linalg.inv(np.eye(count) - weights)
    mean, covariance = whole @ offsets, whole @ np.diag(sds**2) @ whole.T
    draw = whole @ (offsets + sds * rng.normal(size=count))
    seen = rng.choice(count, count // 3, replace=False)
    hidden = np.setdiff1d(np.arange(count), seen)
    spread, off = covariance[np.ix_(seen, seen)], draw[seen] - mean[seen]
    across = np.linalg.solve(spread, covariance[np.ix_(seen, hidden)]).T
    log_z = -0.5 * (len(seen) * np.log(2 * np.pi) + np.linalg.slogdet(spread)[1])
    log_z -= 0.5 * off @ np.linalg.solve(spread, off)
    left = np.diagonal(covariance)[hidden] - (across * covariance[np.ix_(hidden, seen)]).sum(axis=1)
    blocks: list[RealFactorBlock] = []
    for i in range(count):
        parents = np.flatnonzero(weights[i])
        row = np.concatenate([[1.0], -weights[i, parents]])[None]
        scope = np.concatenate([[i], parents])[None]
        blocks.append(normal(scope, row, offsets[i : i + 1], sds[i : i + 1]))
    mixed = MixedGraph(FactorGraph((), ()), (RealBlock("x", (count,)),), tuple(blocks))
    values = np.full(count, np.nan)
    values[seen] = draw[seen]

    def ask() -> tuple[float, np.ndarray, np.ndarray]:
        found = eliminated(mixed, values)
        beliefs = found.patches[0].all_beliefs(np.ones(()))
        total = sum(float(block.kind.log_tables(()).sum()) for block in found.graph.factors)
        return total, beliefs.mean(), beliefs.sd()

    taken_s, (ours, means, errors) = timed(ask)
    expected = mean[hidden] + across @ off
    differences = [abs(ours - log_z), np.abs(means - expected).max()]
    return taken_s, max(*differences, np.abs(errors**2 / left - 1.0).max())


def ask_borders() -> None:
    """Integrate a chain in each state of sixteen booleans, and believe each real."""
    for num_reals in (17, 200, 1000):
        rng = np.random.default_rng(0)
        finite = FactorGraph((VariableBlock("z", (16,), 2),), ())
        every = np.arange(num_reals)
        walk = normal(
            np.column_stack([every[1:], every[:-1]]),
            np.array([[[1.0, -0.99], [1.0, -0.9]]]),
            np.zeros((1, 1)),
            np.array([[0.05, 1.0]]),
            (every[:-1] * 16 // (num_reals - 1))[:, None],
        )
        looks = normal(every[:, None], np.ones((1, 1)), rng.normal(size=num_reals), np.ones(1))
        mixed = MixedGraph(finite, (RealBlock("x", (num_reals,)),), (walk, looks))
        solving_s, found = timed(lambda mixed=mixed: eliminated(mixed))
        (patch,) = found.patches
        weights = np.exp(patch.log_values - patch.log_values.max())
        where = np.array([num_reals // 2])
        belief_s, _ = timed(
            lambda patch=patch, weights=weights, where=where: patch.belief(
                weights, np.ones(1), reals=where
            )
        )
        print(
            f"2**16 states, {num_reals} reals: log Z {solving_s:.2f} s, a belief {belief_s:.2f} s"
        )


def follow(num_steps: int) -> None:
    """Take the steps of a chain one by one, and compare with all at once."""
    seen, _ = drawn_chain(num_steps, 0.0)
    looks, still = np.eye(4)[:2], np.zeros((2, 4))
    offsets = np.concatenate([np.zeros((num_steps, 4)), seen], axis=1)

    def rows(coefficients: np.ndarray, sds: np.ndarray, num_gone: int) -> GaussianStep:
        logs = -np.log(sds) - 0.5 * np.log(2.0 * np.pi)
        return GaussianStep(coefficients, 1.0 / sds**2, logs, num_gone)

    first = rows(np.vstack([np.eye(4), looks]), np.concatenate([10.0 * NOISE, BLUR]), 0)
    moves = np.block([[-STEP, np.eye(4)], [still, looks]])
    step = rows(moves, np.concatenate([NOISE, BLUR]), 4)

    def run() -> GaussianBelief:
        belief = first.after(NOTHING_BELIEVED, offsets[0])
        for line in offsets[1:]:
            belief = step.after(belief, line)
        return belief

    first.after(NOTHING_BELIEVED, offsets[0])
    taken_s, belief = timed(run)
    log_z, mean, _ = smooth_chain(num_steps)
    print(
        f"{1e6 * taken_s / num_steps:.1f} us a step; apart: log Z {abs(belief.log_z - log_z):.1e}, "
        f"means {np.abs(belief.mean() - mean[-4:]).max():.1e}"
    )


def main() -> None:
    """Do what is asked for, or a chain."""
    what, *rest = sys.argv[1:] or ["chain", "100000"]
    if what == "networks":
        ask_networks(Path(rest[0]))
    elif what == "borders":
        ask_borders()
    elif what == "steps":
        follow(int(rest[0]))
    else:
        num_steps = int(rest[0])
        smooth_chain(100)
        log_z, mean, sd = smooth_chain(num_steps)
        if what == "offset":
            shifted, moved, _ = smooth_chain(num_steps, 1e6)
            apart = np.abs(moved - mean - np.tile([1e6, 1e6, 0.0, 0.0], num_steps)).max()
            print(f"apart: log Z {abs(shifted - log_z):.1e}, means {apart:.1e}")
        else:
            ask_peer(num_steps, log_z, mean, sd)


if __name__ == "__main__":
    main()
