"""Which loops run belief propagation: on a GPU, compiled, or in NumPy."""

import numpy as np

from gmruntime.arrays import Float64, num_entries
from gmruntime.budget import Budget
from gmruntime.elimination.passes.loading import may_load
from gmruntime.factors.kinds import Gated, Table
from gmruntime.messages.bp import Messages, propagate_vectorised
from gmruntime.messages.compiled.rows import propagate_compiled
from gmruntime.messages.gpu import pairs as gpu
from gmruntime.messages.layout import Layout
from gmruntime.messages.options import BpOptions

# Operations of a sweep from which on compiled loops repay the second that importing numba takes:
# a hundred sweeps of them take NumPy about as long.
_WORK_COMPILED_MIN = 200_000

# Entries of tables that one core goes through in a second, as measured for large ones.
_ENTRIES_PER_S = 3e8

# So much later than its budget a sweep may end, rather than not be done.
_LATE_S = 0.1


def propagate(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    budget: Budget,
    options: BpOptions,
    start: Float64[np.ndarray, "rows message_entries"] | None = None,
) -> Messages:
    """Run belief propagation for each row of unary potentials.

    Args:
        layout: of the graph, at the temperature wanted.
        unary: from `unary_with_evidence`; many rows are answered in one call.
        budget: its deadline ends the run after the sweep at hand.
        options: damping, tolerance and the number of sweeps.
        start: messages of an earlier run to go on from; None starts from none.
    """
    shape = (len(unary), len(layout.entry))
    values = np.zeros(shape) if start is None else start.copy()
    waves = -(-len(unary) // budget.num_cores())
    if not layout.is_whole or _sweep_s(layout) * waves > budget.left_s() + _LATE_S:
        return _unsent(values)
    try:
        return _propagate(layout, unary, budget, options, values)
    except TimeoutError:
        return _unsent(values)


def _unsent(values: Float64[np.ndarray, "rows message_entries"]) -> Messages:
    """Return messages as they were, where there was no time for a sweep."""
    return Messages(values, np.inf, 0, False, np.zeros(len(values), np.bool_))


def _propagate(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    budget: Budget,
    options: BpOptions,
    values: Float64[np.ndarray, "rows message_entries"],
) -> Messages:
    if gpu.is_worth_it(layout, options, len(unary)):
        found = _propagate_on_gpu(layout, unary, budget, options, values)
        if found is not None:
            return found
    asked = options.schedule in ("sequential", "residual")
    is_worth_it = asked or _work(layout) * len(unary) >= _WORK_COMPILED_MIN
    if layout.groups and is_worth_it and may_load(budget):
        return propagate_compiled(layout, unary, budget, options, values)
    return propagate_vectorised(layout, unary, budget, options, values)


def _work(layout: Layout) -> float:
    """Estimate the operations of one sweep."""
    work = float(len(layout.entry))
    for group in layout.groups:
        is_table = isinstance(group.kind, Table | Gated)
        states = group.states if is_table else group.states[:2]
        # A call of NumPy for a block takes as long as a few thousand operations.
        work += len(group.scopes) * num_entries(states) + 4000.0
    return work


def _sweep_s(layout: Layout) -> float:
    """Return the seconds that a sweep takes at least: compiled loops cannot be stopped within one.

    Tables count, gone through once for each of their variables.
    """
    return sum(g.num_entries() * len(g.states) for g in layout.groups) / _ENTRIES_PER_S


def _propagate_on_gpu(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    budget: Budget,
    options: BpOptions,
    values: Float64[np.ndarray, "rows message_entries"],
) -> Messages | None:
    """Run on the GPU; None where the kernels, its memory or its range do not suffice."""
    # Without a look at the trend, half is a damping that settles most graphs.
    damping = 0.5 if options.damping is None else options.damping
    plan = gpu.plan(layout)
    if plan is None:
        return _flood_kinds(layout, unary, budget, options, values, damping)
    found = gpu.run(layout, plan, unary, values, budget, options, damping)
    if found is None:
        return None
    residual = found[1] / (1.0 - damping)
    lost = np.zeros(len(unary), np.bool_)
    return Messages(found[0], residual, found[2], residual <= options.tolerance, lost)


def _flood_kinds(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    budget: Budget,
    options: BpOptions,
    values: Float64[np.ndarray, "rows message_entries"],
    damping: float,
) -> Messages | None:
    """Run the kernels for any kinds; None when memory does not suffice or a message vanished."""
    from gmruntime.messages.gpu.kinds import flood
    from gmruntime.messages.gpu.kinds import gpu as device

    at_hand = device(is_max=layout.is_max, is_double=options.precision == "float64")
    found = flood(layout, unary, values, budget, options, damping, at_hand)
    # Lost digits may look like a contradiction: only logs tell.
    if found is None or found.lost.any():
        return None
    converged = found.residual <= options.tolerance
    return Messages(found.values, found.residual, found.num_sweeps, converged, found.lost)
