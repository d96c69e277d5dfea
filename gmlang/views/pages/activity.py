"""Who was awake when: a row for each model, and what the sleepers may be worth together."""

from collections.abc import Sequence

from gmlang.views.pages import svg
from gmlang.views.pages.reading import Record, Run, number, record, records, text

TITLE = "Activity"
LEAD = "A row for each model that woke, the darker the more probable; arrows come from its waker."
MISSING = (
    "Nobody woke in this trace, and no question asked who is active: it has no wake, probe or "
    "retire events."
)

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 720.0, 170.0, 60.0, 22.0, 12.0
_ROWS_MAX, _QUESTIONS_MAX = 40, 3
_BAND = 46.0
"""Height of the band of the sleepers."""

_SIGNS = {"wake": "▲", "probe": "●", "retire": "▼"}


def drawn(run: Run) -> str:
    """Draw timelines, or at least who is active in the end; "" where nothing is known."""
    final = _final(run)
    by_question: dict[str, list[Record]] = {}
    for event in run.events:
        by_question.setdefault(text(event.get("query")), []).append(event)
    # What many questions woke alike is drawn once, for the one of which most is told.
    order = sorted(by_question, key=lambda query: -len(by_question[query]))
    drawings = [
        _heading(query) + _timeline(run, by_question[query], final)
        for query in order[:_QUESTIONS_MAX]
    ]
    return "".join(drawings) or _bars(final)


def _heading(query: str) -> str:
    return f"<h3><code>{svg.said(query, 200)}</code></h3>" if query else ""


def _timeline(run: Run, events: Sequence[Record], final: dict[str, float]) -> str:
    """Draw what became of models while one question was answered."""
    names = list(dict.fromkeys(text(e.get("model")) for e in events))
    shown = sorted(names, key=lambda n: -final.get(n, 0.0))[:_ROWS_MAX]
    names = [name for name in names if name in set(shown)]
    left_out = len({text(e.get("model")) for e in events}) - len(names)
    times = [float(e["seconds"]) for e in events]
    last = max([*times, *(t for t, _ in run.beliefs)])
    x = svg.linear(min(0.0, *times), last * 1.3 or 1.0, _LEFT, _WIDTH - _RIGHT)
    row = {name: _TOP + _ROW * k for k, name in enumerate(names)}
    end = _WIDTH - _RIGHT
    parts = [_lane(run, events, name, row[name], final, x, end) for name in names]
    parts += [_arrow(e, row, x) for e in events]
    parts += [_tick(e, row, x) for e in events]
    floor = _TOP + _ROW * len(names) + 4
    band = _asleep(events, x, floor, end)
    height = floor + (_BAND if band else 0) + 26
    parts.append(band)
    parts.append(svg.line(_LEFT, height - 22, end, height - 22, "axis"))
    for value in svg.ticks(0.0, last, 6):
        parts.append(
            svg.words(x(value), height - 6, svg.seconds(value) if value else "0", "tick middle")
        )
    keys = "".join(f"<span>{sign} {kind}</span> " for kind, sign in _SIGNS.items())
    whole = svg.svg(_WIDTH, height, "".join(parts), "models awake against time")
    return f'{whole}<p class="note">{keys}</p>{svg.further(left_out, "models")}'


def _final(run: Run) -> dict[str, float]:
    """Return how probable each model is in the end, as `active` says or the last beliefs do."""
    found: dict[str, float] = {}
    for _, held in run.beliefs:
        found |= held
    for answer in run.answers:
        if answer.get("kind") == "active":
            for one in records(record(answer.get("answer")).get("models")):
                p = number(one.get("probability"))
                if p is not None:
                    found[text(one.get("model"))] = p
    return found


def _lane(
    run: Run,
    events: Sequence[Record],
    name: str,
    y: float,
    final: dict[str, float],
    x: svg.Scale,
    end: float,
) -> str:
    """Draw when a model was awake, by how probable it was then."""
    parts = [svg.words(_LEFT - 10, y + 13, name, "end", most=24)]
    parts.append(svg.line(_LEFT, y + 9, end, y + 9, "grid"))
    start: float | None = None
    spans: list[tuple[float, float]] = []
    for event in events:
        if text(event.get("model")) != name:
            continue
        at = x(float(event["seconds"]))
        if event["event"] == "wake" and start is None:
            start = at
        elif event["event"] == "retire":
            spans += [(start, at)] if start is not None else []
            start = None
    spans += [(start, end)] if start is not None else []
    held = [(x(t), b[name]) for t, b in run.beliefs if name in b]
    for first, last in spans:
        inner = [(t, p) for t, p in held if first <= t < last]
        points = [(first, inner[0][1] if inner else final.get(name, 0.5)), *inner]
        for k, (at, p) in enumerate(points):
            to = points[k + 1][0] if k + 1 < len(points) else last
            box = svg.rect(at, y + 3, max(1.0, to - at), 12, "awake", f"{name}: P = {p:.3g}")
            parts.append(box.replace("<rect ", f'<rect opacity="{0.15 + 0.85 * _unit(p):.2f}" '))
    if name in final:
        parts.append(svg.words(end + 8, y + 13, f"{final[name]:.3g}", "small"))
    return "".join(parts)


