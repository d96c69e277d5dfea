"""The snap: the best score, its bound, and what is left undecided, against time."""

import math
from collections.abc import Sequence
from itertools import islice

import numpy as np

from gmlang.views.pages import svg
from gmlang.views.pages.pictures import look_of, thumbnail
from gmlang.views.pages.reading import Record, Run, grid, number, record

TITLE = "The snap"
LEAD = "Best score found and proven bound against time; below, what is left undecided."
MISSING = (
    "Nothing was searched for step by step. Ask for MAP, and run with --trace: every maximum is "
    "then searched for, and exemplars are looked at step by step."
)

_WIDTH, _HEIGHT, _TOP, _LEFT, _RIGHT = 720.0, 250.0, 34.0, 64.0, 16.0
_LOW = 90.0
"""Height of the curve of entropies."""

_LEAST_S = 1e-3
_THUMBNAILS_MAX, _SEARCHES_MAX = 8, 50


def drawn(run: Run) -> str:
    """Draw each search; "" where there is none."""
    found: list[str] = []
    for query, steps in islice(run.searches.items(), _SEARCHES_MAX):
        curve = _curve(query, steps)
        if curve:
            found.append(f"<h3><code>{svg.said(query, 200)}</code></h3>{curve}{_states(steps)}")
    more = len(run.searches) - _SEARCHES_MAX
    return "".join(found) + svg.further(more if found else 0, "searches")


def _curve(query: str, steps: Sequence[Record]) -> str:
    scores = _points(steps, "log_score")
    bounds = _points(steps, "log_bound")
    entropies = _entropies(steps)
    if not scores and not bounds and len(entropies) < 2:
        return ""
    times = [max(float(s["seconds"]), _LEAST_S) for s in steps]
    first, last = min(times), max(times)
    if last / first < 1.5:
        first, last = first / 1.5, last * 1.5
    x = svg.logarithmic(first, last, _LEFT, _WIDTH - _RIGHT)
    if not scores and not bounds:
        return _undecided(query, entropies, (first, last), x, _HEIGHT / 2)
    low, high = _range([v for _, v in scores], [v for _, v in bounds])
    y = svg.linear(low, high, _HEIGHT - 30, _TOP)
    end = x(last)
    parts = [_frame(first, last, x, low, high, y, _HEIGHT - 30)]
    if bounds:
        corners = [(x(t), min(_HEIGHT - 30, max(_TOP, y(v)))) for t, v in bounds]
        parts.append(svg.path(svg.steps(corners, end), "curve bound", "proven bound"))
    if scores:
        corners = [(x(t), y(v)) for t, v in scores]
        parts.append(svg.path(svg.steps(corners, end), "curve score", "best found"))
        parts += [_dot(p, t, v) for p, (t, v) in zip(corners, scores, strict=True)]
    parts.append(_legend(bool(bounds)))
    whole = svg.svg(_WIDTH, _HEIGHT, "".join(parts), f"score and bound of {query} against time")
    if len(entropies) < 2:
        return whole
    return whole + _undecided(query, entropies, (first, last), x, _LOW)


def _undecided(
    query: str,
    entropies: Sequence[tuple[float, float]],
    ends: tuple[float, float],
    x: svg.Scale,
    height: float,
) -> str:
    """Draw what is left undecided: below scores, or alone where there are none."""
    is_alone = height > _LOW
    floor = height - (46 if is_alone else 24)
    top = max(v for _, v in entropies) or 1.0
    y = svg.linear(0, top, floor, 12)
    corners = [(x(t), y(v)) for t, v in entropies]
    what = "of what is believed" if is_alone else "of what was found so far, by its scores"
    parts = [
        _frame(*ends, x, 0, top, y, floor, with_times=is_alone),
        svg.path(svg.steps(corners, x(ends[1])), "curve entropy", "entropy"),
        svg.words(_LEFT, height - 6, f"entropy, nats, {what}", "small"),
    ]
    return svg.svg(_WIDTH, height, "".join(parts), f"entropy of {query} against time")


def _points(steps: Sequence[Record], key: str) -> list[tuple[float, float]]:
    return [
        (max(float(s["seconds"]), _LEAST_S), value)
        for s in steps
        if (value := number(s.get(key))) is not None
    ]


