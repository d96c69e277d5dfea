"""One picture for each kind of answer: bars, heat maps, pictures of states."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from gmlang.graph.world.axes import Axis, Part
from gmlang.queries.answers import Answer, DistributionAnswer
from gmlang.queries.questions.map import MapAnswer
from gmlang.queries.questions.mmap import MarginalMapAnswer
from gmlang.views.arrays import BOOL
from gmlang.views.assignments import named_parts
from gmlang.views.distributions import ranked
from gmlang.views.layout import cut
from gmlang.views.plots.style import BLUE, GREY, LABEL_MAX, PALETTE, SCALE, scale, tick
from gmlang.views.show import ends

BARS_MAX = 40
"""Of more values the most probable are drawn, and one bar for all others."""

NUMBERS_MAX = 16
"""A grid of integers with at most so many rows and columns has its numbers written in it."""

ROWS_MAX = 2000
"""An array with more rows is drawn by a regular choice of them."""

WIDTH = 6.4

_LYING_MAX = 8


@dataclass(frozen=True, slots=True)
class Panel:
    """What is drawn of one answer.

    Attributes:
        title: above it.
        height: inches.
        draw: draws it on axes of matplotlib.
    """

    title: str
    height: float
    draw: Callable[[Any], None]


def panels_of(answer: Answer) -> list[Panel]:
    """Return what can be drawn of an answer; nothing for one that has no picture."""
    if answer.value is None:
        return []
    title = cut(f"{answer.name}: {answer.text}" if answer.name else answer.text, 90)
    if isinstance(answer, DistributionAnswer):
        made = _chances(answer, title)
        return [made] if made is not None else []
    if isinstance(answer, MapAnswer | MarginalMapAnswer) and isinstance(answer.value, dict):
        value = cast("dict[str, object]", answer.value)
        every = named_parts(answer.parts, value)
        parts = [part for part in every if part.axes and all(a.size for a in part.axes)]
        return [
            _states(part, value[part.name], title if len(parts) == 1 else f"{title}: {part.name}")
            for part in parts
        ]
    return []


# --- Probabilities -----------------------------------------------------------------------


def _chances(answer: DistributionAnswer, title: str) -> Panel | None:
    value, array, parts = answer.value, answer.array, answer.parts
    if isinstance(value, float):
        return _bars(answer, [title], np.array([value]), Axis(1, names=("",)), title)
    if array is not None and isinstance(value, dict) and len(parts) == 2:
        (one, two), p = parts, array
        shown = _heat(p, one.states, two.states, "probability", None)
        return Panel(title, _image_height(p.shape), _named(shown, one.name, two.name))
    if isinstance(value, dict):
        table = cast("dict[str, float]", value)
        p = np.fromiter(table.values(), np.float64, len(table))
        states = parts[0].states if len(parts) == 1 else Axis(len(p), names=tuple(table))
        name = parts[0].name if len(parts) == 1 else ""
        return _bars(answer, list(table), p, states, title, name)
    if array is None or len(parts) != 1 or not array.size:
        return None
    return _array(parts[0], array, answer.labels, title, answer.error)


def _array(
    part: Part, array: np.ndarray, labels: tuple[str, ...], title: str, error: float | None
) -> Panel:
    """Draw an array of variables: of booleans and events what they are true with."""
    p = array[..., 1] if labels == BOOL else array
    is_one = labels == BOOL or not labels
    name = part.name or "instance"
    if is_one and p.ndim == 1:
        return Panel(title, 2.6 + _below(part.axes[0]), _along(p, part.axes[0], name, error))
    if is_one and p.ndim == 2:
        shown = _heat(p, part.axes[0], part.axes[1], "probability", (0.0, 1.0))
        return Panel(title, _image_height(p.shape), _named(shown, "row", "column"))
    rows, axis = _flat(part, p)
    if is_one:
        return Panel(title, 2.6 + _below(axis), _along(rows.reshape(-1), axis, name, error))
    shown = _heat(rows.T, part.states, axis, "probability", (0.0, 1.0), origin="lower")
    height = min(7.0, max(2.4, 1.4 + 0.17 * min(rows.shape[1], 30)))
    return Panel(title, height, _named(shown, "state", name))


def _flat(part: Part, p: np.ndarray) -> tuple[np.ndarray, Axis]:
    """Join the axes of an array into one, of which a regular choice is kept."""
    own = len(part.axes)
    rows = p.reshape(-1, *p.shape[own:])
    step = -(-len(rows) // ROWS_MAX)
    if own == 1 and step == 1:
        return rows, part.axes[0]
    chosen = np.arange(0, len(rows), step)
    numbers = np.unravel_index(chosen, p.shape[:own])
    loops = tuple((n, axis.names) for n, axis in zip(numbers, part.axes, strict=True))
    return rows[chosen], Axis(len(chosen), loops=loops)


def _bars(
    answer: DistributionAnswer,
    labels: Sequence[str],
    p: np.ndarray,
    states: Axis,
    title: str,
    name: str = "",
) -> Panel:
    """Draw a distribution: over numbers upright in their order, over names lying."""
    if not states.is_named() and len(p) > 2:
        return Panel(title, 2.8, _upright(p, states, name, answer.error))
    order, rest, num_rest = list(range(len(p))), 0.0, 0
    if len(p) > BARS_MAX:
        found = ranked(p, BARS_MAX - 1)
        order, rest, num_rest = [k for k, _ in found.entries], found.rest, found.num_rest
    values = [float(p[k]) for k in order]
    shown = [cut(labels[k], 3 * LABEL_MAX) if len(p) > 1 else "" for k in order]
    lower, upper = ends(answer)
    spans: np.ndarray | float | None = answer.error
    if isinstance(lower, dict) and isinstance(upper, dict):
        low = np.array([cast("dict[str, float]", lower)[labels[k]] for k in order])
        high = np.array([cast("dict[str, float]", upper)[labels[k]] for k in order])
        spans = np.clip(np.array([values - low, high - values]), 0.0, None)
        num_rest = 0
    if num_rest:
        values.append(rest)
        shown.append(f"{num_rest} more")

    def draw(axes: Any) -> None:  # noqa: ANN401 - matplotlib has no types
        colours = [BLUE] * len(order) + [GREY] * (len(values) - len(order))
        spread = None if num_rest else spans
        axes.barh(range(len(values)), values, color=colours, xerr=spread, ecolor="black", capsize=2)
        axes.set_yticks(range(len(values)), shown)
        axes.set_ylim(len(values) - 0.4, -0.6)
        axes.set_xlim(0.0, None)
        axes.set_xlabel("probability")
        axes.set_ylabel(cut(name, 40))

    return Panel(title, 0.9 + 0.19 * max(2, len(values)), draw)


def _upright(p: np.ndarray, states: Axis, name: str, error: float | None) -> Callable[[Any], None]:
    def draw(axes: Any) -> None:  # noqa: ANN401
        x = states.first + np.arange(len(p))
        positive = np.flatnonzero(p)
        # Numbers far from all that is possible are left out.
        first, last = (positive[0], positive[-1]) if len(positive) else (0, len(p) - 1)
        if len(p) <= 60:
            first, last = 0, len(p) - 1
        x, shown = x[first : last + 1], p[first : last + 1]
        if len(x) > 400:
            axes.fill_between(x, shown, step="mid", color=BLUE, linewidth=0)
        else:
            axes.bar(x, shown, width=0.85, color=BLUE, yerr=error, ecolor="black", capsize=0)
        axes.locator_params("x", integer=True)
        axes.set_xlim(x[0] - 0.7, x[-1] + 0.7)
        axes.set_ylim(0.0, None)
        axes.set_xlabel(cut(name, 60) or "value")
        axes.set_ylabel("probability")

    return draw


def _along(p: np.ndarray, axis: Axis, name: str, error: float | None) -> Callable[[Any], None]:
    """Draw one probability for each place along an axis."""

    def draw(axes: Any) -> None:  # noqa: ANN401
        x = np.arange(len(p))
        if len(p) > 150:
            axes.fill_between(x, p, step="mid", color=BLUE, linewidth=0)
        else:
            axes.bar(x, p, width=0.8, color=BLUE, yerr=error, ecolor="black", capsize=0)
        tick(axes, "x", axis)
        axes.set_xlim(-0.7, len(p) - 0.3)
        axes.set_ylim(0.0, 1.0)
        axes.set_xlabel(cut(name, 60))
        axes.set_ylabel("probability")

    return draw


def _below(axis: Axis) -> float:
    """Return the inches that names need which are written upright below an axis."""
    return 1.0 if axis.is_named() and axis.size > _LYING_MAX else 0.0


def _image_height(shape: tuple[int, ...]) -> float:
    ratio = shape[0] / max(1, shape[1])
    return float(min(6.5, max(2.2, 0.9 + 4.6 * min(1.2, ratio))))


def _heat(
    values: np.ndarray,
    rows: Axis,
    columns: Axis,
    what: str,
    limits: tuple[float, float] | None,
    origin: str = "upper",
) -> Callable[[Any], None]:
    """Draw numbers as colours, with a bar that says which is which."""
    low, high = limits if limits is not None else (0.0, max(1e-300, float(np.nanmax(values))))

    def draw(axes: Any) -> None:  # noqa: ANN401
        is_square = 0.2 < values.shape[0] / values.shape[1] < 5 and limits is not None
        image = axes.imshow(
            values,
            cmap=SCALE,
            vmin=low,
            vmax=high,
            aspect="equal" if is_square and origin == "upper" else "auto",
            interpolation="nearest",
            origin=origin,
        )
        tick(axes, "y", rows, 30)
        tick(axes, "x", columns)
        axes.spines[["top", "right"]].set_visible(True)
        scale(axes, image).set_label(what)

    return draw


def _named(draw: Callable[[Any], None], rows: str, columns: str) -> Callable[[Any], None]:
    def named(axes: Any) -> None:  # noqa: ANN401
        draw(axes)
        axes.set_ylabel(cut(rows, 40))
        axes.set_xlabel(cut(columns, 60))

    return named


# --- States ------------------------------------------------------------------------------


def _states(part: Part, value: object, title: str) -> Panel:
    """Draw the states of an array: as a picture, or along its only axis."""
    numbers = _numbers(part, value)
    if numbers.ndim == 1:
        height = 2.4 + _below(part.axes[0])
        height += 0.08 * min(part.states.size, 20) * part.states.is_named()
        return Panel(title, height, _steps(part, numbers))
    rows, axis = part.axes[0], part.axes[-1]
    if numbers.ndim > 2:
        flat = Part(part.name, part.axes[:-1], part.states)
        numbers, rows = _flat(flat, numbers)
    draw = _picture(part.states, numbers, rows, axis)
    return Panel(title, _image_height(numbers.shape), _named(draw, "row", "column"))


def _numbers(part: Part, value: object) -> np.ndarray:
    """Return states, written by name, as numbers."""
    names = {name: k for k, name in enumerate(part.states.names)}
    shape = tuple(axis.size for axis in part.axes)
    flat = np.array(value, dtype=object).reshape(-1).tolist()
    return np.array([names[x] if names else int(x) for x in flat], np.int64).reshape(shape)


def _steps(part: Part, numbers: np.ndarray) -> Callable[[Any], None]:
    def draw(axes: Any) -> None:  # noqa: ANN401
        x = np.arange(len(numbers))
        axes.step(x, numbers, where="mid", color=GREY, linewidth=0.8)
        axes.plot(x, numbers, "o", color=BLUE, markersize=4 if len(x) <= 100 else 1.5)
        tick(axes, "x", part.axes[0])
        if part.states.is_named():
            tick(axes, "y", part.states, 20)
            axes.set_ylim(-0.5, part.states.size - 0.5)
        else:
            axes.locator_params("y", integer=True)
        axes.set_xlabel("index")
        axes.set_ylabel(cut(part.name, 30))

    return draw


def _picture(states: Axis, numbers: np.ndarray, rows: Axis, columns: Axis) -> Callable[[Any], None]:
    """Draw states as cells: two in white and blue, few names in colours, numbers on a scale."""
    is_enum = states.is_named() and states.size <= len(PALETTE)

    def draw(axes: Any) -> None:  # noqa: ANN401
        from importlib import import_module

        colours: Any = import_module("matplotlib.colors")
        patches: Any = import_module("matplotlib.patches")
        axes.spines[["top", "right"]].set_visible(True)
        tick(axes, "y", rows, 30)
        tick(axes, "x", columns)
        if not is_enum:
            image = axes.imshow(numbers, cmap=SCALE, interpolation="nearest")
            if max(numbers.shape) <= NUMBERS_MAX and not states.is_named():
                _write(axes, numbers)
            else:
                bar = scale(axes, image)
                if states.is_named():
                    tick(bar.ax, "y", states, 20)
                else:
                    bar.set_label("value")
            return
        chosen = ("white", BLUE) if states.names == BOOL else PALETTE[: states.size]
        image = colours.ListedColormap(chosen)
        axes.imshow(numbers, cmap=image, vmin=-0.5, vmax=len(chosen) - 0.5, interpolation="nearest")
        marks = [
            patches.Patch(facecolor=colour, edgecolor="black", linewidth=0.4, label=cut(name, 18))
            for colour, name in zip(chosen, states.names, strict=True)
        ]
        axes.legend(handles=marks, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)

    return draw


def _write(axes: Any, numbers: np.ndarray) -> None:  # noqa: ANN401
    """Write each number in its cell, light on dark."""
    middle = (int(numbers.min()) + int(numbers.max())) / 2
    for (i, j), number in np.ndenumerate(numbers):
        colour = "white" if number <= middle else "black"
        axes.text(j, i, str(number), ha="center", va="center", color=colour)
