"""Rows of a `match` that give each value a number, all of it written out: read in one piece.

Networks have hundreds of thousands of such pairs; read as expressions, each would be six objects.
A row in one piece means what its pairs mean. Whatever is not exactly of this form, and every text
with a mistake, is read by the grammar.
"""

import re
from collections.abc import Container

from gmlang.diagnostics import Span
from gmlang.syntax import ast

_KEY = r"\w++"
_NUMBER = r"\d{1,20}+(?:\.\d++)?+(?:[eE][+-]?\d++)?+"
_PAIR = rf"{_KEY}\ *+:\ *+{_NUMBER}"

ROW = rf"->\ *+\{{\ *+{_PAIR}(?:\ *+,\ *+{_PAIR})*+\ *+\}}(?=[\ \t]*+(?:\#[^\n]*+)?+\r?\n)"
"""The arrow of a case and all that follows it on its line, for `re.VERBOSE`."""

_PARTS = rf"({_KEY}) *: *({_NUMBER})"
_VALUES = ("true", "false")


def keys_and_numbers(braces: str) -> tuple[tuple[str, ...], tuple[int | float, ...]]:
    """Take the braces of a `ROW` apart."""
    parts = braces[1:-1].replace(" ", "").replace(":", ",").split(",")
    return tuple(parts[::2]), tuple(map(_number, parts[1::2]))


def holds_row(line: str) -> bool:
    """Say whether a line, without its end, has a `ROW`."""
    return "->" in line and re.search(ROW, line + "\n", re.VERBOSE) is not None


def are_values(keys: tuple[str, ...], words: Container[str]) -> bool:
    """Say whether the grammar would read all keys as names, whole numbers, true or false."""
    return all(
        key in _VALUES or (key.isidentifier() and key not in words) or key.isdecimal()
        for key in keys
    )


def spelt_out(row: ast.Row) -> ast.Braces:
    """Return a row as the grammar reads it: each pair with its place."""
    source = row.span.source
    pairs: list[ast.Pair] = []
    for found in re.compile(_PARTS).finditer(source.text, row.span.start, row.span.end):
        at = [Span(source, *found.span(group)) for group in range(3)]
        number = ast.Number(at[2], _number(found[2]))
        pairs.append(ast.Pair(at[0], _key(at[1], found[1]), number))
    return ast.Braces(row.span, tuple(pairs))


def _key(span: Span, text: str) -> ast.Expression:
    if text in _VALUES:
        return ast.Boolean(span, text == "true")
    return ast.Number(span, int(text)) if text.isdecimal() else ast.Name(span, text)


def _number(text: str) -> int | float:
    return int(text) if text.isdecimal() else float(text)
