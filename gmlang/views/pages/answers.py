"""All answers, as text and bars, each with how good it is."""

from collections.abc import Mapping
from html import escape
from typing import cast

from gmlang.views.pages import svg
from gmlang.views.pages.reading import Record, Run, number, record, text
from gmlang.views.records import value_lines
from gmruntime.printable import printable

TITLE = "Answers"
LEAD = "What was asked, and how good each answer is."
MISSING = "The trace has no answers: it was written by an older version, or cut short."

_BARS_MAX, _LINES_MAX, _ANSWERS_MAX = 12, 24, 200


def drawn(run: Run) -> str:
    """Write each answer; "" where there is none."""
    rows = [_row(answer) for answer in run.answers[:_ANSWERS_MAX]]
    more = len(run.answers) - len(rows)
    note = f'<p class="note">{more} further answers are not shown.</p>' if more else ""
    return f'<div class="answers">{"".join(rows)}</div>{note}' if rows else ""


def _row(answer: Record) -> str:
    status = text(answer.get("status"))
    css = status if status in ("exact", "bounded", "estimate", "impossible", "error") else ""
    told = [text(answer.get("method")), text(answer.get("note")), text(answer.get("message"))]
    seconds = number(answer.get("seconds"))
    told += [] if seconds is None else [svg.seconds(seconds)]
    note = svg.said(" · ".join(one for one in told if one), 300)
    return (
        f'<div class="answer"><div><code>{svg.said(answer.get("query") or "", 300)}</code>'
        f'<span class="status {css}">{svg.said(status or "no status")}</span></div>'
        f'{_value(answer)}<p class="note">{note}</p></div>'
    )


def _value(answer: Record) -> str:
    value = answer.get("answer")
    items = answer.get("items")
    if answer.get("kind") == "list" and isinstance(items, list):
        inner = [record(one) for one in cast("list[object]", items)]
        return "".join(_row(one) for one in inner[:_LINES_MAX])
    states = record(value)
    chances = {str(k): p for k, v in states.items() if (p := number(v)) is not None}
    is_chance = answer.get("kind") in ("marginal", "joint") and len(chances) == len(states) > 0
    if is_chance:
        return _bars(chances)
    if answer.get("kind") == "event" and number(value) is not None:
        return _bars({"true": number(value) or 0.0})
    size = _array_size(value)
    if size:
        return f'<p class="note">an array of {size} variables</p>'
    arrays = {k: v for k, v in states.items() if _array_size(v)}
    if arrays:
        value = {
            k: f"an array of {_array_size(v)}" if k in arrays else v for k, v in states.items()
        }
    lines = value_lines(value) if value is not None else ["nothing"]
    shown = lines[:_LINES_MAX]
    shown += [f"… {len(lines) - len(shown)} more lines"] if len(lines) > len(shown) else []
    clean = printable("\n".join(line[:200] for line in shown))
    return f"<pre>{escape(clean)}</pre>"


def _array_size(value: object) -> str:
    """Write the shape of nested lists of two axes and more; "" for anything else."""
    shape: list[int] = []
    while isinstance(value, list) and value:
        inner = cast("list[object]", value)
        shape.append(len(inner))
        value = inner[0]
    return " × ".join(map(str, shape)) if len(shape) > 1 else ""


def _bars(chances: Mapping[str, float]) -> str:
    names = (
        sorted(chances, key=lambda n: -chances[n]) if len(chances) > _BARS_MAX else list(chances)
    )
    rows: list[str] = []
    for k, name in enumerate(names[:_BARS_MAX]):
        y, p = 20.0 * k, min(1.0, max(0.0, chances[name]))
        rows.append(svg.words(122, y + 14, name, "end", most=18))
        rows.append(svg.rect(130, y + 4, 240, 12, "lane"))
        rows.append(svg.rect(130, y + 4, 240 * p, 12, "awake", f"{name}: {chances[name]:.6g}"))
        rows.append(svg.words(378, y + 14, f"{chances[name]:.6g}", "small"))
    more = len(names) - _BARS_MAX
    note = f'<p class="note">{more} less probable ones are not drawn.</p>' if more > 0 else ""
    height = 20.0 * min(len(names), _BARS_MAX) + 4
    return svg.svg(470, height, "".join(rows), "probabilities") + note
