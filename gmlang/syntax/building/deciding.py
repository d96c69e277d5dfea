"""Decisions, from the grammar to the surface AST."""

from dataclasses import replace
from typing import Any

from gmlang.syntax import ast
from gmlang.syntax.building.covering import Covering

Node = Any


class Deciding(Covering):
    """The methods of these rules."""

    def choose(self, meta: Node, children: list[Node]) -> ast.VarDeclaration:
        """`choose a[T] : Action`."""
        name, shape, kind = children
        made = ast.VarDeclaration(
            self.span(meta), self.named(name), shape or (), kind, None, "", None
        )
        return replace(made, is_choice=True)

    def knows(self, meta: Node, children: list[Node]) -> ast.Knows:
        """`a[t] knows s[t], o[u] for u in 0..t`: loops hold for all that stands before them."""
        target, *items = children
        known: list[ast.Expression | ast.Comprehension] = []
        for item in reversed(items):
            after = known[-1] if known else None
            is_plain = not isinstance(item, ast.Comprehension)
            known.append(
                replace(after, span=item.span, body=item)
                if is_plain and isinstance(after, ast.Comprehension)
                else item
            )
        return ast.Knows(self.span(meta), target, tuple(reversed(known)))

    def maximize(self, meta: Node, children: list[Node]) -> ast.Maximize:
        """`maximize e as name`."""
        return ast.Maximize(self.span(meta), *children)
