"""From what the grammar matched to the surface AST: one method for each rule.

A method gets the place of what was matched, its first and last character, and the children.
"""

from collections.abc import Container
from dataclasses import replace
from typing import Any

from gmlang.diagnostics import GmError, Source, Span
from gmlang.errors.syntax import mistakes as errors
from gmlang.syntax import ast
from gmlang.syntax.building.deciding import Deciding
from gmlang.syntax.building.expressions import float_of, unquoted
from gmlang.syntax.lex import Trouble
from gmlang.syntax.rows import are_values, keys_and_numbers

Node = Any
"""What the parser hands over: tokens, AST nodes, tuples of them, None for what is absent."""

_NUM_BRANCHES_MAX = 100
"""An `if` may have this many `elif`s, each of which is nested in the one before."""


class Builder(Deciding):
    """Builds the AST of one source. Every method gets the match's place and its children."""

    def __init__(self, source: Source, words: Container[str]) -> None:
        """Remember the source, for spans, and the words of the grammar."""
        self.source = source
        self.words = words
        self.known_keys: dict[tuple[str, ...], tuple[str, ...]] = {}

    def span(self, meta: Node) -> Span:
        """Return the span of a match, which is its first and last place."""
        return Span(self.source, meta[0], meta[1])

    def at(self, token: Node) -> Span:
        """Return the span of a token."""
        return Span(self.source, token.start, token.end)

    def named(self, token: Node) -> ast.Name:
        """Turn a NAME token into a name."""
        return ast.Name(self.at(token), token.text)

    def header(self, meta: Node, children: list[Node]) -> Span:
        """Return the span of a block's header: its first line."""
        span = self.span(meta)
        end = self.source.text.find("\n", span.start)
        del children
        return Span(self.source, span.start, min(span.end, end if end >= 0 else span.end))

    # --- Programs ------------------------------------------------------------------------

    def start(self, meta: Node, children: list[Node]) -> ast.Program:
        """A whole program."""
        del meta
        whole = Span(self.source, 0, len(self.source.text))
        return ast.Program(whole, flat(children))

    def query_text(self, meta: Node, children: list[Node]) -> tuple[ast.Query, ...]:
        """Queries typed on their own."""
        return self.query(meta, children)

    # --- One-line statements -------------------------------------------------------------

    def import_(self, meta: Node, children: list[Node]) -> ast.Import:
        """`import things as t`."""
        module, alias = children
        return ast.Import(self.span(meta), module, None if alias is None else self.named(alias))

    def from_import(self, meta: Node, children: list[Node]) -> ast.FromImport:
        """`from things import purple`."""
        return ast.FromImport(self.span(meta), children[0], tuple(map(self.named, children[1:])))

    def dotted(self, meta: Node, children: list[Node]) -> str:
        """`a.b.c`."""
        del meta
        return ".".join(c.text for c in children)

    def domain(self, meta: Node, children: list[Node]) -> ast.DomainDeclaration:
        """`domain Color = {red}`."""
        return ast.DomainDeclaration(self.span(meta), self.named(children[0]), children[1])

    def data(self, meta: Node, children: list[Node]) -> ast.DataDeclaration:
        """`data x[H] : bool = e`, `data x[H] := f(k)`."""
        name, shape, kind, said = children
        operator, value = said or ("", None)
        given, derived = (None, value) if operator == ":=" else (value, None)
        span = self.span(meta)
        return ast.DataDeclaration(span, self.named(name), shape or (), kind, given, derived)

    def param(self, meta: Node, children: list[Node]) -> ast.ParamDeclaration:
        """`param J : real ~ d = 0.9`."""
        name, shape, kind, prior, value = children
        span = self.span(meta)
        return ast.ParamDeclaration(span, self.named(name), shape or (), kind, prior, value)

    def def_(self, meta: Node, children: list[Node]) -> ast.DefDeclaration:
        """`def f(a) = e`."""
        names = tuple(self.named(c) for c in children[1:-1] if c is not None)
        return ast.DefDeclaration(self.span(meta), self.named(children[0]), names, children[-1])

    def var(self, meta: Node, children: list[Node]) -> ast.VarDeclaration:
        """`var x[H] : bool base {...} ~ d`."""
        name, shape, kind, base, init = children
        operator, value = init or ("", None)
        span = self.span(meta)
        return ast.VarDeclaration(span, self.named(name), shape or (), kind, base, operator, value)

    def drawn(self, meta: Node, children: list[Node]) -> tuple[str, ast.Expression]:
        """`~ d`."""
        del meta
        return "~", children[0]

    def defined(self, meta: Node, children: list[Node]) -> tuple[str, ast.Expression]:
        """`:= e`."""
        del meta
        return ":=", children[0]

    def given(self, meta: Node, children: list[Node]) -> tuple[str, ast.Expression]:
        """`= e`."""
        del meta
        return "=", children[0]

    def shape(self, meta: Node, children: list[Node]) -> tuple[ast.Expression, ...]:
        """`[H, W]`."""
        del meta
        return tuple(children)

    def composite(self, meta: Node, children: list[Node]) -> ast.Composite:
        """`model a = b c prior p soft`."""
        name, parameters, *parts, prior, soft = children
        return ast.Composite(
            self.span(meta),
            self.named(name),
            parameters or (),
            tuple(parts),
            prior,
            soft is not None,
        )

    composite_and = composite

    def mechanism_draw(self, meta: Node, children: list[Node]) -> ast.Mechanism:
        """`x ~ d`."""
        return ast.Mechanism(self.span(meta), children[0], "~", children[1])

    def mechanism_define(self, meta: Node, children: list[Node]) -> ast.Mechanism:
        """`x := e`."""
        return ast.Mechanism(self.span(meta), children[0], ":=", children[1])

    def factor(self, meta: Node, children: list[Node]) -> ast.Factor:
        """`factor e as label`."""
        return ast.Factor(self.span(meta), *children)

    def prefer(self, meta: Node, children: list[Node]) -> ast.Prefer:
        """`prefer c weight w`."""
        return ast.Prefer(self.span(meta), *children)

    def constraint(self, meta: Node, children: list[Node]) -> ast.Constraint:
        """`constraint c`."""
        return ast.Constraint(self.span(meta), *children)

    def observes(self, meta: Node, children: list[Node]) -> tuple[ast.Observe, ...]:
        """`observe a = 1, b`."""
        del meta
        return tuple(children)

    def observe_event(self, meta: Node, children: list[Node]) -> ast.Observe:
        """An event."""
        return ast.Observe(self.span(meta), children[0], "", None)

    def observe_value(self, meta: Node, children: list[Node]) -> ast.Observe:
        """A value."""
        return ast.Observe(self.span(meta), children[0], "=", children[1])

    def observe_like(self, meta: Node, children: list[Node]) -> ast.Observe:
        """A likelihood."""
        return ast.Observe(self.span(meta), children[0], "like", children[1])

    def observe_draw(self, meta: Node, children: list[Node]) -> ast.Observe:
        """What data was drawn from."""
        return ast.Observe(self.span(meta), children[0], "~", children[1])

    def use(self, meta: Node, children: list[Node]) -> ast.Use:
        """`use m(x) except p`."""
        exceptions = tuple(c for c in children[1:] if c is not None)
        return ast.Use(self.span(meta), children[0], exceptions)

    def consider(self, meta: Node, children: list[Node]) -> ast.Consider:
        """`consider m(x)`; behind `m(i, j) for i in a..b,` also `j in c..d` is a loop."""
        items: list[ast.Expression | ast.Comprehension] = []
        for child in children:
            before = items[-1] if items else None
            match before, child:
                case (
                    ast.Comprehension(condition=None),
                    ast.Binary(operator="in", left=ast.Name() as name, right=domain),
                ):
                    loops = (*before.loops, ast.Loop(child.span, (name,), domain))
                    span = Span(before.span.source, before.span.start, child.span.end)
                    items[-1] = replace(before, span=span, loops=loops)
                case _:
                    items.append(child)
        return ast.Consider(self.span(meta), tuple(items))

    def all_about(self, meta: Node, children: list[Node]) -> ast.AllAbout:
        """`all about it`; the lexer reads `about` behind `all` alone."""
        return ast.AllAbout(self.span(meta), children[1])

    def query(self, meta: Node, children: list[Node]) -> tuple[ast.Query, ...]:
        """`query P(a), P(b) within 1 s, MAP()`: options apply to the items since the last ones."""
        span = self.span(meta)
        return tuple(ast.Query(span, items, options) for items, options in children[-1])

    def query_items(
        self, meta: Node, children: list[Node]
    ) -> list[tuple[tuple[ast.Expression, ...], tuple[ast.Option, ...]]]:
        """The items of a query in groups with common options."""
        del meta
        groups: list[tuple[tuple[ast.Expression, ...], tuple[ast.Option, ...]]] = []
        items: list[ast.Expression] = []
        options: list[ast.Option] = []
        for child in children:
            if isinstance(child, ast.Option):
                options.append(child)
                continue
            if options:
                groups.append((tuple(items), tuple(options)))
                items, options = [], []
            items.append(child)
        return [*groups, (tuple(items), tuple(options))]

    def assert_(self, meta: Node, children: list[Node]) -> ast.Assert:
        """`assert e`."""
        return ast.Assert(self.span(meta), children[0], tuple(children[1:]))

    def within(self, meta: Node, children: list[Node]) -> ast.Option:
        """`within 200 ms`."""
        number, unit = children
        value = ast.Number(self.at(number), float_of(number.text))
        return ast.Option(self.span(meta), "within", value, unit.text)

    def using(self, meta: Node, children: list[Node]) -> ast.Option:
        """`using bp(iters=50)`."""
        return ast.Option(self.span(meta), "using", children[0])

    def as_name(self, meta: Node, children: list[Node]) -> ast.Option:
        """`as posterior`."""
        return ast.Option(self.span(meta), "as", self.named(children[0]))

    def documentation(self, meta: Node, children: list[Node]) -> ast.Documentation:
        """A string alone on a line."""
        return ast.Documentation(self.span(meta), unquoted(children[0].text))

    # --- Blocks --------------------------------------------------------------------------

    def entity(self, meta: Node, children: list[Node]) -> ast.Entity:
        """`entity Thing:` and its attributes."""
        return ast.Entity(self.header(meta, children), self.named(children[0]), tuple(children[1:]))

    def attribute(self, meta: Node, children: list[Node]) -> ast.AttributeDeclaration:
        """`color : Color base {...}`."""
        name, shape, kind, base = children[:4]
        return ast.AttributeDeclaration(
            self.until(meta, (base or kind).span.end), self.named(name), shape or (), kind, base
        )

    def until(self, meta: Node, end: int) -> Span:
        """Return a match's span without its line end, which holds the comments below."""
        return Span(self.source, meta[0], end)

    def documented(self, meta: Node, children: list[Node]) -> ast.Documentation:
        """A string inside an entity."""
        return ast.Documentation(self.at(children[0]), unquoted(children[0].text))

    def model(self, meta: Node, children: list[Node]) -> ast.Model:
        """`model purple(x: Thing) prior p depth e:` and its body."""
        name, *header = children
        return ast.Model(self.header(meta, children), self.named(name), *header)

    def parameters(self, meta: Node, children: list[Node]) -> tuple[ast.Parameter, ...]:
        """`(x: Thing, d: 0..9)`."""
        del meta
        return tuple(c for c in children if c is not None)

    def parameter(self, meta: Node, children: list[Node]) -> ast.Parameter:
        """`x: Thing`."""
        return ast.Parameter(self.span(meta), self.named(children[0]), children[1])

    def for_(self, meta: Node, children: list[Node]) -> ast.For:
        """`for i in a..b if c:`."""
        *loops, condition, body = children
        return ast.For(self.header(meta, children), tuple(loops), condition, body)

    def loop_one(self, meta: Node, children: list[Node]) -> ast.Loop:
        """`i in a..b`."""
        return ast.Loop(self.span(meta), (self.named(children[0]),), children[1])

    def loop_many(self, meta: Node, children: list[Node]) -> ast.Loop:
        """`(i, j) in e`."""
        return ast.Loop(self.span(meta), tuple(map(self.named, children[:-1])), children[-1])

    def if_(self, meta: Node, children: list[Node]) -> ast.If:
        """`if c: ... elif d: ... else: ...`."""
        condition, then, *rest = children
        if len(rest) > _NUM_BRANCHES_MAX:
            raise GmError([errors.too_deep(self.header(meta, children))])
        otherwise: tuple[ast.Statement, ...] = rest.pop() or ()
        for span, inner_condition, body in reversed(rest):
            otherwise = (ast.If(span, inner_condition, body, otherwise),)
        return ast.If(self.header(meta, children), condition, then, otherwise)

    def elif_(
        self, meta: Node, children: list[Node]
    ) -> tuple[Span, ast.Expression, tuple[ast.Statement, ...]]:
        """`elif c: ...`."""
        return self.header(meta, children), children[0], children[1]

    def else_(self, meta: Node, children: list[Node]) -> tuple[ast.Statement, ...]:
        """`else: ...`."""
        del meta
        return children[0]

    def match(self, meta: Node, children: list[Node]) -> ast.Match:
        """`match a, b:` with blocks."""
        cases = tuple(c for c in children if isinstance(c, ast.StatementCase))
        subjects = tuple(c for c in children if not isinstance(c, ast.StatementCase))
        return ast.Match(self.header(meta, children), subjects, cases)

    def statement_case(self, meta: Node, children: list[Node]) -> ast.StatementCase:
        """`pattern:` and a block."""
        return ast.StatementCase(self.header(meta, children), tuple(children[:-1]), children[-1])

    def match_value(self, meta: Node, children: list[Node]) -> ast.MatchExpression:
        """`match a, b:` with values."""
        cases = tuple(c for c in children if isinstance(c, ast.ValueCase))
        subjects = tuple(c for c in children if not isinstance(c, ast.ValueCase))
        return ast.MatchExpression(self.header(meta, children), subjects, cases)

    def value_case(self, meta: Node, children: list[Node]) -> ast.ValueCase:
        """`pattern -> value`."""
        span = self.until(meta, children[-1].span.end)
        return ast.ValueCase(span, tuple(children[:-1]), children[-1])

    def row_case(self, meta: Node, children: list[Node]) -> ast.ValueCase:
        """`pattern -> {dry: 0.1, wet: 0.9}`."""
        *patterns, arrow = children
        row = self.row(arrow)
        return ast.ValueCase(self.until(meta, row.span.end), tuple(patterns), row)

    def row(self, arrow: Node) -> ast.Row:
        """Read an arrow and the braces after it.

        Raises:
            Trouble: where words stand for values that the grammar may read otherwise.
        """
        place = arrow.text.index("{")
        keys, numbers = keys_and_numbers(arrow.text[place:])
        known = self.known_keys.get(keys)
        if known is None:
            if not are_values(keys, self.words):
                raise Trouble
            known = self.known_keys[keys] = keys
        return ast.Row(Span(self.source, arrow.start + place, arrow.end), known, numbers)

    def suite(self, meta: Node, children: list[Node]) -> tuple[ast.Statement, ...]:
        """The body of a block."""
        del meta
        return flat(children)


def flat(children: list[Node]) -> tuple[Node, ...]:
    """Take apart the statements that one line holds several of."""
    found: list[Node] = []
    for child in children:
        if isinstance(child, tuple):
            found.extend(child)
        else:
            found.append(child)
    return tuple(found)
