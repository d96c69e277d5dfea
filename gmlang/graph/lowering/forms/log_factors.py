"""Log-factors add up: a sum of them is several."""

from dataclasses import replace

from gmlang.core.ast import Aggregate, Apply, Expression
from gmlang.core.walk import is_random
from gmlang.graph.lowering.grounder import Grounder, Job, environment
from gmlang.graph.values.evaluate import expand
from gmlang.graph.values.terms import Condition, Value
from gmlang.graph.world.world import Frame


def lower_sum(grounder: Grounder, frame: Frame, job: Job, value: Expression) -> bool:
    """Add the factors of a sum, or of a multiple of one; False when the log-factor is neither."""
    if isinstance(value, Apply) and value.operator == "neg":
        opposite = _negated(value.arguments[0])
        return opposite is not None and lower_sum(grounder, frame, job, opposite)
    if isinstance(value, Apply) and value.operator in ("+", "-"):
        left, right = value.arguments
        if value.operator == "-":
            right = Apply(right.span, "neg", (right,), value.type)
        for part in (left, right):
            grounder.lower(frame, replace(job, term=Value(part)))
        return True
    if isinstance(value, Aggregate) and value.operator in ("sum", "count"):
        each_item(grounder, frame, job, value)
        return True
    if isinstance(value, Apply) and value.operator == "*":
        return _scaled(grounder, frame, job, value)
    return False


def _negated(value: Expression) -> Expression | None:
    """Write the opposite of a sum or of a product with the sign within; None for all else."""
    if isinstance(value, Aggregate) and value.operator in ("sum", "count"):
        items = tuple(
            replace(item, value=Apply(value.span, "neg", (item.value,), value.type))
            for item in value.items
        )
        return replace(value, operator="sum", items=items)
    if not isinstance(value, Apply):
        return None
    match value.operator:
        case "neg":
            return value.arguments[0]
        case "+" | "-":
            left, right = value.arguments
            left = Apply(left.span, "neg", (left,), value.type)
            return replace(
                value, operator="-" if value.operator == "+" else "+", arguments=(left, right)
            )
        case "*":
            left, right = value.arguments
            scale, inner = (right, left) if is_random(left) else (left, right)
            if is_random(scale):
                return None
            return replace(value, arguments=(Apply(scale.span, "neg", (scale,), value.type), inner))
        case _:
            return None


def _scaled(grounder: Grounder, frame: Frame, job: Job, product: Apply) -> bool:
    left, right = product.arguments
    scale, inner = (right, left) if is_random(left) else (left, right)
    if is_random(scale) or not isinstance(inner, Apply | Aggregate):
        return False
    span, kind = product.span, product.type
    if isinstance(inner, Aggregate) and inner.operator in ("sum", "count"):
        items = tuple(
            replace(item, value=Apply(span, "*", (scale, item.value), kind)) for item in inner.items
        )
        return lower_sum(grounder, frame, job, replace(inner, operator="sum", items=items))
    if isinstance(inner, Apply) and inner.operator in ("+", "-", "neg"):
        parts = tuple(Apply(span, "*", (scale, part), kind) for part in inner.arguments)
        return lower_sum(grounder, frame, job, replace(inner, arguments=parts))
    return False


def each_item(grounder: Grounder, frame: Frame, job: Job, aggregate: Aggregate) -> None:
    """Lower every item of a conjunction or of a sum on its own."""
    for item in aggregate.items:
        inner, _ = expand(environment(grounder, frame), item.context)
        term = Condition(item.value) if aggregate.operator == "all" else Value(item.value)
        grounder.lower(inner, replace(job, term=term))
