"""What a query asks for, as variables; an expression is one with a state for each value."""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    Array,
    AttributeRef,
    Bool,
    Constant,
    DataRef,
    Enum,
    Expression,
    Real,
    Reference,
    VariableRef,
)
from gmlang.core.program import Asked
from gmlang.core.records.members import family_of, is_held
from gmlang.core.walk import is_real_reference, type_of
from gmlang.diagnostics import GmError
from gmlang.errors import asking as errors
from gmlang.graph.builder import Origin
from gmlang.graph.functions.unrolling import unrolled
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    auxiliary,
    environment,
    hidden_entry,
    hidden_reference,
)
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, whole
from gmlang.graph.values.evaluate import evaluate, expand, random_indices
from gmlang.graph.values.ranges import Steps, integer_steps, joined, num_entries
from gmlang.graph.world.places import collect, locate_array
from gmlang.graph.world.states import BOOL, States, enum_states, exact_numbers
from gmlang.graph.world.world import ONE_INSTANCE, Frame, select_rows
from gmruntime.factors.kinds import Table

_VALUES_MAX = 1 << 16
"""More values of an expression than this are not told apart."""

ENTRIES_MAX = 1 << 22
"""An expression of reals is evaluated in at most so many states of its variables."""


_ROUNDING = 1e-14
"""Values that differ by less than this share of what was added up for them may be the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What one asked item names: variables in their shape (scalar: ()), and their states.

    Attributes:
        levels: what each state stands for as a number.
    """

    variables: np.ndarray
    states: States
    is_event: bool
    levels: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Quantity:
    """An expression in each instance of a frame, as a variable.

    Attributes:
        variables: one for each instance.
        states: as they are shown.
        levels: what each state stands for.
    """

    variables: np.ndarray
    states: States
    levels: np.ndarray


def target_of(grounder: Grounder, asked: Asked) -> Target:
    """Find the variables of one asked item, adding those of expressions."""
    frame, _ = expand(environment(grounder, ONE_INSTANCE), asked.context)
    value = asked.value
    if isinstance(value, Reference):
        frame, value = picked(grounder, frame, value)
        variables, states = locate_array(value, environment(grounder, frame))
        shaped = variables if asked.context else variables[0]
        return Target(shaped, states, is_event=False, levels=states.values())
    if isinstance(getattr(value, "type", None), Array):
        raise GmError([errors.not_one_variable(value.span, value.span.text)])
    found = _quantity(grounder, frame, value)
    shaped = found.variables if asked.context else found.variables[0]
    is_event = isinstance(type_of(value), Bool)
    return Target(shaped, found.states, is_event, found.levels)


def picked(grounder: Grounder, frame: Frame, reference: Reference) -> tuple[Frame, Reference]:
    """Give what a random index picks a variable of its own; other references stay as they are."""
    if not random_indices(reference):
        return frame, reference
    return auxiliary(grounder, frame, reference, _element_states(grounder, reference))


def _element_states(grounder: Grounder, reference: Reference) -> States:
    """Return the states that each of the variables has which a reference may name."""
    world = grounder.world
    match reference:
        case VariableRef():
            return world.variables[reference.name].states
        case AttributeRef() if is_held(reference.attribute):
            return world.holders[family_of(reference.attribute)].states
        case AttributeRef() if is_real_reference(reference):
            key = reference.thing.entity, reference.attribute
            return world.hidden_reals[key].states
        case AttributeRef():
            return world.attributes[reference.thing.entity][reference.attribute].states
        case Activation():
            return BOOL


def _quantity(grounder: Grounder, frame: Frame, value: Expression) -> _Quantity:
    """Add a variable that says what an expression is.

    Raises:
        GmError: where it has too many values to be told apart.
    """
    type_ = type_of(value)
    if isinstance(type_, Bool | Enum):
        states = BOOL if isinstance(type_, Bool) else enum_states(type_)
        frame, reference = auxiliary(grounder, frame, value, states)
        return _of(grounder, frame, reference, states, states.values())
    groups = [
        (plain, environment(grounder, select_rows(frame, rows)))
        for rows, (plain,) in unrolled(grounder.world, frame, grounder.names, (value,))
    ]
    found = [None if isinstance(type_, Real) else integer_steps(*group) for group in groups]
    steps = joined([one for one in found if one is not None])
    if None not in found and steps.count <= _VALUES_MAX:
        return _numbered(grounder, frame, value, steps)
    return _listed(grounder, frame, value, groups)


def _numbered(grounder: Grounder, frame: Frame, value: Expression, steps: Steps) -> _Quantity:
    """Number evenly spaced integers."""
    levels = steps.first + steps.step * np.arange(steps.count, dtype=np.int64)
    shown = States(steps.first, steps.count)
    if steps.step != 1:
        shown = States(0, steps.count, labels=tuple(map(str, levels.tolist())))
    frame, reference = auxiliary(grounder, frame, steps.numbered(value), steps.states())
    return _of(grounder, frame, reference, shown, levels)


