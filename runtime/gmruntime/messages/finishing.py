"""What an answer by messages still needs when its time is over, and what stands in for it.

Messages that have not settled by the deadline are an answer only once their free energy is known,
which takes as long as a sweep; where even that is too long, single variables tell what they can.
"""

import numpy as np

from gmruntime.budget import Budget
from gmruntime.messages.beliefs import bethe_log_partition, independent_log_partition
from gmruntime.messages.bp import Messages
from gmruntime.messages.layout import Layout

_FINISH_S = 0.2
"""Spent after the deadline, if need be."""

LATE = "there was no time for a free energy"
"""Said of a log Z to which factors of several variables add nothing but its bounds."""

_S_PER_ENTRY, _S_PER_PASS = 1.5e-7, 3e-9
"""What a free energy takes for each entry of a message, and of a table each time that it is gone
through, as measured."""


def finishing(budget: Budget) -> Budget:
    """Return what is left, or what an answer may be late with: once for all that it still needs."""
    return budget.at_least(_FINISH_S)


def free_energy(
    layout: Layout, unary: np.ndarray, messages: Messages, late: Budget
) -> float | None:
    """Return Bethe's estimate of log Z; None where `late` has no time for it."""
    if _seconds(layout) > late.left_s():
        return None
    try:
        return float(bethe_log_partition(layout, unary, messages, late)[0])
    except TimeoutError:
        return None


def independent(layout: Layout, unary: np.ndarray, late: Budget) -> float:
    """Return an estimate of log Z as if factors held independently, where `late` has the time."""
    if _seconds(layout) > late.left_s():
        return by_variables(layout, unary)
    try:
        return float(independent_log_partition(layout, unary, late)[0])
    except TimeoutError:
        return by_variables(layout, unary)


def _seconds(layout: Layout) -> float:
    """Predict what a free energy takes."""
    # For each message of a table all others are added to it one by one.
    passes = sum(group.num_entries() * len(group.states) ** 2 for group in layout.groups)
    return _S_PER_ENTRY * len(layout.entry) + _S_PER_PASS * passes


def by_variables(layout: Layout, unary: np.ndarray) -> float:
    """Return log Z as if there were no factors but those of single variables."""
    high = np.maximum.reduceat(unary[0], layout.variable_start[:-1])
    high = np.where(np.isneginf(high), 0.0, high)
    weights = np.exp(unary[0] - np.repeat(high, layout.num_states))
    with np.errstate(divide="ignore"):
        sums = np.log(np.add.reduceat(weights, layout.variable_start[:-1]))
    return float((sums + high).sum()) + layout.log_constant
