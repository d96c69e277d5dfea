"""From several starts to the best place found: climbs, one after another, in rounds.

A climb is given up only where F and all it is expected to gain stay below the best: which of
several climbs leads after ten rounds says nothing about where they end.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.learning.methods.ascent import ascent
from gmlang.learning.methods.chains import chains
from gmlang.learning.methods.climbing import GAIN_MAX, Round, gain_left_after
from gmlang.learning.methods.curvature import Curvature, curvature
from gmlang.learning.methods.em import em, maximised
from gmlang.learning.methods.variational import variational
from gmlang.learning.numbers.coordinates import to_coordinates, to_numbers
from gmlang.learning.numbers.starts import rough_start
from gmlang.learning.objective import Aim, Objective, Point
from gmlang.learning.problem import Problem
from gmruntime.budget import Budget

_METHODS: dict[str, Callable[..., Iterator[Round]]] = {
    "em": em,
    "gradient": ascent,
    "variational": variational,
    "pseudo": ascent,
}
"""How to climb, by the word that `using` takes; `cd` has its sweeps besides."""

_HOPELESS_ROUNDS = 10
"""A climb is given up once so many rounds in a row expect it to end below the best."""

_CURVATURE_SHARE = 0.5
"""Curvature is left out where it would take more of the time that is left."""

_HALVINGS_MAX = 8

_PLAIN_ROUNDS = 4
"""So many rounds look whether there is a slope where curvature would take too long."""

_STEP = 1e-3
"""In coordinates, of differences of gradients."""

_SADDLES_MAX = 20
"""So many saddles are left in one climb."""


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """Where a climb ended.

    Attributes:
        rounds: evaluations of F.
        is_converged: whether what is left to gain is too little to matter; of the best, also
            whether this is no saddle.
        bent: how F bends there; None where that was not worked out.
        runaways: numbers that grow without end.
        noise: how far chances may have put each number off; None where that is not known.
    """

    point: Point
    rounds: int
    gain_left: float
    is_converged: bool
    bent: Curvature | None = None
    runaways: tuple[str, ...] = ()
    noise: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """How far a search is.

    Attributes:
        number: of the climb, from 1.
        attempt: where it is.
    """

    number: int
    attempt: Attempt


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How to search.

    Attributes:
        method: as `method_named` calls it.
        attempts: climbs.
        seed: that of climb k is seed + k.
        wants_errors: whether the curvature of the best place is of use.
    """

    method: str
    attempts: int
    seed: int
    wants_errors: bool = True


def search(
    problem: Problem, objective: Aim, plan: Plan, budget: Budget
) -> Generator[Progress, None, list[Attempt]]:
    """Climb from every start until each has converged or the budget is spent.

    Yields:
        Each round; the caller may leave at any.

    Returns:
        The climbs, the best first; at least one, and never one that is worse than any round.

    Raises:
        TimeoutError: when there was no time even for the first start.
        GmError: when a statement has no value at any start.
    """
    is_rough = problem.is_rough()
    found: list[Attempt] = []
    best: Point | None = None
    refused: GmError | None = None
    for number in range(plan.attempts):
        try:
            start = objective.at(_start(problem, is_rough, plan, number), budget)
        except TimeoutError:
            if not found:
                raise
            break
        except GmError as error:
            # A statement has no value where this climb would begin: another may.
            refused = error
            continue
        begun = last = Attempt(start, 1, np.inf, False)
        hopeless = 0
        for attempt in _climb(problem, objective, plan, begun, budget):
            last = attempt
            point = last.point
            if best is None or point.value > best.value:
                best = point
            yield Progress(number + 1, last)
            is_behind = point.value + last.gain_left < best.value
            hopeless = hopeless + 1 if is_behind else 0
            if hopeless >= _HOPELESS_ROUNDS:
                break
        found.append(last)
        if budget.is_spent():
            break
    if not found and refused is not None:
        raise refused
    each_s = budget.spent_s() / sum(one.rounds for one in found)
    found.sort(key=lambda one: -one.point.value)
    costs_s = 2.0 * each_s * objective.layout.num_free
    is_cheap = plan.wants_errors and costs_s < _CURVATURE_SHARE * budget.left_s()
    plan = replace(plan, wants_errors=is_cheap)
    found[0] = yield from _settled(problem, objective, plan, found[0], budget, is_rough)
    return found


def _method(plan: Plan) -> Callable[..., Iterator[Round]]:
    """Return how to climb."""
    return _METHODS.get(plan.method) or partial(chains, method=plan.method)


def _start(problem: Problem, is_rough: np.ndarray, plan: Plan, number: int) -> np.ndarray:
    rng = np.random.default_rng(plan.seed + number)
    # Who asks for more starts where none need be rough does not ask for the same one again.
    is_rough = is_rough if number == 0 or is_rough.any() else np.ones_like(is_rough)
    numbers = rough_start(problem.layout, problem.priors, is_rough, rng)
    return np.where(problem.started, problem.start, numbers)


def _climb(
    problem: Problem, objective: Aim, plan: Plan, start: Attempt, budget: Budget
) -> Iterator[Attempt]:
    """Yield where a climb is after each round."""
    found = start
    method = _method(plan)
    try:
        for round_ in method(objective, start.point, budget, has_latent=problem.has_latent):
            rounds = start.rounds - 1 + round_.number
            found = Attempt(
                *(round_.point, rounds, round_.gain_left, round_.is_converged),
                bent=round_.bent,
                runaways=round_.runaways,
                noise=round_.noise,
            )
            yield found
            if budget.is_spent():
                return
    except TimeoutError:
        yield found