def _listed(
    grounder: Grounder, frame: Frame, value: Expression, groups: list[tuple[Expression, Env]]
) -> _Quantity:
    """List the values that an expression has in any state, and number them.

    Args:
        grounder: grows.
        frame: the instances.
        value: the expression.
        groups: what it is without calls, and in which of the instances.
    """
    groups = [(plain, env.gathering()) for plain, env in groups]
    entries = 0.0
    for plain, env in groups:
        collect(plain, env)
        entries += num_entries(env.slots) * max(1, env.frame.count)
    if entries > ENTRIES_MAX:
        raise GmError([errors.too_many_values(value.span, value.span.text, None)])
    if frame.count == 1 and len(groups) == 1:
        together = _of_nodes(grounder, *groups[0])
        if together is not None:
            return together
    lowest, levels, highest = _told_apart(groups)
    if len(levels) > _VALUES_MAX or entries * len(levels) > 16 * ENTRIES_MAX:
        raise GmError([errors.too_many_values(value.span, value.span.text, len(levels))])
    if not len(levels):
        levels = lowest = highest = np.zeros(1)
    states = States(0, len(levels))
    start = grounder.builder.add_variables(f"#{grounder.num_hidden + 1}", (frame.count,), states)
    variables: np.ndarray = np.arange(start, start + frame.count, dtype=np.int64)
    frame, number = hidden_reference(grounder, frame, variables, states, value.span)
    ends = (hidden_entry(grounder, end, number, value.span) for end in (lowest, highest))
    same = Apply(value.span, "in_range", (value, *ends), Bool())
    grounder.lower(frame, Job(terms.Condition(same), (), Origin("auxiliary", value.span)))
    return _Quantity(variables, States(0, len(levels), labels=_labels(levels)), levels)


def _of_nodes(grounder: Grounder, value: Expression, env: Env) -> _Quantity | None:
    """Number what several variables are together, where reals are among them.

    Hardly any two values at nodes are equal: a table over the variables and their values would have
    about the square of the entries that these numbers need. None where that is not so, or where an
    expression has no value somewhere.
    """
    slots = env.slots.items
    sizes = [slot.states.count for slot in slots]
    count = math.prod(sizes)
    if len(slots) < 2 or count > _VALUES_MAX or not any(slot.states.points for slot in slots):
        return None
    with np.errstate(all="ignore"):
        values = whole(np.asarray(evaluate(value, env), np.float64), env)
    if env.holes:
        return None
    levels = np.broadcast_to(values, (1, *sizes)).reshape(-1)
    states, name = States(0, count), f"#{grounder.num_hidden + 1}"
    start = grounder.builder.add_variables(name, (1,), states)
    numbers = np.indices(sizes).reshape(len(sizes), -1)
    for slot, size, number in zip(slots, sizes, numbers, strict=True):
        grounder.world.check_time()
        table = np.where(number[:, None] == np.arange(size), 0.0, -np.inf)
        scope = np.array([[start, int(slot.variables.reshape(-1)[0])]])
        grounder.builder.add_factors(Table(table[None]), scope, Origin("auxiliary", value.span))
    return _Quantity(np.array([start]), states, levels)


