"""A factor graph as a picture, plates collapsed: one node for each block.

DOT goes through Graphviz where it is installed; otherwise a simple layered layout draws the SVG.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from html import escape

import numpy as np

from gmlang.views.layers import layers, places
from gmruntime.graph import FactorGraph, block_starts
from gmruntime.printable import printable_line

LABEL_MAX = 34
"""Longer labels are cut."""


@dataclass(frozen=True, slots=True)
class Node:
    """A block of variables (round) or of factors (square).

    Attributes:
        plate: the shape of the block, or how many factors it has; "" for a single one.
        title: shown where a pointer rests on the node.
        short: of a factor, its label in a word.
        child: of a factor, the key of the variables it draws, defines or predicts; "" for none.
    """

    key: str
    label: str
    detail: str
    is_factor: bool
    plate: str
    title: str
    short: str = ""
    child: str = ""


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is drawn: nodes, and links between a factor and a variable node."""

    nodes: tuple[Node, ...]
    links: tuple[tuple[str, str], ...]


def sketch(graph: FactorGraph) -> Sketch:
    """Collapse a graph to its blocks."""
    starts = block_starts(graph)
    nodes: list[Node] = []
    for number, block in enumerate(graph.variables):
        plate = " × ".join(map(str, block.shape)) if block.size > 1 else ""
        detail = f"{block.num_states} states"
        name = printable_line(block.name)
        nodes.append(Node(f"v{number}", name, detail, False, plate, detail))
    links: list[tuple[str, str]] = []
    for number, block in enumerate(graph.factors):
        count = block.scopes.shape[0]
        if not count or not block.scopes.shape[1]:
            continue
        label = printable_line(block.label.split(" (line ")[0]) or type(block.kind).__name__
        plate = str(count) if count > 1 else ""
        kind = type(block.kind).__name__
        owners = np.unique(np.searchsorted(starts, np.unique(block.scopes), side="right") - 1)
        last = np.unique(np.searchsorted(starts, block.scopes[:, -1], side="right") - 1)
        child = f"v{int(last[0])}" if len(last) == 1 and _DIRECTED.search(label) else ""
        title = f"{label} ({kind})"
        short = _short(label, "prior" if block.scopes.shape[1] == 1 else kind)
        nodes.append(Node(f"f{number}", _cut(label), kind, True, plate, title, short, child))
        links.extend((f"f{number}", f"v{int(owner)}") for owner in owners)
    return Sketch(tuple(nodes), tuple(links))


_DIRECTED = re.compile(r"^[^@]*(?:~|:=)|^P\(.*\||^(?:predict|use)\b")
"""Labels of factors that speak about their last variable: they draw, define or predict it."""


def _short(label: str, kind: str) -> str:
    """Say in a word what a factor is."""
    if named := re.search(r"\bas (\w+)$", label):
        return named.group(1)
    if drawn := re.search(r"~\s*(\w+)", label):
        return "cases" if drawn.group(1) == "match" else drawn.group(1)
    if ":=" in label:
        return ":="
    first = re.match(r"(prefer|factor|constraint|observe|predict|use|prior)\b", label)
    return first.group(1) if first else ("P" if label.startswith("P(") else kind.lower())


def _cut(label: str) -> str:
    return label if len(label) <= LABEL_MAX else label[: LABEL_MAX - 1] + "…"


