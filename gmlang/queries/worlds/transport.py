"""Optimal transport between small distributions: the least and the most that a coupling makes."""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget

Gains = Float64[np.ndarray, "contexts states states"]
Marginals = Float64[np.ndarray, "contexts states"]

_AT_ONCE = 64
"""So many transports of three states and more are one linear program."""


def best_couplings(
    p: Marginals, q: Marginals, gains: Gains, sign: int, budget: Budget
) -> Float64[np.ndarray, " contexts"]:
    """Return the most (sign 1) or least (sign -1) that couplings of p and q gain on average.

    Of two states the couplings lie between two, which are tried; of more the linear program's
    prices bound it from outside, whatever rounding did to them.

    Raises:
        TimeoutError: when the budget is over.
    """
    if p.shape[1] == 2:
        return _of_two(p, q, gains, sign)
    found = np.empty(len(p))
    spread = np.ptp(gains.reshape(len(p), -1), axis=1)
    plain = spread <= 0.0
    found[plain] = gains[plain, 0, 0]
    left = np.flatnonzero(~plain)
    for first in range(0, len(left), _AT_ONCE):
        budget.check()
        rows = left[first : first + _AT_ONCE]
        found[rows] = sign * _priced(p[rows], q[rows], sign * gains[rows])
    return found


def _of_two(p: Marginals, q: Marginals, gains: Gains, sign: int) -> np.ndarray:
    ends: list[np.ndarray] = []
    for both in (np.maximum(0.0, p[:, 1] + q[:, 1] - 1.0), np.minimum(p[:, 1], q[:, 1])):
        only_p, only_q = p[:, 1] - both, q[:, 1] - both
        neither = np.maximum(0.0, 1.0 - p[:, 1] - q[:, 1] + both)
        ends.append(
            gains[:, 1, 1] * both
            + gains[:, 1, 0] * only_p
            + gains[:, 0, 1] * only_q
            + gains[:, 0, 0] * neither
        )
    return np.maximum(*ends) if sign > 0 else np.minimum(*ends)


def _priced(p: Marginals, q: Marginals, gains: Gains) -> np.ndarray:
    """Bound the most from above by prices u, v with u_i + v_j >= gain: p u + q v."""
    from scipy.optimize import linprog
    from scipy.sparse import block_diag, coo_array

    count, size = p.shape
    scale = np.abs(gains).reshape(count, -1).max(axis=1)
    rows, columns = np.indices((size, size)).reshape(2, -1)
    every = np.arange(size * size)
    ones = np.ones(2 * size * size)
    places = np.concatenate([rows, size + columns]), np.concatenate([every, every])
    one = coo_array((ones, places), shape=(2 * size, size * size))
    costs = -(gains / scale[:, None, None]).reshape(-1)
    limits = np.concatenate([p, q], axis=1).reshape(-1)
    found = linprog(costs, A_eq=block_diag([one] * count, format="csr"), b_eq=limits)
    prices = np.zeros((count, size))
    if found.status == 0:
        prices = -np.asarray(found.eqlin.marginals).reshape(count, 2 * size)[:, :size]
    u = prices * scale[:, None]
    v = (gains - u[:, :, None]).max(axis=1)
    # The best u for that v: never worse, and both hold whatever the program said.
    u = (gains - v[:, None, :]).max(axis=2)
    return (p * u).sum(axis=1) + (q * v).sum(axis=1)
