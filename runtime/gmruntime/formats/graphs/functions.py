"""The cost functions that toulbar2 knows by name, as far as they are read.

Variables count by the index of their state. Those read are given below; of a soft one the cost is
that of each violation.

Source: toulbar2's descriptions of its formats WCSP and CFN.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from gmruntime.arrays import num_entries
from gmruntime.formats.graphs.costs import HARD, Costs, UnreadError

ARITHMETIC = {">=": 2, ">": 2, "<=": 2, "<": 2, "=": 2, "disj": 3, "sdisj": 6}
"""Functions of two variables, and how many numbers each takes."""

READ = (
    *ARITHMETIC,
    "salldiff",
    "salldiffdp",
    "walldiff",
    "knapsack",
    "knapsackp",
    "wsum",
    "wvarsum",
)
"""The functions that are read."""

_SMALL = 1 << 20
"""A soft all-different or a knapsack by values may become a table of so many entries."""

_LARGE = 1 << 22
"""A function of two variables may have so many entries."""

_GAP_MAX = 1 << 31
"""Whose square is a whole number of 64 bits."""

_GAPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "==": np.abs,
    "<=": lambda d: np.maximum(0, d),
    "<": lambda d: np.maximum(0, d + 1),
    "!=": lambda d: (d == 0).astype(np.int64),
    ">": lambda d: np.maximum(0, 1 - d),
    ">=": lambda d: np.maximum(0, -d),
}
"""How far a sum less its right-hand side is from what is asked."""


def unread(kind: str) -> str:
    """Return what is said of a function that is not read."""
    return f"the cost function `{kind}` is not read; those that are: {', '.join(READ)}"


def arithmetic(costs: Costs, scope: Sequence[int], kind: str, numbers: Sequence[int]) -> None:
    """Take a function of two variables.

    Raises:
        UnreadError: when the scope is of another size, or the table is too large.
    """
    if len(scope) != 2:
        raise UnreadError(f"`{kind}` is of 2 variables, not {len(scope)}")
    if costs.sizes[scope[0]] * costs.sizes[scope[1]] > _LARGE:
        raise UnreadError(f"`{kind}` is not read of variables with so many states")
    table = costs.empty(scope, 0)
    x, y = np.indices(table.shape)
    if kind == "disj":
        apart = (x >= y + numbers[1]) | (y >= x + numbers[0])
        table[...] = np.where(apart, 0, numbers[2])
    elif kind == "sdisj":
        shift_x, shift_y, last_x, last_y, cost_x, cost_y = numbers
        apart = (x >= y + shift_y) | (y >= x + shift_x)
        allowed = (x <= last_x) & (y <= last_y) & (apart | (x >= last_x) | (y >= last_y))
        table[...] = np.where(x == last_x, cost_x, 0) + np.where(y == last_y, cost_y, 0)
        table[~allowed] = HARD
    else:
        constant, delta = numbers
        short = {
            ">=": y + constant - x,
            ">": y + constant + 1 - x,
            "<=": x - constant - y,
            "<": x - constant + 1 - y,
            "=": np.abs(y + constant - x),
        }[kind]
        table[...] = np.where(short <= delta, np.maximum(short, 0), HARD)
    costs.table(scope, table)


def all_different(costs: Costs, scope: Sequence[int], kind: str, metric: str, cost: int) -> None:
    """Take an all-different, hard or soft.

    A metric `var` counts the variables that have to change, `dec` and `decbi` the equal pairs.

    Raises:
        UnreadError: for another metric, and when the table is too large.
    """
    is_known = metric == "hard" if kind == "walldiff" else metric in ("var", "dec", "decbi")
    if not is_known or (kind == "salldiffdp" and metric != "var"):
        raise UnreadError(f"`{kind}` with `{metric}` is not read")
    if metric == "hard":
        costs.all_different(scope)
    elif cost >= costs.top:
        costs.all_different(scope, cost)
    elif metric != "var":
        costs.pairs(scope, cost)
    else:
        states = _states(costs, scope, f"a soft `{kind}` with `var`")
        ordered = np.sort(states, axis=0)
        changes = (ordered[1:] == ordered[:-1]).sum(axis=0)
        costs.table(scope, costs.empty(scope, 0) + costs.times(cost, changes))


def knapsack(costs: Costs, scope: Sequence[int], capacity: int, weights: Sequence[int]) -> None:
    """Demand that the weights of the variables in state 1 reach a capacity.

    Raises:
        UnreadError: when a variable has other than two states, or there are too many sums.
    """
    if any(costs.sizes[v] != 2 for v in scope):
        raise UnreadError("`knapsack` is read of two-valued variables; `knapsackp` of others")
    costs.linear(scope, weights, lambda sums: np.where(sums >= capacity, 0, HARD))


def knapsack_by_values(
    costs: Costs, scope: Sequence[int], capacity: int, weights: Sequence[dict[int, int]]
) -> None:
    """Demand that the weights of the variables' states reach a capacity; others weigh nothing.

    Raises:
        UnreadError: when the weights are not linear and the table is too large.
    """
    if any(costs.sizes[v] > _SMALL for v in scope):
        raise UnreadError("`knapsackp` is not read of variables with so many states")
    rows = [
        [weight.get(k, 0) for k in range(costs.sizes[v])]
        for v, weight in zip(scope, weights, strict=True)
    ]
    steps = [{b - a for a, b in pairwise(row)} for row in rows]
    if all(len(step) <= 1 for step in steps):
        left = capacity - sum(row[0] for row in rows)
        slopes = [next(iter(step), 0) for step in steps]
        costs.linear(scope, slopes, lambda sums: np.where(sums >= left, 0, HARD))
        return
    states = _states(costs, scope, "a `knapsackp` whose weights are not linear")
    total = sum(np.array(row, np.int64)[axis] for row, axis in zip(rows, states, strict=True))
    table = costs.empty(scope, 0)
    table[total < capacity] = HARD
    costs.table(scope, table)


def sum_compared(
    costs: Costs,
    scope: Sequence[int],
    metric: str,
    cost: int,
    comparator: str,
    right: int | None,
) -> None:
    """Compare the sum of the variables with a number, or with the last variable (None).

    Raises:
        UnreadError: for an unknown metric or comparator, and when there are too many sums.
    """
    gap_of = _GAPS.get(comparator)
    if gap_of is None or metric not in ("hard", "lin", "quad") or not scope:
        raise UnreadError(f"a sum with `{metric}` and `{comparator}` is not read")
    if right is None and metric != "hard":
        raise UnreadError(f"`wvarsum` with `{metric}` is not read")
    shift = right or 0

    def cost_of(sums: np.ndarray) -> np.ndarray:
        gaps = gap_of(sums - shift)
        if metric == "hard":
            return np.where(gaps > 0, HARD, 0)
        if metric == "lin":
            return costs.times(cost, gaps)
        if int(gaps.max(initial=0)) >= _GAP_MAX:
            raise UnreadError("this sum is too far from what is asked of it")
        return costs.times(cost, gaps**2)

    coefficients = [1] * len(scope)
    if right is None:
        coefficients[-1] = -1
    costs.linear(scope, coefficients, cost_of)


def _states(costs: Costs, scope: Sequence[int], what: str) -> np.ndarray:
    """Return the state of each variable in every assignment of a scope.

    Raises:
        UnreadError: when there are too many.
    """
    sizes = [costs.sizes[v] for v in scope]
    if num_entries(sizes) > _SMALL or len(sizes) > 30:
        raise UnreadError(f"{what} is not read over so many variables ({len(sizes)})")
    return np.indices(sizes)