def _told_apart(groups: list[tuple[Expression, Env]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the different values of expressions: the least and the most of each, and itself."""
    found = [_rounded_values(value, env) for value, env in groups]
    values, radii = (np.concatenate(column) for column in zip(*found, strict=True))
    if values.dtype == np.int64:
        levels = np.unique(values)
        return levels, levels, levels
    is_known = ~np.isnan(values)
    return _apart(values[is_known], radii[is_known])


def _rounded_values(value: Expression, env: Env) -> tuple[np.ndarray, np.ndarray]:
    """Return an expression's values in all states, and by how much each may have been rounded."""
    with np.errstate(all="ignore"):
        values = exact_numbers(evaluate(value, env))
        if values.dtype == np.int64:
            values = env.defined(values).reshape(-1)
            return values, np.zeros(values.shape)
        sizes = np.asarray(evaluate(_added_up(value, {}), env.gathering()), np.float64)
    values, sizes = np.broadcast_arrays(values, sizes)
    return env.defined(values).reshape(-1), _ROUNDING * env.defined(sizes).reshape(-1)


def _added_up(
    value: Expression, done: dict[tuple[int, bool], Expression], *, is_whole: bool = True
) -> Expression:
    """Return what says how large the numbers are that are added up for a real value.

    That is 0 for what is only looked up or chosen, which no rounding has touched, so that tiny
    values beside large ones stay what they are.

    Args:
        value: the expression.
        done: by identity, since parts may be shared.
        is_whole: whether the value is not calculated with.
    """
    key = id(value), is_whole
    if key not in done:
        done[key] = _size_of(value, done, is_whole)
    return done[key]


def _size_of(
    value: Expression, done: dict[tuple[int, bool], Expression], is_whole: bool
) -> Expression:
    match value:
        case Apply(operator="if", arguments=(condition, *branches)):
            chosen = (_added_up(branch, done, is_whole=is_whole) for branch in branches)
            return replace(value, arguments=(condition, *chosen))
        case Apply(operator="neg" | "abs", arguments=(inner,)):
            return _added_up(inner, done, is_whole=is_whole)
        case Apply(operator="+" | "-" | "*" as operator, arguments=arguments):
            sizes = tuple(_added_up(part, done, is_whole=False) for part in arguments)
            return replace(value, operator="*" if operator == "*" else "+", arguments=sizes)
        case Aggregate(operator="sum", items=items):
            added = (_added_up(item.value, done, is_whole=False) for item in items)
            sums = (replace(item, value=size) for item, size in zip(items, added, strict=True))
            return replace(value, items=tuple(sums))
        case _ if is_whole and isinstance(value, Constant | Reference | DataRef):
            return Constant(value.span, 0.0, Real())
        case _:
            return Apply(value.span, "abs", (value,), Real())


def _apart(values: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gather values that only rounding may have told apart.

    A chain of neighbours that is wider than the rounding of any of them is left as it is.

    Args:
        values: (places,), without NaN.
        radii: by how much each may have been rounded; infinite where nobody knows.

    Returns:
        The least of each group, the one in it that is rounded least, and the most.

    >>> _apart(np.array([0.1 + 0.2, 0.3, 0.5]), np.array([1e-15, 0.0, 0.0]))
    (array([0.3, 0.5]), array([0.3, 0.5]), array([0.3, 0.5]))
    """
    order = np.argsort(values, kind="stable")
    values, radii = values[order], np.where(np.isfinite(radii), radii, 0.0)[order]
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])
    if not len(starts):
        return values, values, values
    values, radii = values[starts], np.minimum.reduceat(radii, starts)
    with np.errstate(invalid="ignore"):
        near = np.diff(values) <= np.maximum(radii[1:], radii[:-1])
        starts, ends = _runs(near)
        is_wide = values[ends] - values[starts] > 2 * np.maximum.reduceat(radii, starts)
    starts, ends = _runs(near & ~np.repeat(is_wide, ends - starts + 1)[1:])
    groups = np.repeat(np.arange(len(starts)), ends - starts + 1)
    return values[starts], values[np.lexsort((radii, groups))[starts]], values[ends]


def _runs(goes_on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last place of each run, by whether a place's run goes on."""
    starts = np.flatnonzero(np.append(True, ~goes_on))
    return starts, np.append(starts[1:] - 1, len(goes_on))


def _labels(levels: np.ndarray) -> tuple[str, ...]:
    """Write numbers with as many digits as tell them apart; integers with all."""
    if levels.dtype == np.int64:
        return tuple(map(str, levels.tolist()))
    for digits in (6, 10, 14, 17):
        labels = tuple(f"{level:.{digits}g}" for level in levels.tolist())
        if len(set(labels)) == len(labels):
            break
    return labels


def _of(
    grounder: Grounder, frame: Frame, reference: Reference, states: States, levels: np.ndarray
) -> _Quantity:
    variables, _ = locate_array(reference, environment(grounder, frame))
    return _Quantity(np.asarray(variables).reshape(-1), states, levels)


def mean_error(levels: np.ndarray, error: float) -> float:
    """Return how far off a mean over levels may be where each probability is off by an error.

    >>> mean_error(np.array([0, 1, 2]), 0.1), mean_error(np.arange(1000), 0.1)
    (0.2, 999.0)
    """
    if not len(levels):
        return 0.0
    lowest, highest = float(levels.min()), float(levels.max())
    spread = float(np.abs(levels.astype(np.float64) - (lowest + highest) / 2).sum())
    # No mean is further from another than the levels are from each other.
    return min(error * spread, highest - lowest)


def least_and_most(levels: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> tuple[float, float]:
    """Bound an expectation by bounds on probabilities that sum to one.

    Args:
        levels: (states,).
        lower: what each probability is at least, (states,).
        upper: what each is at most.

    Returns:
        The least and the most of sum(levels * p), rounded outwards: what mass is left goes to the
        lowest, or to the highest, levels first.

    >>> ends = least_and_most(np.array([0.0, 4.0]), np.array([0.0, 0.25]), np.array([1.0, 0.5]))
    >>> f"{ends[0]:.6g}, {ends[1]:.6g}"
    '1, 2'
    """
    levels = levels.astype(np.float64)
    # The sums, the mass that is left and the levels themselves may each be off by a rounding.
    margin = (len(levels) + 8) * float(np.finfo(np.float64).eps * np.abs(levels).max(initial=0.0))
    found: list[float] = []
    for order in (np.argsort(levels), np.argsort(-levels)):
        p, left = lower.astype(np.float64).copy(), max(0.0, 1.0 - float(lower.sum()))
        for k in order:
            more = min(left, float(upper[k] - lower[k]))
            p[k] += more
            left -= more
        used = p > 0
        found.append(float(levels[used] @ p[used]))
    return found[0] - margin, found[1] + margin
