"""Terms over many variables: structured factors where their form allows, else narrower pieces.

An and, or, count or sum over hundreds of variables becomes one factor with a message rule of its
own; what has no such rule is cut into pieces by auxiliary variables.
"""

from dataclasses import replace

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Distribution, Expression
from gmlang.core.types import Bool, Integer
from gmlang.core.walk import is_random
from gmlang.graph import lower
from gmlang.graph.evaluate import evaluate, expand, inside, item_frames
from gmlang.graph.linear import LinearForm, integer_states, linear_form
from gmlang.graph.literals import literals_of, strip_not
from gmlang.graph.noisy import lower_noisy_or
from gmlang.graph.places import Reference, locate
from gmlang.graph.states import BOOL, States
from gmlang.graph.terms import Condition, Defined, Drawn, Value
from gmlang.graph.world import Frame
from gmruntime.factors.kinds import AllDifferent, Count, FactorKind, LinearSum, Or, Xor

SUM_RANGE_MAX = 1 << 20
"""A sum with more possible values than this is not turned into one factor."""

_COUNTS = ("any", "exactly", "exactly_one", "at_most", "at_least", "xor", "all", "count", "sum")


def lower_structured(grounder: "lower.Grounder", frame: Frame, job: "lower.Job") -> bool:
    """Add structured factors for a job; False when its form is none of the known ones."""
    match job.term:
        case Condition():
            return _condition(grounder, frame, job, job.term.condition)
        case Value():
            return _value(grounder, frame, job, job.term.value)
        case Defined():
            return not job.gates and _defined(grounder, frame, job, job.term)
        case Drawn():
            return lower_noisy_or(grounder, frame, job, job.term)
        case _:
            return False


# --- Conditions --------------------------------------------------------------------------


def _condition(
    grounder: "lower.Grounder", frame: Frame, job: "lower.Job", condition: Expression
) -> bool:
    conjuncts = _conjuncts(condition)
    if len(conjuncts) > 1:
        for conjunct in conjuncts:
            lower.lower(grounder, frame, replace(job, term=Condition(conjunct)))
        return True
    if isinstance(condition, Aggregate) and condition.operator == "all":
        _each_item(grounder, frame, job, condition)
        return True
    if not _has_rule(grounder, frame, condition):
        return False
    if job.gates:
        frame, reified = lower.auxiliary(grounder, frame, condition, BOOL)
        lower.lower(grounder, frame, replace(job, term=Condition(reified)))
        return True
    return _hard(grounder, frame, job, condition)


def _conjuncts(condition: Expression) -> list[Expression]:
    if isinstance(condition, Apply) and condition.operator == "and":
        return [inner for part in condition.arguments for inner in _conjuncts(part)]
    if isinstance(condition, Apply) and condition.operator == "not":
        inner = condition.arguments[0]
        if isinstance(inner, Apply) and inner.operator == "or":
            negated = [Apply(p.span, "not", (p,), Bool()) for p in inner.arguments]
            return [part for each in negated for part in _conjuncts(each)]
        if isinstance(inner, Apply) and inner.operator == "not":
            return _conjuncts(inner.arguments[0])
    return [condition]


def _each_item(
    grounder: "lower.Grounder", frame: Frame, job: "lower.Job", aggregate: Aggregate
) -> None:
    for item in aggregate.items:
        inner, _ = expand(lower.environment(grounder, frame), item.context)
        term = Condition(item.value) if aggregate.operator == "all" else Value(item.value)
        lower.lower(grounder, inner, replace(job, term=term))


def _has_rule(grounder: "lower.Grounder", frame: Frame, condition: Expression) -> bool:
    inner = condition
    while isinstance(inner, Apply) and inner.operator == "not":
        inner = inner.arguments[0]
    if isinstance(inner, Aggregate):
        return inner.operator in (*_COUNTS[:-2], "alldifferent")
    if isinstance(inner, Apply) and inner.operator == "or":
        return True
    return _comparison(grounder, frame, inner) is not None


def _hard(
    grounder: "lower.Grounder", frame: Frame, job: "lower.Job", condition: Expression
) -> bool:
    """Add a factor for an ungated condition that has a rule."""
    if isinstance(condition, Aggregate) and condition.operator == "alldifferent":
        return _all_different(grounder, frame, job, condition)
    positive, inner = strip_not(condition)
    if isinstance(inner, Aggregate) and inner.operator == "alldifferent":
        return False
    if isinstance(inner, Aggregate) and inner.operator == "xor":
        frame, literals = literals_of(grounder, frame, _items(grounder, frame, inner))
        parity = (literals.negated.sum(axis=1) % 2 == 1) ^ positive
        _add(grounder, job, Xor(parity), literals.variables)
        return True
    form = _comparison(grounder, frame, inner)
    if form is not None:
        _linear(grounder, job, form[0], form[1] if positive else _opposite(form[1]))
        return True
    values = _disjuncts(grounder, frame, inner)
    if values is None:
        return False
    frame, literals = literals_of(grounder, frame, values)
    holds = _count_rule(inner, len(values), frame, grounder)
    allowed = holds if positive else ~holds
    _add(
        grounder, job, Count(np.where(allowed, 0.0, -np.inf), literals.negated), literals.variables
    )
    return True


