"""What all pictures have in common: colours everyone tells apart, labels that do not overlap."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from gmlang.graph.world.axes import Axis
from gmlang.views.layout import cut

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#9a9a9a"

PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#000000",
)
"""Source: Okabe and Ito (2008), "Color universal design"."""

SCALE = "cividis"
"""Source: Nuñez, Anderton and Renslow (2018): even to the eye, whichever colours it sees."""

ENDINGS = (".png", ".svg", ".pdf")
"""Of files that pictures are written to."""

_DPI = 150

_TICKS_MAX = 40
"""Of more names only every so many-th is written."""

LABEL_MAX = 18

_THINNED_MAX = 8

NEEDED = "plots need matplotlib: pip install 'gmlang[plot]'"
"""What is said where it is missing."""

_LOOK = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Names may hold anything: a dollar sign begins no formula.
    "text.parse_math": False,
    "svg.hashsalt": "gmlang",
    "svg.fonttype": "path",
}


def need_matplotlib() -> None:
    """Check that pictures can be drawn.

    Raises:
        ImportError: when matplotlib is not installed.
    """
    import_module("matplotlib")


@contextmanager
def drawing() -> Generator[Any]:
    """Yield pyplot, set up for files and for names of any kind."""
    mpl: Any = import_module("matplotlib")
    mpl.use("Agg")
    pyplot: Any = import_module("matplotlib.pyplot")
    with mpl.rc_context(_LOOK), warnings.catch_warnings():
        # Signs that no font here has are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield pyplot


def save(pyplot: Any, figure: Any, out: Path) -> None:  # noqa: ANN401 - matplotlib has no types
    """Write a figure, the same one always to the same bytes where the format allows."""
    thin(figure)
    dated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    figure.savefig(out, dpi=_DPI, metadata=dated.get(out.suffix.lower()))
    pyplot.close(figure)


def tick(axes: Any, which: str, axis: Axis, room: int = _TICKS_MAX) -> None:  # noqa: ANN401
    """Label the places along an axis of an image, by name or by number.

    Args:
        axes: drawn on.
        which: "x" or "y".
        axis: whose places are 0, 1, ... there.
        room: how many labels do not overlap.
    """
    step = -(-axis.size // room)
    if not axis.is_named():
        # Round numbers, of which few are needed.
        few = -(-axis.size // min(room, 15))
        step = next(k * 10**e for e in range(12) for k in (1, 2, 5) if k * 10**e >= few)
    first = -axis.first % step if not axis.is_named() else 0
    places = range(first, axis.size, step)
    labels = [cut(axis.label(k), LABEL_MAX) for k in places]
    if which == "y":
        axes.set_yticks(list(places), labels)
        return
    is_long = sum(len(label) + 1 for label in labels) > 60
    axes.set_xticks(list(places), labels)
    axes.tick_params("x", rotation=90 if is_long else 0)


def thin(figure: Any) -> None:  # noqa: ANN401
    """Leave out every other label of an axis until none lies on the next one."""
    for _ in range(_THINNED_MAX):
        figure.canvas.draw()
        crowded = [
            axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) if _is_crowded(axis)
        ]
        if not crowded:
            return
        for axis in crowded:
            labels = [label.get_text() for label in axis.get_ticklabels()]
            axis.set_ticks(list(axis.get_ticklocs())[::2], labels[::2])


def _is_crowded(axis: Any) -> bool:  # noqa: ANN401
    # Numbers that matplotlib chose are not too many.
    if type(axis.get_major_locator()).__name__ != "FixedLocator":
        return False
    boxes = [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
    return any(one.overlaps(other) for one, other in pairwise(boxes))


def scale(axes: Any, image: Any) -> Any:  # noqa: ANN401
    """Add a bar of the colours of an image beside it, as high as it is."""
    beside = axes.inset_axes([1.03, 0.0, 0.03, 1.0])
    return axes.figure.colorbar(image, cax=beside)