def _settled(
    problem: Problem,
    objective: Aim,
    plan: Plan,
    found: Attempt,
    budget: Budget,
    is_rough: np.ndarray,
) -> Generator[Progress, None, Attempt]:
    """Make sure that the best climb has not come to rest on a saddle, and how F bends there."""
    # Where nobody knows how high a place is, nobody can look for a higher one.
    may_be_saddle = bool(is_rough.any()) and np.isfinite(found.point.value)
    if not (may_be_saddle or plan.wants_errors or plan.method == "em"):
        return found
    for _ in range(_SADDLES_MAX):
        if not found.is_converged:
            return found
        try:
            above, bent = _beyond(
                objective, found.point, plan, budget, problem.heard if may_be_saddle else None
            )
        except TimeoutError:
            return replace(found, is_converged=not may_be_saddle)
        if above is None:
            return replace(found, bent=bent)
        if not above.value > found.point.value:
            return replace(found, is_converged=False)
        again = Attempt(above, found.rounds + 1, np.inf, False)
        for found in _climb(problem, objective, plan, again, budget):
            yield Progress(plan.attempts, found)
    return replace(found, is_converged=False)


def _beyond(
    objective: Aim, point: Point, plan: Plan, budget: Budget, shaken: np.ndarray | None
) -> tuple[Point | None, Curvature | None]:
    """Return a higher place where a climb has come to rest on a saddle or a slope; None on a peak.

    What rounds gained says little of what is left where they gain slowly: how F bends says more.
    Where no higher place is found in spite of that, the place itself comes back.

    Args:
        objective: F.
        point: where the climb has ended.
        plan: of the search.
        budget: that has begun.
        shaken: the numbers whose change may lead beyond it; None where there is no saddle.
    """
    if not plan.wants_errors:
        above = None if shaken is None else _kicked(objective, point, plan, budget, shaken)
        if above is None and plan.method == "em":
            above = _slid(objective, point, budget)
        return above, None
    bent = curvature(objective, point, budget)
    direction = bent.upward()
    above = None if direction is None else _along(objective, point, direction, budget)
    if above is None:
        step, gain = bent.newton(point.gradient)
        above = _stepped(objective, point, step, budget) if gain > GAIN_MAX else None
    return above, bent


def _slid(objective: Aim, point: Point, budget: Budget) -> Point | None:
    """Look what a few rounds without strides gain; None where that says that little is left.

    Where rounds gain slowly all that is left lies along one direction, theirs: how F bends there
    says how far it goes on.
    """
    assert isinstance(objective, Objective)
    layout, is_direct = objective.layout, objective.tables.direct_only()
    points, left = [point], np.inf
    for number in range(_PLAIN_ROUNDS):
        numbers = maximised(objective, points[-1], is_direct, budget)
        points.append(objective.at(numbers, budget))
        if number:
            gains = [points[k].value - points[k - 1].value for k in (-1, -2)]
            left = gain_left_after(*gains)
    if left <= GAIN_MAX:
        return None
    last = points[-1]
    places = [to_coordinates(layout, one.numbers) for one in points[-2:]]
    direction = places[1] - places[0]
    direction /= max(float(np.linalg.norm(direction)), np.finfo(np.float64).tiny)
    ahead, behind = (
        objective.at(to_numbers(layout, places[1] + step * direction), budget)
        for step in (_STEP, -_STEP)
    )
    bend = float((ahead.gradient - behind.gradient) @ direction) / (2.0 * _STEP)
    slope = float(last.gradient @ direction)
    above = last if bend >= 0.0 else _stepped(objective, last, -slope / bend * direction, budget)
    return above if above.value > point.value else None


def _stepped(objective: Aim, point: Point, step: np.ndarray, budget: Budget) -> Point:
    """Take a step, or as much of it as leads higher; return the same place where none does."""
    layout = objective.layout
    where = to_coordinates(layout, point.numbers)
    for _ in range(_HALVINGS_MAX):
        there = objective.at(to_numbers(layout, where + step), budget)
        if there.value > point.value:
            return there
        step = 0.5 * step
    return point


def _along(objective: Aim, point: Point, direction: np.ndarray, budget: Budget) -> Point | None:
    """Look for a higher place both ways along a direction in which F bends upwards."""
    layout = objective.layout
    where = to_coordinates(layout, point.numbers)
    best: Point | None = None
    for length in (0.1, 0.3, 1.0, 3.0):
        for sign in (1.0, -1.0):
            there = objective.at(to_numbers(layout, where + sign * length * direction), budget)
            if there.value > (best or point).value:
                best = there
    return best


def _kicked(
    objective: Aim, point: Point, plan: Plan, budget: Budget, is_shaken: np.ndarray
) -> Point | None:
    """Shake numbers and climb for a while: from a saddle that leads beyond it."""
    layout = objective.layout
    rng = np.random.default_rng(plan.seed)
    where = to_coordinates(layout, point.numbers)
    kick = np.where(is_shaken, 0.3 * rng.normal(size=layout.size), 0.0)
    shaken = objective.at(to_numbers(layout, where + kick), budget)
    for round_ in _method(plan)(objective, shaken, budget, has_latent=True):
        if round_.point.value > point.value + GAIN_MAX:
            return round_.point
        if round_.number >= 60:
            return None
    return None
