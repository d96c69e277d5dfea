"""The best expected utility: exact where the order of elimination respects what is known."""

import math

import numpy as np

from gmruntime.answer import ExpectedUtility, ExpectedUtilityAnswer, Policy, Quality, Status
from gmruntime.budget import Budget
from gmruntime.decisions.alternating import Passed, alternate, fits, planned
from gmruntime.decisions.ceilings import log_ceiling
from gmruntime.decisions.flags import flagged
from gmruntime.decisions.problem import Problem, problem_of
from gmruntime.decisions.stages import remembering
from gmruntime.decisions.updating import Found, Rule, improved, narrowed
from gmruntime.decisions.weighing import log_weight
from gmruntime.graph import GraphError
from gmruntime.task import Effort, Task

METHOD = "alternating elimination"

_UPDATING = "single policy updating"

_WEIGHING_SHARE = 0.3
_PASS_SHARE = 0.5
_CEILING_SHARE = 0.3

_TOLERANCE = 1e-9
"""A bound that is so near, relative to what utilities may be, is met."""


def decide(task: Task[ExpectedUtility], effort: Effort) -> ExpectedUtilityAnswer:
    """Answer exactly where that fits the budget, else between proven bounds.

    Raises:
        GraphError: when what is observed depends on a decision, or a factor has no table.
    """
    budget = effort.budget
    try:
        problem = problem_of(task, budget)
    except TimeoutError:
        least, most = _ends(task)
        return _between(least, most, budget, "the budget ended before anything was eliminated")
    if problem is None:
        raise GraphError("a factor is too large for the tables that decisions are made with")
    return _decided(task, problem, effort)


def _decided(
    task: Task[ExpectedUtility], problem: Problem, effort: Effort
) -> ExpectedUtilityAnswer:
    budget, rng = effort.budget, effort.rng
    least, most = problem.shift, problem.shift + problem.spread
    try:
        weight = log_weight(problem, rng, budget.share(_WEIGHING_SHARE))
    except TimeoutError:
        weight = None
    if weight is None:
        return _between(least, most, budget, "how probable the evidence is takes too long to find")
    if weight == -np.inf:
        return ExpectedUtilityAnswer(_quality(Status.IMPOSSIBLE, METHOD, budget), math.nan)
    if not problem.gains:
        policies = _policies(task, {})
        return ExpectedUtilityAnswer(
            _quality(Status.EXACT, METHOD, budget), least, least, least, policies
        )
    try:
        passed = _whole(problem, rng, budget.share(_PASS_SHARE))
    except TimeoutError:
        passed = None
    if passed is not None and _is_known(problem, passed):
        value = _worth(problem, passed.log_value - weight)
        rules = {d: narrowed(c, frozenset(c.scope)) for d, c in passed.choices.items()}
        policies = _policies(task, rules)
        return ExpectedUtilityAnswer(
            _quality(Status.EXACT, METHOD, budget), value, value, value, policies
        )
    return _limited(task, problem, weight, passed, effort)


def _whole(problem: Problem, rng: np.random.Generator, budget: Budget) -> Passed | None:
    """Eliminate everything as if nothing were forgotten; None where that takes too much."""
    made = flagged(problem, remembering(problem))
    found = planned(made.network, made.stages, rng, budget)
    if found is None or not fits(found, budget):
        return None
    return alternate(found, frozenset(problem.decisions), budget, lambda v: v >= made.first_flag)


def _is_known(problem: Problem, passed: Passed) -> bool:
    """Say whether every choice looks at nothing but what is known."""
    return all(
        known.issuperset(passed.choices[d].scope) if d in passed.choices else True
        for d, known in zip(problem.decisions, problem.known, strict=True)
    )


def _limited(
    task: Task[ExpectedUtility],
    problem: Problem,
    weight: float,
    passed: Passed | None,
    effort: Effort,
) -> ExpectedUtilityAnswer:
    """Bound from above by whoever forgets nothing, from below by policies that are improved."""
    budget, rng = effort.budget, effort.rng
    most = problem.shift + problem.spread
    if passed is None:
        made = flagged(problem, remembering(problem))
        decisions = frozenset(problem.decisions)
        ceiling = log_ceiling(made, decisions, rng, budget.share(_CEILING_SHARE))
        upper = min(most, _worth(problem, ceiling - weight))
    else:
        upper = min(most, _worth(problem, passed.log_value - weight))

    def is_best(log_value: float) -> bool:
        return _is_met(problem, _worth(problem, log_value - weight), upper)

    suggested = {} if passed is None else passed.choices
    found: Found | None = improved(problem, suggested, is_best, rng, budget)
    if found is None:
        return _between(problem.shift, upper, budget, "no policy was found in time")
    value = _worth(problem, found.log_value - weight)
    policies = _policies(task, found.rules)
    if _is_met(problem, value, upper):
        quality = _quality(Status.EXACT, _UPDATING, budget, "as good as if nothing were forgotten")
        return ExpectedUtilityAnswer(quality, value, value, value, policies)
    note = "the best policy found; whoever forgets nothing reaches no more than the upper bound"
    quality = _quality(Status.BOUNDED, _UPDATING, budget, note)
    return ExpectedUtilityAnswer(quality, value, value, max(value, upper), policies)


def _worth(problem: Problem, log_gain: float) -> float:
    """Return the expected utility for log of the expected gain."""
    gain = math.exp(log_gain) if log_gain < 700.0 else math.inf
    return problem.shift + gain


def _is_met(problem: Problem, value: float, upper: float) -> bool:
    scale = max(1.0, abs(problem.shift), problem.spread)
    return upper - value <= _TOLERANCE * scale


def _ends(task: Task[ExpectedUtility]) -> tuple[float, float]:
    """Return what all utilities are at least and at most together."""
    least, most = 0.0, 0.0
    for block in task.query.utilities:
        if not len(block.scopes):
            continue
        tables = block.kind.log_potentials  # pyright: ignore[reportAttributeAccessIssue]
        rows = tables.reshape(len(tables), -1)
        times = len(block.scopes) / len(tables)
        least += times * float(rows.min(axis=1).sum())
        most += times * float(rows.max(axis=1).sum())
    return least, most


def _between(least: float, most: float, budget: Budget, note: str) -> ExpectedUtilityAnswer:
    quality = _quality(Status.BOUNDED, METHOD, budget, note)
    return ExpectedUtilityAnswer(quality, least, least, most)


def _quality(status: Status, method: str, budget: Budget, note: str = "") -> Quality:
    return Quality(status, method, budget.spent_s(), note=note)


def _policies(task: Task[ExpectedUtility], rules: dict[int, Rule]) -> tuple[Policy, ...]:
    """Return what each decision does; one that is observed does what was observed."""
    found: list[Policy] = []
    query = task.query
    for d, information in zip(query.decisions.tolist(), query.information, strict=True):
        rule = rules.get(d)
        known, actions = (), np.full((), max(0, task.evidence[d]))
        if rule is not None:
            known = tuple(v for v in dict.fromkeys(information.tolist()) if v in rule.scope)
            axes = [rule.scope.index(v) for v in known]
            actions = rule.weights.argmax(axis=0).transpose(axes)
        found.append(Policy(d, np.array(known, np.int32), np.asarray(actions, np.int32)))
    return tuple(found)
