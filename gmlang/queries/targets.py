"""What a query asks for, as variables; an expression is one with a state for each value."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import (
    Activation,
    Apply,
    Array,
    AttributeRef,
    Bool,
    Enum,
    Expression,
    Real,
    Reference,
    VariableRef,
)
from gmlang.core.program import Asked
from gmlang.core.walk import type_of
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.builder import Origin
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    auxiliary,
    environment,
    hidden_entry,
    hidden_reference,
)
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import evaluate, expand, random_indices
from gmlang.graph.values.ranges import Steps, integer_steps, num_entries
from gmlang.graph.world.places import collect, locate_array
from gmlang.graph.world.states import BOOL, States, enum_states, exact_numbers
from gmlang.graph.world.world import ONE_INSTANCE, Frame

VALUES_MAX = 1 << 16
"""More values of an expression than this are not told apart."""

ENTRIES_MAX = 1 << 22
"""An expression of reals is evaluated in at most so many states of its variables."""


_ROUNDING = 1e-14
"""Values of an expression that differ by less than this, relatively, are one: rounding did it."""


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
class Quantity:
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
        raise GmError([errors.cannot_ask(value.span, f"`{value.span.text}` is no variable")])
    found = quantity(grounder, frame, value)
    shaped = found.variables if asked.context else found.variables[0]
    is_event = isinstance(type_of(value), Bool)
    return Target(shaped, found.states, is_event, found.levels)


def picked(grounder: Grounder, frame: Frame, reference: Reference) -> tuple[Frame, Reference]:
    """Give what a random index picks a variable of its own; other references stay as they are."""
    if not random_indices(reference):
        return frame, reference
    return auxiliary(grounder, frame, reference, element_states(grounder, reference))


def element_states(grounder: Grounder, reference: Reference) -> States:
    """Return the states that each of the variables has which a reference may name."""
    world = grounder.world
    match reference:
        case VariableRef():
            return world.variables[reference.name].states
        case AttributeRef():
            return world.attributes[reference.thing.entity][reference.attribute].states
        case Activation():
            return BOOL


def quantity(grounder: Grounder, frame: Frame, value: Expression) -> Quantity:
    """Add a variable that says what an expression is.

    Raises:
        GmError: where it has too many values to be told apart.
    """
    type_ = type_of(value)
    if isinstance(type_, Bool | Enum):
        states = BOOL if isinstance(type_, Bool) else enum_states(type_)
        frame, reference = auxiliary(grounder, frame, value, states)
        return _of(grounder, frame, reference, states, states.values())
    env = environment(grounder, frame)
    steps = None if isinstance(type_, Real) else integer_steps(value, env)
    if steps is not None and steps.count <= VALUES_MAX:
        return _numbered(grounder, frame, value, steps)
    return _listed(grounder, frame, value, env)


def _numbered(grounder: Grounder, frame: Frame, value: Expression, steps: Steps) -> Quantity:
    """Number evenly spaced integers."""
    levels = steps.first + steps.step * np.arange(steps.count, dtype=np.int64)
    shown = States(steps.first, steps.count)
    if steps.step != 1:
        shown = States(0, steps.count, labels=tuple(map(str, levels.tolist())))
    frame, reference = auxiliary(grounder, frame, steps.numbered(value), steps.states())
    return _of(grounder, frame, reference, shown, levels)


def _listed(grounder: Grounder, frame: Frame, value: Expression, env: Env) -> Quantity:
    """List the values that an expression has in any state, and number them."""
    inner = environment(grounder, env.frame).gathering()
    collect(value, inner)
    entries = num_entries(inner.slots) * max(1, frame.count)
    if entries > ENTRIES_MAX:
        raise GmError([errors.too_many_values(value.span, value.span.text, None)])
    with np.errstate(all="ignore"):
        values = inner.defined(exact_numbers(evaluate(value, inner)))
    lowest, highest = _apart(np.unique(values[~np.isnan(values)]))
    levels = np.where(lowest == highest, lowest, (lowest + highest) / 2)
    if len(levels) > VALUES_MAX or entries * len(levels) > 16 * ENTRIES_MAX:
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
    return Quantity(variables, States(0, len(levels), labels=_labels(levels)), levels)


def _apart(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gather values that only rounding may have told apart: return the ends of each group.

    >>> _apart(np.array([0.1 + 0.2, 0.3, 0.5]))
    (array([0.3, 0.5]), array([0.3, 0.5]))
    """
    values = np.sort(values.astype(np.float64))
    sizes = np.abs(values[np.isfinite(values)])
    rounding = _ROUNDING * (np.abs(values) + sizes.max(initial=0.0) / 16)
    with np.errstate(invalid="ignore"):
        is_new = np.concatenate([[True], ~(np.diff(values) <= rounding[1:])])[: len(values)]
    starts = np.flatnonzero(is_new)
    ends = np.concatenate([starts[1:], [len(values)]])[: len(starts)] - 1
    return values[starts], values[ends]


def _labels(levels: np.ndarray) -> tuple[str, ...]:
    """Write numbers with as many digits as tell them apart."""
    for digits in (6, 10, 14, 17):
        labels = tuple(f"{level:.{digits}g}" for level in levels.tolist())
        if len(set(labels)) == len(labels):
            break
    return labels


def _of(
    grounder: Grounder, frame: Frame, reference: Reference, states: States, levels: np.ndarray
) -> Quantity:
    variables, _ = locate_array(reference, environment(grounder, frame))
    return Quantity(np.asarray(variables).reshape(-1), states, levels)


def spread_of(levels: np.ndarray) -> float:
    """Return by how much a mean over levels may change where each probability changes by 1."""
    finite = levels[np.isfinite(levels)].astype(np.float64)
    middle = (finite.min() + finite.max()) / 2 if len(finite) else 0.0
    return float(np.abs(finite - middle).sum())


def least_and_most(levels: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> tuple[float, float]:
    """Bound an expectation by bounds on probabilities that sum to one.

    Args:
        levels: (states,).
        lower: what each probability is at least, (states,).
        upper: what each is at most.

    Returns:
        The least and the most of sum(levels * p): what mass is left goes to the lowest, or to the
        highest, levels first.

    >>> least_and_most(np.array([0.0, 1.0, 4.0]), np.array([0, 0, 0.25]), np.array([1, 1, 0.5]))
    (1.0, 2.5)
    """
    found: list[float] = []
    for order in (np.argsort(levels), np.argsort(-levels)):
        p, left = lower.astype(np.float64).copy(), max(0.0, 1.0 - float(lower.sum()))
        for k in order:
            more = min(left, float(upper[k] - lower[k]))
            p[k] += more
            left -= more
        used = p > 0
        found.append(float(levels[used] @ p[used]))
    return found[0], found[1]
