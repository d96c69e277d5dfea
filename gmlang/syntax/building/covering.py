"""Coverers and things that may not exist, from what the grammar matched to the surface AST."""

from typing import Any

from gmlang.syntax import ast
from gmlang.syntax.building.learning import Learning

Node = Any


class Covering(Learning):
    """The methods of these rules."""

    def cover_value(self, meta: Node, children: list[Node]) -> ast.Cover:
        """`cover x.a = v @ c`."""
        target, value, confidence, label = children
        return ast.Cover(self.span(meta), target, "=", value, confidence, label)

    def cover_draw(self, meta: Node, children: list[Node]) -> ast.Cover:
        """`cover x.a ~ d @ c`."""
        target, value, confidence, label = children
        return ast.Cover(self.span(meta), target, "~", value, confidence, label)
