"""Evidence: variables seen in certain states, or weighed by likelihoods."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Apply,
    Array,
    AttributeRef,
    Bool,
    Constant,
    DataRef,
    Expression,
    Listed,
    Local,
    Thing,
    VariableRef,
    Whole,
)
from gmlang.core.program import Given, ObservedGiven, ObserveLike
from gmlang.core.records.members import is_held
from gmlang.core.walk import is_real_reference, type_of
from gmlang.diagnostics import GmError, Span
from gmlang.errors import grounding as errors
from gmlang.errors.shapes import observed_shape
from gmlang.graph.builder import Origin, add_tables
from gmlang.graph.lowering.folding import known_states
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    environment,
    hidden_numbers,
    hidden_reference,
)
from gmlang.graph.lowering.lower import lower
from gmlang.graph.society.existence import existence_of_things, groups_of, while_all_exist
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import evaluate, inside_axis, integers, random_indices
from gmlang.graph.world.places import Reference, locate, locate_array, thing_numbers
from gmlang.graph.world.states import States, exact_numbers, shown_number
from gmlang.graph.world.world import Frame, select_rows, where_text


def observe(
    grounder: Grounder, frame: Frame, target: Reference, value: Expression, span: Span
) -> None:
    """Record that variables have been seen in certain states; NaN is not seen.

    Raises:
        GmError: when a value is outside its variable's domain, or shapes differ.
    """
    if random_indices(target):
        _observe_event(grounder, frame, target, value, span, ())
        return
    variables, _, found, seen = seen_of(grounder, frame, target, value, span)
    grounder.builder.observed.append((variables[seen].astype(np.int32), found[seen], span))


def observe_existing(
    grounder: Grounder,
    frame: Frame,
    target: Reference,
    value: Expression,
    span: Span,
    gates: tuple[Expression, ...],
) -> None:
    """Record what has been seen of things, which holds only while they exist.

    Args:
        grounder: grows.
        frame: the instances.
        target: an array may be of things that exist and others.
        value: one for all, or as many.
        span: of the statement.
        gates: that the things exist which the target names one by one.

    Raises:
        GmError: as `observe`.
    """
    if random_indices(target):
        _observe_event(grounder, frame, target, value, span, gates)
        return
    variables, states, found, seen = seen_of(grounder, frame, target, value, span)
    existing = _existing(grounder, frame, target, gates, variables)
    is_open = seen & (existing >= 0).any(axis=-1)
    _observe_things(grounder, variables[is_open], found[is_open], states, existing[is_open], span)
    seen = seen & ~is_open
    grounder.builder.observed.append((variables[seen].astype(np.int32), found[seen], span))


_FEW = 8
"""So many conditions of one form are observed one by one."""


def observe_alike(grounder: Grounder, given: Sequence[Given]) -> list[Given]:
    """Observe together what differs in numbers alone, as `x[7] = 1, x[9] = 0`.

    Returns:
        the conditions that are not observed, in their order: others, few of a form, wrong ones.
    """
    forms: dict[tuple[object, ...], list[int]] = {}
    for number, one in enumerate(given):
        form = _form_of(one)
        if form is not None:
            forms.setdefault(form, []).append(number)
    left = set(range(len(given)))
    for numbers in forms.values():
        grounder.world.check_time()
        if len(numbers) <= _FEW:
            continue
        same = [one for one in map(given.__getitem__, numbers) if isinstance(one, ObservedGiven)]
        # What is wrong is told where it stands.
        with suppress(GmError):
            frame, target, value = _with_columns(same)
            variables, _, found, seen = seen_of(grounder, frame, target, value, same[0].span)
            variables = variables.astype(np.int32)
            grounder.builder.observed.extend(
                (variables[k : k + 1], found[k : k + 1], same[k].span)
                for k in np.flatnonzero(seen).tolist()
            )
            left.difference_update(numbers)
    return [one for number, one in enumerate(given) if number in left]


def _form_of(given: Given) -> tuple[object, ...] | None:
    """Return what conditions have in common that differ in numbers alone; None for others."""
    match given:
        case ObservedGiven(target=VariableRef(name=name) as target, value=Constant(value=value)):
            thing, places = None, ()
        case ObservedGiven(
            target=AttributeRef(
                attribute=name, thing=Thing(name=thing, key="", indices=places)
            ) as target,
            value=Constant(value=value),
        ) if not (is_held(name) or is_real_reference(target)):
            pass
        case _:
            return None
    if not all(isinstance(index, Constant) for index in (*places, *target.indices)):
        return None
    return thing, name, type(value)


def _with_columns(same: Sequence[ObservedGiven]) -> tuple[Frame, Reference, Expression]:
    """Return instances whose columns are the numbers of conditions, and one that names them."""
    columns: dict[str, np.ndarray] = {}

    def column(numbers: Sequence[Expression | Whole]) -> Local:
        constants = [number for number in numbers if isinstance(number, Constant)]
        name = f"#given {len(columns)}"
        columns[name] = np.array([number.value for number in constants])
        return Local(constants[0].span, name, constants[0].type)

    first, targets = same[0], [one.target for one in same]
    target = first.target
    assert isinstance(target, VariableRef | AttributeRef)
    indices = zip(*(t.indices for t in targets if not isinstance(t, Activation)), strict=True)
    target = replace(target, indices=tuple(map(column, indices)))
    if isinstance(target, AttributeRef):
        places = zip(
            *(t.thing.indices for t in targets if isinstance(t, AttributeRef)), strict=True
        )
        target = replace(target, thing=replace(target.thing, indices=tuple(map(column, places))))
    value = column([one.value for one in same])
    return Frame(len(same), columns), target, value


def seen_of(
    grounder: Grounder, frame: Frame, target: Reference, value: Expression, span: Span
) -> tuple[np.ndarray, States, np.ndarray, np.ndarray]:
    """Return the variables of a target, their states, in which each is seen, and whether it is.

    Raises:
        GmError: when a value is outside its variable's domain, or shapes differ.
    """
    env = environment(grounder, frame)
    variables, states = locate_array(target, env)
    values = array_value(value, env, variables.ndim)
    try:
        shape = np.broadcast_shapes(variables.shape, values.shape)
    except ValueError:
        shape = ()
    is_whole = not isinstance(type_of(value), Array) or values.shape[1:] == variables.shape[1:]
    if shape != variables.shape or not is_whole:
        expected, found = variables.shape[1:], values.shape[1:]
        is_list = isinstance(value, Listed)
        raise GmError([observed_shape(span, span.text, expected, found, is_list=is_list)])
    values = np.broadcast_to(values, shape)
    seen = ~np.isnan(values)
    found_states = np.where(seen, values, states.first) - states.first
    bad = seen & ((found_states < 0) | (found_states >= states.count))
    bad |= found_states != np.round(found_states)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        what = target.span.text + where_text(frame, row, grounder.names)
        shown = shown_number(values[bad].flat[0].item())
        raise GmError([errors.value_outside_domain(span, what, shown, states.describe())])
    return variables, states, found_states.astype(np.int32), seen


def _existing(
    grounder: Grounder,
    frame: Frame,
    target: Reference,
    gates: tuple[Expression, ...],
    variables: np.ndarray,
) -> np.ndarray:
    """Return, for each that is observed, the activations that say whether its things exist.

    Returns:
        (axes of the variables..., things): -1 where a thing always does, or is known to.
    """
    env = environment(grounder, frame)
    columns: list[np.ndarray] = []
    for gate in gates:
        assert isinstance(gate, Activation)
        columns.append(locate(gate, env).variables)
    if isinstance(target, AttributeRef) and not gates and target.thing.entity in env.world.before:
        numbers = thing_numbers(target.thing, env.still())
        columns.append(existence_of_things(env.world, target.thing.entity, numbers))
    found = np.full((*variables.shape, len(columns)), -1, np.int64)
    for k, column in enumerate(columns):
        found[..., k] = column.reshape(*column.shape, *([1] * (variables.ndim - column.ndim)))
    if len(columns):
        is_known = (found >= 0) & (known_states(grounder)[found] == 1)
        grounder.builder.presumed.append(np.unique(found[is_known]))
        found[is_known] = -1
    return found


def _observe_things(
    grounder: Grounder,
    variables: np.ndarray,
    found_states: np.ndarray,
    states: States,
    existing: np.ndarray,
    span: Span,
) -> None:
    """Add that variables are in certain states where the things exist that they are about."""
    for rows, things in groups_of(existing):
        seen = np.where(np.arange(states.count) == found_states[rows][:, None], 0.0, -np.inf)
        tables = while_all_exist(seen, np.zeros(states.count), things.shape[1])
        scopes = np.column_stack([things, variables[rows]])
        add_tables(grounder.builder, tables, scopes, Origin("observe", span), gated=False)


def _observe_event(
    grounder: Grounder,
    frame: Frame,
    target: Reference,
    value: Expression,
    span: Span,
    gates: tuple[Expression, ...],
) -> None:
    """Observe a variable that is known in some states alone, where the value is not missing."""
    values = array_value(value, environment(grounder, frame), 1)
    seen = np.broadcast_to(~np.isnan(values), (frame.count,))
    frame = select_rows(frame, seen)
    if frame.count == 0:
        return
    seen_values = np.broadcast_to(values, seen.shape)[seen]
    frame, number = hidden_numbers(grounder, frame, seen_values, value.span)
    same = Apply(span, "==", (target, number), Bool())
    lower(grounder, frame, Job(terms.Condition(same), gates, Origin("observe", span)))


def heard(grounder: Grounder, frame: Frame, confidence: Expression | None) -> Frame:
    """Return the instances of what is predicted, or covers: its confidence is not missing."""
    if not isinstance(confidence, DataRef) or confidence.name not in grounder.world.missing:
        return frame
    values = array_value(confidence, environment(grounder, frame), 1)
    return select_rows(frame, np.broadcast_to(~np.isnan(values), (frame.count,)))


def fitted(values: np.ndarray, shape: tuple[int, ...], span: Span) -> np.ndarray:
    """Give what reals were observed to be their shape, (instances, axes...).

    Raises:
        GmError: where it has another.
    """
    if values.shape[1:] != shape[1:] and not all(size == 1 for size in values.shape[1:]):
        told = observed_shape(span, span.text, shape[1:], values.shape[1:], is_list=False)
        raise GmError([told])
    return np.broadcast_to(values, shape).astype(np.float64)


def array_value(value: Expression, env: Env, ndim: int) -> np.ndarray:
    """Evaluate what an array is observed to be: (instances or 1, axes...), NaN where missing.

    Args:
        value: an array of data, a list, or one number for all elements.
        env: of the instances.
        ndim: axes of the result for one number.
    """
    if isinstance(value, DataRef):
        array = exact_numbers(env.world.data[value.name])
        parts: list[np.ndarray] = []
        whole = 0
        num_whole = sum(isinstance(i, Whole) for i in value.indices)
        for axis, index in enumerate(value.indices):
            if isinstance(index, Whole):
                whole += 1
                along: np.ndarray = np.arange(array.shape[axis], dtype=np.int64)
                parts.append(along.reshape([-1 if k == whole else 1 for k in range(1 + num_whole)]))
            else:
                places = integers(index, env)
                places = inside_axis(index.span, value.name, places, array.shape[axis], env)
                parts.append(places.reshape(-1, *([1] * num_whole)))
        # Only here may an entry be missing: it is not observed.
        found = array[tuple(parts)]
        return found if num_whole else found.reshape(-1, *([1] * (ndim - 1)))
    if isinstance(value, Listed):
        each = [_each(element, env) for element in value.elements]
        count = len(value.elements)
        rows = np.stack(each, axis=1) if count else np.zeros((env.frame.count, 0))
        return rows.reshape(env.frame.count, *value.shape)
    result = exact_numbers(evaluate(value, env))
    return result.reshape(-1, *([1] * (ndim - 1)))


def _each(element: Expression | None, env: Env) -> np.ndarray:
    """Return an element of a listed array in every instance; NaN where it is left open."""
    found = np.asarray(np.nan) if element is None else exact_numbers(evaluate(element, env))
    return np.broadcast_to(found.reshape(-1), (env.frame.count,))


def observe_like(
    grounder: Grounder,
    frame: Frame,
    statement: ObserveLike,
    origin: Origin,
    gates: tuple[Expression, ...] = (),
) -> None:
    """Weigh the states of variables by likelihood evidence, while the gates hold."""
    target = statement.target
    env = environment(grounder, frame)
    variables, states = locate_array(target, env)
    if variables.ndim > 1:
        each = variables.size // frame.count
        rows = np.repeat(np.arange(frame.count), each)
        frame = select_rows(frame, rows)
        frame, target = hidden_reference(
            grounder, frame, variables.reshape(-1), states, statement.span
        )
    lower(grounder, frame, Job(terms.Likely(target, statement.weights), gates, origin))
