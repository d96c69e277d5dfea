"""Drawings written by hand: elements, axes, grids of cells. Colours are classes of the page."""

import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from gmruntime.printable import printable_line

NUM_COLOURS = 8
"""Of owners and models; further ones take them again."""

_TEXT_MAX = 60

_LEAST_WIDTH = 1e-300
"""What is nearer to each other has no round numbers between."""


def said(value: object, most: int = _TEXT_MAX) -> str:
    """Write a value as one line of text that means nothing to a browser."""
    line = printable_line(str(value))
    return escape(line if len(line) <= most else line[: most - 1] + "…")


def shown(value: float) -> str:
    """Write a coordinate."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def svg(width: float, height: float, inner: str, label: str, css: str = "") -> str:
    """Return a drawing of some size that shrinks with its column."""
    return (
        f'<svg class="{css or "chart"}" viewBox="0 0 {shown(width)} {shown(height)}" '
        f'width="{shown(width)}" height="{shown(height)}" role="img" '
        f'aria-label="{said(label, 200)}">{inner}</svg>'
    )


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """Draw a line."""
    return (
        f'<line x1="{shown(x1)}" y1="{shown(y1)}" x2="{shown(x2)}" y2="{shown(y2)}" class="{css}"/>'
    )


def further(count: int, what: str) -> str:
    """Say how many of something are not drawn; "" where all are."""
    return f'<p class="note">{count} further {what} are not drawn.</p>' if count > 0 else ""


def rect(x: float, y: float, width: float, height: float, css: str, title: str = "") -> str:
    """Draw a rectangle."""
    own = f"<title>{said(title, 300)}</title>" if title else ""
    return (
        f'<rect x="{shown(x)}" y="{shown(y)}" width="{shown(width)}" height="{shown(height)}" '
        f'class="{css}">{own}</rect>'
    )


def words(x: float, y: float, value: object, css: str = "", most: int = _TEXT_MAX) -> str:
    """Write some words."""
    return f'<text x="{shown(x)}" y="{shown(y)}" class="{css}">{said(value, most)}</text>'


def path(points: Sequence[tuple[float, float]], css: str, title: str = "") -> str:
    """Draw a line through points."""
    if not points:
        return ""
    start, *rest = (f"{shown(x)} {shown(y)}" for x, y in points)
    own = f"<title>{said(title, 300)}</title>" if title else ""
    return f'<path d="M{start}{"".join(f"L{p}" for p in rest)}" class="{css}">{own}</path>'


def steps(points: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """Return the corners of a line that stays where it is until it jumps, up to some end.

    >>> steps([(0, 1), (2, 3)], 4)
    [(0, 1), (2, 1), (2, 3), (4, 3)]
    """
    corners: list[tuple[float, float]] = []
    for x, y in points:
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return [*corners, (end, corners[-1][1])] if corners else []


# --- Scales ------------------------------------------------------------------------------

Scale = Callable[[float], float]


def linear(low: float, high: float, first: float, last: float) -> Scale:
    """Return what takes low..high to first..last."""
    width = (high - low) or 1.0
    return lambda value: first + (value - low) / width * (last - first)


def logarithmic(low: float, high: float, first: float, last: float) -> Scale:
    """Return what takes low..high, above 0, to first..last by their logs."""
    inner = linear(math.log(low), math.log(high), first, last)
    return lambda value: inner(math.log(max(value, low)))


def time_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Choose powers of ten of seconds, with twos and fives between them where these are few.

    >>> time_ticks(0.002, 20.0)
    [(0.01, '10 ms'), (0.1, '100 ms'), (1.0, '1 s'), (10.0, '10 s')]
    """
    first, last = math.floor(math.log10(low)), math.floor(math.log10(high))
    for parts in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        every = [part * 10.0**k for k in range(first, last + 1) for part in parts]
        found = [one for one in every if low * (1 - 1e-9) <= one <= high * (1 + 1e-9)]
        if len(found) > 2:
            break
    else:
        found = [low, high]
    return [(one, seconds(one)) for one in found[:: max(1, len(found) // 8)]]


def seconds(value: float) -> str:
    """Write a time.

    >>> seconds(0.0012), seconds(12.34)
    ('1.2 ms', '12.3 s')
    """
    if value < 1e-3:
        return f"{value * 1e6:.3g} µs"
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Choose round numbers between two; of what is too near, or too far apart, the first.

    >>> ticks(0, 10), ticks(0, 5e-324), ticks(-1e308, 1e308)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0], [-1e+308])
    """
    width = high - low
    if not _LEAST_WIDTH < width < math.inf:
        return [low]
    size = 10.0 ** math.floor(math.log10(width / most))
    step = next(k * size for k in (1, 2, 5, 10) if width / (k * size) <= most + 1e-9)
    first = math.ceil(low / step - 1e-9)
    return [k * step + 0.0 for k in range(first, math.floor(high / step + 1e-9) + 1)]


# --- Cells -------------------------------------------------------------------------------


def cells(
    values: np.ndarray,
    size: float,
    css_of: Callable[[float], str],
    opacity_of: Callable[[float], float] = lambda _: 1.0,
) -> str:
    """Draw a rectangle of values as cells; neighbours in a row that look alike are one.

    Args:
        values: (rows, columns); NaN is not drawn.
        size: of a cell.
        css_of: the class of a value, "" for what is not drawn.
        opacity_of: of a value.
    """
    parts: list[str] = []
    for i, row in enumerate(values):
        looks = [
            ("", 0.0) if np.isnan(v) else (css_of(float(v)), round(opacity_of(float(v)), 2))
            for v in row
        ]
        start = 0
        for j in range(1, len(looks) + 1):
            if j < len(looks) and looks[j] == looks[start]:
                continue
            css, opacity = looks[start]
            if css and opacity > 0:
                box = rect(start * size, i * size, (j - start) * size, size, css)
                parts.append(
                    box if opacity >= 1 else box.replace("<rect ", f'<rect opacity="{opacity:g}" ')
                )
            start = j
    return "".join(parts)


def cell_size(shape: tuple[int, ...], most: float) -> float:
    """Return a size of cells with which a picture fits into a square."""
    return max(1.0, min(26.0, most / max(shape)))
