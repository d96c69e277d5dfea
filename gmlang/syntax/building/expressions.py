"""From what the grammar matched to the expressions of the surface AST."""

from typing import Any

from gmlang.diagnostics import Span
from gmlang.syntax import ast

Node = Any
"""What the parser hands over: tokens, AST nodes, tuples of them, None for what is absent."""


class Expressions:
    """The expression half of the builder; `span`, `at` and `named` come with the other half."""

    span: Any
    at: Any
    named: Any

    def conditional(self, meta: Node, children: list[Node]) -> ast.Conditional:
        """`a if c else b`."""
        then, condition, otherwise = children
        return ast.Conditional(self.span(meta), condition, then, otherwise)

    def or_(self, meta: Node, children: list[Node]) -> ast.Binary:
        """`a or b`."""
        return ast.Binary(self.span(meta), "or", *children)

    def and_(self, meta: Node, children: list[Node]) -> ast.Binary:
        """`a and b`."""
        return ast.Binary(self.span(meta), "and", *children)

    def not_(self, meta: Node, children: list[Node]) -> ast.Unary:
        """`not a`."""
        return ast.Unary(self.span(meta), "not", children[0])

    def chain(self, meta: Node, children: list[Node]) -> ast.Compare:
        """`a <= b < c`."""
        operators = tuple(c.text for c in children[1::2])
        return ast.Compare(self.span(meta), operators, tuple(children[::2]))

    def in_(self, meta: Node, children: list[Node]) -> ast.Binary:
        """`a in b`."""
        return ast.Binary(self.span(meta), "in", *children)

    def not_in(self, meta: Node, children: list[Node]) -> ast.Unary:
        """`a not in b`."""
        span = self.span(meta)
        return ast.Unary(span, "not", ast.Binary(span, "in", *children))

    def is_(self, meta: Node, children: list[Node]) -> ast.Is:
        """`it is purple jar`."""
        return ast.Is(self.span(meta), children[0], tuple(children[1:]))

    is_and = is_

    def range_closed(self, meta: Node, children: list[Node]) -> ast.Range:
        """`a..b`."""
        return ast.Range(self.span(meta), children[0], children[1], includes_last=True)

    def range_open(self, meta: Node, children: list[Node]) -> ast.Range:
        """`a..<b`."""
        return ast.Range(self.span(meta), children[0], children[1], includes_last=False)

    def together_and(self, meta: Node, children: list[Node]) -> ast.Juxtaposition:
        """`purple & jar`."""
        parts: list[ast.Expression] = []
        for child in children:
            parts.extend(child.parts if isinstance(child, ast.Juxtaposition) else (child,))
        return ast.Juxtaposition(self.span(meta), tuple(parts))

    def arithmetic(self, meta: Node, children: list[Node]) -> ast.Binary:
        """`a + b`."""
        left, operator, right = children
        return ast.Binary(self.span(meta), operator.text, left, right)

    def negative(self, meta: Node, children: list[Node]) -> ast.Unary:
        """`-a`."""
        return ast.Unary(self.span(meta), "-", children[1])

    def positive(self, meta: Node, children: list[Node]) -> ast.Expression:
        """`+a` is a."""
        del meta
        return children[1]

    def power(self, meta: Node, children: list[Node]) -> ast.Binary:
        """`a ** b`."""
        return ast.Binary(self.span(meta), "**", *children)

    def juxtaposition(self, meta: Node, children: list[Node]) -> ast.Juxtaposition:
        """`purple jar`."""
        return ast.Juxtaposition(self.span(meta), tuple(children))

    def part(self, meta: Node, children: list[Node]) -> ast.Expression:
        """A further model of a composition: a name, perhaps dotted, perhaps called."""
        *tokens, arguments = children
        result: ast.Expression = self.named(tokens[0])
        for token in tokens[1:]:
            span = Span(result.span.source, result.span.start, self.at(token).end)
            result = ast.Attribute(span, result, self.named(token))
        if arguments is None and not self.span(meta).text.rstrip().endswith(")"):
            return result
        return ast.Call(self.span(meta), result, arguments or ())

    def attribute_of(self, meta: Node, children: list[Node]) -> ast.Attribute:
        """`it.color`."""
        return ast.Attribute(self.span(meta), children[0], self.named(children[1]))

    def index(self, meta: Node, children: list[Node]) -> ast.Index:
        """`x[i, j]`."""
        return ast.Index(self.span(meta), children[0], children[1])

    def indices(self, meta: Node, children: list[Node]) -> tuple[Node, ...]:
        """The indices between brackets."""
        del meta
        return tuple(children)

    def all_(self, meta: Node, children: list[Node]) -> ast.All:
        """A lone `:`."""
        del children
        return ast.All(self.span(meta))

    def call(self, meta: Node, children: list[Node]) -> ast.Call:
        """`f(a had b | c)`."""
        function, arguments, had, given = children
        return ast.Call(self.span(meta), function, arguments or (), given, had)

    def arguments(self, meta: Node, children: list[Node]) -> tuple[Node, ...]:
        """The arguments between parentheses."""
        del meta
        return tuple(children)

    def equation(self, meta: Node, children: list[Node]) -> ast.Equation:
        """`a = b`."""
        return ast.Equation(self.span(meta), *children)

    def change_draw(self, meta: Node, children: list[Node]) -> ast.Change:
        """`a ~ d`, in `do(...)`."""
        return ast.Change(self.span(meta), children[0], "~", children[1])

    def change_define(self, meta: Node, children: list[Node]) -> ast.Change:
        """`a := e`, in `do(...)`."""
        return ast.Change(self.span(meta), children[0], ":=", children[1])

    def pair(self, meta: Node, children: list[Node]) -> ast.Pair:
        """`a: b`."""
        return ast.Pair(self.span(meta), *children)

    def comprehension(self, meta: Node, children: list[Node]) -> ast.Comprehension:
        """`e for i in a..b if c`."""
        body, (loops, condition) = children
        return ast.Comprehension(self.span(meta), body, loops, condition)

    def loops_in_line(
        self, meta: Node, children: list[Node]
    ) -> tuple[tuple[ast.Loop, ...], ast.Expression | None]:
        """The loops of a comprehension, and its condition."""
        del meta
        return tuple(children[:-1]), children[-1]

    def line_loop(self, meta: Node, children: list[Node]) -> ast.Loop:
        """`for i in a..b`."""
        del meta
        return children[0]

    def name(self, meta: Node, children: list[Node]) -> ast.Name:
        """A name."""
        del meta
        return self.named(children[0])

    def float_(self, meta: Node, children: list[Node]) -> ast.Number:
        """A number with a point or an exponent."""
        return ast.Number(self.span(meta), float_of(children[0].text))

    def int_(self, meta: Node, children: list[Node]) -> ast.Number:
        """A whole number."""
        return ast.Number(self.span(meta), int_of(children[0].text))

    def string(self, meta: Node, children: list[Node]) -> ast.Text:
        """A string."""
        return ast.Text(self.span(meta), unquoted(children[0].text))

    def true(self, meta: Node, children: list[Node]) -> ast.Boolean:
        """`true`."""
        del children
        return ast.Boolean(self.span(meta), value=True)

    def false(self, meta: Node, children: list[Node]) -> ast.Boolean:
        """`false`."""
        del children
        return ast.Boolean(self.span(meta), value=False)

    def parenthesis(self, meta: Node, children: list[Node]) -> ast.Expression:
        """`(e)` is e."""
        del meta
        return children[0]

    def tuple_(self, meta: Node, children: list[Node]) -> ast.Tuple:
        """`(a, b)`."""
        return ast.Tuple(self.span(meta), tuple(children))

    def brackets(self, meta: Node, children: list[Node]) -> ast.Brackets:
        """`[a, b]`."""
        return ast.Brackets(self.span(meta), children[0] or ())

    def braces(self, meta: Node, children: list[Node]) -> ast.Braces:
        """`{a, b}` or `{a: p, b: q}`."""
        return ast.Braces(self.span(meta), children[0])


def float_of(text: str) -> float:
    """Return what a number with or without a point is as a real number."""
    return float(text.replace("_", "") if "_" in text else text)


def int_of(text: str) -> int | float:
    """Return what a whole number says."""
    digits = text.replace("_", "") if "_" in text else text
    # Python refuses to convert thousands of digits, and no program means such a number.
    return int(digits) if len(digits) <= 300 else float("inf")


def unquoted(text: str) -> str:
    """Return what a string literal says: backslash escapes n, t, a quote or a backslash."""
    body = text[3:-3] if text.startswith('"""') else text[1:-1]
    result: list[str] = []
    escaped = False
    for character in body:
        if escaped:
            result.append({"n": "\n", "t": "\t"}.get(character, character))
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            result.append(character)
    return "".join(result)
