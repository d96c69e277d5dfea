"""Couplings: how what chance makes of a variable in one world goes with the other world's.

A mechanism says of each world alone what is how probable. Of both together it says that they agree
where the parents do; the rest is a choice.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from gmruntime.arrays import Float64

Rows = Float64[np.ndarray, "rows states"]
Pairs = Float64[np.ndarray, "rows rows states states"]


def monotone(rows: Rows) -> Pairs:
    """Couple by quantiles: the same share of luck in both worlds, states in their order.

    >>> monotone(np.array([[0.5, 0.5], [0.2, 0.8]]))[0, 1].round(3).tolist()
    [[0.2, 0.3], [0.0, 0.5]]
    """
    ends = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)], axis=1)
    low = np.maximum(ends[:, None, :-1, None], ends[None, :, None, :-1])
    high = np.minimum(ends[:, None, 1:, None], ends[None, :, None, 1:])
    return np.maximum(0.0, high - low)


def independent(rows: Rows) -> Pairs:
    """Couple by nothing: luck is drawn anew where the parents differ."""
    return rows[:, None, :, None] * rows[None, :, None, :]


def gumbel(rows: Rows) -> Pairs:
    """Couple by a Gumbel variable for each state, whose largest sum with log p is taken.

    With exponential variables, P(i, j) for i /= j is the integral over t of 1 / s(t)**2, from
    p_j / p_i to q_j / q_i, where s(t) = sum over k of max(p_k / p_i, t q_k / q_j): linear between
    the points where a term turns, so that each piece is known in closed form.

    Source: Oberst and Sontag (2019), "Counterfactual off-policy evaluation with Gumbel-max
    structural causal models".
    """
    count, size = rows.shape
    found = np.zeros((count, count, size, size))
    for a in range(count):
        for b in range(count):
            found[a, b] = _gumbel_pair(rows[a], rows[b])
    return found


def _gumbel_pair(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    size = len(p)
    found = np.zeros((size, size))
    for i in range(size):
        if p[i] > 0.0 and q[i] > 0.0:
            found[i, i] = 1.0 / np.maximum(p / p[i], q / q[i]).sum()
        for j in range(size):
            if i != j and p[i] > 0.0 and q[j] > 0.0:
                found[i, j] = _apart(p, q, i, j)
    return found


def _apart(p: np.ndarray, q: np.ndarray, i: int, j: int) -> float:
    """Integrate 1 / s(t)**2 over the pieces of s."""
    first = p[j] / p[i]
    last = q[j] / q[i] if q[i] > 0.0 else np.inf
    if not first < last:
        return 0.0
    constant, slope = p / p[i], q / q[j]
    with np.errstate(divide="ignore", invalid="ignore"):
        turns = constant / slope
    inside = turns[(turns > first) & (turns < last)]
    edges = np.concatenate([[first], np.unique(inside), [last]])
    total = 0.0
    for low, high in pairwise(edges.tolist()):
        middle = low + 1.0 if np.isinf(high) else 0.5 * (low + high)
        rises = slope * middle > constant
        alpha, beta = constant[~rises].sum(), slope[rises].sum()
        # s has slope 1 at least from where t passes p_j / p_i: the term of j itself rises.
        end = 0.0 if np.isinf(high) else 1.0 / (alpha + beta * high)
        total += (1.0 / (alpha + beta * low) - end) / beta
    return total


COUPLINGS: dict[str, Callable[[Rows], Pairs]] = {
    "monotone": monotone,
    "gumbel": gumbel,
    "independent": independent,
}
"""By the names that `using coupling(...)` knows."""
