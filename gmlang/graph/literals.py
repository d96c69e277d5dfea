"""Boolean expressions as literals: variables, each perhaps negated."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Apply, Expression
from gmlang.graph import lower
from gmlang.graph.copies import copy_repeated
from gmlang.graph.places import Reference, locate
from gmlang.graph.states import BOOL
from gmlang.graph.world import Frame


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


def literals_of(
    grounder: "lower.Grounder",
    frame: Frame,
    values: list[tuple[Expression, Frame]],
    *,
    allow_negated: bool = True,
) -> tuple[Frame, Literals]:
    """Turn boolean expressions into literals, with auxiliary variables where they are not."""
    columns: list[np.ndarray] = []
    negated: list[np.ndarray] = []
    for value, item_frame in values:
        positive, inner = strip_not(value)
        if not isinstance(inner, Reference) or not (positive or allow_negated):
            item_frame, inner = lower.auxiliary(grounder, item_frame, value, BOOL)
            positive = True
        variables = locate(inner, lower.environment(grounder, item_frame)).variables
        columns.append(np.broadcast_to(variables, frame.count))
        negated.append(np.full(frame.count, not positive))
    stacked = np.stack(columns, axis=1) if columns else np.zeros((frame.count, 0), np.int64)
    flags = np.stack(negated, axis=1) if negated else np.zeros((frame.count, 0), np.bool_)
    return frame, Literals(_distinct(grounder, stacked), flags)


def _distinct(grounder: "lower.Grounder", variables: np.ndarray) -> np.ndarray:
    """Replace a repeated variable in a row by a copy, as a scope names each variable once."""
    ordered = np.sort(variables, axis=1)
    if not (ordered[:, 1:] == ordered[:, :-1]).any():
        return variables
    return copy_repeated(grounder.builder, variables)
