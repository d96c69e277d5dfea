"""What the items of an aggregate amount to, in all instances and states at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Aggregate
from gmlang.errors import grounding as errors
from gmlang.graph.values.arithmetic import compare_count, compute
from gmlang.graph.values.environment import Env, no_value


@dataclass(frozen=True, slots=True, eq=False)
class ItemValue:
    """The values of one item.

    Attributes:
        values: numbers that broadcast to (instances, states of each slot...).
        present: the instances that have this item, a mask that broadcasts likewise; None for all.
    """

    values: np.ndarray
    present: np.ndarray | None = None


def combined(
    aggregate: Aggregate, items: Sequence[ItemValue], parameter: np.ndarray | int, env: Env
) -> np.ndarray:
    """Return the value of an aggregate, noting where it has none.

    Args:
        aggregate: says by what its items are combined.
        items: their values, in the order in which they are written.
        parameter: what `exactly`, `at_most` and `at_least` compare with.
        env: where it is evaluated.

    Raises:
        NoValue: where it has no value, unless the surroundings gather holes.
    """
    if aggregate.operator == "alldifferent":
        return _all_different(items)
    if aggregate.operator in ("min", "max"):
        return _extreme(aggregate, items, env)
    total = _total(aggregate, items, env)
    return compare_count(aggregate.operator, total, _num_items(items), parameter)


def _num_items(items: Sequence[ItemValue]) -> np.ndarray | int:
    everywhere = sum(item.present is None for item in items)
    somewhere = [item.present.astype(np.int64) for item in items if item.present is not None]
    return sum(somewhere, start=everywhere)


def _total(aggregate: Aggregate, items: Sequence[ItemValue], env: Env) -> np.ndarray:
    total = np.zeros((), np.int64)
    for item in items:
        values = item.values if item.present is None else np.where(item.present, item.values, 0)
        outcome = compute("+", [total, values])
        total = outcome.values
        if outcome.bad is not None:
            _note(aggregate, outcome.bad, outcome.why, env)
    return total


def _all_different(items: Sequence[ItemValue]) -> np.ndarray:
    different = np.ones(1, np.bool_)
    for i, left in enumerate(items):
        for right in items[:i]:
            apart = left.values != right.values
            for present in (left.present, right.present):
                apart = apart if present is None else apart | ~present
            different = different & apart
    return different


def _extreme(aggregate: Aggregate, items: Sequence[ItemValue], env: Env) -> np.ndarray:
    """Return the smallest or largest item; of none there is none."""
    result = np.zeros(())
    found: np.ndarray | np.bool_ = np.False_
    for item in items:
        values = item.values
        if np.any(found):
            values = np.where(found, compute(aggregate.operator, [result, values]).values, values)
        if item.present is None:
            result, found = values, np.True_
        else:
            result, found = np.where(item.present, values, result), found | item.present
    if not np.all(found):
        _note(aggregate, np.asarray(~found), errors.Undefined.of_none(aggregate.operator), env)
    return result


def _note(aggregate: Aggregate, bad: np.ndarray, why: errors.Undefined, env: Env) -> None:
    span = aggregate.span
    no_value(env, bad, lambda _, where: errors.without_value(span, why, where))
