"""Elimination that sums and maximises in turns, and what each decision does in its clique."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gmruntime.answer import MarginalMap
from gmruntime.budget import Budget
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.orders.best import best_order
from gmruntime.elimination.passes.reference import (
    Tree,
    Upward,
    build_tree,
    clique_sum,
    incoming,
    pass_upward,
)
from gmruntime.elimination.plan import Plan, costed
from gmruntime.elimination.results import check_dense
from gmruntime.simplify.network import Network

_BITS_MAX = 40.0
"""With a larger clique there is no budget for a pass."""

_ORDER_STEPS = 2e8

_GIVEN_BYTES = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What maximising one decision looked at.

    Attributes:
        scope: the variables that are left then, without flags.
        table: log of what each action is worth, (actions, *states of the scope).
    """

    scope: tuple[int, ...]
    table: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """What a pass has found.

    Attributes:
        log_value: log of the value; -inf where all is 0, and no choice is known.
        choices: by decision.
    """

    log_value: float
    choices: dict[int, Choice]


def planned(
    network: Network, stages: Mapping[int, int], rng: np.random.Generator, budget: Budget
) -> Plan | None:
    """Find an order that keeps to the stages, and say what it costs; None where none is narrow.

    Raises:
        TimeoutError: when the budget ended first.
    """
    order = best_order(
        network, rng, stages=stages, bits_max=_BITS_MAX, steps_max=_ORDER_STEPS, budget=budget
    )
    return None if order is None else cost_of(network, order, budget)


def cost_of(network: Network, order: Order, budget: Budget) -> Plan:
    """Say what a pass costs in an order that is known."""
    return costed(MarginalMap(np.zeros(0, np.int32)), budget, network, order)


def fits(found: Plan | None, budget: Budget) -> bool:
    """Say whether a pass keeps to a budget, the tables given included."""
    if found is None or found.network is None or found.seconds > budget.left_s():
        return False
    given = _GIVEN_BYTES * sum(float(f.table.size) for f in found.network.factors)
    return found.fits and found.memory_bytes + given <= budget.memory_bytes


def alternate(
    found: Plan, decisions: frozenset[int], budget: Budget, is_flag: Callable[[int], bool]
) -> Passed:
    """Eliminate all variables, maximising over decisions.

    Args:
        found: a network and its order, which fit the budget.
        decisions: the variables that are maximised.
        budget: ends it.
        is_flag: whether a variable is one; choices are those where it is 0.

    Raises:
        TimeoutError: when the budget ended first.
    """
    assert found.network is not None
    assert found.order is not None
    tree = build_tree(found.network, found.order)
    is_max = np.array([scope[0] in decisions for scope in tree.scopes], np.bool_)
    upward = _upward(found, tree, is_max, budget)
    total = upward.log_constant + found.network.log_constant
    if total == -np.inf:
        return Passed(total, {})
    choices: dict[int, Choice] = {}
    for clique in np.flatnonzero(is_max).tolist():
        budget.check()
        parts = [*tree.potentials[clique], *incoming(tree, clique, upward.messages)]
        table = clique_sum(tree, clique, parts)
        scope = tree.scopes[clique]
        table = table[tuple(0 if is_flag(v) else slice(None) for v in scope)]
        choices[scope[0]] = Choice(tuple(v for v in scope[1:] if not is_flag(v)), table)
    return Passed(total, choices)


def _upward(found: Plan, tree: Tree, is_max: np.ndarray, budget: Budget) -> Upward:
    """Run the pass compiled where that was planned; in logs with NumPy where digits were lost."""
    assert found.network is not None
    assert found.order is not None
    if found.compiled:
        from gmruntime.elimination.passes.compiled import pass_upward_compiled

        quick = pass_upward_compiled(
            found.network, found.order, is_max, budget, in_logs=True, alternates=True
        )
        if quick is not None:
            return quick
        budget.check()
        check_dense(found.order, budget)
    return pass_upward(tree, is_max)
