"""Boolean expressions as literals: variables, each perhaps negated."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Apply, Bool, Expression, Reference
from gmlang.graph.lowering.copies import copy_repeated
from gmlang.graph.lowering.grounder import Grounder, auxiliary, environment
from gmlang.graph.values.environment import NoValue
from gmlang.graph.values.evaluate import random_indices
from gmlang.graph.world.places import locate
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import Frame
from gmruntime.graph import repeats_variable


@dataclass(frozen=True, slots=True, eq=False)
class Literals:
    """Boolean variables of each instance, each perhaps negated."""

    variables: np.ndarray
    negated: np.ndarray


def strip_not(condition: Expression) -> tuple[bool, Expression]:
    """Return whether an even number of `not` stands before a condition, and what is left."""
    positive = True
    while isinstance(condition, Apply) and condition.operator == "not":
        condition, positive = condition.arguments[0], not positive
    return positive, condition


def conjuncts_of(condition: Expression) -> list[Expression]:
    """List what must hold for a condition to hold: the parts of an `and`, or of a `not ... or`."""
    if isinstance(condition, Apply) and condition.operator == "and":
        return [inner for part in condition.arguments for inner in conjuncts_of(part)]
    if isinstance(condition, Apply) and condition.operator == "not":
        inner = condition.arguments[0]
        if isinstance(inner, Apply) and inner.operator == "or":
            negated = [Apply(p.span, "not", (p,), Bool()) for p in inner.arguments]
            return [part for each in negated for part in conjuncts_of(each)]
        if isinstance(inner, Apply) and inner.operator == "not":
            return conjuncts_of(inner.arguments[0])
    return [condition]


def literals_of(
    grounder: Grounder,
    frame: Frame,
    values: list[tuple[Expression, Frame]],
    *,
    allow_negated: bool = True,
    guards: tuple[Expression, ...] = (),
    lazy: str = "",
) -> tuple[Frame, Literals]:
    """Turn boolean expressions into literals, with auxiliary variables where they are not.

    Args:
        grounder: grows.
        frame: the instances.
        values: the expressions, each with the frame it is evaluated in.
        allow_negated: whether a literal may be a negated variable.
        guards: conditions without which nobody asks for any of them.
        lazy: "and" or "or" when each is asked for only if all before it are true, or false.
    """
    columns: list[np.ndarray] = []
    negated: list[np.ndarray] = []
    for number, (value, item_frame) in enumerate(values):
        positive, inner = strip_not(value)
        variables = None
        if isinstance(inner, Reference) and (positive or allow_negated):
            variables = _where_certain(grounder, item_frame, inner)
        if variables is None:
            before = [earlier for earlier, _ in values[:number]] if lazy else []
            asked = before if lazy == "and" else [_opposite(earlier) for earlier in before]
            item_frame, inner = auxiliary(grounder, item_frame, value, BOOL, (*guards, *asked))
            positive = True
            variables = locate(inner, environment(grounder, item_frame)).variables
        columns.append(np.broadcast_to(variables, frame.count))
        negated.append(np.full(frame.count, not positive))
    stacked = np.stack(columns, axis=1) if columns else np.zeros((frame.count, 0), np.int64)
    flags = np.stack(negated, axis=1) if negated else np.zeros((frame.count, 0), np.bool_)
    return frame, Literals(_distinct(grounder, stacked), flags)


def _opposite(condition: Expression) -> Expression:
    return Apply(condition.span, "not", (condition,), Bool())


def _where_certain(grounder: Grounder, frame: Frame, reference: Reference) -> np.ndarray | None:
    """Find a reference's variables; None when it names none, or different ones, somewhere."""
    if random_indices(reference):
        return None
    try:
        return locate(reference, environment(grounder, frame)).variables
    except NoValue:
        return None


def _distinct(grounder: Grounder, variables: np.ndarray) -> np.ndarray:
    """Replace a repeated variable in a row by a copy, as a scope names each variable once."""
    repeats = repeats_variable(variables).any()
    return copy_repeated(grounder.builder, variables) if repeats else variables
