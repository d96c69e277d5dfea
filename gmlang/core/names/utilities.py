"""The names of parts of the utility, which questions ask for: several parts may share one."""

from collections.abc import Iterator, Sequence
from typing import Any

from gmlang.core.names.definitions import Definition, Kind
from gmlang.syntax import ast

_AROUND = (ast.For, ast.If, ast.Match, ast.StatementCase)


def utilities_of(statements: Sequence[ast.Statement]) -> dict[str, Definition]:
    """Return what each name after `maximize e as` stands for."""
    parts: dict[str, list[ast.Maximize]] = {}
    for part in _maximized(tuple(statements)):
        if part.label is not None:
            parts.setdefault(part.label.text, []).append(part)
    return {
        name: Definition(
            name,
            Kind.UTILITY,
            tuple(part.label.span for part in found if part.label is not None),
            found[0].span,
        )
        for name, found in parts.items()
    }


def _maximized(node: Any) -> Iterator[ast.Maximize]:  # noqa: ANN401 - any node of the AST
    if isinstance(node, ast.Maximize):
        yield node
    elif isinstance(node, tuple):
        for part in node:
            yield from _maximized(part)
    elif isinstance(node, _AROUND):
        for slot in node.__slots__:
            yield from _maximized(getattr(node, slot))
