"""Variables that must all take different values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import Constraint, FactorKind, ListedSum, allowed
from gmruntime.factors.kinds.table import Table
from gmruntime.factors.semiring import Messages, join, of_chain, reduce

NUM_EXACT_VALUES_MAX = 8
"""Messages of up to so many values are exact: a chain over the subsets of values taken."""
NUM_EXACT_VARIABLES_MAX = 8
"""Of so many variables too: a chain of the values, over the subsets of variables placed."""

# Entries of the sets of variables that are kept at once.
_NUM_ENTRIES_MAX = 1 << 22

# So many rounds between the variables and "each value at most once" where that is not exact.
_NUM_ROUNDS = 40

# Up to so many variables or values a permanent is exact: it visits 2^12 sets for each of the rest.
_NUM_PERMANENT_MAX = 12
# Log odds are cut here: beyond, the digits of the sums that they cancel in would be lost.
_ODDS_MAX = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class AllDifferent(Constraint):
    """Variables with the same number of states: 0 where no two are equal, else -inf."""

    is_alike = True
    is_divisible = True
    has_sums = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        return self if arity else Table(np.zeros(1))

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        ordered = np.sort(states, axis=1)
        return allowed((ordered[:, 1:] != ordered[:, :-1]).all(axis=1))

    def pieces(self, count: int, shape: Sequence[int]) -> list[tuple[FactorKind, np.ndarray]]:
        """Say of each pair that it differs."""
        pairs = np.stack(np.triu_indices(len(shape), 1), axis=1)
        return [(Table(allowed(~np.eye(shape[0], dtype=np.bool_))[None]), pairs)]

    def sums(self, index: int, shape: Sequence[int]) -> list[ListedSum]:
        """Count how often each value is taken: at most once.

        Source: Régin (1996), "Generalized arc consistency for global cardinality constraint".
        """
        return [ListedSum(0, np.zeros(2), [state] * len(shape)) for state in np.eye(shape[0])]

    def is_estimated(self, shape: Sequence[int], temperature: float) -> bool:
        """Do as `FactorKind` says."""
        return shape[0] > NUM_EXACT_VALUES_MAX and len(shape) > NUM_EXACT_VARIABLES_MAX

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says; between variables and values where both are many."""
        if incoming[0].shape[2] < len(incoming):
            return [np.full(m.shape, -np.inf) for m in incoming]
        if incoming[0].shape[2] <= NUM_EXACT_VALUES_MAX:
            return _different_exactly(incoming, is_max)
        if len(incoming) <= NUM_EXACT_VARIABLES_MAX:
            return _different_value_by_value(incoming, is_max)
        return _different_by_values(incoming, is_max)

    def log_norm(self, told: Messages, said: Messages, is_max: bool) -> np.ndarray:
        """Do as `FactorKind` says: a permanent, exact over small sets, else Bethe's estimate.

        Source: Vontobel (2013), "The Bethe permanent of a nonnegative matrix".
        """
        shape = [message.shape[2] for message in told]
        if is_max or not self.is_estimated(shape, 1.0):
            return reduce(said[0] + told[0], (2,), is_max)
        return log_permanent(np.stack(told, axis=3))


def _different_exactly(incoming: Messages, is_max: bool) -> list[np.ndarray]:
    rows, count, num_values = incoming[0].shape
    subsets = np.arange(1 << num_values)
    first = np.full((rows, count, len(subsets)), -np.inf)
    first[:, :, 0] = 0.0

    def ahead(_: int, x: int, values: np.ndarray) -> np.ndarray:
        return np.where(subsets & (1 << x), values[:, :, subsets & ~(1 << x)], -np.inf)

    def back(_: int, x: int, values: np.ndarray) -> np.ndarray:
        return np.where(subsets & (1 << x), -np.inf, values[:, :, subsets | (1 << x)])

    last = np.zeros((rows, count, len(subsets)))
    return of_chain(first, last, incoming, ahead, back, is_max)


def _place_one(
    told: np.ndarray, x: int, sets: Float64[np.ndarray, "rows factors sets"], is_max: bool
) -> Float64[np.ndarray, "rows factors sets"]:
    """Let one variable at most take value x: from sets of variables placed to larger ones.

    Args:
        told: what the variables say, (rows, factors, values, arity).
        x: the value.
        sets: the log weight of each set of variables placed so far, by its bits.
        is_max: maximise instead of summing.
    """
    members = np.arange(sets.shape[2])
    result = sets
    for k in range(told.shape[3]):
        grown = sets[:, :, members & ~(1 << k)] + told[:, :, x, k, None]
        result = join(result, np.where(members & (1 << k), grown, -np.inf), is_max)
    return result


