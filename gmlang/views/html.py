"""An answer for a notebook: probabilities as bars, arrays as coloured cells, the rest as text."""

from collections.abc import Sequence
from html import escape
from typing import cast

import numpy as np

from gmlang.graph.world.axes import Axis
from gmlang.queries.answers import Answer, DistributionAnswer
from gmlang.views.arrays import BOOL
from gmlang.views.distributions import SHORT_MAX, ranked, rest_lines, writer
from gmlang.views.layout import cut, places
from gmlang.views.show import body, ends, precision_of, quality_line
from gmruntime.printable import printable

BLUE = "68,120,168"
"""Of bars and cells, red, green, blue."""

_CELLS_MAX = 64
"""Rows, and columns, of an array that are shown."""

ROWS_MAX = 30
"""Rows of a table with a column for each state."""

STATES_MAX = 12
"""An array of variables with more states is written as text."""


def show_html(answer: Answer) -> str:
    """Write an answer as HTML."""
    return printable(
        f"<div><code>{escape(answer.text)}</code>{_value(answer)}"
        f"<small>{escape(quality_line(answer))}</small></div>"
    )


def _value(answer: Answer) -> str:
    value: object = answer.value
    if isinstance(value, dict) and isinstance(answer, DistributionAnswer):
        return _bars(answer, cast("dict[str, float]", value))
    array = answer.array
    if array is not None and len(answer.parts) == 1 and isinstance(answer, DistributionAnswer):
        axes = answer.parts[0].axes
        is_bool = answer.labels == BOOL
        if len(axes) == 2 and array.size and (is_bool or not answer.labels):
            p = array[..., 1] if is_bool else array
            return _cells(p, axes[0], axes[1], [precision_of(answer).cell(x, 3) for x in p.flat])
        if len(axes) == 1 and answer.labels and len(answer.labels) <= STATES_MAX and array.size:
            return _table(answer, array)
    elif array is not None and len(answer.parts) == 1 and array.dtype == np.bool_:
        axes = answer.parts[0].axes
        if len(axes) == 2 and array.ndim == 2 and array.size:
            grid = _cells(array.astype(float), axes[0], axes[1], [str(x) for x in array.flat])
            notes = "<br>".join(escape(line) for line in answer.remarks())
            return f"{grid}<div>{notes}</div>"
    return f"<pre>{escape(chr(10).join(body(answer)))}</pre>"


def _bars(answer: Answer, table: dict[str, float]) -> str:
    labels, precision = list(table), precision_of(answer)
    p = np.fromiter(table.values(), np.float64, len(table))
    lower, upper = ends(answer)
    bounds = None
    if isinstance(lower, dict) and isinstance(upper, dict):
        bounds = cast("dict[str, float]", lower), cast("dict[str, float]", upper)
    write = writer(labels, p, precision, bounds)
    if len(p) <= SHORT_MAX:
        order, rest = list(range(len(p))), ()
    else:
        found = ranked(p)
        order, rest = [k for k, _ in found.entries], tuple(rest_lines(found, precision))
    rows = "".join(_bar(cut(labels[k]), write(k), float(p[k])) for k in order)
    rows += "".join(f"<tr><td colspan='3'>{escape(line)}</td></tr>" for line in rest)
    return f"<table>{rows}</table>"


def _bar(label: str, text: str, p: float) -> str:
    width = 100.0 * min(1.0, max(0.0, p)) if np.isfinite(p) else 0.0
    return (
        f"<tr><td>{escape(label)}</td><td>{escape(text)}</td><td style='width:12em'>"
        f"<div style='background:rgb({BLUE});height:0.8em;width:{width:.1f}%'></div></td></tr>"
    )


def _shade(p: float) -> str:
    return f"rgba({BLUE},{min(1.0, max(0.0, p)):.3f})" if np.isfinite(p) else "none"


def _cells(p: np.ndarray, rows: Axis, columns: Axis, titles: Sequence[str]) -> str:
    """Draw probabilities as cells, the darker the more probable; each says what it is."""
    shown_rows, shown_columns = places(p.shape[0], _CELLS_MAX), places(p.shape[1], _CELLS_MAX)
    lines: list[str] = []
    if columns.is_named():
        names = (_head("…" if j is None else columns.label(j)) for j in shown_columns)
        lines.append(f"<tr><td></td>{''.join(names)}</tr>")
    for i in shown_rows:
        name = "…" if i is None else rows.label(i)
        cells = [_head(name) if rows.is_named() or i is None else ""]
        for j in shown_columns if i is not None else ():
            if i is None or j is None:
                cells.append("<td>…</td>")
                continue
            title = f"[{rows.label(i)}, {columns.label(j)}] {titles[i * p.shape[1] + j]}"
            style = f"background:{_shade(float(p[i, j]))};width:0.8em;height:0.8em;padding:0"
            cells.append(f"<td title='{escape(cut(title, 120))}' style='{style}'></td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table style='border-collapse:collapse'>{''.join(lines)}</table>"


def _head(text: str) -> str:
    return f"<th>{escape(cut(text, 16))}</th>"


def _table(answer: Answer, p: np.ndarray) -> str:
    """Write a row for each variable, a column for each state."""
    precision, part = precision_of(answer), answer.parts[0]
    head = "".join(_head(label) for label in answer.labels)
    lines = [f"<tr><td></td>{head}</tr>"]
    shown = places(len(p), ROWS_MAX)
    for i in shown:
        if i is None:
            left = len(p) - len(shown) + 1
            lines.append(f"<tr><td colspan='9'>… {left} rows left out</td></tr>")
            continue
        cells = "".join(
            f"<td style='background:{_shade(0.7 * x)}'>{escape(precision.cell(x, 4))}</td>"
            for x in map(float, p[i])
        )
        lines.append(f"<tr><th>{escape(cut(part.label((i,))))}</th>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"
