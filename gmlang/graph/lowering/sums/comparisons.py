"""Comparisons of weighted sums: one factor over all the variables that are added up."""

import math

import numpy as np

from gmlang.core.ast import Apply, Expression, Integer
from gmlang.graph.lowering import table_sizes
from gmlang.graph.lowering.grounder import Grounder, Job, environment
from gmlang.graph.lowering.sums.linear import SUM_RANGE_MAX, LinearForm, linear_form, realised
from gmlang.graph.lowering.sums.weighted import add_weighted
from gmlang.graph.values.arithmetic import COMPARISONS
from gmlang.graph.world.world import Frame
from gmruntime.factors.kinds import LinearSum

OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
"""For each comparison the one that holds exactly where it does not."""

_SHORT_RANGE = 1 << 12
"""A variable that holds a sum may have this many states."""

MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">=": "<=", ">": "<", "<=": ">="}
"""For each comparison the one that holds when the sides change places."""


def comparison(
    grounder: Grounder, frame: Frame, condition: Expression, *, parts: bool
) -> tuple[LinearForm, str] | None:
    """Write a comparison as `form operator 0`; None when it is none, or needs no factor."""
    if not isinstance(condition, Apply) or condition.operator not in OPPOSITE:
        return None
    if len(condition.arguments) != 2:
        return None
    left, right = condition.arguments
    form = difference(left, right, grounder, frame, parts=parts)
    if form is None:
        return None
    entries = math.prod(source.states.count for source, _ in form.terms)
    if len(form.terms) < 3 and entries <= table_sizes.ENTRIES_MAX:
        return None
    return None if _reach(form).max(initial=0) > SUM_RANGE_MAX else (form, condition.operator)


def difference(
    left: Expression, right: Expression, grounder: Grounder, frame: Frame, *, parts: bool
) -> LinearForm | None:
    """Write left - right as a linear form."""
    both = Apply(left.span, "-", (left, right), Integer())
    return linear_form(both, environment(grounder, frame), parts=parts)


def has_short_sum(grounder: Grounder, frame: Frame, condition: Expression) -> bool:
    """Say whether a comparison is of a sum with so few values that a variable can hold it."""
    if not isinstance(condition, Apply) or condition.operator not in OPPOSITE:
        return False
    left, right = condition.arguments
    form = difference(left, right, grounder, frame, parts=True)
    return form is not None and int(_reach(form).max(initial=0)) < _SHORT_RANGE


def add_comparison(grounder: Grounder, job: Job, form: LinearForm, operator: str) -> None:
    """Add the constraint `form operator 0`."""
    terms = realised(grounder, form, (*job.guards, *job.gates))
    shared = _divisor(form)
    low, _ = form.bounds()
    lowest = (low - form.constant) // shared
    size = int((_reach(form) // shared).max(initial=0)) + 1
    if operator == "==" and not (form.constant % shared).any():
        lowest, holds = -form.constant // shared, np.ones((1, 1), np.bool_)
    else:
        sums = low[:, None] + shared * np.arange(size)[None, :]
        holds = COMPARISONS[operator](sums, np.zeros(1, np.int64))
    coefficients = np.stack([c // shared for _, c in terms], axis=1)
    count = len(form.constant)
    variables = np.stack([np.broadcast_to(s.variables, count) for s, _ in terms], axis=1)
    potentials = np.broadcast_to(np.where(holds, 0.0, -np.inf), (count, holds.shape[1]))
    kind = LinearSum(coefficients, np.asarray(lowest, np.int64).copy(), potentials.copy())
    add_weighted(grounder.builder, kind, variables, job.origin)


def _reach(form: LinearForm) -> np.ndarray:
    low, high = form.bounds()
    return high - low


def _divisor(form: LinearForm) -> int:
    """Return what divides every coefficient: weights in hundreds add up like their hundredths."""
    return max(1, int(np.gcd.reduce([np.gcd.reduce(c) for _, c in form.terms])))
