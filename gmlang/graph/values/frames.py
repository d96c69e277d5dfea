"""Tables of loop variables: how rows are repeated, and how many there may be."""

import numpy as np

from gmlang.core.ast import Bind, Context
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.world.world import Frame, World

_INSTANCES_MAX = 1 << 25
"""A statement may have so many instances."""

NUMBERS_MAX = 1 << 27
"""Its loop variables may take so many numbers together: a gibibyte."""

LOOK_AHEAD = 1 << 14
"""From so many instances on, further loops are counted before they are made; after so many items
the clock is looked at."""


def check_instances(world: World, context: Context, count: float, num_locals: int) -> None:
    """Refuse more instances than fit into memory, before they are made.

    Args:
        world: with the memory that is allowed.
        context: the loops that make them, of which the first is named.
        count: of the instances.
        num_locals: how many loop variables each of them has.

    Raises:
        GmError: when there are too many.
    """
    any_memory = min(_INSTANCES_MAX, NUMBERS_MAX // max(1, num_locals))
    most = min(any_memory, world.memory_bytes // (8 * max(1, num_locals)))
    if count > most:
        loop = next(clause for clause in context if isinstance(clause, Bind))
        raise GmError([errors.too_many_instances(loop.last.span, count, most, count <= any_memory)])


def repeat(
    world: World, frame: Frame, clause: Bind, first: np.ndarray, last: np.ndarray
) -> tuple[Frame, np.ndarray]:
    """Repeat each row for every value of a loop; return the new frame, and how often each was.

    Args:
        world: with the memory that is allowed.
        frame: the rows.
        clause: the loop.
        first: its first value, for all rows or for each.
        last: its last value, likewise.

    Raises:
        GmError: when there would be too many.
    """
    if first.size == 1 and last.size == 1:
        low, high = int(first.reshape(-1)[0]), int(last.reshape(-1)[0])
        lengths = np.array([max(0, high - low + 1)])
        count = frame.count * int(lengths[0])
        check_instances(world, (clause,), count, len(frame.locals) + 1)
        values = np.arange(low, low + int(lengths[0]), dtype=np.int64)
        if frame.count != 1:
            values = np.tile(values, frame.count)
    else:
        lows = np.broadcast_to(first, (frame.count,))
        lengths = np.maximum(0, np.broadcast_to(last, (frame.count,)) - lows + 1)
        count = int(lengths.sum())
        check_instances(world, (clause,), count, len(frame.locals) + 1)
        starts = np.cumsum(lengths) - lengths
        values = np.arange(count, dtype=np.int64) - np.repeat(starts - lows, lengths)
    locals_ = {key: spread(old, lengths, count) for key, old in frame.locals.items()}
    locals_[clause.key] = values
    return Frame(count, locals_), lengths


def spread(old: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """Repeat each row's value as often as the row; one value for all takes no memory."""
    if old.size and (old.size == 1 or old.strides == (0,)):
        return np.broadcast_to(old[:1], (count,))
    return np.repeat(old, lengths)
