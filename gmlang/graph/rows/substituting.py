"""Reals that stand for what is linear in others: put in their place, wherever these stand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors import probabilities as errors
from gmlang.graph.lowering.grounder import check_memory
from gmlang.graph.rows.linear import Linear, RealDefinition, each_once, picked, some
from gmlang.graph.world.world import World

_DEPTH_MAX = 256
"""Definitions may build on each other so often."""


@dataclass(frozen=True, slots=True, eq=False)
class Definitions:
    """What is defined.

    Attributes:
        which: for each real the number of its definition; -1 for those that have none.
        row: for each real its instance there.
    """

    items: tuple[RealDefinition, ...]
    which: np.ndarray
    row: np.ndarray


def definitions_of(items: Sequence[RealDefinition], num_reals: int) -> Definitions:
    """Note which reals are defined, and where."""
    which, row = np.full(num_reals, -1), np.zeros(num_reals, np.int64)
    for number, item in enumerate(items):
        which[item.targets] = number
        row[item.targets] = np.arange(len(item.targets))
    return Definitions(tuple(items), which, row)


Piece = tuple[np.ndarray, Linear, list[np.ndarray]]
"""Some of the instances, what is linear there, and further arrays with its axes."""


def substituted(
    world: World, definitions: Definitions, linear: Linear, others: Sequence[np.ndarray]
) -> list[Piece]:
    """Write what is linear in reals with none that is defined.

    Args:
        world: says how much memory may be taken.
        definitions: of the program.
        linear: any.
        others: further arrays with its axes, (tables, *states).

    Raises:
        GmError: where definitions go round, or are too deep.
        TimeoutError: when a question has no time left.
    """
    if not definitions.items:
        return list(each_once(linear, others))
    pending = [(0, *piece) for piece in each_once(linear, others)]
    done: list[Piece] = []
    while pending:
        world.check_time()
        depth, rows, one, own = pending.pop()
        found = definitions.which[one.reals] >= 0
        columns = np.flatnonzero(found.any(axis=0))
        if not len(columns):
            done.append((rows, one, own))
            continue
        column = int(columns[0])
        if depth > _DEPTH_MAX * max(1, one.reals.shape[1]):
            item = definitions.items[int(definitions.which[one.reals[:, column]].max())]
            raise GmError([errors.definition_too_deep(item.span, item.span.text)])
        for inner, part, arrays in _expanded(world, definitions, one, own, column):
            pending.append((depth + 1, rows[inner], part, arrays))
    return done


def _expanded(
    world: World, definitions: Definitions, linear: Linear, others: list[np.ndarray], column: int
) -> list[Piece]:
    """Put definitions in the place of the reals of one column."""
    numbers = definitions.which[linear.reals[:, column]]
    pieces: list[Piece] = []
    for number in np.unique(numbers).tolist():
        rows = np.flatnonzero(numbers == number)
        part, own = some(linear, rows), [picked(other, rows) for other in others]
        if number < 0:
            pieces.append((rows, part, own))
            continue
        item = definitions.items[number]
        inner = some(item.linear, definitions.row[part.reals[:, column]])
        entries = float(np.prod([*part.sizes, *inner.sizes], dtype=np.float64))
        width = part.reals.shape[1] + inner.reals.shape[1]
        check_memory(world, item.span, len(rows), int(min(entries * width, 1e15)))
        joined, joined_others = _joined(part, own, inner, column)
        for kept, one, rest in each_once(joined, joined_others):
            pieces.append((rows[kept], one, rest))
    return pieces


def _joined(
    outer: Linear, others: list[np.ndarray], inner: Linear, column: int
) -> tuple[Linear, list[np.ndarray]]:
    """Write `outer` with `inner` in the place of the reals of a column; axes follow each other."""
    more, before = (1,) * len(inner.sizes), (1,) * len(outer.sizes)

    def wide(array: np.ndarray) -> np.ndarray:
        return array.reshape(*array.shape, *more)

    by = wide(outer.coefficients[..., column])
    own = np.delete(outer.coefficients, column, axis=-1)
    rest = [wide(own[..., k]) for k in range(own.shape[-1])]
    shape = inner.coefficients.shape
    theirs = inner.coefficients.reshape(shape[0], *before, *shape[1:])
    added = [by * theirs[..., k] for k in range(shape[-1])]
    constants = inner.constants.reshape(len(inner.constants), *before, *inner.constants.shape[1:])
    total = wide(outer.constants) + by * constants
    columns = np.broadcast_arrays(*rest, *added) if rest or added else []
    empty = np.zeros((*total.shape, 0))
    joined = Linear(
        np.concatenate([outer.scopes, inner.scopes], axis=1),
        (*outer.sizes, *inner.sizes),
        np.concatenate([np.delete(outer.reals, column, axis=1), inner.reals], axis=1),
        np.stack(columns, axis=-1) if columns else empty,
        total,
    )
    return joined, [wide(other) for other in others]