def _different_value_by_value(incoming: Messages, is_max: bool) -> list[np.ndarray]:
    """Keep the set of variables that have taken a value so far; few of them, of many values."""
    told = np.stack(incoming, axis=3)
    rows, count, num_values, arity = told.shape
    result = [np.empty((rows, count, num_values)) for _ in range(arity)]
    step = max(1, _NUM_ENTRIES_MAX // ((rows * num_values) << arity))
    for first in range(0, count, step):
        piece = told[:, first : first + step]
        for k, values in enumerate(_value_by_value(piece, is_max)):
            result[k][:, first : first + step] = values
    return result


def _value_by_value(told: np.ndarray, is_max: bool) -> np.ndarray:
    """Return the messages, (arity, rows, factors, values), of a slice of factors."""
    rows, count, num_values, arity = told.shape
    members = np.arange(1 << arity)
    nothing = np.full((rows, count, len(members)), -np.inf)
    nothing[:, :, 0] = 0.0
    placed = [nothing]
    for x in range(num_values - 1):
        placed.append(_place_one(told, x, placed[x], is_max))
    result = np.empty((arity, rows, count, num_values))
    after = nothing
    for x in range(num_values - 1, -1, -1):
        for k in range(arity):
            others = members[(members & (1 << k)) == 0]
            rest = after[:, :, (len(members) - 1) & ~others & ~(1 << k)]
            result[k, :, :, x] = reduce(placed[x][:, :, others] + rest, (2,), is_max)
        after = _place_one(told, x, after, is_max)
    return result


def _different_by_values(incoming: Messages, is_max: bool) -> list[np.ndarray]:
    """Pass messages between variables and values: each value is taken at most once.

    Where there are as many variables as values it is taken exactly once.

    Source: Huang and Jebara (2009), "Approximating the permanent with belief propagation".
    """
    back, _ = _assign(np.stack(incoming, axis=3), is_max)
    return [back[:, :, :, k] for k in range(back.shape[3])]


def _assign(
    told: Float64[np.ndarray, "rows factors values arity"], is_max: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the log odds that the values leave each variable, and those that it gives them."""
    num_values, arity = told.shape[2:]
    exactly = arity == num_values
    back, odds = np.zeros(told.shape), told
    for _ in range(_NUM_ROUNDS):
        # log odds that variable i takes value u, as i alone sees it
        against = _others(told + back, 2, is_max)
        odds = _minus(told, against)
        rivals = _others(odds, 3, is_max)
        found = -rivals if exactly else -join(rivals, np.zeros(()), is_max)
        found = np.clip(found, -1e6, 1e6)
        settled = np.abs(found - back).max(initial=0.0) < 1e-12
        back = 0.5 * (back + found) if is_max else found
        if settled:
            break
    return back, odds


def _others(values: np.ndarray, axis: int, is_max: bool) -> np.ndarray:
    """Join all but one along an axis."""
    values = np.moveaxis(values, axis, -1)
    add = np.maximum if is_max else np.logaddexp
    result = np.full(values.shape, -np.inf)
    result[..., 1:] = add.accumulate(values[..., :-1], axis=-1)
    tail = add.accumulate(values[..., :0:-1], axis=-1)[..., ::-1]
    result[..., :-1] = add(result[..., :-1], tail)
    return np.moveaxis(result, -1, axis)


def _minus(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Subtract logs; what is impossible stays so, however impossible the rest is."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(a), -np.inf, np.where(np.isneginf(b), np.inf, a - b))


# --- Permanents --------------------------------------------------------------------------


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
        sets = _place_one(few, x, sets, False)
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
    back, odds = _assign(told, False)
    odds = np.clip(odds, -_ODDS_MAX, _ODDS_MAX)
    by_variable = reduce(told + back, (2,), False).sum(axis=2)
    by_value = reduce(odds, (3,), False)
    by_value = by_value if exactly else join(by_value, np.zeros(()), False)
    edges = join(odds + back, np.zeros(()), False).sum(axis=(2, 3))
    return by_variable + by_value.sum(axis=2) - edges