def _disjuncts(
    grounder: "lower.Grounder", frame: Frame, condition: Expression
) -> list[tuple[Expression, Frame]] | None:
    if isinstance(condition, Apply) and condition.operator in ("or", "and"):
        return [(part, frame) for part in condition.arguments]
    if isinstance(condition, Aggregate) and condition.operator in _COUNTS:
        return _items(grounder, frame, condition)
    return None


def _items(
    grounder: "lower.Grounder", frame: Frame, aggregate: Aggregate | Distribution
) -> list[tuple[Expression, Frame]]:
    env = lower.environment(grounder, frame)
    return [
        (aggregate.items[position].value, item_frame)
        for position, item_frame in item_frames(env, aggregate)
    ]


def _count_rule(
    condition: Expression, num_items: int, frame: Frame, grounder: "lower.Grounder"
) -> np.ndarray:
    """Say for each count of true literals whether the condition holds: (instances or 1, counts)."""
    counts: np.ndarray = np.arange(num_items + 1)[None, :]
    if isinstance(condition, Apply):
        return counts > 0 if condition.operator == "or" else counts == num_items
    assert isinstance(condition, Aggregate)
    k: np.ndarray = np.ones((1, 1), np.int64)
    if condition.parameter is not None:
        k = np.asarray(evaluate(condition.parameter, lower.environment(grounder, frame)))
        k = k.reshape(-1, 1)
    match condition.operator:
        case "any":
            return counts > 0
        case "all":
            return counts == num_items
        case "exactly" | "exactly_one":
            return counts == k
        case "at_most":
            return counts <= k
        case "at_least":
            return counts >= k
        case _:
            raise AssertionError(condition.operator)


def _all_different(
    grounder: "lower.Grounder", frame: Frame, job: "lower.Job", aggregate: Aggregate
) -> bool:
    if job.gates:
        return False
    columns: list[np.ndarray] = []
    states: set[States] = set()
    for number, (value, item_frame) in enumerate(_items(grounder, frame, aggregate)):
        if not isinstance(value, Reference):
            return False
        env = lower.environment(grounder, item_frame)
        slot = locate(value, inside(env, item_frame, number))
        columns.append(slot.variables)
        states.add(slot.states)
    if len(states) != 1:
        return False
    _add(grounder, job, AllDifferent(), np.stack(columns, axis=1))
    return True


# --- Sums --------------------------------------------------------------------------------


def _comparison(
    grounder: "lower.Grounder", frame: Frame, condition: Expression
) -> tuple[LinearForm, str] | None:
    """Write a comparison as `form operator 0`."""
    if not isinstance(condition, Apply) or condition.operator not in _OPPOSITE:
        return None
    if len(condition.arguments) != 2:
        return None
    left, right = condition.arguments
    difference = Apply(condition.span, "-", (left, right), Integer())
    form = linear_form(difference, lower.environment(grounder, frame))
    if form is None or len(form.terms) < 3:
        return None
    low, high = form.bounds()
    return None if (high - low).max(initial=0) > SUM_RANGE_MAX else (form, condition.operator)


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _opposite(operator: str) -> str:
    return _OPPOSITE[operator]


