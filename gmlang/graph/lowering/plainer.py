"""Conditions written with plainer ones that have factors of their own."""

from dataclasses import replace

from gmlang.core.ast import Aggregate, Apply, Bool, Constant, Expression, Integer, Item
from gmlang.graph.lowering.sums.comparisons import MIRRORED

COUNT_COMPARISONS = {"exactly": "==", "exactly_one": "==", "at_most": "<=", "at_least": ">="}
"""Aggregates that compare how many items hold with a number."""


def compared_count(aggregate: Aggregate, count: Expression | None = None) -> Apply:
    """Write exactly, at_most and at_least as a comparison of a count.

    Args:
        aggregate: one of `COUNT_COMPARISONS`.
        count: how many items hold, where there is a variable for it.
    """
    if count is None:
        count = replace(aggregate, operator="count", parameter=None, type=Integer())
    k = aggregate.parameter or Constant(aggregate.span, 1, Integer())
    return Apply(aggregate.span, COUNT_COMPARISONS[aggregate.operator], (count, k), Bool())


def compared_items(condition: Expression) -> Expression:
    """Write a comparison with a min or max as a condition on every, or on some, item.

    The largest is at most k where all are, and equals k where all are at most k and one is at
    least k. What is no such comparison is returned as it is.
    """
    if not isinstance(condition, Apply) or condition.operator not in MIRRORED:
        return condition
    left, right = condition.arguments
    operator = condition.operator
    if extreme_items(left) is None:
        left, right, operator = right, left, MIRRORED[operator]
    items = extreme_items(left)
    if items is None:
        return condition
    assert isinstance(left, Aggregate | Apply)
    largest = left.operator == "max"
    every = "<" if largest else ">"
    if operator in ("==", "!="):
        all_inside = _each_compared(items, right, f"{every}=", "all", condition)
        one_there = _each_compared(items, right, ">=" if largest else "<=", "any", condition)
        equal = Apply(condition.span, "and", (all_inside, one_there), Bool())
        return equal if operator == "==" else Apply(condition.span, "not", (equal,), Bool())
    return _each_compared(
        items, right, operator, "all" if operator[0] == every else "any", condition
    )


def extreme_items(expression: Expression) -> tuple[Item, ...] | None:
    """List the items of a min or max; None when an expression is neither."""
    if not isinstance(expression, Aggregate | Apply) or expression.operator not in ("min", "max"):
        return None
    if isinstance(expression, Aggregate):
        return expression.items
    return tuple(Item(part.span, (), part) for part in expression.arguments)


def _each_compared(
    items: tuple[Item, ...], bound: Expression, operator: str, quantifier: str, whole: Expression
) -> Aggregate:
    compared = tuple(
        replace(item, value=Apply(whole.span, operator, (item.value, bound), Bool()))
        for item in items
    )
    return Aggregate(whole.span, quantifier, compared, None, Bool())
