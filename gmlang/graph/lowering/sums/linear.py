"""Expressions as weighted sums of variables, for all instances at once."""

from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Expression,
    Real,
    VariableRef,
)
from gmlang.core.walk import is_random, type_of
from gmlang.errors import grounding as errors
from gmlang.graph.lowering.grounder import Grounder, auxiliary, environment
from gmlang.graph.values.environment import Env, Slot, Slots, no_value
from gmlang.graph.values.evaluate import RaggedItems, evaluate, expand, item_frames, random_indices
from gmlang.graph.values.ranges import Steps, integer_steps
from gmlang.graph.world.places import locate
from gmlang.graph.world.states import States
from gmlang.graph.world.world import Frame

SUM_RANGE_MAX = 1 << 20
"""A sum with more possible values than this is not turned into one factor."""

_PART_ENTRIES_MAX = 1 << 24
"""The tables that define a part of a sum in all its instances may have this many entries."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Something a form adds up that is no variable: it equals one once a form is realised.

    Attributes:
        value: takes the values `steps`, in the instances of the environment.
    """

    value: Expression
    env: Env
    steps: Steps


@dataclass(frozen=True, slots=True, eq=False)
class PartRows:
    """The instances of a part that belong to one summand."""

    part: Part
    rows: np.ndarray

    @property
    def states(self) -> States:
        """Return the states of the part's variable."""
        return self.part.steps.states()


@dataclass(frozen=True, slots=True, eq=False)
class LinearForm:
    """constant + sum of coefficient * state, one row for each instance.

    Attributes:
        terms: the variables, or what will be one, and their integer coefficients.
    """

    constant: np.ndarray
    terms: list[tuple[Slot | PartRows, np.ndarray]]

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and largest value in each instance."""
        low = high = self.constant
        for source, coefficients in self.terms:
            reach = coefficients * (source.states.count - 1)
            low, high = low + np.minimum(reach, 0), high + np.maximum(reach, 0)
        return low, high

    def has_functions(self) -> bool:
        """Say whether a part takes more than two values, as functions of variables do."""
        return any(
            isinstance(source, PartRows) and source.states.count > 2 for source, _ in self.terms
        )

    def size(self) -> np.ndarray:
        """Return in each instance a bound on the size of every sum of some of the terms."""
        total = np.abs(self.constant.astype(np.float64))
        for source, coefficients in self.terms:
            total = total + np.abs(coefficients.astype(np.float64)) * (source.states.count - 1)
        return total

    def num_entries(self) -> float:
        """Count the entries of a chain that adds up the terms one after another."""
        sums, reach, total = 1.0, 0.0, 0.0
        for source, coefficients in self.terms:
            size = float(source.states.count)
            reach += float(np.abs(coefficients).max(initial=0)) * (size - 1)
            after = min(sums * size, reach + 1)
            total += sums * size * after
            sums = after
        return total


def linear_form(expression: Expression, env: Env, *, parts: bool = False) -> LinearForm | None:
    """Write an expression as an integer linear form; None when it is none.

    Args:
        expression: any.
        env: its instances.
        parts: whether a summand may be any expression that takes few values, not a variable only.
    """
    count = env.frame.count
    if not is_random(expression):
        value = np.asarray(evaluate(expression, env))
        return _constant(value, count)
    match expression:
        case VariableRef() | AttributeRef() | Activation() if not random_indices(expression):
            slot = locate(expression, env)
            first = np.full(count, slot.states.first, np.int64)
            return LinearForm(first, [(slot, np.ones(count, np.int64))])
        case Apply():
            what = "form of parts" if parts else "form"
            form = env.once(what, expression, lambda: _apply(expression, env, parts=parts))
        case Aggregate() if expression.operator in ("sum", "count"):
            form = _aggregate(expression, env, parts=parts)
        case _:
            form = None
    return _part(expression, env) if form is None and parts else form


def realised(
    grounder: Grounder, form: LinearForm, guards: tuple[Expression, ...] = ()
) -> list[tuple[Slot, np.ndarray]]:
    """Give every part of a form a variable, and list the form's terms."""
    known: dict[int, Slot] = {}
    return [(realise(grounder, source, known, guards), c) for source, c in form.terms]


def realise(
    grounder: Grounder,
    source: Slot | PartRows,
    known: dict[int, Slot],
    guards: tuple[Expression, ...] = (),
) -> Slot:
    """Return the variables of a summand, which are added unless they are known by their part."""
    if isinstance(source, Slot):
        return source
    part = source.part
    if id(part) not in known:
        value, states = part.steps.numbered(part.value), part.steps.states()
        frame, reference = auxiliary(grounder, part.env.frame, value, states, guards)
        known[id(part)] = locate(reference, environment(grounder, frame))
    slot = known[id(part)]
    return Slot(slot.variables[source.rows], slot.states)


def _constant(value: np.ndarray, count: int) -> LinearForm | None:
    if value.dtype == np.bool_:
        value = value.astype(np.int64)
    if value.dtype == np.int64:
        return LinearForm(np.broadcast_to(value.reshape(-1), (count,)), [])
    rounded = np.round(value)
    if not (np.abs(rounded) < 2.0**63).all() or (rounded != value).any():
        return None
    return LinearForm(np.broadcast_to(rounded.astype(np.int64).reshape(-1), (count,)), [])


