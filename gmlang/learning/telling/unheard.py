"""Numbers that no row says anything about: they rest where their prior is highest."""

from dataclasses import replace

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.learning.dependence.forms import numbers_of
from gmlang.learning.methods.sampled import Sampled
from gmlang.learning.methods.variational import Bound
from gmlang.learning.numbers.inside import inner_numbers
from gmlang.learning.objective import Aim, Objective, Point
from gmlang.learning.problem import Problem
from gmruntime.arrays import Bool
from gmruntime.budget import Budget

_ROUNDING = 1e-11
"""Where log Z without what was seen is taken away, less than this part of all cases is nothing."""

_LOOKS = 4
"""So many places are tried: at one a row may be impossible, `min(2 * p, 1)` is 1 from 1/2 on."""


def at_rest(
    problem: Problem,
    aim: Aim,
    plain: np.ndarray,
    rng: np.random.Generator,
    budget: Budget,
) -> Problem:
    """Let the numbers that no row says anything about begin, and so stay, at rest.

    They are those by which F does not change at numbers that are none at which it might by chance.

    Args:
        problem: that is to be climbed.
        aim: what is climbed.
        plain: where they rest without a prior.
        rng: of the numbers at which they are counted.
        budget: that has begun.

    Raises:
        TimeoutError: when the budget ended before.
    """
    layout = problem.layout
    heard = _heard(problem, aim, rng, budget)
    for array in layout.arrays:
        # One state's share is known from those of the others.
        rows = array.rows(heard)
        heard[array.part] = np.repeat(rows.any(axis=1), rows.shape[1])
    resting = problem.priors.resting(plain)
    start = np.where(heard, problem.start, resting)
    return replace(problem, heard=heard, started=problem.started | ~heard, start=start)


def _heard(
    problem: Problem, aim: Aim, rng: np.random.Generator, budget: Budget
) -> Bool[np.ndarray, " numbers"]:
    """Say of each number whether what is climbed depends on it, as far as that can be seen."""
    if isinstance(aim, Sampled):
        return np.array(aim.heard)
    layout, tables = problem.layout, problem.tables
    heard = np.zeros(layout.size, np.bool_)
    for _, form in tables.forms:
        heard[numbers_of(form, layout)] = True
    own = aim.expected if isinstance(aim, Bound) else aim
    looked = _looked_at(own, rng, budget)
    if looked is None:
        return heard
    least = 0.0
    if not isinstance(own, Objective) or own.rest is not None:
        # Counts of what was seen have those of what may be left out taken away.
        least = _ROUNDING * problem.rows.total
        slopes = np.abs(looked.gradient - problem.priors.gradient(looked.numbers))
        heard &= (slopes > least) | tables.bent()
    return heard & tables.heard(looked.counts, looked.numbers, least, budget)


def _looked_at(aim: Aim, rng: np.random.Generator, budget: Budget) -> Point | None:
    """Evaluate F anywhere; None where no place was found at which all rows are possible."""
    for _ in range(_LOOKS):
        try:
            point = aim.at(inner_numbers(aim.layout, rng), budget)
        except GmError:
            # A statement has no value there.
            continue
        if np.isfinite(point.log_likelihood):
            return point
    return None
