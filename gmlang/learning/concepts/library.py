"""Libraries of learned models: what is appended to one, and whether there is anything to do."""

import re
from typing import Any

from gmlang.diagnostics import GmError, Source
from gmlang.errors.learning import concepts as errors
from gmlang.learning.concepts.result import LearnedModel
from gmlang.syntax import ast
from gmlang.syntax.parse import parse
from gmlang.syntax.print import print_program
from gmlang.syntax.print_expressions import documentation

_MODULE = re.compile(r"^(?:\w+\.)+")


def addition(library: Source, learned: LearnedModel[Any], origin: str) -> str | None:
    """Return what is to be appended to a library; None where it has the model already.

    Args:
        library: as it is.
        learned: the model.
        origin: the program that learned it.

    Raises:
        GmError: when the library has mistakes, or something else by that name.
    """
    new = in_library(learned)
    for statement in parse(library).statements:
        name = getattr(statement, "name", None)
        if not isinstance(name, ast.Name) or name.text != learned.name:
            continue
        if isinstance(statement, ast.Composite) and _plain(statement) == _plain(_parsed(new)):
            return None
        there = statement.span.text.splitlines()[0].strip()
        raise GmError([errors.taken_in_library(library.name, learned.name, there)])
    text = library.text
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return f"{gap}{documentation(_provenance(learned, origin))}\n{new}\n"


def in_library(learned: LearnedModel[Any]) -> str:
    """Write a model as a library does, which has the parts in itself and not in a module."""
    parts = tuple(_MODULE.sub("", part) for part in learned.best.parts)
    return learned.composite(parts)


def _parsed(text: str) -> ast.Composite:
    (statement,) = parse(Source("<learned>", text + "\n")).statements
    assert isinstance(statement, ast.Composite)
    return statement


def _plain(statement: ast.Composite) -> str:
    return print_program(ast.Program(statement.span, (statement,)))


def _provenance(learned: LearnedModel[Any], origin: str) -> str:
    """Say from what a model was learned, and how sure it is."""
    num_examples, num_others = learned.scores.shape[1], learned.other_scores.shape[1]
    parts = [f"{num_examples} example{'' if num_examples == 1 else 's'}"]
    if num_others:
        parts.append(f"{num_others} counter-example{'' if num_others == 1 else 's'}")
    text = (
        f"Learned from {' and '.join(parts)} in {origin}: {learned.best.share:.2g} of the posterior"
    )
    if len(learned.alternatives) > 1:
        second = learned.alternatives[1]
        text += f"; next `{second.text}`, {second.share:.2g}"
    return text + "."
