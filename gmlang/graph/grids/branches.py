"""Laws taken apart where a finite variable chooses among reals: `early if t < change else late`.

Each branch holds under a condition on finite variables, and depends on the reals that it names, so
that no table is about those of all branches together.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from gmlang.core.ast import (
    Apply,
    AttributeRef,
    Bool,
    Cases,
    Constant,
    Distribution,
    Expression,
    Integer,
)
from gmlang.core.walk import (
    is_random,
    is_real_reference,
    mentions_real,
    parts,
    replace_part,
    walk,
    with_parts,
)
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import random_indices
from gmlang.graph.world.places import index_ranges

_PICKED_MAX = 1 << 10
"""An index may pick one of so many reals."""

Branch = tuple[Expression, tuple[Expression, ...]]
"""A law that chooses among no reals, and the conditions under which it holds."""


def branches(law: Expression, env: Env) -> Iterator[Branch]:
    """Give the branches of a law; they exclude each other.

    Args:
        law: checked, or cases of some.
        env: of any frame of its, in which the sizes of arrays are known.

    Raises:
        GmError: where an index may pick too many reals.
    """
    pending: list[Branch] = [(law, ())]
    while pending:
        written, gates = pending.pop()
        part = next((p for p in _in_order(written) if _chooses(p)), None)
        if part is None:
            yield written, gates
            continue
        pending += [(replace_part(written, part, p), (*gates, g)) for p, g in _choices(part, env)]


def _in_order(expression: Expression) -> Iterator[Expression]:
    """Give parts from the outside to the inside, but for those of conditions."""
    yield expression
    match expression:
        case Apply(operator="if", arguments=(_, *inner)) | Cases(values=inner):
            pass
        case _:
            inner = parts(expression)
    for part in inner:
        yield from _in_order(part)


def _chooses(part: Expression) -> bool:
    match part:
        case Apply(operator="if", arguments=(condition, *branches_)):
            return is_random(condition) and _matters(branches_)
        case Cases(conditions=conditions, values=values):
            return any(map(is_random, conditions)) and _matters(values)
        case AttributeRef() if is_real_reference(part):
            return bool(random_indices(part))
        case _:
            return False


def _matters(values: "list[Expression] | tuple[Expression, ...]") -> bool:
    return any(
        mentions_real(value) or any(isinstance(p, Distribution) for p in walk(value))
        for value in values
    )


def _choices(part: Expression, env: Env) -> Iterator[tuple[Expression, Expression]]:
    match part:
        case Apply(operator="if", arguments=(condition, then, otherwise)):
            yield then, condition
            yield otherwise, _not(condition)
        case Cases(conditions=conditions, values=values):
            for number, (condition, value) in enumerate(zip(conditions, values, strict=True)):
                earlier = tuple(_not(one) for one in conditions[:number])
                both = (*earlier, condition)
                yield value, both[0] if len(both) == 1 else Apply(part.span, "and", both, Bool())
        case AttributeRef():
            yield from _picked(part, env)
        case _:
            raise AssertionError("chooses nothing")


def _not(condition: Expression) -> Expression:
    return Apply(condition.span, "not", (condition,), Bool())


def _picked(reference: AttributeRef, env: Env) -> Iterator[tuple[Expression, Expression]]:
    """Give each real that random indices may pick, and when they do."""
    axes = [
        (index, list(range(first, first + size)))
        for index, first, size in index_ranges(env.world, reference)
        if is_random(index)
    ]
    if np.prod([float(len(values)) for _, values in axes]) > _PICKED_MAX:
        told = errors.random_index(reference.span, reference.span.text, _PICKED_MAX)
        raise GmError([told])
    for chosen in product(*(values for _, values in axes)):
        fixed: dict[int, Expression] = {}
        same: list[Expression] = []
        for (index, _), value in zip(axes, chosen, strict=True):
            number = Constant(index.span, value, Integer())
            fixed[id(index)] = number
            same.append(Apply(index.span, "==", (index, number), Bool()))
        one = with_parts(reference, [fixed.get(id(p), p) for p in parts(reference)])
        gate = same[0] if len(same) == 1 else Apply(reference.span, "and", tuple(same), Bool())
        yield one, gate
