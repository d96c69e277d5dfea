"""Policies for limited memory: one decision at a time is given its best policy.

Each step maximises the expected utility over the policy of one decision while those of the others
stand, so it never falls; where it ends, no single policy can be bettered, which need not be the
optimum.

Source: Lauritzen and Nilsson (2001), "Representing and solving decision problems with limited
information", single policy updating.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gmruntime.budget import Budget
from gmruntime.decisions.alternating import Choice, alternate, cost_of, fits, planned
from gmruntime.decisions.flags import flagged
from gmruntime.decisions.problem import Problem
from gmruntime.decisions.stages import alone
from gmruntime.elimination.layouts.order import Order
from gmruntime.simplify.network import Factor

_GROWTH_MIN = 1e-9
"""A round that gains less, relative to all that there is to gain, is the last."""

_NUM_STARTS_MAX = 12
"""Beside what the relaxed answer suggests: random policies to start from."""

_ENTRIES_MAX = 1 << 22
"""Of the table of a policy."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A policy of one decision.

    Attributes:
        scope: what it looks at.
        weights: how probable each action is, (actions, *states of the scope).
    """

    scope: tuple[int, ...]
    weights: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The best policies so far, and log of what they are expected to gain, times the evidence."""

    log_value: float
    rules: dict[int, Rule]


@dataclass(slots=True, eq=False)
class _Updates:
    """What is the same in all steps: the problem, and orders that were found."""

    problem: Problem
    rng: np.random.Generator
    budget: Budget
    orders: dict[object, Order] = field(default_factory=dict[object, Order])


def improved(
    problem: Problem,
    suggested: dict[int, Choice],
    is_best: Callable[[float], bool],
    rng: np.random.Generator,
    budget: Budget,
) -> Found | None:
    """Improve policies from several starts until the budget is spent, or one is proved best.

    Args:
        problem: with gains.
        suggested: what a relaxation would do, which may look at more than is known.
        is_best: whether nothing can be better than a log value.
        rng: of the starts.
        budget: of all; what was found within it is returned.

    Returns:
        None where no step fits the budget.
    """
    updates = _Updates(problem, rng, budget)
    best: Found | None = None
    for start in range(_NUM_STARTS_MAX):
        rules = {
            d: _start(problem, k, suggested.get(d), start, rng)
            for k, d in enumerate(problem.decisions)
        }
        if any(rule.weights.size > _ENTRIES_MAX for rule in rules.values()):
            return best
        found = _climb(updates, rules)
        if found is not None and (best is None or found.log_value > best.log_value):
            best = found
        if found is None or is_best(found.log_value) or budget.is_spent():
            break
    return best


def _start(
    problem: Problem, place: int, choice: Choice | None, start: int, rng: np.random.Generator
) -> Rule:
    """Return the policy that a start begins with: suggested, uniform, then random ones."""
    states = problem.network.num_states
    actions = int(states[problem.decisions[place]])
    if start == 0 and choice is not None:
        return narrowed(choice, problem.known[place])
    if start <= 1:
        return Rule((), np.full(actions, 1.0 / actions))
    scope = tuple(sorted(problem.known[place]))
    shape = tuple(int(states[v]) for v in scope)
    if float(np.prod(np.array(shape, float))) * actions > _ENTRIES_MAX:
        scope, shape = (), ()
    return Rule(scope, _certain(rng.integers(0, actions, size=shape), actions))


def narrowed(choice: Choice, known: frozenset[int]) -> Rule:
    """Forget what is not known: take what is best on the average of it."""
    weights = np.exp(choice.table - max(float(choice.table.max()), -1e300))
    kept = tuple(v for v in choice.scope if v in known)
    gone = tuple(1 + k for k, v in enumerate(choice.scope) if v not in known)
    summed = weights.sum(axis=gone)
    return Rule(kept, _certain(summed.argmax(axis=0), len(summed)))


def _certain(actions: np.ndarray, count: int) -> np.ndarray:
    """Return the weights of actions that are taken for certain, the actions' axis first."""
    return (np.arange(count).reshape(-1, *[1] * np.ndim(actions)) == actions).astype(np.float64)


def _climb(updates: _Updates, rules: dict[int, Rule]) -> Found | None:
    """Update one decision after the other, the last first, until none gains."""
    problem = updates.problem
    found: Found | None = None
    last = -np.inf
    while True:
        for place in reversed(range(len(problem.decisions))):
            try:
                log_value, rule = _update(updates, rules, place)
            except TimeoutError:
                return found
            if rule is not None:
                rules = {**rules, problem.decisions[place]: rule}
            if log_value is None:
                return found
            if all(_is_certain(one) for one in rules.values()):
                found = Found(log_value, rules)
        value = -np.inf if found is None else found.log_value
        if not value > last + _GROWTH_MIN or updates.budget.is_spent():
            return found
        last = value


def _is_certain(rule: Rule) -> bool:
    return bool(((rule.weights == 0.0) | (rule.weights == 1.0)).all())


def _update(
    updates: _Updates, rules: dict[int, Rule], place: int
) -> tuple[float | None, Rule | None]:
    """Return the log value with the best policy of one decision, and the policy.

    No value where no order is narrow enough; no policy where all gain nothing.
    """
    problem, budget = updates.problem, updates.budget
    own = problem.decisions[place]
    budget.check()
    factors = tuple(_factor(d, rule) for d, rule in rules.items() if d != own)
    made = flagged(problem, alone(problem, place), factors)
    key = place, tuple(factor.scope for factor in factors)
    order = updates.orders.get(key)
    if order is None:
        found = planned(made.network, made.stages, updates.rng, budget)
        if found is not None and found.order is not None:
            updates.orders[key] = found.order
    else:
        found = cost_of(made.network, order, budget)
    if found is None or not fits(found, budget):
        return None, None
    passed = alternate(found, frozenset([own]), budget, lambda v: v >= made.first_flag)
    choice = passed.choices.get(own)
    if choice is None:
        count = int(problem.network.num_states[own])
        return passed.log_value, Rule((), _certain(np.array(0), count))
    return passed.log_value, narrowed(choice, problem.known[place])


def _factor(decision: int, rule: Rule) -> Factor:
    """Write a policy as a log table over a scope in ascending order."""
    scope = (decision, *rule.scope)
    order = np.argsort(scope)
    with np.errstate(divide="ignore"):
        table = np.log(rule.weights.transpose(order))
    return Factor(tuple(scope[k] for k in order.tolist()), table)