def _unit(p: float) -> float:
    return min(1.0, max(0.0, p))


def _arrow(event: Record, row: dict[str, float], x: svg.Scale) -> str:
    """Draw who woke whom; a site that did is written instead."""
    model, by = text(event.get("model")), text(event.get("by"))
    if event["event"] != "wake" or model not in row or not by:
        return ""
    at = x(float(event["seconds"]))
    if by not in row:
        # Where little room is left, it stands before the mark.
        is_late = at > _LEFT + 0.6 * (_WIDTH - _LEFT - _RIGHT)
        css, place = ("small onbar end", at - 7) if is_late else ("small onbar", at + 7)
        return svg.words(place, row[model] + 13, by, css, most=18)
    start, end, tip = row[by] + 9, row[model] + 9, at - 5
    bend = at - 26
    title = f"<title>{svg.said(f'{by} woke {model}', 200)}</title>"
    curve = (
        f"M{svg.shown(at - 1)} {svg.shown(start)}C{svg.shown(bend)} {svg.shown(start)} "
        f"{svg.shown(bend)} {svg.shown(end)} {svg.shown(tip)} {svg.shown(end)}"
    )
    head = f"M{svg.shown(tip - 5)} {svg.shown(end - 3)}l5 3l-5 3"
    return f'<path d="{curve}{head}" class="arrow">{title}</path>'


def _tick(event: Record, row: dict[str, float], x: svg.Scale) -> str:
    model = text(event.get("model"))
    if model not in row:
        return ""
    kind = str(event["event"])
    told = [f"{kind} {model} after {svg.seconds(float(event['seconds']))}"]
    for key, unit in (("ceiling", "nats"), ("evidence", "nats"), ("eps", "")):
        value = number(event.get(key))
        if value is not None:
            told.append(f"{key} {value:.4g} {unit}".strip())
    mark = (
        f'<text x="{svg.shown(x(float(event["seconds"])))}" y="{svg.shown(row[model] + 13)}" '
        f'class="mark {svg.said(kind)}">{_SIGNS[kind]}<title>{svg.said(", ".join(told), 300)}'
        "</title></text>"
    )
    return mark


def _asleep(events: Sequence[Record], x: svg.Scale, floor: float, end: float) -> str:
    """Draw what all who sleep may change a probability by, at most, as a grey band."""
    points = [
        (x(float(e["seconds"])), v) for e in events if (v := number(e.get("eps"))) is not None
    ]
    top = max((v for _, v in points), default=0.0)
    if not top > 0:
        return ""
    y = svg.linear(0.0, top, floor + _BAND - 6, floor + 8)
    corners = svg.steps([(at, y(v)) for at, v in points], end)
    ground = floor + _BAND - 6
    shape = [(corners[0][0], ground), *corners, (end, ground)]
    return (
        svg.path(shape, "asleep", "what the sleepers may change, at most")
        + svg.words(_LEFT - 10, floor + 28, "asleep, ε", "end")
        + svg.words(end + 8, corners[-1][1] + 4, f"{points[-1][1]:.2g}", "small")
    )


def _bars(final: dict[str, float]) -> str:
    """Draw who is active in the end."""
    if not final:
        return ""
    names = sorted(final, key=lambda n: -final[n])[:_ROWS_MAX]
    parts: list[str] = []
    wide = _WIDTH - _LEFT - _RIGHT
    for k, name in enumerate(names):
        y = _TOP + _ROW * k
        parts.append(svg.words(_LEFT - 10, y + 13, name, "end", most=24))
        parts.append(svg.rect(_LEFT, y + 3, wide, 12, "lane"))
        parts.append(svg.rect(_LEFT, y + 3, wide * _unit(final[name]), 12, "awake", name))
        parts.append(svg.words(_LEFT + wide + 8, y + 13, f"{final[name]:.3g}", "small"))
    whole = svg.svg(_WIDTH, _TOP + _ROW * len(names) + 6, "".join(parts), "active models")
    return whole + svg.further(len(final) - len(names), "models")
