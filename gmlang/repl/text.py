"""Entries of the interactive session: what a text says, piece by piece, and what it replaces."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gmlang.diagnostics import Source, Span
from gmlang.syntax import ast
from gmlang.syntax.parse import parse
from gmlang.syntax.print import print_program
from gmlang.words import Kind, of_kind

HELP = """\
a statement            declares, observes, considers ...; saying it again replaces what was said
P(x | y = true)        a query, with or without the word `query`; MAP(), compat(a, b), why(x) ...
imagine purple jar     what a composition of models predicts about a thing of its own
more 10 s              think longer about the last query
undo [n]               forget the last statement, or the last n
:load FILE [NAME=FILE] start from a program, with data       :save FILE  write what has been said
:show [NAME]           what has been said                    :reset      forget everything
:models  :vars         what has been declared                :plan QUERY what it would cost
:set NAME=NUMBER       a parameter or size                   :data NAME=FILE  NPZ, NPY or CSV
:budget SECONDS  :seed NUMBER  :time  :remember [off]        how to answer
:graph FILE.svg        draw the factor graph                 :help  :quit"""

_CALLED = "|".join((*of_kind(Kind.QUERY), *of_kind(Kind.FUNCTION)))
_QUESTION = re.compile(rf"query\b|[\[(\s]*(?:-\s*)?(?:{_CALLED})\s*\(|-?[\d.]|\[|\(")

DECLARATIONS = (
    ast.DomainDeclaration,
    ast.DataDeclaration,
    ast.ParamDeclaration,
    ast.DefDeclaration,
    ast.VarDeclaration,
    ast.Entity,
    ast.Model,
    ast.Composite,
    ast.LearnModel,
    ast.LearnDef,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of an entry with the statements in them; comments stay with what follows them."""

    text: str
    statements: tuple[ast.Statement, ...]


def is_query(text: str) -> bool:
    """Say whether an entry asks something."""
    return _QUESTION.match(text) is not None


def only_asks(piece: Piece) -> bool:
    """Say whether a piece asks or learns: that is done once, and no part of what has been said."""
    return all(isinstance(s, ast.Query | ast.Learn) for s in piece.statements)


def read_pieces(source: Source) -> tuple[Piece, ...]:
    """Parse an entry into its pieces.

    Raises:
        GmError: with the syntax mistakes.
    """
    groups: dict[int, list[ast.Statement]] = {}
    for statement in parse(source).statements:
        line = source.text.rfind("\n", 0, statement.span.start) + 1
        groups.setdefault(line, []).append(statement)
    starts = [_comments_above(source.text, line) for line in groups]
    starts[:1] = [0] if starts else []
    ends = [*starts[1:], len(source.text)][: len(starts)]
    texts = [source.text[a:b].strip("\n") for a, b in zip(starts, ends, strict=True)]
    return tuple(Piece(t, tuple(g)) for t, g in zip(texts, groups.values(), strict=True))


def _comments_above(text: str, start: int) -> int:
    """Return where the comments and blank lines that stand before a line begin."""
    while start > 0:
        line_start = text.rfind("\n", 0, start - 1) + 1
        line = text[line_start:start]
        if line.strip() and not line.startswith("#"):
            return start
        start = line_start
    return start


def keys(statement: ast.Statement) -> frozenset[str]:
    """Say what a statement settles; a later one that settles the same replaces it."""
    match statement:
        case ast.VarDeclaration(name=name, value=value):
            settled = {f"name {name.text}"}
            return frozenset(settled | ({f"mechanism {name.text}"} if value is not None else set()))
        case ast.Mechanism(target=target):
            return frozenset([f"mechanism {_plain(target.span)}"])
        case ast.Observe(target=target, operator=operator) if operator:
            return frozenset([f"observe {_plain(target.span)}"])
        case _ if isinstance(statement, DECLARATIONS):
            return frozenset([f"name {statement.name.text}"])
        case _:
            return frozenset()


def _plain(span: Span) -> str:
    return "".join(span.text.split())


def merge(
    old: tuple[Piece, ...], new: tuple[Piece, ...]
) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    """Add pieces to those said before; return also what they replace."""
    settled = frozenset(key for piece in new for s in piece.statements for key in keys(s))
    kept: list[Piece] = []
    replaced: list[str] = []
    for piece in old:
        rest = [r for s in piece.statements for r in _without(s, settled)]
        gone = {key for s in piece.statements for key in keys(s) & settled}
        replaced += sorted(gone)
        if not gone:
            kept.append(piece)
        elif rest:
            kept.append(written(rest))
    return (*kept, *new), tuple(dict.fromkeys(replaced))


def _without(statement: ast.Statement, settled: frozenset[str]) -> Iterable[ast.Statement]:
    """Return what is left of a statement when some of what it settles is settled anew."""
    lost = keys(statement) & settled
    if not lost:
        return (statement,)
    if isinstance(statement, ast.VarDeclaration) and all(k.startswith("mechanism") for k in lost):
        return (replace(statement, mechanism="", value=None),)
    return ()


def written(statements: Iterable[ast.Statement]) -> Piece:
    """Make a piece of statements alone, in canonical form."""
    chosen = tuple(statements)
    span = Span(Source("<session>", ""), 0, 0)
    return Piece(print_program(ast.Program(span, chosen)).rstrip("\n"), chosen)