def to_dot(graph: FactorGraph) -> str:
    """Write a graph as DOT."""
    found = sketch(graph)
    lines = [
        "graph factors {",
        "  rankdir=TB; nodesep=0.35; ranksep=0.5;",
        '  node [fontname="Helvetica", fontsize=11]; edge [color="#777777"];',
    ]
    for node in found.nodes:
        text = _quote(node.label + (f"\n{node.plate}" if node.plate else ""))
        if node.is_factor:
            style = 'shape=box, style="filled,rounded", fillcolor="#eeeeee"'
        else:
            style = 'shape=ellipse, style=filled, fillcolor="#dbe9f6"'
        double = ", peripheries=2" if node.plate else ""
        tip = _quote(node.detail)
        lines.append(f"  {node.key} [label={text}, {style}, tooltip={tip}{double}];")
    lines += [f"  {factor} -- {variable};" for factor, variable in found.links]
    return "\n".join([*lines, "}"]) + "\n"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def to_svg(graph: FactorGraph) -> str:
    """Write a graph as SVG."""
    dot = shutil.which("dot")
    if dot is not None:
        done = subprocess.run(
            [dot, "-Tsvg"], input=to_dot(graph), capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return done.stdout
    return _own_svg(sketch(graph))


# --- A picture of our own ----------------------------------------------------------------

_ROW_HEIGHT, _VARIABLE_HEIGHT, _FACTOR_SIZE, MARGIN = 58.0, 38.0, 13.0, 20.0
_CHARACTER_WIDTH = 7.0
BLUE, _DARK, GREY = "#e3eefa", "#2b5c8a", "#6b7280"

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" \
viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, DejaVu Sans, sans-serif">
<defs><marker id="to" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0,1 L9,5 L0,9 z" fill="#8a94a3"/></marker></defs>
<rect width="100%" height="100%" fill="white"/>"""


def _own_svg(found: Sketch) -> str:
    """Draw the sketch in layers, causes above effects."""
    members: dict[str, tuple[tuple[str, ...], str]] = {}
    for node in found.nodes:
        if node.is_factor:
            near = tuple(v for f, v in found.links if f == node.key)
            members[node.key] = (near, node.child)
    rows = layers([n.key for n in found.nodes if not n.is_factor], members)
    widths = {node.key: _width(node) for node in found.nodes}
    x = places(rows, found.links, widths)
    top = min(rows.values(), default=0)
    at = {
        k: (x[k] + MARGIN, MARGIN + _ROW_HEIGHT * (rows[k] - top) + _VARIABLE_HEIGHT / 2) for k in x
    }
    width = max((at[k][0] + widths[k] / 2 for k in at), default=80.0) + MARGIN
    height = max((y for _, y in at.values()), default=40.0) + _VARIABLE_HEIGHT / 2 + MARGIN
    child = {node.key: node.child for node in found.nodes}
    parts = [HEAD.format(width=width, height=height)]
    parts += [_link(at[f], at[v], to_child=child[f] == v) for f, v in found.links]
    parts += [_draw(node, *at[node.key], widths[node.key]) for node in found.nodes]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _width(node: Node) -> float:
    if node.is_factor:
        return _FACTOR_SIZE + 2 * (5.6 * len(_caption(node)) + 8)
    return max(50.0, _CHARACTER_WIDTH * max(len(node.label), len(node.plate) - 2) + 26.0)


def _caption(node: Node) -> str:
    return node.short + (f" ×{node.plate}" if node.plate else "")


def _link(factor: tuple[float, float], variable: tuple[float, float], *, to_child: bool) -> str:
    (x1, y1), (x2, y2) = factor, variable
    below = y2 > y1
    y1 += _FACTOR_SIZE / 2 if below else -_FACTOR_SIZE / 2
    y2 += (-_VARIABLE_HEIGHT if below else _VARIABLE_HEIGHT) / 2
    bend = (y1 + y2) / 2
    arrow = ' marker-end="url(#to)"' if to_child else ""
    return (
        f'<path d="M{x1:.1f},{y1:.1f} C{x1:.1f},{bend:.1f} {x2:.1f},{bend:.1f} {x2:.1f},{y2:.1f}" '
        f'fill="none" stroke="#8a94a3" stroke-width="1.2"{arrow}/>'
    )


def _draw(node: Node, x: float, y: float, width: float) -> str:
    shape = _factor(node, x, y) if node.is_factor else _variable(node, x, y, width)
    return f"<g><title>{escape(node.title)}</title>{shape}</g>"


def _factor(node: Node, x: float, y: float) -> str:
    half = _FACTOR_SIZE / 2
    shadow = _rectangle(x - half + 3, y - half - 3, _FACTOR_SIZE, _FACTOR_SIZE, 2, "#b8c0cb")
    square = _rectangle(x - half, y - half, _FACTOR_SIZE, _FACTOR_SIZE, 2, "#3f4a5a")
    label = _text(x + half + 6, y + 3.5, _caption(node), GREY, 10, "start")
    return (shadow if node.plate else "") + square + label


def _variable(node: Node, x: float, y: float, width: float) -> str:
    left, top, radius = x - width / 2, y - _VARIABLE_HEIGHT / 2, _VARIABLE_HEIGHT / 2
    box = _rectangle(left, top, width, _VARIABLE_HEIGHT, radius, BLUE, _DARK)
    if not node.plate:
        return box + _text(x, y + 4.5, node.label, "#1f2937", 13)
    behind = _rectangle(left + 4, top - 4, width, _VARIABLE_HEIGHT, radius, "white", "#9db8d3")
    name = _text(x, y - 1, node.label, "#1f2937", 13)
    return behind + box + name + _text(x, y + 12, node.plate, GREY, 9.5)


def _rectangle(
    x: float, y: float, width: float, height: float, radius: float, fill: str, stroke: str = "none"
) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{radius:.1f}" fill="{fill}" stroke="{stroke}" stroke-width="1.2"/>'
    )


def _text(x: float, y: float, text: str, colour: str, size: float, anchor: str = "middle") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
        f'font-size="{size:g}">{escape(text)}</text>'
    )
