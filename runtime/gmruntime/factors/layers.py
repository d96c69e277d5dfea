"""Automata built layer by layer: what is decided is merged on the way, what is alike at the end.

A layer holds the states that are told apart before a variable is read. Reading forward, states
whose future is the same whatever comes are merged; reading backward, all that agree on every
future. What remains is the minimal automaton, the decision diagram of the factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.factors.automaton import Automaton

# States of one layer, and of all, while they are told apart: sorting these takes about a second.
NUM_STATES_MAX = 1 << 17
NUM_STATES_MAX_TOTAL = 1 << 21


def minimal(
    successors: Sequence[Int64[np.ndarray, "_states _values"]],
    finals: Float64[np.ndarray, "tables _states _values"],
    budget: Budget = UNLIMITED,
) -> Automaton:
    """Merge the states that no future tells apart.

    Args:
        successors: for each variable but the last, the state of the next layer that follows.
        finals: the factor's value when the last variable is read.
        budget: looked at after every variable.

    Raises:
        TimeoutError: when the budget ended first.
    """
    classes, first = _classes(finals.transpose(1, 0, 2).reshape(finals.shape[1], -1))
    final = finals[:, first]
    steps: list[np.ndarray] = []
    for after in within(reversed(successors), budget, every=1):
        merged = classes[after]
        classes, first = _classes(merged)
        steps.append(merged[first][None])
    return Automaton(tuple(reversed(steps)), final)


def _classes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the distinct rows: the class of each row, and one row of each class.

    Columns are joined one by one, since sorting numbers is many times faster than sorting rows.
    """
    code = np.zeros(len(rows), np.int64)
    first = np.zeros(min(1, len(rows)), np.int64)
    for column in rows.T:
        _, value = np.unique(column, return_inverse=True)
        joined = code * (int(value.max(initial=0)) + 1) + value.reshape(-1)
        _, first, code = np.unique(joined, return_index=True, return_inverse=True)
        code = code.reshape(-1)
    return code, first


def partial_sums(
    coefficients: Int64[np.ndarray, " arity"],
    lowest: int,
    log_potentials: Float64[np.ndarray, "tables sums"],
    num_states: Sequence[int],
    budget: Budget = UNLIMITED,
) -> Automaton | None:
    """Add up terms, telling apart only sums whose future differs; None when there are too many.

    A sum from which only equal values can be reached is settled, and need not be known exactly:
    "at most k" needs no more than k + 2 states however many terms there are.

    Raises:
        TimeoutError: when the budget ended first.
    """
    terms = [
        coefficient * np.arange(states, dtype=np.int64)
        for coefficient, states in zip(coefficients, num_states, strict=True)
    ]
    runs = _runs(log_potentials, lowest)
    least = _suffix_sums([term.min(initial=0) for term in terms])
    most = _suffix_sums([term.max(initial=0) for term in terms])
    layer = np.zeros(1, np.int64)
    settled = np.zeros(1, np.bool_)
    successors: list[np.ndarray] = []
    num_total = 0
    for k, term in enumerate(terms[:-1]):
        budget.check()
        if len(layer) * len(term) > NUM_STATES_MAX_TOTAL:
            return None
        sums = layer[:, None] + np.where(settled[:, None], 0, term)
        low, high = runs.at(sums + least[k + 1]), runs.at(sums + most[k + 1])
        done = settled[:, None] | (low == high)
        # A settled state is named by its run, an open one by its sum.
        names = np.where(done, np.where(settled[:, None], sums, low), sums)
        keys = 2 * names + done
        distinct, after = np.unique(keys, return_inverse=True)
        num_total += len(distinct)
        if len(distinct) > NUM_STATES_MAX or num_total > NUM_STATES_MAX_TOTAL:
            return None
        successors.append(after.reshape(sums.shape))
        layer, settled = distinct >> 1, (distinct & 1).astype(np.bool_)
    if len(layer) * len(terms[-1]) > NUM_STATES_MAX_TOTAL:
        return None
    position = runs.at(layer[:, None] + np.where(settled[:, None], 0, terms[-1]))
    position = np.where(settled[:, None], layer[:, None], position)
    return minimal(successors, runs.values[:, position], budget)


def _suffix_sums(numbers: Sequence[np.int64]) -> np.ndarray:
    """Return the sum of the numbers from each place on, 0 after the last."""
    sums = np.zeros(len(numbers) + 1, np.int64)
    sums[:-1] = np.cumsum(np.asarray(numbers[::-1], np.int64))[::-1]
    return sums


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """The sums cut into stretches on which every table is constant.

    Attributes:
        starts: the first sum of each stretch but the first.
        values: of each table on each stretch; the first and the last are outside the tables.
    """

    starts: Int64[np.ndarray, " changes"]
    values: Float64[np.ndarray, "tables stretches"]

    def at(self, sums: np.ndarray) -> np.ndarray:
        """Return the stretch that each sum lies on."""
        return np.searchsorted(self.starts, sums, side="right")


def _runs(log_potentials: Float64[np.ndarray, "tables sums"], lowest: int) -> _Runs:
    outside = np.full((len(log_potentials), 1), -np.inf)
    padded = np.concatenate([outside, log_potentials, outside], axis=1)
    changes = np.flatnonzero((padded[:, 1:] != padded[:, :-1]).any(axis=0))
    return _Runs(changes + lowest, padded[:, np.concatenate([[0], changes + 1])])