def _linear(grounder: "lower.Grounder", job: "lower.Job", form: LinearForm, operator: str) -> None:
    """Add the constraint `form operator 0`."""
    low, high = form.bounds()
    lowest = low - form.constant
    if operator == "==":
        _add_sum(grounder, job, form, -form.constant, np.zeros((1, 1)))
        return
    size = int((high - low).max(initial=0)) + 1
    sums = low[:, None] + np.arange(size)[None, :]
    compare = {"!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater}
    holds = compare.get(operator, np.greater_equal)(sums, 0)
    potentials = np.where(holds, 0.0, -np.inf)
    _add_sum(grounder, job, form, lowest, potentials)


def _add_sum(
    grounder: "lower.Grounder",
    job: "lower.Job",
    form: LinearForm,
    lowest: np.ndarray,
    potentials: np.ndarray,
) -> None:
    count = len(form.constant)
    coefficients = np.stack([c for _, c in form.terms], axis=1)
    variables = np.stack([np.broadcast_to(s.variables, count) for s, _ in form.terms], axis=1)
    wide = np.broadcast_to(potentials, (count, potentials.shape[1])).copy()
    kind = LinearSum(coefficients, np.asarray(lowest, np.int64).copy(), wide)
    _add(grounder, job, kind, variables)


# --- Log-factors -------------------------------------------------------------------------


def _value(grounder: "lower.Grounder", frame: Frame, job: "lower.Job", value: Expression) -> bool:
    """Log-factors add up: a sum of them is several."""
    if isinstance(value, Apply) and value.operator in ("+", "-", "neg"):
        signs = {"+": (1, 1), "-": (1, -1), "neg": (-1,)}[value.operator]
        for part, sign in zip(value.arguments, signs, strict=True):
            signed = part if sign == 1 else Apply(part.span, "neg", (part,), Integer())
            if signed is not value and not _is_negated_reference(value):
                lower.lower(grounder, frame, replace(job, term=Value(signed)))
        return not _is_negated_reference(value)
    if isinstance(value, Aggregate) and value.operator in ("sum", "count"):
        _each_item(grounder, frame, job, value)
        return True
    if isinstance(value, Apply) and value.operator == "*":
        return _scaled(grounder, frame, job, value)
    return False


def _is_negated_reference(value: Apply) -> bool:
    """Say whether `- e` has nothing to be taken apart in e."""
    if value.operator != "neg":
        return False
    inner = value.arguments[0]
    if isinstance(inner, Apply):
        return inner.operator not in ("+", "-", "neg", "*")
    return not (isinstance(inner, Aggregate) and inner.operator in ("sum", "count"))


def _scaled(grounder: "lower.Grounder", frame: Frame, job: "lower.Job", product: Apply) -> bool:
    left, right = product.arguments
    scale, inner = (right, left) if is_random(left) else (left, right)
    if is_random(scale) or not isinstance(inner, Apply | Aggregate):
        return False
    span, kind = product.span, product.type
    if isinstance(inner, Aggregate) and inner.operator in ("sum", "count"):
        items = tuple(
            replace(item, value=Apply(span, "*", (scale, item.value), kind)) for item in inner.items
        )
        return _value(grounder, frame, job, replace(inner, operator="sum", items=items))
    if isinstance(inner, Apply) and inner.operator in ("+", "-", "neg"):
        parts = tuple(Apply(span, "*", (scale, part), kind) for part in inner.arguments)
        return _value(grounder, frame, job, replace(inner, arguments=parts))
    return False


# --- Definitions and draws ---------------------------------------------------------------


def _defined(grounder: "lower.Grounder", frame: Frame, job: "lower.Job", term: Defined) -> bool:
    env = lower.environment(grounder, frame)
    target = locate(term.target, env)
    positive, inner = strip_not(term.value)
    if isinstance(inner, Aggregate) and inner.operator == "xor":
        frame, literals = literals_of(grounder, frame, _items(grounder, frame, inner))
        parity = (literals.negated.sum(axis=1) % 2 == 1) ^ (not positive)
        columns = np.column_stack([literals.variables, target.variables])
        _add(grounder, job, Xor(parity), columns)
        return True
    if _is_junction(inner):
        _junction(grounder, frame, job, target.variables, (positive, inner))
        return True
    if isinstance(inner, Aggregate) and inner.operator in (
        "exactly",
        "exactly_one",
        "at_most",
        "at_least",
    ):
        _counted(grounder, frame, job, term, inner)
        return True
    form = linear_form(Apply(term.value.span, "-", (term.value, term.target), Integer()), env)
    if form is None or len(form.terms) < 3 or not target.states.count:
        return False
    _linear(grounder, job, form, "==")
    return True


def _is_junction(value: Expression) -> bool:
    return (isinstance(value, Apply) and value.operator in ("or", "and")) or (
        isinstance(value, Aggregate) and value.operator in ("any", "all")
    )


def _junction(
    grounder: "lower.Grounder",
    frame: Frame,
    job: "lower.Job",
    target: np.ndarray,
    value: tuple[bool, Expression],
) -> None:
    """Add target = (any or all of the literals), perhaps negated."""
    positive, inner = value
    values = _disjuncts(grounder, frame, inner)
    assert values is not None
    operator = inner.operator if isinstance(inner, Apply | Aggregate) else ""
    is_and = operator in ("and", "all")
    frame, literals = literals_of(grounder, frame, values)
    head = np.full((frame.count, 1), is_and ^ (not positive))
    negated = np.concatenate([literals.negated ^ is_and, head], axis=1)
    _add(grounder, job, Or(negated), np.column_stack([literals.variables, target]))


def _counted(
    grounder: "lower.Grounder",
    frame: Frame,
    job: "lower.Job",
    term: Defined,
    aggregate: Aggregate,
) -> None:
    total = replace(aggregate, operator="count", parameter=None, type=Integer())
    num_items = len(_items(grounder, frame, aggregate))
    frame, count = lower.auxiliary(grounder, frame, total, integer_states(0, num_items))
    operator = {"at_most": "<=", "at_least": ">="}.get(aggregate.operator, "==")
    k = aggregate.parameter or _one(aggregate)
    comparison = Apply(aggregate.span, operator, (count, k), Bool())
    positive, _ = strip_not(term.value)
    value = comparison if positive else Apply(aggregate.span, "not", (comparison,), Bool())
    lower.lower(grounder, frame, replace(job, term=Defined(term.target, value)))


def _one(aggregate: Aggregate) -> Expression:
    from gmlang.core.ast import Constant

    return Constant(aggregate.span, 1, Integer())


def _add(
    grounder: "lower.Grounder", job: "lower.Job", kind: FactorKind, variables: np.ndarray
) -> None:
    grounder.builder.add_factors(kind, variables, job.origin)
