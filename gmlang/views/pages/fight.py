"""The fight: the log-odds of competing models against time, or where they ended."""

import math

from gmlang.views.pages import svg
from gmlang.views.pages.reading import Run, number, record, records, text

TITLE = "The fight"
LEAD = "Log-odds of what competes, models or states: above 0 it is more probable than not."
MISSING = "Nobody competes: the trace has no beliefs in time and no evidence of active models."

_WIDTH, _HEIGHT, _LEFT, _RIGHT = 720.0, 260.0, 56.0, 150.0
_RIVALS_MAX = 8
_MOST = 30.0
"""Log-odds, nats, beyond which a curve stays at the edge."""

_NAME = 15.0
"""From one name to the next, at least."""

_ROW, _NAMES = 22.0, 170.0


def drawn(run: Run) -> str:
    """Draw the fight; "" where nothing is known of one."""
    return _curves(run) or _evidence(run)


def _odds(p: float) -> float:
    if p <= 0 or p >= 1:
        return -_MOST if p <= 0 else _MOST
    return max(-_MOST, min(_MOST, math.log(p) - math.log1p(-p)))


def _curves(run: Run) -> str:
    told = run.beliefs if len(run.beliefs) > 1 else run.rivals
    if len(told) < 2:
        return ""
    by_name: dict[str, list[tuple[float, float]]] = {}
    for time, held in told:
        for name, p in held.items():
            by_name.setdefault(name, []).append((time, _odds(p)))
    strong = sorted(by_name, key=lambda n: -max(v for _, v in by_name[n]))[:_RIVALS_MAX]
    values = [v for name in strong for _, v in by_name[name]]
    first, last = told[0][0], told[-1][0]
    x = svg.linear(first, last, _LEFT, _WIDTH - _RIGHT)
    low, high = min(0.0, *values), max(0.0, *values)
    y = svg.linear(low, high, _HEIGHT - 30, 14)
    parts: list[str] = []
    for value in svg.ticks(low, high, 5):
        css = "zero" if value == 0 else "grid"
        parts.append(svg.line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), css))
        parts.append(svg.words(_LEFT - 8, y(value) + 4, f"{value:g}", "tick end"))
    for value in svg.ticks(first, last, 6):
        parts.append(svg.words(x(value), _HEIGHT - 8, svg.seconds(value), "tick middle"))
    strong.sort(key=lambda n: -by_name[n][-1][1])
    places = _apart([y(by_name[name][-1][1]) for name in strong], _HEIGHT - 30)
    for k, (name, place) in enumerate(zip(strong, places, strict=True)):
        points = [(x(t), y(v)) for t, v in by_name[name]]
        parts.append(svg.path(points, f"curve line{k % svg.NUM_COLOURS}", name))
        parts.append(
            svg.words(points[-1][0] + 8, place + 4, name, f"name{k % svg.NUM_COLOURS}", 20)
        )
    return svg.svg(_WIDTH, _HEIGHT, "".join(parts), "log-odds against time")


def _apart(heights: list[float], floor: float) -> list[float]:
    """Move names off each other, in order from the top, and none of them below the floor.

    >>> _apart([10.0, 12.0, 98.0, 99.0], 100.0)
    [10.0, 25.0, 85.0, 100.0]
    """
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + _NAME) if places else height)
    for k in range(1, len(places) + 1):
        places[-k] = min(places[-k], floor - _NAME * (k - 1))
    return places


def _evidence(run: Run) -> str:
    """Draw by how many nats each model was moved from its prior, as `active` says."""
    rivals: dict[str, tuple[float, float]] = {}
    for answer in run.answers:
        if answer.get("kind") != "active":
            continue
        for one in records(record(answer.get("answer")).get("models")):
            nats, p = number(one.get("evidence_nats")), number(one.get("probability"))
            if nats is not None and p is not None:
                rivals[text(one.get("model"))] = nats, _odds(p)
    if not rivals:
        return ""
    names = sorted(rivals, key=lambda n: -rivals[n][1])[: 3 * _RIVALS_MAX]
    ends = [v for n in names for v in (rivals[n][1], rivals[n][1] - rivals[n][0], 0.0)]
    x = svg.linear(min(ends), max(ends), _NAMES, _WIDTH - 24)
    parts: list[str] = []
    floor = _ROW * len(names) + 10
    for value in svg.ticks(min(ends), max(ends), 7):
        css = "zero" if value == 0 else "grid"
        parts.append(svg.line(x(value), 6, x(value), floor, css))
        parts.append(svg.words(x(value), floor + 16, f"{value:g}", "tick middle"))
    for k, name in enumerate(names):
        nats, odds = rivals[name]
        y = 10 + _ROW * k
        parts.append(svg.words(_NAMES - 10, y + 13, name, "end", most=24))
        start, end = sorted((x(odds - nats), x(odds)))
        title = f"{name}: prior {odds - nats:.3g}, evidence {nats:+.3g}, log-odds {odds:.3g} nats"
        css = "for" if nats >= 0 else "against"
        parts.append(svg.rect(start, y + 5, max(1.0, end - start), 8, css, title))
        parts.append(
            f'<circle cx="{svg.shown(x(odds))}" cy="{svg.shown(y + 9)}" r="4" class="dot {css}"/>'
        )
    told = '<p class="note">From the log-odds of the prior to those after the evidence, nats.</p>'
    whole = svg.svg(
        _WIDTH, floor + 24, "".join(parts), "log-odds of models, from prior to posterior"
    )
    return whole + told