def _range(scores: list[float], bounds: list[float]) -> tuple[float, float]:
    """Choose what is shown: all scores, and bounds unless they are far off at first."""
    low, high = min(scores or bounds), max(scores or bounds)
    near = [b for b in bounds if b - high <= 3 * max(high - low, 1e-9)] or bounds[-1:]
    low, high = min([low, *near]), max([high, *near])
    margin = 0.06 * (high - low) or max(1e-9, abs(high) * 0.01) or 1.0
    return low - margin, high + margin


def _frame(
    first: float,
    last: float,
    x: svg.Scale,
    low: float,
    high: float,
    y: svg.Scale,
    floor: float,
    *,
    with_times: bool = True,
) -> str:
    parts: list[str] = []
    for value in svg.ticks(low, high, 4):
        parts.append(svg.line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), "grid"))
        parts.append(svg.words(_LEFT - 8, y(value) + 4, f"{value:.6g}", "tick end"))
    for value, name in svg.time_ticks(first, last):
        parts.append(svg.line(x(value), floor, x(value), floor + 4, "axis"))
        if with_times:
            parts.append(svg.words(x(value), floor + 18, name, "tick middle"))
    parts.append(svg.line(_LEFT, floor, _WIDTH - _RIGHT, floor, "axis"))
    return "".join(parts)


def _dot(place: tuple[float, float], time: float, value: float) -> str:
    title = f"{value:.6g} nats after {svg.seconds(time)}"
    return (
        f'<circle cx="{svg.shown(place[0])}" cy="{svg.shown(place[1])}" r="3" class="dot score">'
        f"<title>{svg.said(title)}</title></circle>"
    )


def _legend(has_bound: bool) -> str:
    parts = [
        svg.line(_LEFT, 10, _LEFT + 22, 10, "curve score"),
        svg.words(_LEFT + 28, 14, "best found, nats", "small"),
    ]
    if has_bound:
        parts.append(svg.line(_LEFT + 140, 10, _LEFT + 162, 10, "curve bound"))
        parts.append(svg.words(_LEFT + 168, 14, "proven bound", "small"))
    return "".join(parts)


def _entropies(steps: Sequence[Record]) -> list[tuple[float, float]]:
    """Return the entropy after each step: as told, else that of all scores so far as weights."""
    found: list[tuple[float, float]] = []
    scores: list[float] = []
    for step in steps:
        time = max(float(step["seconds"]), _LEAST_S)
        told = number(step.get("entropy"))
        score = number(step.get("log_score"))
        if score is not None and (not scores or score > scores[-1]):
            scores.append(score)
        if told is not None:
            found.append((time, max(0.0, told)))
        elif scores:
            with np.errstate(over="ignore"):
                p = np.exp(np.array(scores) - scores[-1])
            p = p[p > 0] / p.sum()
            found.append((time, max(0.0, float(-(p * np.log(p)).sum()))))
    return [] if all(math.isclose(v, 0.0, abs_tol=1e-12) for _, v in found) else found


def _states(steps: Sequence[Record]) -> str:
    """Draw the pictures that the incumbents were, at the steps that have them."""
    frames: list[tuple[float, float | None, dict[str, np.ndarray]]] = []
    for step in steps:
        pictures = {
            str(name): found
            for name, value in record(step.get("state")).items()
            if (found := grid(value)) is not None and min(found.shape) > 1
        }
        if pictures:
            frames.append((float(step["seconds"]), number(step.get("log_score")), pictures))
    if not frames:
        return ""
    if len(frames) > _THUMBNAILS_MAX:
        places = np.linspace(0, len(frames) - 1, _THUMBNAILS_MAX).round().astype(int)
        frames = [frames[k] for k in places]
    figures: list[str] = []
    for seconds, score, pictures in frames:
        name, values = max(pictures.items(), key=lambda one: one[1].size)
        under = svg.seconds(seconds) + ("" if score is None else f" · {score:.5g}")
        figures.append(
            f"<figure>{thumbnail(values, 84, name, look_of(values))}"
            f"<figcaption>{svg.said(under)}</figcaption></figure>"
        )
    return f'<div class="row">{"".join(figures)}</div>'