def _part(expression: Expression, env: Env) -> LinearForm | None:
    steps = integer_steps(expression, env)
    if steps is None or steps.count > SUM_RANGE_MAX or steps.num_entries > _PART_ENTRIES_MAX:
        return None
    count = env.frame.count
    part = Part(expression, env, steps)
    first = np.full(count, steps.first, np.int64)
    if steps.count == 1:
        return LinearForm(first, [])
    rows = PartRows(part, np.arange(count))
    return LinearForm(first, [(rows, np.full(count, steps.step, np.int64))])


def _apply(expression: Apply, env: Env, *, parts: bool) -> LinearForm | None:
    if expression.operator not in ("+", "-", "neg", "*", "not"):
        return None
    arguments = expression.arguments
    if expression.operator == "*" and all(is_random(argument) for argument in arguments):
        return None
    forms = [linear_form(part, env, parts=parts) for part in arguments]
    found = [form for form in forms if form is not None]
    if len(found) < len(forms):
        return None
    match expression.operator:
        case "+" | "-":
            if not _fits(found[0].size() + found[1].size(), expression, env):
                return None
            return _merged(_add(found[0], found[1], 1 if expression.operator == "+" else -1))
        case "neg":
            zero = LinearForm(np.zeros(env.frame.count, np.int64), [])
            return _add(zero, found[0], -1)
        case "*":
            left, right = found
            scale, form = (left.constant, right) if not left.terms else (right.constant, left)
            if not _fits(form.size() * np.abs(scale.astype(np.float64)), expression, env):
                return None
            scaled = [(slot, coefficients * scale) for slot, coefficients in form.terms]
            return LinearForm(form.constant * scale, scaled)
        case _:
            one = LinearForm(np.ones(env.frame.count, np.int64), [])
            return _add(one, found[0], -1)


def _aggregate(expression: Aggregate, env: Env, *, parts: bool) -> LinearForm | None:
    count = env.frame.count
    total, size = LinearForm(np.zeros(count, np.int64), []), np.zeros(count)
    try:
        for item in expression.items:
            frame, parents = expand(env, item.context) if item.context else (env.frame, None)
            each = frame.count // count if count else 0
            if parents is not None and (np.bincount(parents, minlength=count) != each).any():
                raise RaggedItems
            form = linear_form(item.value, _inside(env, frame), parts=parts)
            if form is None:
                return None
            size += form.size().reshape(count, each).sum(axis=1)
            if not _fits(size, expression, env):
                return None
            total = _add(total, _shared_out(form, count, each), 1)
    except RaggedItems:
        return _one_by_one(expression, env, parts=parts)
    return _merged(total)


def _inside(env: Env, frame: Frame) -> Env:
    return replace(env, frame=frame, slots=Slots(), path=())


def _shared_out(form: LinearForm, count: int, each: int) -> LinearForm:
    """Turn `each` consecutive rows into one, whose terms are theirs."""
    if each == 1:
        return form
    constant = form.constant.reshape(count, each).sum(axis=1)
    rows = [slice(k, None, each) for k in range(each)]
    terms = [
        (_rows_of(source, row), coefficients[row])
        for row in rows
        for source, coefficients in form.terms
    ]
    return LinearForm(constant, terms)


def _rows_of(source: Slot | PartRows, row: slice) -> Slot | PartRows:
    if isinstance(source, Slot):
        return Slot(source.variables[row], source.states)
    return PartRows(source.part, source.rows[row])


def _one_by_one(expression: Aggregate, env: Env, *, parts: bool) -> LinearForm | None:
    """Add up items that have aggregates of different lengths within."""
    total, size = LinearForm(np.zeros(env.frame.count, np.int64), []), np.zeros(env.frame.count)
    for position, frame in item_frames(env, expression):
        form = linear_form(expression.items[position].value, _inside(env, frame), parts=parts)
        if form is None:
            return None
        size += form.size()
        if not _fits(size, expression, env):
            return None
        total = _add(total, form, 1)
    return _merged(total)


def _fits(size: np.ndarray, expression: Expression, env: Env) -> bool:
    """Say whether sums of some of the terms fit into 64 bits.

    Where they may not, a sum of integers has no value; one of real numbers is just no such form.
    """
    beyond = size >= 2.0**63
    if not beyond.any():
        return True
    if isinstance(type_of(expression), Real):
        return False
    span, why = expression.span, errors.Undefined.MAY_BE_BEYOND
    no_value(env.still(), beyond, lambda _, where: errors.without_value(span, why, where))
    return True


def _add(left: LinearForm, right: LinearForm, sign: int) -> LinearForm:
    signed = [(slot, sign * coefficients) for slot, coefficients in right.terms]
    return LinearForm(left.constant + sign * right.constant, [*left.terms, *signed])


def _merged(form: LinearForm) -> LinearForm:
    merged: dict[object, tuple[Slot | PartRows, np.ndarray]] = {}
    for source, coefficients in form.terms:
        key: object = (
            source.variables.tobytes()
            if isinstance(source, Slot)
            else (id(source.part), source.rows.tobytes())
        )
        before = merged.get(key)
        total = coefficients if before is None else before[1] + coefficients
        merged[key] = (source, total)
    return LinearForm(form.constant, [(s, c) for s, c in merged.values() if c.any()])
