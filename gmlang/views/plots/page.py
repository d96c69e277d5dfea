"""The pictures of several answers on one page."""

from collections.abc import Sequence
from pathlib import Path

from gmlang.queries.answers import Answer
from gmlang.views.plots.charts import WIDTH, Panel, panels_of
from gmlang.views.plots.style import drawing, save

_PANELS_MAX = 16
"""So many are drawn on a page."""

_IN_ONE_COLUMN = 3
"""More panels stand in two columns."""


def plot_answers(answers: Sequence[Answer], out: Path) -> str:
    """Draw answers into a file, whose ending chooses the format.

    Returns:
        What could not be drawn, as a sentence; "" where all was.

    Raises:
        ImportError: when matplotlib is not installed.
        OSError: when the file cannot be written.
    """
    panels = [panel for answer in answers for panel in panels_of(answer)]
    if not panels:
        return "nothing here has a picture: ask for probabilities, or for MAP of an array"
    _draw(panels[:_PANELS_MAX], out)
    left = len(panels) - _PANELS_MAX
    return f"{left} more pictures are not drawn: ask for fewer with --query" if left > 0 else ""


def _draw(panels: Sequence[Panel], out: Path) -> None:
    columns = 1 if len(panels) <= _IN_ONE_COLUMN else 2
    rows = [panels[k : k + columns] for k in range(0, len(panels), columns)]
    heights = [max(panel.height for panel in row) for row in rows]
    with drawing() as pyplot:
        size = (WIDTH * columns, sum(heights))
        figure = pyplot.figure(figsize=size, layout="constrained")
        # Each panel has margins of its own: long names in one take no room from another.
        places = figure.subfigures(len(rows), columns, height_ratios=heights, squeeze=False)
        for i, row in enumerate(rows):
            for j, panel in enumerate(row):
                axes = places[i, j].add_subplot()
                panel.draw(axes)
                axes.set_title(panel.title, loc="left")
        save(pyplot, figure, out)
