"""Which rows a program gives no probability, whatever is learned."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors.learning import cases as case_errors
from gmlang.learning.numbers.starts import rough_start
from gmlang.learning.objective import Objective, Point
from gmlang.learning.problem import Problem
from gmlang.learning.rows import Rows
from gmruntime.budget import Budget

_LOOKS = 8
"""At so many more places is looked where rows are impossible and that may depend on numbers."""


def inside(problem: Problem) -> np.ndarray:
    """Return the numbers that the program or the caller says, or else the means of the priors."""
    return np.where(problem.started, problem.start, problem.priors.means())


def possible(
    problem: Problem,
    budget: Budget,
    seed: int,
    compiled: Callable[[Problem, Rows, Budget, int], Objective],
    *,
    skip: bool,
) -> tuple[Problem, int, Objective]:
    """Refuse or leave out the rows that the program gives no probability, whatever is learned.

    Args:
        problem: with all its rows.
        budget: that has begun.
        seed: of the search for orders.
        compiled: compiles rows of it.
        skip: leave them out.

    Returns:
        The problem without them, how many they are, and the objective with them.

    Raises:
        GmError: when rows are impossible and are not to be left out, or all are.
        TimeoutError: when the budget ended before that was known.
    """
    objective = compiled(problem, problem.rows, budget, seed)
    point = objective.at(inside(problem), budget)
    if np.isnan(point.log_rows).any():
        raise GmError([case_errors.impossible_program(problem.learn.span)])
    if _impossible(problem, point).any() and not problem.tables.direct_only().all():
        likelier = _likelier(problem, objective, point, budget, seed)
        if likelier is not point:
            point, everywhere = likelier, np.ones(problem.layout.size, np.bool_)
            problem = replace(problem, started=everywhere, start=point.numbers)
    bad = _impossible(problem, point)
    rows = problem.rows
    if not bad.any():
        return problem, 0, objective
    if skip and problem.cases is not None and not bad.all():
        left = replace(problem, rows=rows.chosen(np.flatnonzero(~bad)))
        return left, int(bad.sum()), objective
    numbers = rows.numbers[np.flatnonzero(bad)]
    cases = problem.cases
    found = objective.seen.program.evaluate(
        objective.tables.at(point.numbers, budget), budget=budget
    )
    blamed = _blamed(problem, objective, int(found.blamed[np.flatnonzero(bad)[0]]))
    if cases is None:
        raise GmError([case_errors.impossible_observations(problem.learn.span, blamed)])
    first, count = int(numbers[0]), len(numbers)
    where, row = cases.place(first, 0), cases.row_text(first)
    raise GmError([case_errors.impossible_rows(where, cases.name, row, count, blamed)])


def _impossible(problem: Problem, point: Point) -> np.ndarray:
    return np.isneginf(point.log_rows) & (problem.rows.weights > 0)


def _likelier(
    problem: Problem, objective: Objective, point: Point, budget: Budget, seed: int
) -> Point:
    """Look for numbers at which fewer rows are impossible: `min(2 * p, 1)` is 1 from 1/2 on."""
    layout = problem.layout
    fewest = int(_impossible(problem, point).sum())
    for draw in range(_LOOKS):
        rng = np.random.default_rng(seed + draw)
        numbers = rough_start(layout, problem.priors, np.ones(layout.size, np.bool_), rng)
        try:
            other = objective.at(numbers, budget)
        except GmError:
            continue
        count = int(_impossible(problem, other).sum())
        if count < fewest and not np.isnan(other.log_rows).any():
            point, fewest = other, count
        if not fewest:
            break
    return point


def _blamed(problem: Problem, objective: Objective, block: int) -> str:
    """Name the statement that a block of tables is of; "" for none."""
    if block < 0:
        return ""
    source = problem.tables.sources[objective.seen.blocks[block]]
    return problem.grounding.builder.origins[source].describe()
