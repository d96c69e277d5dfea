"""Belief images: the probability of true of every place of an array, and its log-odds."""

import numpy as np

from gmlang.views.pages import svg
from gmlang.views.pages.reading import Record, Run, grid, number, record

TITLE = "Belief images"
LEAD = "How probable each place is, the darker the more; and its log-odds, red below even odds."
MISSING = "No beliefs about an array of two dimensions: ask for P of one."

_SIZE = 190.0
_STRONG = 6.0
"""Log-odds, nats, that have the full colour."""

_IMAGES_MAX = 24


def drawn(run: Run) -> str:
    """Draw the beliefs of all answers; "" where there are none."""
    images = [image for answer in run.answers for image in _images(answer)]
    figures = [_figure(k, name, p) for k, (name, p) in enumerate(images[:_IMAGES_MAX])]
    more = svg.further(len(images) - _IMAGES_MAX, "images")
    return f'<div class="row">{"".join(figures)}{more}</div>' if figures else ""


def _images(answer: Record) -> list[tuple[str, np.ndarray]]:
    name, value = str(answer.get("query", "")), answer.get("answer")
    if answer.get("kind") == "list":
        return [image for item in _items(answer) for image in _images(item)]
    if answer.get("kind") not in ("marginal", "event"):
        return []
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        rows = [[_true(one) for one in row] for row in value]
        found = grid(rows)
        if found is not None and min(found.shape) > 1:
            return [(name, np.clip(found, 0.0, 1.0))]
    return []


def _items(answer: Record) -> list[Record]:
    items = answer.get("items")
    return [record(one) for one in items] if isinstance(items, list) else []


def _true(value: object) -> object:
    """Return P(true) of one place; what has no such state is left out."""
    states = record(value)
    return number(states.get("true")) if states else number(value)


def _figure(place: int, name: str, p: np.ndarray) -> str:
    size = svg.cell_size(p.shape, _SIZE)
    height, width = p.shape[0] * size, p.shape[1] * size
    with np.errstate(divide="ignore"):
        odds = np.clip(np.log(p) - np.log1p(-p), -_STRONG, _STRONG)
    ground = svg.rect(0, 0, width, height, "paper")
    chance = svg.cells(p, size, lambda _: "ink", lambda v: v)
    ratio = svg.cells(
        odds, size, lambda v: "for" if v > 0 else "against", lambda v: abs(v) / _STRONG
    )
    own = f"b{place}"
    return (
        f'<figure class="toggled"><input type="radio" name="{own}" id="{own}l0" class="l0" '
        f'checked="checked"/><label for="{own}l0">P</label>'
        f'<input type="radio" name="{own}" id="{own}l1" class="l1"/>'
        f'<label for="{own}l1">log-odds</label>'
        + svg.svg(
            width,
            height,
            f'{ground}<g class="layer l0">{chance}</g><g class="layer l1">{ratio}</g>',
            f"{name}: probabilities and log-odds",
            "picture",
        )
        + f"<figcaption><code>{svg.said(name)}</code></figcaption></figure>"
    )
