"""What a line puts onto the automaton's stack, for all lines that differ in digits alone.

In an LALR(1) automaton the same tokens do the same from the same state, whatever they say, and
lines that are equal but for the digits within runs of digits have the same tokens. So what one of
them puts onto the stack is, with other places, names and numbers, what each of them does. Programs
that are written by programs have hundreds of thousands of lines of a few shapes, and a text that is
being edited has the lines that it had before.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from itertools import accumulate, repeat
from math import isfinite
from typing import Any, NamedTuple

from gmlang.diagnostics import Source, Span
from gmlang.syntax import ast
from gmlang.syntax.building.expressions import float_of, int_of, unquoted
from gmlang.syntax.lex import DIGITS, Token, indentation
from gmlang.syntax.lines.automaton import Place, Pushed
from gmlang.syntax.lines.columns import (
    At,
    Column,
    Joined,
    Lines,
    Made,
    Same,
    Spanned,
    Written,
    filled,
)


class Entry(NamedTuple):
    """One entry of the stack: its state, what it stands for, and its place."""

    state: int
    value: Any
    place: Place


@dataclass(frozen=True, slots=True)
class Template:
    """What lines of a shape put onto the stack, their ends included.

    Attributes:
        kind: their first token.
        width: how many columns of blanks they begin with.
        indent: how many characters these are.
        states: of the entries of the stack, as of all that follow.
        values: what they stand for.
        places: where they begin and end; the line end here ends where it begins.
        depths: how deep they are.
    """

    kind: str
    width: int
    indent: int
    states: tuple[int, ...]
    values: tuple[Column, ...]
    places: tuple[tuple[At, At], ...]
    depths: tuple[int, ...]

    def rows(self, lines: Lines) -> Iterator[Pushed]:
        """Return what each of many lines puts onto the stack."""
        places = [
            [(a, b, depth) for a, b in zip(lines.places(first), lines.places(last), strict=True)]
            for (first, last), depth in zip(self._ends(), self.depths, strict=True)
        ]
        values = zip(*(filled(value, lines) for value in self.values), strict=False)
        return map(Pushed, repeat(self.states), values, zip(*places, strict=True))

    def _ends(self) -> Iterator[tuple[int, int]]:
        return ((first.place, last.place) for first, last in self.places)


class _UnclearError(Exception):
    """A value may depend on digits in a way that is not known here."""


def learn(
    shape: str, kind: str, source: Source, at: tuple[int, int], pushed: Sequence[Entry]
) -> Template | None:
    """Find out what lines of a shape do, from one of them.

    Args:
        shape: see `gmlang.syntax.lex.shape_of`.
        kind: the first token.
        source: what the line is part of.
        at: where it begins and ends.
        pushed: what it put onto the stack.

    Returns: None where it is not clear what may depend on digits.
    """
    line = _Line(source, at)
    try:
        values = tuple(line.column(entry.value) for entry in pushed)
        ends = [entry.place[:2] for entry in pushed]
        end = ends[-1][0]
        ends[-1] = end, end
        places = tuple((At(line.place(first)), At(line.place(last))) for first, last in ends)
    except _UnclearError:
        return None
    indent = len(shape) - len(shape.lstrip(" \t"))
    states, depths = tuple(e.state for e in pushed), tuple(e.place[2] for e in pushed)
    return Template(kind, indentation(shape, 0), indent, states, values, places, depths)


class _Line:
    """The line that a shape is learned from."""

    def __init__(self, source: Source, at: tuple[int, int]) -> None:
        self._source, self._at = source, at
        runs = list(DIGITS.finditer(source.text, *at))
        self._starts = [run.start() for run in runs]
        self._ends = [run.end() for run in runs]
        self._longer = [0, *accumulate(run.end() - run.start() - 1 for run in runs)]

    def place(self, at: int) -> int:
        """Return the place of the shape that a place in the source is."""
        before = bisect_right(self._ends, at)
        is_within = before < len(self._starts) and self._starts[before] < at
        if is_within or not self._at[0] <= at <= self._at[1]:
            raise _UnclearError
        return at - self._at[0] - self._longer[before]

    def column(self, value: Any) -> Column:  # noqa: ANN401 - whatever the builder makes
        """Return what a value is in lines that have other digits."""
        match value:
            case None | bool():
                return Same(value)
            case str() if not DIGITS.search(value):
                return Same(value)
            case Span():
                return Spanned(self.place(value.start), self.place(value.end))
            case ast.Name():
                return Made(ast.Name, (self.column(value.span), self._text(value.span, value.text)))
            case ast.Number():
                return Made(ast.Number, (self.column(value.span), self._number(value)))
            case ast.Text(span, text) | ast.Documentation(span, text):
                return Made(type(value), (self.column(span), self._quoted(span, text)))
            case Token():
                span = Span(self._source, value.start, value.end)
                first, last = At(self.place(value.start)), At(self.place(value.end))
                return Made(Token, (Same(value.kind), self._text(span, value.text), first, last))
            case list():
                return Joined(tuple(map(self.column, value)), is_list=True)
            case tuple():
                parts = tuple(map(self.column, value))
                same = [part.value for part in parts if isinstance(part, Same)]
                is_same = len(same) == len(parts)
                return Same(tuple(same)) if is_same else Joined(parts, is_list=False)
            case _ if is_dataclass(value):
                parts = tuple(self.column(getattr(value, name)) for name in _fields(type(value)))
                return Made(type(value), parts)
            case _:
                raise _UnclearError

    def _text(self, span: Span, text: str) -> Column:
        if text != span.text:
            raise _UnclearError
        if not DIGITS.search(text):
            return Same(text)
        return Written(self.place(span.start), self.place(span.end), None)

    def _quoted(self, span: Span, text: str) -> Column:
        if text != unquoted(span.text):
            raise _UnclearError
        if not DIGITS.search(text):
            return Same(text)
        return Written(self.place(span.start), self.place(span.end), unquoted)

    def _number(self, number: ast.Number) -> Column:
        read = int_of if isinstance(number.value, int) else float_of
        if not isfinite(number.value) or read(number.span.text) != number.value:
            raise _UnclearError
        return Written(self.place(number.span.start), self.place(number.span.end), read)


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))
