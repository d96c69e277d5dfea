"""Networks of reals with Gaussian noise, as mixed graphs."""

import numpy as np

from gmruntime.budget import UNLIMITED
from gmruntime.continuous.eliminating import Eliminated, eliminate_reals
from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows, validate
from gmruntime.elimination.passes.loading import load
from gmruntime.graph import FactorGraph


def normal(
    real_scopes: np.ndarray,
    coefficients: np.ndarray,
    offsets: np.ndarray,
    sds: np.ndarray,
    scopes: np.ndarray | None = None,
) -> RealFactorBlock:
    """Say that coefficients . x - offset is normal around 0, normalised.

    Arrays are as in `Rows`: tables, states of selectors, reals.
    """
    weights, logs = 1.0 / sds**2, -np.log(sds) - 0.5 * np.log(2.0 * np.pi)
    no_scopes = np.zeros((len(real_scopes), 0), np.int32)
    return RealFactorBlock(
        Rows(coefficients, offsets, weights, logs),
        no_scopes if scopes is None else scopes.astype(np.int32),
        real_scopes.astype(np.int32),
    )


def of_reals(num_reals: int, *blocks: RealFactorBlock) -> MixedGraph:
    """Return a graph without finite variables."""
    return validate(MixedGraph(FactorGraph((), ()), (RealBlock("x", (num_reals,)),), blocks))


def network(weights: np.ndarray, offsets: np.ndarray, sds: np.ndarray) -> MixedGraph:
    """Return reals each of which is drawn around a weighted sum of earlier ones.

    x[i] ~ Normal(offsets[i] + weights[i] . x, sds[i])
    """
    blocks: list[RealFactorBlock] = []
    for i in range(len(offsets)):
        parents = np.flatnonzero(weights[i])
        scope = np.concatenate([[i], parents])[None]
        coefficients = np.concatenate([[1.0], -weights[i, parents]])[None]
        blocks.append(normal(scope, coefficients, offsets[i : i + 1], sds[i : i + 1]))
    return of_reals(len(offsets), *blocks)


def eliminated(
    mixed: MixedGraph,
    evidence: np.ndarray | None = None,
    real_evidence: np.ndarray | None = None,
    together: tuple[np.ndarray, ...] = (),
) -> Eliminated:
    """Eliminate the reals in compiled loops, without haste; None observes nothing."""
    load()
    states = np.full(mixed.finite.num_variables, -1, np.int32) if evidence is None else evidence
    values = np.full(mixed.num_reals, np.nan) if real_evidence is None else real_evidence
    budget, memory = UNLIMITED, 1 << 30
    return eliminate_reals(mixed, states, values, together=together, budget=budget, memory=memory)


def smoothed(
    matrices: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    first: tuple[np.ndarray, np.ndarray],
    seen: np.ndarray,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Filter and smooth a chain, step by step.

    Args:
        matrices: F and Q of x[t] = F x[t-1] + noise, H and R of what is seen of it.
        first: mean and covariance of x[0].
        seen: one row a step.

    Returns:
        log Z, means and sds of all steps.

    Source: Rauch, Tung and Striebel (1965), "Maximum likelihood estimates of linear dynamic
    systems".
    """
    step, noise, look, blur = matrices
    mean, covariance = first
    ahead: list[tuple[np.ndarray, np.ndarray]] = []
    now: list[tuple[np.ndarray, np.ndarray]] = []
    log_z = 0.0
    for t, values in enumerate(seen):
        if t:
            mean, covariance = step @ mean, step @ covariance @ step.T + noise
        ahead.append((mean, covariance))
        spread = look @ covariance @ look.T + blur
        off = values - look @ mean
        gain = np.linalg.solve(spread, look @ covariance).T
        log_z -= 0.5 * (off @ np.linalg.solve(spread, off) + np.linalg.slogdet(spread)[1])
        log_z -= 0.5 * len(off) * np.log(2.0 * np.pi)
        keep = np.eye(len(mean)) - gain @ look
        mean, covariance = mean + gain @ off, keep @ covariance @ keep.T + gain @ blur @ gain.T
        now.append((mean, covariance))
    means, sds = np.zeros((len(seen), len(mean))), np.zeros((len(seen), len(mean)))
    for t in range(len(seen) - 1, -1, -1):
        if t + 1 < len(seen):
            back = np.linalg.solve(ahead[t + 1][1], step @ now[t][1]).T
            mean = now[t][0] + back @ (mean - ahead[t + 1][0])
            covariance = now[t][1] + back @ (covariance - ahead[t + 1][1]) @ back.T
        means[t], sds[t] = mean, np.sqrt(np.diagonal(covariance))
    return log_z, means, sds
