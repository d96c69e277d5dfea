"""What to be careful with in what was learned, as sentences."""

import numpy as np

from gmlang.core.parameters import ParameterKind
from gmlang.errors.learning import course as errors
from gmlang.learning.methods.curvature import FREE_MAX, Uncertainty
from gmlang.learning.methods.search import Attempt
from gmlang.learning.naming import Nameless
from gmlang.learning.numbers.priors import ONE_CASE
from gmlang.learning.objective import Point
from gmlang.learning.problem import Problem

_FEW_CASES = 5.0
"""A distribution that speaks of fewer cases is noted."""

_NOTES_MAX = 5

_LIMIT = 1e-6
"""A probability so near to 0 or 1 is at its limit."""


def skipped_note(count: int) -> str:
    """Say how many rows were left out."""
    return f"{count} impossible {'row was' if count == 1 else 'rows were'} left out"


def notes_of(
    problem: Problem,
    best: Attempt,
    sure: Uncertainty,
    nameless: tuple[Nameless, ...],
    skipped: int,
) -> list[str]:
    """Write what to be careful with.

    Args:
        problem: that was climbed.
        best: where the best climb ended.
        sure: how sure the numbers are.
        nameless: states in order of falling share.
        skipped: how many rows were left out.
    """
    notes = [skipped_note(skipped)] if skipped else []
    what = problem.learn
    if problem.priors.uses_default:
        notes.append(f"prior: {ONE_CASE}")
    if what.method == "em" and (problem.normaliser or problem.targets.size):
        reason = f"`{problem.normaliser}`" if problem.normaliser else "`to predict`"
        notes.append(f"gradient, not em: {reason} makes log Z depend on what is learned")
    ordered = [name for one in nameless for name in one.names]
    if ordered:
        notes.append(f"{_listed(ordered)}: never observed, states in order of falling share")
    if unseen := [one.name for one in problem.unseen() if one.name not in ordered]:
        notes.append(
            f"{_listed(unseen)}: never observed, so other numbers may name the states otherwise"
        )
    for name in best.runaways:
        notes.append(errors.endless(name))
    free = problem.layout.num_free
    if best.bent is None and best.is_converged:
        is_many = free > FREE_MAX
        reason = f"{free} free numbers are too many" if is_many else "they need more time"
        notes.append(f"no standard errors: {reason}")
    if best.bent is not None and (loose := _loose(problem, best.point, sure)):
        notes.append(f"{_listed(loose)}: not identified, other numbers tell the rows as well")
    notes += _thin(problem, best.point)
    return notes


def _loose(problem: Problem, point: Point, sure: Uncertainty) -> list[str]:
    """Name the distributions that may as well be others; at its limits F is flat without that."""
    found: list[str] = []
    for array in problem.layout.arrays:
        is_loose = array.rows(problem.heard & np.isnan(sure.errors)).any(axis=1)
        if array.kind in (ParameterKind.PROBABILITY, ParameterKind.SIMPLEX):
            own = array.rows(point.numbers)
            is_loose &= (np.minimum(own, 1.0 - own) > _LIMIT).all(axis=1)
        found += [array.distribution(row) for row in np.flatnonzero(is_loose).tolist()]
    return found


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NOTES_MAX]) + (", ..." if len(names) > _NOTES_MAX else "")


def _thin(problem: Problem, point: Point) -> list[str]:
    """Name the numbers of which no row says anything, and the distributions of few cases."""
    is_direct = problem.tables.direct_only()
    used = point.seen.sum(axis=0)
    unheard: list[str] = []
    few: list[tuple[float, str]] = []
    for array in problem.layout.arrays:
        heard = array.rows(problem.heard).any(axis=1)
        if not heard.any():
            unheard.append(array.shown)
            continue
        unheard += [array.distribution(row) for row in np.flatnonzero(~heard).tolist()]
        totals = array.rows(used).sum(axis=1)
        is_few = heard & array.rows(is_direct).all(axis=1) & (totals < _FEW_CASES)
        few += [
            (float(totals[row]), array.distribution(row)) for row in np.flatnonzero(is_few).tolist()
        ]
    notes = [f"no row says anything about {name}" for name in unheard[:_NOTES_MAX]]
    if len(unheard) > _NOTES_MAX:
        notes.append(f"nor about {len(unheard) - _NOTES_MAX} others")
    for total, name in sorted(few)[:_NOTES_MAX]:
        shown = f"{total:.2g}"
        notes.append(f"{name} rests on {shown} {'case' if shown == '1' else 'cases'}")
    if len(few) > _NOTES_MAX:
        notes.append(f"so do {len(few) - _NOTES_MAX} others, or on a few more")
    return notes
