"""From what the grammar matched to the surface AST of what learns."""

from typing import Any

from gmlang.syntax import ast
from gmlang.syntax.building.expressions import Expressions, Node


class Learning(Expressions):
    """The part of the builder that reads `learn`."""

    def only(self, meta: Node, children: list[Node]) -> Any:  # noqa: ANN401 - whatever it holds
        """What a word stands before."""
        del meta
        return children[0]

    def learn(self, meta: Node, children: list[Node]) -> ast.Learn:
        """`learn A, B from patients to predict y restarts 10`."""
        names, source, targets, *options = children
        return ast.Learn(self.span(meta), names, source, targets or (), tuple(options))

    def learned(self, meta: Node, children: list[Node]) -> tuple[ast.Expression, ...]:
        """`A, B`."""
        del meta
        return tuple(children)

    learned_from = only
    to_predict = learned

    def restarts(self, meta: Node, children: list[Node]) -> ast.Option:
        """`restarts 10`."""
        (number,) = children
        value = self.int_((number.start, number.end), children)
        return ast.Option(self.span(meta), "restarts", value)

    def learn_model(self, meta: Node, children: list[Node]) -> ast.LearnModel:
        """`learn model zarf(x: Thing) from ex but not others using purple, jar size 2`."""
        name, parameters, source, others, models, *options = children
        return ast.LearnModel(
            self.span(meta),
            self.named(name),
            parameters,
            source,
            others,
            models,
            tuple(options),
        )

    def refit(self, meta: Node, children: list[Node]) -> ast.Option:
        """`refit`."""
        del children
        span = self.span(meta)
        return ast.Option(span, "refit", ast.Boolean(span, value=True))

    def learn_def(self, meta: Node, children: list[Node]) -> ast.LearnDef:
        """`learn def carry(x: 0..9, y: 0..9) : 0..1 using +, >=, 0..10 size 7`."""
        name, parameters, type_, offered, *options = children
        return ast.LearnDef(
            self.span(meta), self.named(name), parameters, type_, offered, tuple(options)
        )

    def operator(self, meta: Node, children: list[Node]) -> ast.Operator:
        """`+`, `and`: an operator by itself."""
        del children
        span = self.span(meta)
        return ast.Operator(span, span.text)

    learned_with = learned
    but_not = only
    learned_models = learned

    def size(self, meta: Node, children: list[Node]) -> ast.Option:
        """`size 3`."""
        (number,) = children
        value = self.int_((number.start, number.end), children)
        return ast.Option(self.span(meta), "size", value)
