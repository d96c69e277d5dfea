"""Sentences about what was learned: what stands behind it, and what to be careful with."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.parameters import ParameterKind, sweeps_of
from gmlang.errors.learning import course as errors
from gmlang.learning.methods.curvature import FREE_MAX, Uncertainty
from gmlang.learning.methods.search import Attempt, Plan
from gmlang.learning.naming import Nameless
from gmlang.learning.numbers.coordinates import Layout
from gmlang.learning.numbers.priors import HALF_CASES, ONE_CASE, Priors
from gmlang.learning.objective import Point
from gmlang.learning.problem import Problem
from gmlang.learning.results.posterior import Posterior
from gmruntime.arrays import Bool, Float64

_FEW_CASES = 5.0
"""A distribution that speaks of fewer cases is noted."""

_NOTES_MAX = 5

ROWS_A_NUMBER = 2
"""Of fewer rows for each free number nobody can say how a pseudo-likelihood varies."""

_PRODUCT = (
    "the posterior is taken for a product of what is learned and what is latent: the bound is "
    "proven, since the sum over what is latent is exact, and the posterior is an estimate"
)

_PSEUDO = (
    "the pseudo-likelihood, of each variable given all others, was maximised, not the likelihood"
)

_CHAINS = "log Z came from chains: how high the likelihood is, and whether higher, nobody knows"

_LIMIT = 1e-6
"""A probability so near to 0 or 1 is at its limit."""


def skipped_note(count: int) -> str:
    """Say how many rows were left out."""
    return f"{count} impossible {'row was' if count == 1 else 'rows were'} left out"


def prior_notes(priors: Priors, default: str) -> list[str]:
    """Say what the usual prior is, where it stands anywhere."""
    return [f"prior: {default}"] if priors.uses_default else []


@dataclass(frozen=True, slots=True, eq=False)
class Climbed:
    """What notes are made of.

    Attributes:
        problem: that was posed.
        plan: by which it was climbed.
        best: where that ended.
        posterior: what was found, where that is a distribution.
        sure: how sure the numbers are.
        nameless: states in order of falling share.
        skipped: how many rows were left out.
        num_rows: how many it was learned from.
    """

    problem: Problem
    plan: Plan
    best: Attempt
    posterior: Posterior | None
    sure: Uncertainty
    nameless: tuple[Nameless, ...]
    skipped: int
    num_rows: int


def notes_on(found: Climbed) -> list[str]:
    """Say what to know of what was found."""
    problem, plan, best, posterior = found.problem, found.plan, found.best, found.posterior
    notes = [skipped_note(found.skipped)] if found.skipped else []
    notes += prior_notes(problem.priors, ONE_CASE if posterior is None else HALF_CASES)
    if problem.learn.method == "em" and plan.method != "em":
        reason = f"`{problem.normaliser}`" if problem.normaliser else "`to predict`"
        notes.append(f"gradient, not em: {reason} makes log Z depend on what is learned")
    notes += _of_states(problem, found.nameless)
    if posterior is not None and not posterior.is_exact:
        notes.append(_PRODUCT)
    if plan.method == "pseudo":
        notes.append(_PSEUDO)
    if sweeps_of(plan.method) is not None:
        notes.append(_CHAINS)
        if (problem.learn.restarts or 1) > 1:
            notes.append("one start, not several: nobody could say which ended highest")
    for name in best.runaways:
        notes.append(errors.endless(name))
    if reason := _without_errors(found):
        notes.append(f"no standard errors: {reason}")
    if best.bent is not None and (loose := _loose(problem, best.point, found.sure)):
        notes.append(f"{_listed(loose)}: not identified, other numbers tell the rows as well")
    used = best.point.seen.sum(axis=0)
    is_direct = problem.tables.direct_only()
    return [*notes, *thin_notes(problem.layout, problem.heard, is_direct, used)]


def _of_states(problem: Problem, nameless: tuple[Nameless, ...]) -> list[str]:
    """Say of which variables nobody names the states, and which are in order all the same."""
    notes: list[str] = []
    ordered = [name for one in nameless for name in one.names]
    if ordered:
        notes.append(f"{_listed(ordered)}: never observed, states in order of falling share")
    if unseen := [one.name for one in problem.unseen() if one.name not in ordered]:
        notes.append(
            f"{_listed(unseen)}: never observed, so other numbers may name the states otherwise"
        )
    return notes


def _without_errors(found: Climbed) -> str:
    """Say why there are no standard errors where one might expect them; "" where there are."""
    problem, plan, best = found.problem, found.plan, found.best
    if best.bent is not None or plan.method == "variational" or best.runaways:
        return ""
    free = problem.layout.num_free
    if sweeps_of(plan.method) is not None:
        if problem.has_latent:
            return "chains do not tell how F bends where something is latent"
        if free > FREE_MAX:
            return f"{free} free numbers are too many"
        return "chains had no time to measure how F bends"
    if not best.is_converged:
        return ""
    if free > FREE_MAX:
        return f"{free} free numbers are too many"
    if plan.method == "pseudo" and found.num_rows < ROWS_A_NUMBER * free:
        return "there are too few rows for so many numbers"
    return "they need more time"


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


def thin_notes(
    layout: Layout,
    heard: Bool[np.ndarray, " numbers"],
    is_direct: Bool[np.ndarray, " numbers"],
    used: Float64[np.ndarray, " numbers"],
) -> list[str]:
    """Name the numbers of which no row says anything, and the distributions of few cases.

    Args:
        layout: what was learned.
        heard: of each number, whether a row may say anything about it.
        is_direct: whether it stands in tables as it is.
        used: how often.
    """
    unheard: list[str] = []
    few: list[tuple[float, str]] = []
    for array in layout.arrays:
        own = array.rows(heard).any(axis=1)
        if not own.any():
            unheard.append(array.shown)
            continue
        unheard += [array.distribution(row) for row in np.flatnonzero(~own).tolist()]
        totals = array.rows(used).sum(axis=1)
        is_few = own & array.rows(is_direct).all(axis=1) & (totals < _FEW_CASES)
        few += [
            (float(totals[row]), array.distribution(row)) for row in np.flatnonzero(is_few).tolist()
        ]
    notes = [f"no row says anything about {name}" for name in unheard[:_NOTES_MAX]]
    if len(unheard) > _NOTES_MAX:
        notes.append(f"nor about {_others(len(unheard) - _NOTES_MAX)}")
    for total, name in sorted(few)[:_NOTES_MAX]:
        shown = f"{total:.2g}"
        notes.append(f"{name} rests on {shown} {'case' if shown == '1' else 'cases'}")
    if len(few) > _NOTES_MAX:
        left = len(few) - _NOTES_MAX
        notes.append(f"so {'does' if left == 1 else 'do'} {_others(left)}, or on a few more")
    return notes


def _others(count: int) -> str:
    return "1 other" if count == 1 else f"{count} others"
