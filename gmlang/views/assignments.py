"""Assignments as lines: scalars, lists, grids and pictures, each under its name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from gmlang.graph.world.axes import Axis, Part
from gmlang.views.arrays import BOOL
from gmlang.views.grids import OFF, ON, grid, picture
from gmlang.views.layout import (
    GAP,
    LINE_WIDTH,
    LINES_MAX,
    aligned,
    bounded,
    cut,
    padded,
    places,
    total_width,
    width_of,
)

_CELL_MAX = 20
"""States are cut to this within arrays."""

_ARRAY_LINES_MIN = 6
"""An array among many things gets so many lines at least."""

_WORDS_MAX = 12
"""A longer list of booleans is drawn."""

_BLOCK_WIDTH = 50
"""So many booleans stand on a line of a list that is drawn."""


def named_parts(parts: Sequence[Part], value: Mapping[str, object]) -> list[Part]:
    """Return the parts of an assignment by the names it has for them.

    What runs in loops is named by the loops alone: an assignment calls it by what is looped.
    """
    names = list(value)
    return [replace(part, name=part.name or names[k]) for k, part in enumerate(parts)]


def assignment_lines(
    value: Mapping[str, object], parts: Sequence[Part], room: int = LINES_MAX
) -> list[str]:
    """Write the states of all parts of an answer, by name."""
    parts = named_parts(parts, value)
    scalars = sum(not part.axes for part in parts)
    arrays = len(parts) - scalars
    share = room if arrays == 0 else max(_ARRAY_LINES_MIN, (room - scalars) // arrays - 1)
    share = room - 1 if len(parts) == 1 else share
    lines: list[str] = []
    for number, part in enumerate(parts):
        if len(lines) >= room and number < len(parts):
            left = len(parts) - number
            return [*bounded(lines, room - 1), f"… and {left} more by name"]
        lines += _item(part, value[part.name], share)
    return bounded(lines, room)


def _item(part: Part, value: object, room: int) -> list[str]:
    name = cut(part.name)
    if not part.axes:
        return [f"{name} = {cut(str(value))}"]
    shape = tuple(axis.size for axis in part.axes)
    if 0 in shape:
        return [f"{name} is empty"]
    if len(shape) == 1:
        return _list(part, cast("list[str]", value), room)
    flat, rows = value, part.axes[0]
    if len(shape) > 2:
        flat, rows = _flattened(part.axes[:-1], value)
    lines = _grid(flat, rows, part.axes[-1], part.states, room - 1)
    return [f"{name} =", *("  " + line for line in lines)]


def _flattened(axes: tuple[Axis, ...], value: object) -> tuple[object, Axis]:
    """Join all axes but the last into one, whose places are named by all of them."""
    rows: list[Any] = [value]
    for _ in axes:
        rows = [inner for row in rows for inner in row]
    numbers = np.indices(tuple(axis.size for axis in axes)).reshape(len(axes), -1)
    loops = tuple((numbers[k], axis.names) for k, axis in enumerate(axes))
    return rows, Axis(len(rows), loops=loops)


def _grid(value: object, rows: Axis, columns: Axis, states: Axis, room: int) -> list[str]:
    cells = cast("list[list[str]]", value)
    shape = (rows.size, columns.size)
    if states.names == BOOL:
        return picture(np.array(cells) == BOOL[1], rows, columns, room)
    made = grid(
        shape, lambda i, j: cut(cells[i][j], _CELL_MAX), rows, columns, room, is_forced=True
    )
    assert made is not None
    return made


def _list(part: Part, value: list[str], room: int) -> list[str]:
    axis, name = part.axes[0], cut(part.name)
    if axis.is_named():
        return _named_list(part, value, room)
    head = f"{name} = "
    is_bool = part.states.names == BOOL
    if not is_bool or len(value) <= _WORDS_MAX:
        line = head + " ".join(cut(text, _CELL_MAX) for text in value[:LINE_WIDTH])
        if len(value) <= LINE_WIDTH and width_of(line) <= LINE_WIDTH:
            return [line]
    if is_bool:
        if len(head) + len(value) <= LINE_WIDTH:
            return [head + _signs(value)]
        return [f"{name} =", *_blocks(value, _BLOCK_WIDTH, _signs, room - 1)]
    states = part.states
    ends = [str(states.first), str(states.first + states.size - 1)]
    width = max(width_of(cut(text, _CELL_MAX)) for text in states.names or ends)
    each = max(1, (LINE_WIDTH - 10) // (width + 1))
    each = next(count for count in (50, 20, 10, 5, 2, 1) if count <= each)

    def write(some: list[str]) -> str:
        return " ".join(padded(cut(text, _CELL_MAX), width, right=True) for text in some)

    return [f"{name} =", *_blocks(value, each, write, room - 1)]


def _signs(value: list[str]) -> str:
    return "".join(ON if text == BOOL[1] else OFF for text in value)


def _blocks(value: list[str], each: int, write: Callable[[list[str]], str], room: int) -> list[str]:
    """Write a long list, so many on a line, each line after the index of its first element."""
    count = -(-len(value) // each)
    shown = places(count, room)
    width = len(str(len(value))) + 2
    lines: list[str] = []
    for k in shown:
        if k is None:
            lines.append(f"  … {(count - len(shown) + 1) * each} left out")
        else:
            text = write(value[k * each : (k + 1) * each])
            lines.append(f"  {f'[{k * each}]':<{width}} {text}")
    return lines


def _named_list(part: Part, value: list[str], room: int) -> list[str]:
    axis = part.axes[0]
    pairs = [(axis.label(k), cut(value[k], _CELL_MAX)) for k in range(min(axis.size, LINE_WIDTH))]
    line = f"{cut(part.name)}: " + GAP.join(f"{cut(label)} {text}" for label, text in pairs)
    if axis.size <= _WORDS_MAX and width_of(line) <= LINE_WIDTH:
        return [line]
    shown = places(axis.size, room)
    rows = [[cut(part.label((k,))), "=", cut(value[k])] for k in shown if k is not None]
    lines = aligned(rows, " ")
    if None in shown:
        lines.insert(shown.index(None), f"… {axis.size - len(shown) + 1} left out")
    return lines


# --- Many assignments -----------------------------------------------------------------------


def many_lines(
    maps: Sequence[Mapping[str, object]],
    scores: Sequence[str],
    parts: Sequence[Part],
    room: int = LINES_MAX,
) -> list[str]:
    """Write draws, or the best assignments: a row for each where that fits, else one by one.

    Args:
        maps: states by name.
        scores: of each, () for draws.
        parts: what they speak of.
        room: lines at most.
    """
    parts = named_parts(parts, maps[0]) if maps else parts
    shown = range(min(len(maps), room - 2))
    if all(len(part.axes) <= 1 for part in parts) and parts:
        rows = [[*(cut(part.name) for part in parts), *(["log score"] if scores else [])]]
        for k in shown:
            cells = [state_cell(part, maps[k][part.name]) for part in parts]
            rows.append([*cells, *([scores[k]] if scores else [])])
        if total_width(rows) <= LINE_WIDTH:
            table = aligned(rows)
            left = len(maps) - len(shown)
            return [*table, *([f"… {left} more"] if left else [])]
    each = min(room - 3, max(_ARRAY_LINES_MIN, room // max(1, len(maps)) - 1))
    lines: list[str] = []
    for k, assignment in enumerate(maps):
        block = assignment_lines(assignment, parts, each)
        if len(lines) + len(block) + 2 > room:
            return [*lines, f"… {len(maps) - k} more"]
        lines.append(f"[{k}]" + (f" log score {scores[k]}" if scores else ""))
        lines += ["  " + line for line in block]
    return lines


def state_cell(part: Part, value: object) -> str:
    """Write the states of a variable, or of a list of them, on one line.

    Of booleans that names index those that hold are named.
    """
    if not part.axes:
        return cut(str(value))
    states, axis = cast("list[str]", value), part.axes[0]
    if part.states.names == BOOL and axis.is_named():
        holding = [k for k, text in enumerate(states) if text == BOOL[1]]
        return cut(", ".join(axis.label(k) for k in holding) or "none")
    if part.states.names == BOOL and len(states) > 3:
        return _signs(states[: 2 * LINE_WIDTH])
    if axis.is_named() and len(states) <= _WORDS_MAX:
        pairs = (f"{cut(axis.label(k))} {cut(text, _CELL_MAX)}" for k, text in enumerate(states))
        return GAP.join(pairs)
    return " ".join(cut(text, _CELL_MAX) for text in states[:LINE_WIDTH])
