"""The forms that the pictures of the gallery take: bars and tables."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

BLUE, RED, GREY, PALE = "#2f6f9f", "#c0504d", "#8c8c8c", "#dce6ee"


def panels(count: int = 1, width: float = 5, height: float = 2.6) -> tuple[Figure, list[Any]]:
    """Begin a picture of some panels side by side; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(1, count)))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9)
    return figure, axes


def bars(ax: Any, heights: dict[str, float], title: str = "", colour: str = BLUE) -> None:
    """Draw chances lying down, each with its number."""
    names, values = list(heights), list(heights.values())
    ax.barh(range(len(names)), values, color=colour, height=0.7)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, max(values) * 1.18)
    for row, value in enumerate(values):
        text = f"{value:.3g}" if value >= 5e-4 or value == 0 else f"{value:.0e}"
        ax.text(value, row, " " + text, va="center", fontsize=8, color=GREY)
    ax.xaxis.set_visible(False)
    ax.spines["bottom"].set_visible(False)
    ax.set_title(title, fontsize=10, loc="left")


def table(
    ax: Any,
    texts: Sequence[Sequence[str]],
    shade: np.ndarray,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> None:
    """Draw cells: a text each, on a ground from white to blue."""
    shade = np.asarray(shade, float)
    ax.imshow(shade, cmap=mpl.colors.LinearSegmentedColormap.from_list("", ["white", BLUE]),
              vmin=0, vmax=1, aspect="auto")  # fmt: skip
    height, width = shade.shape
    for i in range(height):
        for j in range(width):
            colour = "white" if shade[i, j] > 0.55 else "black"
            ax.text(j, i, texts[i][j], ha="center", va="center", fontsize=9, color=colour)
    ax.set_xticks(range(width), columns if len(columns) else [""] * width)
    ax.set_yticks(range(height), rows if len(rows) else [""] * height)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set_xticks(np.arange(width + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(height + 1) - 0.5, minor=True)
    ax.grid(which="minor", color=PALE, linewidth=1)
    ax.tick_params(which="minor", length=0)
    for side in ax.spines.values():
        side.set_visible(False)
