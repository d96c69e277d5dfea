"""Functions of Python that data is derived by, as definitions: where they stand, what they say."""

import ast as python
import inspect
from functools import lru_cache
from textwrap import dedent

from gmlang.core.names.definitions import Definition, Kind
from gmlang.diagnostics import Source, Span
from gmlang.functions import DataFunction, find_function, library_functions

_NUM_KEPT = 256
"""Definitions of so many functions are kept."""


def function_definition(name: str, modules: tuple[str, ...]) -> Definition | None:
    """Return what a name stands for behind the `:=` of data; None where Python shows no text of it.

    Args:
        name: bare, or `module.name`.
        modules: those of the library that are imported.
    """
    found = find_function(name, modules)
    return None if found is None else _defined(name.rpartition(".")[2], found)


def library_definitions(module: str) -> list[Definition]:
    """List the functions that a module of the library has in Python."""
    found = (function_definition(f"{module}.{name}", ()) for name in library_functions(module))
    return [definition for definition in found if definition is not None]


@lru_cache(maxsize=_NUM_KEPT)
def _defined(name: str, function: DataFunction) -> Definition | None:
    own = inspect.unwrap(function)
    try:
        path = inspect.getsourcefile(own)
        whole, _ = inspect.findsource(own)
        lines, first = inspect.getsourcelines(own)
    except (OSError, TypeError, ValueError):
        return None
    source = Source(path or name, "".join(whole))
    skipped, num_lines = _head(lines)
    start = sum(map(len, whole[: max(0, first - 1) + skipped]))
    head = "".join(lines[skipped : skipped + num_lines]).rstrip()
    written = getattr(own, "__name__", name)
    at = head.find(f"def {written}")
    at, length = (start, 1) if at < 0 else (start + at + len("def "), len(written))
    return Definition(
        name,
        Kind.FUNCTION,
        (Span(source, at, at + length),),
        Span(source, start, start + len(head)),
        inspect.getdoc(own) or "",
        parameters=_parameters(own),
        is_fixed=True,
    )


def _head(lines: list[str]) -> tuple[int, int]:
    """Return after how many lines a function begins, decorators aside, and how long its head is."""
    try:
        (node,) = python.parse(dedent("".join(lines))).body
    except (SyntaxError, ValueError):
        return 0, 1
    if not isinstance(node, python.FunctionDef | python.AsyncFunctionDef):
        return 0, 1
    return node.lineno - 1, max(1, node.body[0].lineno - node.lineno)


def _parameters(function: DataFunction) -> tuple[str, ...]:
    try:
        return tuple(map(str, inspect.signature(function).parameters.values()))
    except (TypeError, ValueError):
        return ()
