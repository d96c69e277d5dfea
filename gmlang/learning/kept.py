"""What was learned as declarations: in place of a `learn`, and in a library."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gmlang.diagnostics import GmError, Source
from gmlang.errors.learning import concepts as errors
from gmlang.learning.concepts import library as concepts
from gmlang.learning.concepts.result import LearnedModel
from gmlang.learning.functions import result as functions
from gmlang.learning.functions.result import LearnedDefs
from gmlang.learning.results.result import Learned
from gmlang.syntax import ast
from gmlang.syntax.parse import parse
from gmlang.syntax.print import print_program
from gmlang.syntax.print_expressions import documentation

Found = Learned[Any] | LearnedModel[Any] | LearnedDefs[Any]
"""What comes of one `learn`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A declaration for a library.

    Attributes:
        name: that it declares.
        text: of it.
        provenance: from what it was learned.
    """

    name: str
    text: str
    provenance: str


def declarations_of(found: Found) -> Mapping[str, str]:
    """Return what stands in a program in place of a `learn model` or `learn def`, by name."""
    match found:
        case LearnedModel():
            return {found.name: found.source()}
        case LearnedDefs():
            return found.sources()
        case Learned():
            return {}


def kept_of(found: Found, origin: str) -> tuple[Kept, ...]:
    """Return what a library is to have of what was learned; params are nothing of its.

    Args:
        found: what was learned.
        origin: the program that learned it.
    """
    match found:
        case LearnedModel():
            text = concepts.in_library(found)
            return (Kept(found.name, text, concepts.provenance(found, origin)),)
        case LearnedDefs():
            told = functions.provenance(found, origin)
            return tuple(Kept(name, text, told[name]) for name, text in found.sources().items())
        case Learned():
            return ()


def addition(library: Source, kept: Kept) -> str | None:
    """Return what is to be appended to a library; None where it has the same already.

    Args:
        library: as it is.
        kept: the declaration.

    Raises:
        GmError: when the library has mistakes, or something else by that name.
    """
    for statement in parse(library).statements:
        name = getattr(statement, "name", None)
        if not isinstance(name, ast.Name) or name.text != kept.name:
            continue
        if _plain(statement) == _plain(_parsed(kept.text)):
            return None
        there = statement.span.text.splitlines()[0].strip()
        raise GmError([errors.taken_in_library(library.name, kept.name, there)])
    text = library.text
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return f"{gap}{documentation(kept.provenance)}\n{kept.text}\n"


def _parsed(text: str) -> ast.Statement:
    (statement,) = parse(Source("<learned>", text + "\n")).statements
    return statement


def _plain(statement: ast.Statement) -> str:
    return print_program(ast.Program(statement.span, (statement,)))
