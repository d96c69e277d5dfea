"""The log of a factor summed with what its variables say: its share of the Bethe free energy.

Where the messages of a kind are exact, any one of them tells. All-different factors of many
variables and many values are answered by messages between variables and values; there the sum is
a permanent, exact over small sets, else Bethe's approximation of it.

Source: Vontobel (2013), "The Bethe permanent of a nonnegative matrix".
"""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.factors.kinds import AllDifferent, FactorKind
from gmruntime.factors.semiring import Messages, join, reduce
from gmruntime.messages.kernels.numpy.chains import assign, place_one
from gmruntime.messages.tempering import is_estimated

# Up to so many variables or values a permanent is exact: it visits 2^12 sets for each of the rest.
_NUM_PERMANENT_MAX = 12
# Log odds are cut here: beyond, the digits of the sums that they cancel in would be lost.
_ODDS_MAX = 1e3


def log_norm(
    kind: FactorKind, told: Messages, said: Messages, is_max: bool
) -> Float64[np.ndarray, "rows factors"]:
    """Sum each factor times what its variables say, over all their states.

    Args:
        kind: of the factors.
        told: what the variables say.
        said: what the factors answer to it.
        is_max: maximise instead of summing.
    """
    shape = tuple(n.shape[2] for n in told)
    if isinstance(kind, AllDifferent) and is_estimated(kind, shape, 1.0) and not is_max:
        return log_permanent(np.stack(told, axis=3))
    return reduce(said[0] + told[0], (2,), is_max)


def log_permanent(
    told: Float64[np.ndarray, "rows factors values arity"],
) -> Float64[np.ndarray, "rows factors"]:
    """Sum the products of all ways to give each variable a value of its own.

    >>> float(np.exp(log_permanent(np.zeros((1, 1, 3, 2)))[0, 0]).round(6))
    6.0
    """
    rows, count, num_values, arity = told.shape
    if num_values < arity:
        return np.full((rows, count), -np.inf)
    if min(arity, num_values) > _NUM_PERMANENT_MAX:
        return bethe_permanent(told)
    few = told if arity <= num_values else np.swapaxes(told, 2, 3)
    sets = np.full((rows, count, 1 << few.shape[3]), -np.inf)
    sets[:, :, 0] = 0.0
    for x in range(few.shape[2]):
        sets = place_one(few, x, sets, False)
    return sets[:, :, -1]


def bethe_permanent(
    told: Float64[np.ndarray, "rows factors values arity"],
) -> Float64[np.ndarray, "rows factors"]:
    """Estimate the permanent: the free energy of the messages between variables and values.

        sum_i log sum_v a_iv m_iv  +  sum_v log (1 + sum_i o_iv)  -  sum_iv log (1 + o_iv m_iv)

    with o the odds that variable i takes value v, and m what the others' odds leave of that; the
    second 1 is left out where every value is taken.
    """
    exactly = told.shape[2] == told.shape[3]
    back, odds = assign(told, False)
    odds = np.clip(odds, -_ODDS_MAX, _ODDS_MAX)
    by_variable = reduce(told + back, (2,), False).sum(axis=2)
    by_value = reduce(odds, (3,), False)
    by_value = by_value if exactly else join(by_value, np.zeros(()), False)
    edges = join(odds + back, np.zeros(()), False).sum(axis=(2, 3))
    return by_variable + by_value.sum(axis=2) - edges
