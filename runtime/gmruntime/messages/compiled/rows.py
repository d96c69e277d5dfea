"""Compiled runs, row by row of evidence: floods, and visits of single factors."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.messages.bp import Messages, propagate_vectorised
from gmruntime.messages.layout import Layout
from gmruntime.messages.options import BpOptions
from gmruntime.messages.schedule import Settled, sweep_until_settled

if TYPE_CHECKING:
    from gmruntime.messages.compiled.floods import Program
    from gmruntime.messages.compiled.visits import Visits

# Sweeps that messages are tried by residual before they are damped.
_SWEEPS_BY_RESIDUAL = 100


def propagate_compiled(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    budget: Budget,
    options: BpOptions,
    values: Float64[np.ndarray, "rows message_entries"],
) -> Messages:
    """Run row by row in compiled loops.

    A row whose messages vanish is run again in logs, where nothing vanishes by underflow.

    Raises:
        TimeoutError: when the budget is spent before anything has run.
    """
    from gmruntime.messages.compiled.floods import compile_layout

    program = compile_layout(layout, budget)
    schedule = options.schedule
    if schedule == "auto" and layout.is_forest:
        schedule = "sequential"
    visits = None if schedule in ("auto", "flooding") else _visits_of(layout, budget)
    impossible = np.zeros(len(unary), np.bool_)
    residual, num_sweeps, converged = 0.0, 0, True

    def answer(row: int) -> Messages:
        if visits is None:
            found = run_row(program, unary[row], budget, options, values[row])
        else:
            found = _visit_row(visits, unary[row], budget, options, values[row])
        if found is None:
            found = propagate_vectorised(
                layout, unary[row : row + 1], budget, options, values[row : row + 1].copy()
            )
        return found

    # The loops let go of Python's lock: rows run on all cores.
    with ThreadPoolExecutor(budget.num_cores()) as pool:
        every = pool.map(answer, range(len(unary))) if len(unary) > 1 else map(answer, [0])
    for row, found in enumerate(every):
        values[row] = found.values[0]
        impossible[row] = found.impossible[0]
        residual = max(residual, found.residual)
        num_sweeps = max(num_sweeps, found.num_sweeps)
        converged = converged and found.converged
    return Messages(values, residual, num_sweeps, converged, impossible)


def _visits_of(layout: Layout, budget: Budget) -> "Visits":
    from gmruntime.messages.compiled.visits import plan_visits

    return plan_visits(layout, budget)


def _inwards(layout: Layout, unary: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unary potentials and messages as compiled loops take them."""
    if layout.is_max:
        return unary, start.copy()
    high = np.maximum.reduceat(unary, layout.variable_start[:-1])
    high = np.repeat(np.where(np.isneginf(high), 0.0, high), layout.num_states)
    return np.exp(unary - high), np.exp(start)


def _outwards(
    layout: Layout, heard: np.ndarray, residual: float, num_sweeps: int, options: BpOptions
) -> Messages:
    if not layout.is_max:
        with np.errstate(divide="ignore"):
            heard = np.log(heard)
    converged = residual <= options.tolerance
    return Messages(heard[None], residual, num_sweeps, converged, np.zeros(1, np.bool_))


def _visit_row(
    visits: "Visits",
    unary: Float64[np.ndarray, " entries"],
    budget: Budget,
    options: BpOptions,
    start: Float64[np.ndarray, " message_entries"],
) -> Messages | None:
    """Run one row from the newest messages; None when messages vanish."""
    from gmruntime.messages.compiled.visits import visit

    layout = visits.layout
    own, heard = _inwards(layout, unary, start)
    schedule = "residual" if options.schedule == "residual" else "sequential"
    found = visit(visits, own, heard, schedule, budget, options)
    return None if found is None else _outwards(layout, heard, *found, options)


def run_row(
    program: "Program",
    unary: Float64[np.ndarray, " entries"],
    budget: Budget,
    options: BpOptions,
    start: Float64[np.ndarray, " message_entries"],
) -> Messages | None:
    """Run compiled flooding for one row; None when messages vanish.

    Where undamped messages do not settle and nothing else was asked for, they are tried by
    residual before they are damped.
    """
    from gmruntime.messages.compiled.floods import sweep as update
    from gmruntime.messages.compiled.odds import start_odds

    layout = program.layout
    own, heard = _inwards(layout, unary, start)
    said = np.empty_like(heard)
    odds = None if program.odds is None else start_odds(program.odds, own, heard)

    def sweep(damping: float) -> float:
        if odds is None:
            return update(program, own, heard, said, damping)
        return odds.update(damping)

    def by_residual(count: int) -> Settled | None:
        if odds is not None:
            odds.write(heard)
        found = _by_residual(layout, own, heard, budget, options, count)
        if found is not None and odds is not None:
            odds.read(heard)
        return found

    found: Settled | None = (0.0, 0)
    if layout.groups:
        found = sweep_until_settled(
            sweep,
            budget,
            options,
            may_damp=not layout.is_forest,
            before_damping=by_residual if options.schedule == "auto" else None,
        )
    if found is None:
        return None
    if odds is not None:
        odds.write(heard)
    return _outwards(layout, heard, *found, options)


def _by_residual(
    layout: Layout,
    own: np.ndarray,
    heard: np.ndarray,
    budget: Budget,
    options: BpOptions,
    sweep: int,
) -> Settled | None:
    """Go on by residual for a while; return the residual and the sweeps in all."""
    from gmruntime.messages.compiled.visits import visit

    left = min(_SWEEPS_BY_RESIDUAL, options.num_sweeps_max - sweep)
    try:
        visits = _visits_of(layout, budget)
    except TimeoutError:
        return np.inf, sweep
    found = visit(visits, own, heard, "residual", budget, replace(options, num_sweeps_max=left))
    return None if found is None else (found[0], sweep + found[1])
