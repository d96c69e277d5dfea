"""From where a search ended to what was learned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from gmlang.core.parameters import sweeps_of
from gmlang.learning.methods.curvature import Uncertainty, uncertainty
from gmlang.learning.methods.search import Attempt, Plan
from gmlang.learning.methods.variational import Bound, totals
from gmlang.learning.naming import Nameless
from gmlang.learning.objective import Aim
from gmlang.learning.problem import Problem
from gmlang.learning.results.adding import Counted, Pace
from gmlang.learning.results.by_name import by_name
from gmlang.learning.results.notes import Climbed, notes_on
from gmlang.learning.results.posterior import Posterior
from gmlang.learning.results.result import Learned, Restarts, Score
from gmlang.learning.rows import Rows

M = TypeVar("M")


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """Where a search ended.

    Attributes:
        problem: that was climbed.
        aim: what was.
        used: the rows that it learned from.
        weight: the column of weights; None for one called "weight", if there is one.
        plan: of the search.
        attempts: the best first.
        log_likelihood: of these rows; NaN where it is not known.
        scatter: how the gradient varies with the rows, where that is not how F bends.
        score: of rows kept apart.
        nameless: states in order of falling share.
        apart: how far the numbers of climbs that end as high are from each other.
        skipped: rows that were left out.
        is_unscored: whether there are rows kept apart that nobody can score.
    """

    problem: Problem
    aim: Aim
    used: Rows
    weight: str | None
    plan: Plan
    attempts: list[Attempt]
    log_likelihood: float
    scatter: np.ndarray | None
    score: Score | None
    nameless: tuple[Nameless, ...]
    apart: float
    skipped: int
    is_unscored: bool


def made_of(
    ended: Ended,
    make: Callable[[Mapping[str, object]], M],
    values: Mapping[str, object],
    adding: Callable[[Learned[M], Pace, Mapping[str, object]], Learned[M]],
    seconds: float,
) -> Learned[M]:
    """Return what was learned.

    Args:
        ended: where the search ended.
        make: makes the model that has the values, by core name.
        values: data by core name.
        adding: what adds more cases.
        seconds: that it took.
    """
    problem, used, plan, best = ended.problem, ended.used, ended.plan, ended.attempts[0]
    layout, point = problem.layout, best.point
    posterior = _posterior(ended.aim, best)
    sure = _sureness(ended, posterior)
    climbed = Climbed(
        *(problem, plan, best, posterior, sure, ended.nameless, ended.skipped),
        len(used.weights),
    )
    notes = notes_on(climbed)
    if ended.is_unscored:
        notes.append("no held-out score: log Z is out of reach")
    is_direct = problem.tables.direct_only()
    counts = np.where(is_direct, point.seen.sum(axis=0), np.nan)
    own = layout.values(point.numbers)
    bindings = {name: np.array(value) for name, value in own.items()}
    for value in bindings.values():
        value.setflags(write=False)
    return Learned(
        text=problem.learn.text,
        values=by_name(layout, point.numbers),
        bindings=bindings,
        errors=by_name(layout, sure.errors),
        counts=by_name(layout, counts),
        objective=point.value,
        log_likelihood=ended.log_likelihood,
        log_prior=problem.priors.log_density(point.numbers),
        posterior=posterior,
        held_out=ended.score,
        status=_status(plan, best),
        noise=None if best.noise is None else float(best.noise.max(initial=0.0)),
        gain_left=best.gain_left,
        method=plan.method,
        rounds=best.rounds,
        restarts=Restarts(tuple(one.point.value for one in ended.attempts), ended.apart),
        notes=tuple(notes),
        num_rows=len(used.weights),
        total_weight=used.total,
        empty=used.empty,
        seconds=seconds,
        seed=plan.seed,
        model=make({**values, **bindings}),
        layout=layout,
        link_errors=sure.link_errors,
        counted=_counted(ended),
        adding=adding,
    )


def _posterior(aim: Aim, best: Attempt) -> Posterior | None:
    cases = best.point.cases
    if cases is None or not isinstance(aim, Bound):
        return None
    is_exact = best.is_converged and aim.is_evidence
    return Posterior(cases, totals(aim.layout, cases), best.point.value, is_exact)


def _sureness(ended: Ended, posterior: Posterior | None) -> Uncertainty:
    """Return how sure each number is; NaN where that is not known.

    A number that no row speaks of rests at its prior, and is as sure as that. What was learned as a
    distribution is as wide as that is, there as everywhere.
    """
    problem, best = ended.problem, ended.attempts[0]
    nothing = np.full(problem.layout.size, np.nan)
    if posterior is not None:
        return Uncertainty(posterior.errors(), nothing)
    sure = Uncertainty(nothing, nothing)
    if best.bent is not None:
        sure = uncertainty(problem.layout, best.point.numbers, best.bent, ended.scatter, best.noise)
    spreads, link_spreads = problem.priors.spreads()
    return Uncertainty(
        np.where(problem.heard, sure.errors, spreads),
        np.where(problem.heard, sure.link_errors, link_spreads),
    )


def _status(plan: Plan, best: Attempt) -> str:
    if not best.is_converged:
        return "stopped"
    return "estimate" if sweeps_of(plan.method) is not None else "converged"


def _counted(ended: Ended) -> Counted | None:
    """Return what more cases may be added to."""
    problem = ended.problem
    if problem.normaliser or problem.targets.size or not problem.learn.source:
        return None
    if ended.plan.method not in ("em", "gradient"):
        return None
    counts = problem.telling.counts_of_all(ended.attempts[0].point.counts)
    is_complete = problem.is_complete(ended.used)
    return Counted(counts, is_complete, problem.learn, ended.weight, problem.programs)
