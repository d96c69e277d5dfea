"""The picture with its parse: what was seen, what explains it, and what is left unexplained."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gmlang.views.pages import svg
from gmlang.views.pages.reading import Record, Run, grid, number, record, records, text

TITLE = "The picture and its parse"
LEAD = "What was seen, what the best explanation draws there, and what neither explains, in red."
MISSING = (
    "No picture: the trace has no array of two dimensions that was observed, bound as data or "
    "decoded by MAP."
)

_SIZE = 300.0
_SCENES_MAX = 24
_SITE = re.compile(r"^(?P<name>.*)\[(?P<row>\d+), ?(?P<column>\d+)\]$")

_Look = Callable[[float], str]


def look_of(values: np.ndarray) -> _Look:
    """Return the colours of a picture: ink where it is of true and false, else owners."""
    known = values[~np.isnan(values)]
    if np.isin(known, (0.0, 1.0)).all():
        return lambda value: "ink" if value else ""
    return owner


def owner(value: float) -> str:
    """Return the colour of a number that stands for who owns a place; 0 and less are nobody."""
    return f"own{int(value - 1) % svg.NUM_COLOURS}" if value > 0 else ""


def thumbnail(values: np.ndarray, most: float, label: str, look: _Look) -> str:
    """Draw a picture of some size at most."""
    size = svg.cell_size(values.shape, most)
    height, width = values.shape[0] * size, values.shape[1] * size
    ground = svg.rect(0, 0, width, height, "paper")
    return svg.svg(width, height, ground + svg.cells(values, size, look), label, "picture")


@dataclass(slots=True, eq=False)
class _Scene:
    """What is known of one picture.

    Attributes:
        name: of the array.
        image: what was seen.
        template: what the best explanation draws before anything moved; None where untold.
        decoded: what it draws, or who owns each place.
        parts: boxes, each with a name and an owner.
        unexplained: places that nothing explains.
    """

    name: str
    image: np.ndarray | None = None
    template: np.ndarray | None = None
    decoded: np.ndarray | None = None
    parts: list[Record] = field(default_factory=list[Record])
    unexplained: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])


def drawn(run: Run) -> str:
    """Draw each picture with what can be chosen to lie over it; "" where there is none."""
    scenes = _scenes(run)
    figures = [_figure(number, scene) for number, scene in enumerate(scenes[:_SCENES_MAX])]
    return "".join(figures) + svg.further(len(scenes) - len(figures), "pictures")


def _scenes(run: Run) -> list[_Scene]:
    found = {name: _Scene(name, image) for name, image in run.seen.items() if min(image.shape) > 1}
    for picture in run.pictures:
        name = text(picture.get("name")) or "picture"
        scene = found.setdefault(name, _Scene(name))
        image = grid(picture.get("image"))
        scene.image = scene.image if image is None else image
        scene.template = grid(picture.get("template"))
        scene.decoded = grid(picture.get("decoded"))
        scene.parts = records(picture.get("parts"))
        scene.unexplained |= _pairs(picture.get("unexplained"))
    for answer in run.answers:
        _note(found, answer)
    return [s for s in found.values() if s.image is not None or s.decoded is not None]


def _pairs(value: object) -> set[tuple[int, int]]:
    listed = grid(value)
    if listed is None or listed.shape[1] != 2 or np.isnan(listed).any():
        return set()
    return {(int(row), int(column)) for row, column in listed}


def _note(found: dict[str, _Scene], answer: Record) -> None:
    """Add what an answer says of pictures: decoded arrays, and places left unexplained."""
    value = record(answer.get("answer"))
    if answer.get("kind") in ("map", "mmap"):
        for name, states in value.items():
            values = grid(states)
            if values is None or min(values.shape) < 2:
                continue
            own = found.get(str(name))
            others = [s for s in found.values() if s.decoded is None and _fits(s, values)]
            scene = own or (others[0] if others else _Scene(str(name)))
            scene.decoded = values if scene.decoded is None else scene.decoded
            found.setdefault(scene.name, scene)
    for site in records(value.get("unexplained")) + records(value.get("sites")):
        match = _SITE.match(text(site.get("attribute")) or text(site.get("site")))
        is_worse = (number(site.get("nats")) or -1.0) < 0
        if match is None or not is_worse:
            continue
        for scene in found.values():
            if scene.name == match["name"] or scene.name.endswith(f".{match['name']}"):
                scene.unexplained.add((int(match["row"]), int(match["column"])))


def _fits(scene: _Scene, values: np.ndarray) -> bool:
    return scene.image is not None and scene.image.shape == values.shape


def _figure(number_: int, scene: _Scene) -> str:
    base = scene.image if scene.image is not None else scene.decoded
    assert base is not None
    size = svg.cell_size(base.shape, _SIZE)
    height, width = base.shape[0] * size, base.shape[1] * size
    layers: list[tuple[str, str]] = []
    image = "" if scene.image is None else svg.cells(scene.image, size, look_of(scene.image))
    if image:
        layers.append(("seen", image))
    if scene.template is not None:
        layers.append(("template", svg.cells(scene.template, size, look_of(scene.template))))
    if scene.decoded is not None:
        look = look_of(scene.decoded)
        layers.append(("decoded", svg.cells(scene.decoded, size, look) + _boxes(scene, size)))
    elif scene.parts:
        layers.append(("decoded", _boxes(scene, size)))
    residual = _residual(scene, size)
    if residual:
        layers.append(("residual", residual))
    name = f"p{number_}"
    chosen = len(layers) - 1 if scene.unexplained else min(1, len(layers) - 1)
    inputs = "".join(
        f'<input type="radio" name="{name}" id="{name}l{k}" class="l{k}"'
        f"{' checked=' + chr(34) + 'checked' + chr(34) if k == chosen else ''}/>"
        f'<label for="{name}l{k}">{svg.said(layer)}</label>'
        for k, (layer, _) in enumerate(layers)
    )
    faint = f'<g class="faint">{image}</g>' if image else ""
    inner = svg.rect(0, 0, width, height, "paper") + faint
    inner += "".join(
        f'<g class="layer l{k}">{drawing}</g>' for k, (_, drawing) in enumerate(layers)
    )
    title = svg.svg(width, height, inner, f"{scene.name}: seen, decoded, residual", "picture")
    left = len(scene.unexplained)
    note = f" · {left} unexplained" if left else ""
    return (
        f'<div class="toggled"><h3>{svg.said(scene.name)}<small>{note}</small></h3>'
        f"{inputs}{title}{_legend(scene)}</div>"
    )


def _legend(scene: _Scene) -> str:
    """Name the parts beside their colours."""
    names = [
        f'<span><svg class="key" viewBox="0 0 10 10" width="10" height="10">'
        f"{svg.rect(0, 0, 10, 10, f'own{_owner_of(k, part)}')}</svg> {svg.said(text(part['name']))}"
        "</span> "
        for k, part in enumerate(scene.parts)
        if text(part.get("name"))
    ]
    return f'<p class="note">{"".join(names)}</p>' if names else ""


def _owner_of(place: int, part: Record) -> int:
    who = number(part.get("owner"))
    return (place if who is None else int(who)) % svg.NUM_COLOURS


def _boxes(scene: _Scene, size: float) -> str:
    """Draw parts at their places: the window a part may be in, and the part."""
    found: list[str] = []
    for k, part in enumerate(scene.parts):
        row, column = number(part.get("row")), number(part.get("column"))
        if row is None or column is None:
            continue
        height, width = number(part.get("height")) or 1.0, number(part.get("width")) or 1.0
        css = f"part own{_owner_of(k, part)}"
        label = text(part.get("name")) or f"part {k}"
        reach = number(part.get("window"))
        if reach:
            far = (column - reach) * size, (row - reach) * size
            wide = (width + 2 * reach) * size, (height + 2 * reach) * size
            found.append(svg.rect(*far, *wide, "window"))
        box = (column * size, row * size, width * size, height * size)
        found.append(svg.rect(*box, css, label))
    return "".join(found)


def _residual(scene: _Scene, size: float) -> str:
    """Draw in red what was seen and is not drawn, thinner what is drawn and was not seen."""
    parts: list[str] = []
    for row, column in sorted(scene.unexplained):
        parts.append(svg.rect(column * size, row * size, size, size, "wrong", f"[{row}, {column}]"))
    image, decoded = scene.image, scene.decoded
    if image is None or decoded is None or image.shape != decoded.shape:
        return "".join(parts)
    both = ~np.isnan(image) & ~np.isnan(decoded)
    ink, explained = (image > 0) & both, (decoded > 0) & both
    same = np.where(ink & explained, 1.0, np.nan)
    missed = np.where(ink & ~explained, 1.0, np.nan)
    extra = np.where(~ink & explained, 1.0, np.nan)
    found = svg.cells(same, size, lambda _: "ink", lambda _: 0.3)
    found += svg.cells(missed, size, lambda _: "wrong")
    found += svg.cells(extra, size, lambda _: "extra")
    return found + "".join(parts)
