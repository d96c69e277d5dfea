"""Sentences about what was learned: what stands behind it, and what to be careful with."""

from gmlang.core.parameters import sweeps_of
from gmlang.errors.learning import course as errors
from gmlang.learning.methods.curvature import FREE_MAX
from gmlang.learning.methods.search import Attempt, Plan
from gmlang.learning.numbers.coordinates import num_free
from gmlang.learning.numbers.priors import HALF_CASES, ONE_CASE
from gmlang.learning.objective import Point
from gmlang.learning.problem import Problem
from gmlang.learning.results.result import Posterior

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


def notes_on(
    problem: Problem, plan: Plan, best: Attempt, posterior: Posterior | None, skipped: int
) -> tuple[str, ...]:
    """Say what to know of what was found.

    Args:
        problem: that was posed.
        plan: by which it was climbed.
        best: where that ended.
        posterior: what was found, where that is a distribution.
        skipped: rows that were left out.
    """
    notes = [_skipped_note(skipped)] if skipped else []
    if problem.priors.uses_default:
        default = ONE_CASE if posterior is None else HALF_CASES
        notes.append(f"prior: {default}")
    if problem.learn.method == "em" and plan.method != "em":
        reason = f"`{problem.normaliser}`" if problem.normaliser else "`to predict`"
        notes.append(f"gradient, not em: {reason} makes log Z depend on what is learned")
    if unseen := problem.never_seen():
        listed = ", ".join(unseen[:_NOTES_MAX]) + (", ..." if len(unseen) > _NOTES_MAX else "")
        notes.append(f"{listed}: never observed, so other numbers may name the states otherwise")
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
    if reason := _without_errors(problem, plan, best):
        notes.append(f"no standard errors: {reason}")
    return (*notes, *_thin(problem, best.point))


def _without_errors(problem: Problem, plan: Plan, best: Attempt) -> str:
    """Say why there are no standard errors where one might expect them; "" where there are."""
    if best.bent is not None or plan.method == "variational" or best.runaways:
        return ""
    free = num_free(problem.layout)
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
    if plan.method == "pseudo" and len(problem.rows.weights) < ROWS_A_NUMBER * free:
        return "there are too few rows for so many numbers"
    return "they need more time"


def _thin(problem: Problem, point: Point) -> list[str]:
    """Name the distributions that speak of few cases, or of none."""
    is_direct = problem.tables.direct_only()
    used = point.seen.sum(axis=0)
    unheard: list[str] = []
    few: list[tuple[float, str]] = []
    for array in problem.layout.arrays:
        for row, (counts, direct) in enumerate(
            zip(array.rows(used), array.rows(is_direct), strict=True)
        ):
            if not direct.all():
                continue
            total = float(counts.sum())
            name = array.entry(row * max(1, array.row))
            if array.row > 1:
                name = name.rpartition("0]")[0] + ":]"
            if total <= 1e-9:
                unheard.append(name)
            elif total < _FEW_CASES:
                few.append((total, name))
    notes = [f"no row says anything about {name}" for name in unheard[:_NOTES_MAX]]
    for total, name in sorted(few)[:_NOTES_MAX]:
        shown = f"{total:.2g}"
        notes.append(f"{name} rests on {shown} {'case' if shown == '1' else 'cases'}")
    left = max(0, len(unheard) - _NOTES_MAX) + max(0, len(few) - _NOTES_MAX)
    return [*notes, *([f"so do {left} other distributions, or less"] if left else [])]


def _skipped_note(count: int) -> str:
    return f"{count} impossible {'row was' if count == 1 else 'rows were'} left out"
