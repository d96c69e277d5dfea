"""A factor graph as a picture, plates collapsed: one node for each block.

DOT goes through Graphviz where it is installed; otherwise a simple layered layout draws the SVG.
"""

import shutil
import subprocess
from dataclasses import dataclass
from html import escape

import numpy as np

from gmruntime.graph import FactorGraph, block_starts

LABEL_MAX = 34
"""Longer labels are cut."""


@dataclass(frozen=True, slots=True)
class Node:
    """A block of variables (round) or of factors (square)."""

    key: str
    label: str
    detail: str
    is_factor: bool
    plate: str


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
        plate = " x ".join(map(str, block.shape))
        detail = f"{block.num_states} states"
        nodes.append(Node(f"v{number}", block.name, detail, False, plate))
    links: list[tuple[str, str]] = []
    for number, block in enumerate(graph.factors):
        count = block.scopes.shape[0]
        if not count or not block.scopes.shape[1]:
            continue
        label = block.label.split(" (line ")[0] or type(block.kind).__name__
        plate = str(count) if count > 1 else ""
        kind = type(block.kind).__name__
        nodes.append(Node(f"f{number}", _cut(label), kind, True, plate))
        owners = np.unique(np.searchsorted(starts, np.unique(block.scopes), side="right") - 1)
        links.extend((f"f{number}", f"v{int(owner)}") for owner in owners)
    return Sketch(tuple(nodes), tuple(links))


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


# --- A layout of our own -----------------------------------------------------------------

NODE_HEIGHT = 40.0
CHARACTER_WIDTH = 6.6
GAP = 24.0
ROW_WIDTH_MAX = 1100.0


def _own_svg(found: Sketch) -> str:
    """Draw variables above their factors, ordered so that links cross little."""
    variables = [n for n in found.nodes if not n.is_factor]
    factors = [n for n in found.nodes if n.is_factor]
    place = {node.key: float(k) for k, node in enumerate(variables)}
    for _ in range(4):
        for node in factors:
            near = [place[v] for f, v in found.links if f == node.key]
            place[node.key] = sum(near) / len(near) if near else 0.0
        for node in variables:
            near = [place[f] for f, v in found.links if v == node.key]
            if near:
                place[node.key] = sum(near) / len(near)
    rows = _rows(sorted(variables, key=lambda n: place[n.key]))
    rows += _rows(sorted(factors, key=lambda n: place[n.key]))
    width = max((sum(_width(n) + GAP for n in row) for row in rows), default=100.0) + GAP
    boxes: dict[str, tuple[float, float, float]] = {}
    for level, row in enumerate(rows):
        total = sum(_width(n) + GAP for n in row) - GAP
        left = (width - total) / 2
        for node in row:
            boxes[node.key] = (left, GAP + level * (NODE_HEIGHT + 2 * GAP), _width(node))
            left += _width(node) + GAP
    height = GAP + len(rows) * (NODE_HEIGHT + 2 * GAP)
    parts = [_link(boxes[f], boxes[v]) for f, v in found.links]
    parts += [_box(node, boxes[node.key]) for node in found.nodes]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif" '
        'font-size="11">'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _width(node: Node) -> float:
    return max(46.0, CHARACTER_WIDTH * max(len(node.label), len(node.plate) + 2) + 20.0)


def _rows(nodes: list[Node]) -> list[list[Node]]:
    rows: list[list[Node]] = []
    used = ROW_WIDTH_MAX
    for node in nodes:
        if used + _width(node) > ROW_WIDTH_MAX:
            rows.append([])
            used = 0.0
        rows[-1].append(node)
        used += _width(node) + GAP
    return rows


def _link(factor: tuple[float, float, float], variable: tuple[float, float, float]) -> str:
    x1, y1 = factor[0] + factor[2] / 2, factor[1]
    x2, y2 = variable[0] + variable[2] / 2, variable[1] + NODE_HEIGHT
    middle = (y1 + y2) / 2
    return (
        f'<path d="M{x1:.1f},{y1:.1f} C{x1:.1f},{middle:.1f} {x2:.1f},{middle:.1f} '
        f'{x2:.1f},{y2:.1f}" fill="none" stroke="#999999"/>'
    )


def _box(node: Node, box: tuple[float, float, float]) -> str:
    x, y, width = box
    radius = 6.0 if node.is_factor else NODE_HEIGHT / 2
    fill = "#eeeeee" if node.is_factor else "#dbe9f6"
    shapes = ""
    if node.plate:
        shapes = (
            f'<rect x="{x + 4:.1f}" y="{y + 4:.1f}" width="{width:.1f}" height="{NODE_HEIGHT}" '
            f'rx="{radius}" fill="{fill}" stroke="#bbbbbb"/>'
        )
    shapes += (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{NODE_HEIGHT}" '
        f'rx="{radius}" fill="{fill}" stroke="#777777"/>'
    )
    centre = x + width / 2
    if node.plate:
        shapes += _text(centre, y + 17, node.label) + _text(centre, y + 31, node.plate, "#666666")
    else:
        shapes += _text(centre, y + 24, node.label)
    return f"<g><title>{escape(node.detail)}</title>{shapes}</g>"


def _text(x: float, y: float, text: str, colour: str = "#222222") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="{colour}">{escape(text)}</text>'
    )
