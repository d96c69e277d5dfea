"""Every assignment written out: what the answers of a small graph are, beyond doubt."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.graph import Assignment, FactorGraph, GraphError, log_score, num_states
from gmruntime.quality import Quality, Status

NUM_ASSIGNMENTS_MAX = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Enumeration:
    """Every assignment of a graph that agrees with the evidence, and its score."""

    graph: FactorGraph
    assignments: Int32[np.ndarray, "rows variables"]
    log_scores: Float64[np.ndarray, " rows"]

    def quality(self) -> Quality:
        """Return the quality of what is read off."""
        possible = self.log_scores.max(initial=-np.inf) > -np.inf
        return Quality(Status.EXACT if possible else Status.IMPOSSIBLE, "enumeration", 0.0)

    def probabilities(self) -> Float64[np.ndarray, " rows"]:
        """Return p(x | e) of every assignment; NaN when none is possible."""
        with np.errstate(invalid="ignore"):
            weights = np.exp(self.log_scores - log_partition(self))
            return weights / weights.sum()


def num_assignments(graph: FactorGraph, evidence: Assignment) -> float:
    """Return how many assignments agree with the evidence; inf beyond what float64 holds."""
    with np.errstate(over="ignore"):
        return float(np.prod(num_states(graph)[evidence < 0], dtype=float))


def enumerate_assignments(graph: FactorGraph, evidence: Assignment) -> Enumeration:
    """Score every assignment that agrees with the evidence.

    Raises:
        GraphError: when there are more than 2^22.
    """
    states = num_states(graph)
    choices = [
        np.arange(states[v]) if evidence[v] < 0 else evidence[v : v + 1]
        for v in range(graph.num_variables)
    ]
    size = num_assignments(graph, evidence)
    if size > NUM_ASSIGNMENTS_MAX:
        raise GraphError(f"{size:.0f} assignments are too many to enumerate")
    rows = np.zeros((1, 0), np.int32)
    for choice in choices:
        left = np.repeat(rows, len(choice), axis=0)
        right = np.tile(choice.astype(np.int32), len(rows))[:, None]
        rows = np.concatenate([left, right], axis=1)
    return Enumeration(graph, rows, log_score(graph, rows))


def log_sum(log_values: Float64[np.ndarray, " rows"]) -> float:
    """Add numbers given as logs; -inf when there are none."""
    top = float(log_values.max(initial=-np.inf))
    if top == -np.inf:
        return top
    return top + float(np.log(np.exp(log_values - top).sum()))


def log_partition(found: Enumeration) -> float:
    """Return log Z."""
    return log_sum(found.log_scores)


def marginal(found: Enumeration, variable: int, states: int) -> Float64[np.ndarray, " states"]:
    """Return P(x_variable); NaN when Z = 0."""
    log_z = log_partition(found)
    with np.errstate(invalid="ignore"):
        weights = np.exp(found.log_scores - log_z)
    return np.bincount(found.assignments[:, variable], weights, minlength=states)[:states]
