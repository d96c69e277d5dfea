"""Who of many exemplars is looked at: first groups of those alike, then parts of the best groups.

What nobody has looked at has the scores of its group. So there is an answer at any time after the
first look, and it is exact when all exemplars have been looked at; the best are looked at first.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    AssignmentsAnswer,
    Best,
    Improvement,
    Map,
    Question,
    Status,
    with_note,
)
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget
from gmruntime.factors.correlation import Correlation
from gmruntime.factors.kinds.match import Match, Progress
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, log_score
from gmruntime.matches.groups import Features, coarse_groups, first_parts, parts_of, told_by
from gmruntime.matches.summing import alone, log_sums, summed
from gmruntime.questions.solutions import SolutionsAnswer

_A = TypeVar("_A", bound=AnyAnswer)

_AT_ONCE = 64
"""Groups that are looked at together: enough for products and transforms to be worth it."""

_PIXELS_AT_ONCE = 1 << 20
"""Of groups that are looked at together, where pictures are large: a tenth of a second."""

_ANSWER_SHARE = 0.3
"""Of the time that is left, for answering with what was found."""

ANSWER_S = 0.25
"""For answering with what was found, however late it is: small tables take less."""

_FIRST_S = 0.2
"""For the first look, however late it is: at a few hundred groups of a few thousand pixels."""

_TABLE_S, _SUM_S = 2.5e-7, 5e-8
"""That it takes at least for each entry of the tables: several passes over them, or one."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A graph whose matches are tables of what was found.

    Attributes:
        graph: with these.
        asked: with the matches.
        num_seen: exemplars that were looked at themselves.
        num_all: how many there are.
        best: of each match the exemplar and the place of the largest score, -1 for all else.
    """

    graph: FactorGraph
    asked: FactorGraph
    num_seen: int
    num_all: int
    best: Assignment

    def start(self, given: Assignment | None) -> Assignment:
        """Return where a search may begin: as given, and else with what was found."""
        return self.best if given is None else np.where(given >= 0, given, self.best)

    def told(self, query: Question[_A], found: _A) -> _A:
        """Return an answer about the tables as one about the matches: no better than it is."""
        if self.num_seen == self.num_all or found.quality.status is Status.IMPOSSIBLE:
            return found
        if isinstance(found, SolutionsAnswer):
            # Matches forbid nothing.
            return found
        if isinstance(found, AssignmentsAnswer) and len(found.assignments):
            scores = log_score(self.asked, found.assignments)
            is_ranked = isinstance(query, Map | Best)
            order = np.argsort(-scores, kind="stable") if is_ranked else np.arange(len(scores))
            found = replace(found, assignments=found.assignments[order], log_scores=scores[order])
        quality = replace(
            found.quality, status=Status.ESTIMATE, error=float("nan"), error_kind="exemplars"
        )
        ends = {"log_lower": -np.inf, "log_upper": np.inf, "lower": None, "upper": None}
        known = {name: end for name, end in ends.items() if hasattr(found, name)}
        note = f"{self.num_seen:,} of {self.num_all:,} exemplars looked at, the best first"
        return with_note(replace(found, quality=quality, **known), note)

    def steps(self, steps: Iterable[Improvement]) -> Iterator[Improvement]:
        """Yield the steps of a search in the tables that are steps in the matches as well."""
        best = -np.inf
        for step in steps:
            if self.num_seen == self.num_all:
                yield step
            elif step.is_found:
                score = float(log_score(self.asked, step.assignment))
                if score > best:
                    best = score
                    yield replace(step, log_score=score, log_bound=np.inf)


def has_matches(graph: FactorGraph) -> bool:
    """Say whether some factor is a match."""
    return any(isinstance(block.kind, Match) for block in graph.factors)


def looked_at(
    graph: FactorGraph,
    budget: Budget,
    query: Question[AnyAnswer] | None = None,
    evidence: Assignment | None = None,
) -> Looked:
    """Look at exemplars until little more is left than an answer takes.

    The groups of the first look are looked at however late it is.

    Args:
        graph: validated.
        budget: of the question.
        query: the question; what it does not ask about is summed out where that is simple. None
            leaves all in.
        evidence: a state for each observed variable, -1 for the others.
    """
    none = np.full(graph.num_variables, -1, np.int32)
    apart = alone(graph, query or Map(), none if evidence is None else evidence)
    kinds = [block.kind for block in graph.factors if isinstance(block.kind, Match)]
    entries = sum(kind.told.shape[1] * kind.sites.shape[2] for kind in kinds)
    each_s = _SUM_S if len(apart.variables) else _TABLE_S
    least = max(each_s * entries, _ANSWER_SHARE * budget.left_s())
    part = budget.until(max(0.0, budget.left_s() - least))
    factors: list[FactorBlock] = []
    num_seen, num_all, best = 0, 0, none.copy()
    for block in graph.factors:
        if isinstance(block.kind, Match):
            progress = block.kind.progress
            with progress.lock:
                scores, seen = _look(block.kind, part)
                num_seen, num_all = num_seen + seen, num_all + len(scores)
                if isinstance(query, Map | Best):
                    _note_best(best, block, block.kind, scores)
                # Others may look on while engines read what was found.
                may_grow = seen < len(scores)
                factors.extend(summed(block, scores, progress.masses, apart, is_kept=may_grow))
    tables = replace(graph, factors=(*apart.others, *factors))
    return Looked(tables, graph, num_seen, num_all, best)


def _note_best(best: Assignment, block: FactorBlock, kind: Match, scores: np.ndarray) -> None:
    """Note the states of the largest score, the gate on where that is above 0."""
    for scope in block.scopes[:, kind.is_gated :]:
        best[scope] = np.unravel_index(int(scores.argmax()), kind.sizes)
    if kind.is_gated:
        best[block.scopes[:, 0]] = int(scores.max() > 0)


# --- Looking -----------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Waiting:
    """Groups that were looked at as such, and what it takes to look at their members.

    Attributes:
        groups: of several exemplars.
        masses: of each, the log of what it adds up to over all places and members.
    """

    correlation: Correlation
    features: Features
    groups: list[Int64[np.ndarray, " members"]]
    masses: list[float]


def _look(kind: Match, budget: Budget) -> tuple[Float64[np.ndarray, "exemplars places"], int]:
    """Look at exemplars until the budget is spent; return the scores, and how many were seen.

    Whoever calls holds the lock.
    """
    progress, told = kind.progress, kind.told[0]
    if progress.scores is None:
        soon = budget.at_least(_FIRST_S)
        waiting = _Waiting(kind.correlation(), _features(told), [], [])
        progress.scores = np.zeros((len(told), kind.sites.shape[2]))
        progress.masses = np.zeros(len(told))
        progress.is_known = np.zeros(len(told), np.bool_)
        progress.waiting.append(waiting)
        _look_first(kind, waiting, soon)
    assert progress.is_known is not None
    while progress.waiting and not budget.is_spent():
        waiting = progress.waiting[0]
        assert isinstance(waiting, _Waiting)
        if waiting.groups:
            features, num_groups = waiting.features, len(waiting.groups)
            parts = _best_parts(waiting, num_groups, partial(parts_of, features))
            _see(progress, waiting, told, parts)
        else:
            progress.waiting.clear()
    return progress.scores, int(progress.is_known.sum())


def _features(told: np.ndarray) -> Features:
    # Always the same groups: which exemplars are alike is no matter of chance.
    return Features.of(told, np.random.default_rng(0))


def _look_first(kind: Match, waiting: _Waiting, budget: Budget) -> None:
    """Look at a few groups, and at the parts of each as far as there is time."""
    progress, told, features = kind.progress, kind.told[0], waiting.features
    coarse = coarse_groups(features)
    _see(progress, waiting, told, coarse)
    num_left = len(waiting.groups)
    while num_left and not budget.is_spent():
        # Behind those that are left lie the parts of the others.
        num_kept = len(waiting.groups) - num_left
        parts = _best_parts(
            waiting, num_left, partial(first_parts, features, num_coarse=len(coarse))
        )
        num_left = len(waiting.groups) - num_kept
        _see(progress, waiting, told, parts)


def _best_parts(
    waiting: _Waiting, num_groups: int, cut: Callable[[np.ndarray], list[np.ndarray]]
) -> list[Int64[np.ndarray, " members"]]:
    """Take those of the first groups away that have the largest masses, and return their parts."""
    parts: list[np.ndarray] = []
    taken: set[int] = set()
    num_pixels = len(waiting.correlation.sites)
    num_parts = min(_AT_ONCE, _PIXELS_AT_ONCE // max(1, num_pixels))
    for number in np.argsort(waiting.masses[:num_groups], kind="stable")[::-1].tolist():
        if taken and len(parts) >= num_parts:
            break
        taken.add(number)
        parts += cut(waiting.groups[number])
    waiting.groups = [g for k, g in enumerate(waiting.groups) if k not in taken]
    waiting.masses = [m for k, m in enumerate(waiting.masses) if k not in taken]
    return parts


def _see(
    progress: Progress,
    waiting: _Waiting,
    told: Float64[np.ndarray, "exemplars pixels symbols"],
    groups: list[Int64[np.ndarray, " members"]],
) -> None:
    """Look at groups, and let their members have what is found."""
    assert progress.scores is not None
    assert progress.masses is not None
    assert progress.is_known is not None
    if all(len(group) == 1 for group in groups):
        said = told[np.concatenate(groups)]
    else:
        said = np.array([told_by(told, group) for group in groups])
    found = waiting.correlation.sums(said)
    masses = log_sums(found, [1])
    for group, scores, mass in zip(groups, found, masses.tolist(), strict=True):
        progress.scores[group], progress.masses[group] = scores, mass
        progress.is_known[group] = len(group) == 1
        if len(group) > 1:
            waiting.groups.append(group)
            waiting.masses.append(mass + float(np.log(len(group))))
