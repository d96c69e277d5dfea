"""The definition of a message, as the loops its formula describes; slow, and meant to be read.

    m_k(x_k) = max or log-sum-exp over the others x_j of log f(x) + sum over j != k of n_j(x_j)

where n_j is what variable j says to the factor.
"""

from collections.abc import Sequence
from itertools import product
from math import exp, inf, log

import numpy as np

from gmruntime.arrays import Float64


def log_add(a: float, b: float) -> float:
    """Return log(e^a + e^b)."""
    low, high = min(a, b), max(a, b)
    return high if low == -inf else high + log(1.0 + exp(low - high))


def outgoing_of_table(
    log_table: Float64[np.ndarray, "*states"],
    incoming: Sequence[Float64[np.ndarray, " _states"]],
    *,
    is_max: bool,
) -> list[Float64[np.ndarray, " _states"]]:
    """Compute what one factor says to each of its variables, not normalised.

    >>> even = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    >>> told = [np.zeros(2), np.array([-1.0, -2.0])]
    >>> outgoing_of_table(even, told, is_max=True)[0].tolist()
    [-1.0, -2.0]
    """
    outgoing = [np.full(len(message), -np.inf) for message in incoming]
    for x in product(*(range(n) for n in log_table.shape)):
        for k in range(len(x)):
            value = float(log_table[x])
            for j in range(len(x)):
                if j != k:
                    value += float(incoming[j][x[j]])
            old = float(outgoing[k][x[k]])
            outgoing[k][x[k]] = max(old, value) if is_max else log_add(old, value)
    return outgoing
