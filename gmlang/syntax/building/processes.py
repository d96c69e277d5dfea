"""Processes and their steps, from the grammar to the surface AST."""

from dataclasses import replace
from typing import Any

from gmlang.diagnostics import Span
from gmlang.syntax import ast
from gmlang.syntax.building.covering import Covering

Node = Any


class Processes(Covering):
    """The methods of these rules."""

    def header(self, meta: Node, children: list[Node]) -> Span:
        """Return the span of a block's header: its first line."""
        span = self.span(meta)
        end = span.source.text.find("\n", span.start)
        del children
        return Span(span.source, span.start, min(span.end, end if end >= 0 else span.end))

    def until(self, meta: Node, end: int) -> Span:
        """Return a match's span without its line end, which holds the comments below."""
        return Span(self.span(meta).source, meta[0], end)

    def process(self, meta: Node, children: list[Node]) -> ast.Model:
        """`model tea(k: Kitchen) over t in 0..<T prior 0.1:` and its steps."""
        name, parameters, over, prior, *body = children
        span = self.header(meta, children)
        return ast.Model(span, self.named(name), parameters, prior, None, tuple(body), over)

    def process_prior(self, meta: Node, children: list[Node]) -> ast.Model:
        """The same with its prior first."""
        name, parameters, prior, over, *body = children
        return self.process(meta, [name, parameters, over, prior, *body])

    def only_step(self, meta: Node, children: list[Node]) -> ast.Step:
        """`boiling(k, t) lasting 2..4`."""
        return ast.Step(self.span(meta), False, None, children[0])

    def step_if(self, meta: Node, children: list[Node]) -> ast.Step:
        """`if c: boiling(k, t) else: waiting(k, t)`."""
        condition, call, otherwise = children
        return ast.Step(self.span(meta), False, condition, call, otherwise)

    def next_step(self, meta: Node, children: list[Node]) -> ast.Step:
        """`then boiling(k, t)`."""
        step = children[0]
        return replace(step, span=self.until(meta, step.span.end), is_next=True)

    def step_call(self, meta: Node, children: list[Node]) -> ast.StepCall:
        """`boiling(k, t) lasting 2..4 skip 0.1`."""
        call, lasting, skip = children
        return ast.StepCall(self.span(meta), call, lasting, skip)

    def stall(self, meta: Node, children: list[Node]) -> ast.Rate:
        """`stall 0.15`."""
        return ast.Rate(self.span(meta), "stall", children[0])

    def start_(self, meta: Node, children: list[Node]) -> ast.Rate:
        """`start 0.1`."""
        return ast.Rate(self.span(meta), "start", children[0])
