"""An answer on one screen: as text for a terminal, as HTML for a notebook."""

from html import escape
from typing import cast

from gmlang.queries.answers import Answer, AssertAnswer, DistributionAnswer
from gmruntime.printable import printable

LINES_MAX = 24
"""Longer answers are cut for the screen; `to_dict` has them whole."""


def show(answer: Answer) -> str:
    """Write an answer as text."""
    return printable(_shown(answer))


def _shown(answer: Answer) -> str:
    head = f"{answer.text}"
    if isinstance(answer, AssertAnswer):
        verdict = "holds" if answer.held else "FAILS"
        note = f"   ({answer.note})" if answer.note else ""
        return f"{head}: {verdict}{note}"
    lines = [head, *("  " + line for line in _body(answer)), f"  {quality_line(answer)}"]
    return "\n".join(lines)


def quality_line(answer: Answer) -> str:
    """Say how good an answer is."""
    parts = [answer.status]
    if answer.error is not None:
        parts.append(f"{answer.error_kind} {answer.error:.2g}")
    if answer.status == "bounded" and answer.log_upper is not None:
        low = f"{answer.log_lower:.6g}" if answer.log_lower is not None else "-inf"
        parts.append(f"between {low} and {answer.log_upper:.6g} nats")
    if answer.method:
        parts.append(answer.method)
    if answer.workers > 1:
        parts.append(f"{answer.workers} workers")
    parts.append(f"{answer.seconds * 1e3:.1f} ms")
    if answer.note:
        parts.append(answer.note)
    return " · ".join(parts)


def _body(answer: Answer) -> list[str]:
    value = answer.value
    if answer.status == "impossible" and value is None:
        return ["impossible: no assignment agrees with the evidence"]
    if value is None:
        return ["not known"]
    own = answer.lines()
    lines = _lines(value) if own is None else own
    if len(lines) > LINES_MAX:
        lines = [*lines[: LINES_MAX - 1], f"... {len(lines) - LINES_MAX + 1} more lines"]
    return [*lines, *answer.remarks()]


def _lines(value: object) -> list[str]:
    if isinstance(value, bool) or value is None:
        return [str(value).lower()]
    if isinstance(value, int | float):
        return [f"{value:.6g}" if isinstance(value, float) else str(value)]
    if isinstance(value, dict):
        return _map_lines(cast("dict[str, object]", value))
    if isinstance(value, list):
        return _list_lines(cast("list[object]", value))
    return [str(value)]


def _map_lines(value: dict[str, object]) -> list[str]:
    if value and all(isinstance(v, float) for v in value.values()):
        # Of a million entries only the first few are shown, and only those are written.
        shown, hidden = list(value.items())[: LINES_MAX + 1], max(0, len(value) - LINES_MAX - 1)
        width = max(len(key) for key, _ in shown)
        entries = [f"{key:<{width}} {v:.6g}" for key, v in shown]
        joined = "   ".join(f"{key} {v:.6g}" for key, v in shown)
        return [joined] if len(joined) <= 80 and not hidden else [*entries, *[""] * hidden]
    lines: list[str] = []
    for key, inner in value.items():
        shown = _lines(inner)
        if len(shown) == 1:
            lines.append(f"{key} = {shown[0]}")
        else:
            lines.append(f"{key} =")
            lines.extend("  " + line for line in shown)
    return lines


def _list_lines(value: list[object]) -> list[str]:
    if all(isinstance(v, str | int | float | bool) for v in value):
        return [" ".join(_lines(v)[0] for v in value)]
    if table := _table_lines(value):
        return table
    lines: list[str] = []
    for number, inner in enumerate(value):
        shown = _lines(inner)
        if isinstance(inner, list) and len(shown) == 1:
            lines.append(shown[0])
            continue
        lines.append(f"[{number}] {shown[0]}" if shown else f"[{number}]")
        lines.extend("    " + line for line in shown[1:])
    return lines


def _table_lines(value: list[object]) -> list[str]:
    """Write records with the same plain fields as a table; return [] for anything else."""
    records = [cast("dict[str, object]", inner) for inner in value if isinstance(inner, dict)]
    if not records or len(records) != len(value) or len({tuple(r) for r in records}) != 1:
        return []
    if not all(isinstance(v, str | int | float | bool) for r in records for v in r.values()):
        return []
    rows = [list(records[0]), *([_cell(v) for v in r.values()] for r in records)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) > 1e-12 else "0"
    return _lines(value)[0]


def show_html(answer: Answer) -> str:
    """Write an answer as a small table for a notebook, with bars for probabilities."""
    return printable(_shown_html(answer))


def _shown_html(answer: Answer) -> str:
    rows = ""
    value: object = answer.value
    if isinstance(value, dict) and isinstance(answer, DistributionAnswer):
        table = cast("dict[str, float]", value)
        rows = "".join(_bar(key, p) for key, p in table.items())
        rows = f"<table>{rows}</table>"
    else:
        rows = f"<pre>{escape(chr(10).join(_body(answer)))}</pre>"
    return (
        f"<div><code>{escape(answer.text)}</code>{rows}"
        f"<small>{escape(quality_line(answer))}</small></div>"
    )


def _bar(key: str, p: float) -> str:
    return (
        f"<tr><td>{escape(key)}</td><td>{p:.4f}</td><td style='width:12em'>"
        f"<div style='background:#4c78a8;height:0.8em;width:{100 * p:.1f}%'></div></td></tr>"
    )
