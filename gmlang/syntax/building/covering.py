"""Predictions, coverers and things that may not exist, from the grammar to the surface AST."""

from typing import Any

from gmlang.syntax import ast
from gmlang.syntax.building.learning import Learning

Node = Any


class Covering(Learning):
    """The methods of these rules."""

    def some(self, meta: Node, children: list[Node]) -> ast.VarDeclaration:
        """`some object[3] : Thing prior 0.3 as o`."""
        name, shape, kind, prior, alias = children
        span, own = self.span(meta), self.named(name)
        other = None if alias is None else self.named(alias)
        return ast.VarDeclaration(span, own, shape or (), kind, None, "", None, prior, other)

    def cover_value(self, meta: Node, children: list[Node]) -> ast.Cover:
        """`cover x.a = v @ c`."""
        target, value, confidence, label = children
        return ast.Cover(self.span(meta), target, "=", value, confidence, label)

    def cover_draw(self, meta: Node, children: list[Node]) -> ast.Cover:
        """`cover x.a ~ d @ c`."""
        target, value, confidence, label = children
        return ast.Cover(self.span(meta), target, "~", value, confidence, label)

    def predict_active(self, meta: Node, children: list[Node]) -> ast.Predict:
        """`predict m(x) @ c`."""
        target, confidence, label = children
        return ast.Predict(self.span(meta), target, "", None, confidence, label)

    def predict_value(self, meta: Node, children: list[Node]) -> ast.Predict:
        """`predict x.a = v @ c`."""
        target, value, confidence, label = children
        return ast.Predict(self.span(meta), target, "=", value, confidence, label)

    def predict_draw(self, meta: Node, children: list[Node]) -> ast.Predict:
        """`predict x.a ~ d @ c`."""
        target, value, confidence, label = children
        return ast.Predict(self.span(meta), target, "~", value, confidence, label)

    def confidence(self, meta: Node, children: list[Node]) -> ast.Expression:
        """`@ c`."""
        del meta
        return children[0]

    def label(self, meta: Node, children: list[Node]) -> ast.Name:
        """`as name`."""
        del meta
        return self.named(children[0])
