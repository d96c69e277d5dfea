"""The shape of a program: what it declares, what can be folded, what a call takes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gmlang.core.names.blocks import block_end
from gmlang.core.names.declared import KINDS
from gmlang.core.names.definitions import Kind
from gmlang.core.names.python_functions import function_definition
from gmlang.core.names.scope import Declaration
from gmlang.editor.analysis import Analysis
from gmlang.editor.hover import family_parameters
from gmlang.families import CALLED
from gmlang.library import is_of_library
from gmlang.syntax import ast
from gmlang.syntax.lines.automaton import DEPTH_MAX


@dataclass(frozen=True, slots=True)
class Symbol:
    """A declaration; `start` and `end` are all of it, with its block."""

    name: ast.Name
    kind: Kind
    detail: str
    start: int
    end: int
    children: tuple["Symbol", ...] = ()


def symbols(analysis: Analysis) -> list[Symbol]:
    """List what a program declares, attributes within their entities."""
    return [
        _symbol(statement, KINDS[type(statement)], analysis)
        for statement in analysis.program.statements
        if isinstance(statement, Declaration)
    ]


def _symbol(
    statement: Declaration | ast.AttributeDeclaration,
    kind: Kind,
    analysis: Analysis,
) -> Symbol:
    span = statement.span
    children: tuple[Symbol, ...] = ()
    end = span.end
    match statement:
        case ast.Entity(attributes=attributes):
            children = tuple(
                _symbol(attribute, Kind.ATTRIBUTE, analysis)
                for attribute in attributes
                if isinstance(attribute, ast.AttributeDeclaration)
            )
            end = max(end, *(child.end for child in children), end)
        case ast.Model():
            end = max(end, block_end(span.source.text, span.start))
        case _:
            pass
    line = " ".join(span.text.split("\n")[0].split())
    return Symbol(statement.name, kind, line, span.start, end, children)


def folds(text: str) -> list[tuple[int, int]]:
    r"""List the blocks of a text as their first and last lines, from 0; empty lines end none.

    >>> folds("model m(x: T):\n    a\n    b\n\nc\n")
    [(0, 2)]
    """
    lines = re.split(r"\r\n|\r|\n", text)
    found: list[tuple[int, int]] = []
    open_: list[tuple[int, int]] = []
    last = 0
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        width = len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())
        while open_ and open_[-1][1] >= width:
            first, _ = open_.pop()
            if last > first:
                found.append((first, last))
        if len(open_) < DEPTH_MAX:
            open_.append((number, width))
        last = number
    found += [(first, last) for first, _ in open_ if last > first]
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a call takes: its parameters as written, and which of them is being written."""

    name: str
    parameters: tuple[str, ...]
    active: int
    documentation: str = ""


def signature(before: str, analysis: Analysis, offset: int) -> Signature | None:
    """Return what the innermost call takes in which a place lies, None outside of calls.

    Args:
        before: the text before the place, from a line without indentation on.
        analysis: of the text.
        offset: the place.
    """
    depth, commas, opener = 0, 0, -1
    clean = re.sub(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*', lambda m: " " * len(m.group()), before)
    for at in range(len(clean) - 1, -1, -1):
        character = clean[at]
        if character in ")]}":
            depth += 1
        elif character in "([{":
            if depth == 0:
                opener = at if character == "(" else -1
                break
            depth -= 1
        elif character == "," and depth == 0:
            commas += 1
    name = re.search(r"([^\W\d]\w*)\s*$", clean[: max(opener, 0)])
    if opener < 0 or name is None:
        return None
    text = name.group(1)
    definition = analysis.bindings.visible(analysis.source.name, offset).get(text)
    if definition is not None:
        if definition.kind not in (Kind.MODEL, Kind.DEF):
            return None
        return _signature(text, definition.parameters, commas, definition.documentation)
    if re.match(r"data\b[^=]*:=", clean):
        function = function_definition(text, _library_modules(analysis))
        if function is not None:
            return _signature(text, function.parameters, commas, function.documentation)
    if text in CALLED:
        return _signature(text, family_parameters(text), commas, CALLED[text].help)
    return None


def _library_modules(analysis: Analysis) -> tuple[str, ...]:
    """Return the modules of the library that a text knows."""
    sources = analysis.bindings.sources.values()
    return tuple(Path(one.name).stem for one in sources if is_of_library(one))


def _signature(name: str, parameters: Sequence[str], at: int, documentation: str) -> Signature:
    return Signature(name, tuple(parameters), max(0, min(at, len(parameters) - 1)), documentation)
