"""How much of a message a linear pass may have lost because floats end near e^-708.

What is lost is next to nothing beside the largest entry of its message. Later messages may leave
just that entry, each by a factor that floats can hold: then it was most of the result. Each table
carries a bound on what its entries lack, which grows as the tables that it goes into are rescaled:

    lost(result)  =  terms * (sum of lost(operand) + what underflows here) / largest entry

Source: Higham (2002), "Accuracy and stability of numerical algorithms", section 3.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from gmruntime.arrays import Float64
from gmruntime.elimination.passes.program import Sheet, Step
from gmruntime.elimination.passes.program_kernel import Program

_LOG_SMALL = -650.0
"""Products above this have all their digits, after a division by the number of terms too."""

LOG_LOOK = -300.0
"""Only where the smallest entry may be below this is it looked for: two such have a product."""

_LOG_LOST_MAX = -30.0
"""Less is lost of the largest entry than rounding takes."""


class Losses(NamedTuple):
    """What is known of each table while a program runs; all empty where nothing can be lost.

    Attributes:
        least: log of the smallest positive entry, or less.
        lost: log of what any entry may lack, the largest being 1.
        terms: log of how many terms an entry of each step's result adds up, or more.
    """

    least: Float64[np.ndarray, " tables"]
    lost: Float64[np.ndarray, " tables"]
    terms: Float64[np.ndarray, " steps"]


NOTHING_LOST = Losses(np.zeros(0), np.zeros(0), np.zeros(0))


def num_terms(sheet: Sheet, step: Step) -> float:
    """Bound how many terms an entry of the result is a sum of.

    One entry may have far more than the mean where only possible states of groups are listed.
    """
    axes, entries, scope = sheet.axes, float(sheet.entries(step.axes)), sheet.scopes[step.result]
    if not axes.groups:
        return entries / max(1, sheet.entries(scope))
    kept = {v for axis in scope for v in axes.variables(axis)}
    summed = {v for axis in step.axes for v in axes.variables(axis)} - kept
    return min(entries, math.prod(float(axes.size(v)) for v in summed))


def log_least(logs: Float64[np.ndarray, "*entries"]) -> float:
    """Return the smallest log of a table that is not -inf; its largest is 0."""
    least = float(logs.min())
    return least if least > -np.inf else float(logs.min(where=logs > -np.inf, initial=0.0))


def losses_of(sheet: Sheet, least: Float64[np.ndarray, " tables"]) -> Losses:
    """Return what is known of the given tables; nothing where no product can be too small."""
    terms = np.log([max(1.0, num_terms(sheet, step)) for step in sheet.steps])
    if float(least.sum()) - float(terms.sum()) > _LOG_SMALL:
        return NOTHING_LOST
    return Losses(least, np.where(least < _LOG_SMALL, _LOG_SMALL, -np.inf), terms)


@numba.njit(cache=True, nogil=True)
def note_loss(program: Program, step: int, log_largest: float, losses: Losses) -> bool:
    """Note how much of a step's result may be lost; say whether that is too much.

    Args:
        program: the steps.
        step: that has run; its result is rescaled.
        log_largest: of what that took out.
        losses: of its operands; filled in for its result.
    """
    table = program.results[step]
    first, last = program.operand_start[step], program.operand_start[step + 1]
    low, most = 0.0, -np.inf
    for k in range(first, last):
        low += float(losses.least[program.operands[k]])
        most = max(most, float(losses.lost[program.operands[k]]))
    if program.is_max[step]:
        # Maxima are of logs, where nothing is so small that it cannot win in the end.
        losses.lost[table] = most
        return bool(most > -np.inf)
    if low < _LOG_SMALL:
        most = max(most, _LOG_SMALL)
    terms = float(losses.terms[step])
    most += np.log(1.0 + last - first) + terms - log_largest
    losses.lost[table] = most
    losses.least[table] = low - terms
    return bool(most > _LOG_LOST_MAX)


@numba.njit(cache=True, nogil=True)
def is_lost(
    values: np.ndarray, program: Program, step: int, log_largest: float, losses: Losses
) -> bool:
    """Say and note the same, and look for the smallest entry in `values` where it matters."""
    if losses.least.size == 0:
        return False
    if note_loss(program, step, log_largest, losses):
        return True
    table = program.results[step]
    if losses.least[table] < LOG_LOOK and not program.is_max[step]:
        begin = program.table_start[table]
        smallest = 1.0
        for k in range(begin, begin + program.table_size[table]):
            if 0.0 < values[k] < smallest:
                smallest = values[k]
        losses.least[table] = np.log(smallest)
    return False
