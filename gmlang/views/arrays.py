"""Arrays of probabilities as lines: a row for each variable, a column for each state."""

import math
from collections.abc import Sequence

import numpy as np

from gmlang.digits import Precision
from gmlang.graph.world.axes import Part
from gmlang.views.distributions import SHORT_MAX, ranked
from gmlang.views.grids import DIGITS, chances
from gmlang.views.layout import (
    GAP,
    LINE_WIDTH,
    LINES_MAX,
    WIDTH_MAX,
    aligned,
    cut,
    places,
    total_width,
    width_of,
)

BOOL = ("false", "true")
"""The states of a bool."""

_ROUNDING = 1e-12

_EMPTY = "nothing: the array is empty"

_ROOM = LINES_MAX - 2
"""Rows of an array; two lines are for what they have in common."""


def marginal_lines(
    part: Part, p: np.ndarray, states: Sequence[str], precision: Precision
) -> list[str]:
    """Write the distributions of an array of variables, (axes..., states)."""
    if not p.size:
        return [_EMPTY]
    if p.ndim == 3 and tuple(states) == BOOL:
        lines = chances(p[..., 1], part.axes[0], part.axes[1], precision, _ROOM)
        return [f"true, {p.shape[0]} × {p.shape[1]}:", *lines]
    shape, rows = p.shape[:-1], p.reshape(-1, p.shape[-1])
    if len(rows) > 1 and _alike(rows).all():
        first, last = _label(part, shape, 0), _label(part, shape, len(rows) - 1)
        rows, labels = rows[:1], [f"{first} … {last}, all alike"]
        shown: list[int | None] = [0]
    else:
        shown = places(len(rows), _ROOM)
        labels = ["" if k is None else _label(part, shape, k) for k in shown]
    count = math.prod(shape) - len(shown) + 1
    found = _table(labels, rows, shown, states, precision)
    lines = _summaries(labels, rows, shown, states, precision) if found is None else found[0]
    if None in shown:
        lines.insert(shown.index(None) + (found is not None), f"… {count} rows left out")
    return [*lines, *(found[1] if found is not None else [])]


def _label(part: Part, shape: tuple[int, ...], place: int) -> str:
    return cut(part.label(tuple(int(k) for k in np.unravel_index(place, shape))))


def _alike(rows: np.ndarray) -> np.ndarray:
    """Say which probabilities differ from those of the first row by rounding only.

    What is 1 is not like what is nearly so.
    """
    is_near = np.abs(rows - rows[0]) <= _ROUNDING * np.abs(rows[0])
    return is_near & ((rows == 1.0) == (rows[0] == 1.0))


def _table(
    labels: list[str],
    rows: np.ndarray,
    shown: list[int | None],
    states: Sequence[str],
    precision: Precision,
) -> tuple[list[str], list[str]] | None:
    """Write a column for each state, and what is the same in all rows; None where that is wide."""
    if rows.shape[1] > SHORT_MAX * 2:
        return None
    constant = _alike(rows).all(axis=0) & (len(rows) > 1)
    columns = np.flatnonzero(~constant).tolist()
    for digits in DIGITS[:3]:
        made = [["", *(cut(states[k]) for k in columns)]]
        for label, row in zip(labels, shown, strict=True):
            if row is not None:
                cells = [precision.cell(float(rows[row, k]), digits) for k in columns]
                made.append([label, *cells])
        if total_width(made) <= WIDTH_MAX:
            break
    else:
        return None
    same = [
        f"{cut(states[k])} {precision.cell(float(rows[0, k]), 6)}"
        for k in np.flatnonzero(constant).tolist()
    ]
    return aligned(made), [f"in every row: {GAP.join(same)}"] if same else []


def _summaries(
    labels: list[str],
    rows: np.ndarray,
    shown: list[int | None],
    states: Sequence[str],
    precision: Precision,
) -> list[str]:
    """Write the most probable states of each row on a line."""
    width = max(width_of(label) for label in labels)
    made: list[list[str]] = []
    for label, row in zip(labels, shown, strict=True):
        if row is not None:
            made.append([label, _summary(rows[row], states, precision, WIDTH_MAX - width - 3)])
    return aligned(made)


def _summary(p: np.ndarray, states: Sequence[str], precision: Precision, width: int) -> str:
    found = ranked(p, SHORT_MAX)
    texts = [f"{cut(states[k], 20)} {precision.cell(value, 4)}" for k, value in found.entries]
    for count in range(len(texts), 0, -1):
        left = found.num_rest + len(texts) - count
        rest = found.rest + sum(value for _, value in found.entries[count:])
        together = Precision(precision.status).chance(rest, digits=3)
        more = [f"… {left} more, together {together}"] if left else []
        line = GAP.join([*texts[:count], *more])
        if width_of(line) <= width:
            return line
    return cut(texts[0], width)


def event_lines(
    part: Part, p: np.ndarray, others: np.ndarray | None, precision: Precision
) -> list[str]:
    """Write the probabilities of an event in many instances.

    Args:
        part: says what runs along the axes.
        p: (axes...).
        others: what is left to 1 of each; None where that is 1 - p.
        precision: of them.
    """
    if not p.size:
        return [_EMPTY]
    if p.ndim == 2:
        return chances(p, part.axes[0], part.axes[1], precision, _ROOM)
    flat = p.reshape(-1)
    left = None if others is None else others.reshape(-1)

    def pair(k: int) -> list[str]:
        text = precision.chance(float(flat[k]), None if left is None else float(left[k]))
        return [_label(part, p.shape, k), text]

    if p.size <= SHORT_MAX:
        line = GAP.join(" ".join(pair(k)) for k in range(p.size))
        if width_of(line) <= LINE_WIDTH:
            return [line]
    elif _alike(flat).all() and (left is None or _alike(left).all()):
        (first, text), (last, _) = pair(0), pair(p.size - 1)
        return [f"{first} … {last}, all alike {text}"]
    shown = places(p.size, _ROOM)
    lines = aligned([pair(k) for k in shown if k is not None], " ")
    if None in shown:
        lines.insert(shown.index(None), f"… {p.size - len(shown) + 1} rows left out")
    return lines
