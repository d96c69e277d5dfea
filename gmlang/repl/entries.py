"""One entry of a session after another: `feed` is pure, `gmlang.repl.loop` reads and prints.

Every entry is checked together with all others, and refused as a whole when that fails: the
session never holds a program that has mistakes.
"""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gmlang.api import Model
from gmlang.core.check.learned.functions import uncalled
from gmlang.core.concepts import LearnModel
from gmlang.core.learned_defs import Learnable, LearnDefs, all_learns
from gmlang.core.program import Program
from gmlang.diagnostics import GmError, Source, Span, render
from gmlang.errors.learning.functions import never_called
from gmlang.repl import commands
from gmlang.repl.imagine import imagine
from gmlang.repl.session import (
    ReplSession,
    Reply,
    answers,
    ask,
    learn,
    learn_concept,
    learn_functions,
    model_of,
)
from gmlang.repl.text import HELP, Piece, is_query, merge, only_asks, read_pieces
from gmruntime.budget import now_s

_MISSING_DATA = ("GM401", "GM402", "GM711", "GM716", "GM743")
"""Codes of data that is not bound yet: in a session it may still come."""

_UNFINISHED = ("GM291", "GM292")
"""Lints about what is not used or says nothing yet."""


def feed(session: ReplSession, text: str) -> tuple[ReplSession, Reply]:
    """Take one complete entry and return the session after it, and the reply."""
    start = now_s()
    plain = text.strip()
    numbered = replace(session, num_entries=session.num_entries + 1)
    try:
        after, reply = _take(numbered, plain, text.strip("\n"))
    except GmError as error:
        return numbered, Reply(render(error.diagnostics), is_error=True)
    except OSError as error:
        return numbered, Reply(_file_trouble(error), is_error=True)
    except ValueError as error:
        return numbered, Reply(str(error), is_error=True)
    if session.is_timed and plain:
        reply = f"{reply}\n({now_s() - start:.3f} s)".strip("\n")
    return after, Reply(reply)


def _take(session: ReplSession, plain: str, text: str) -> tuple[ReplSession, str]:
    word, _, rest = plain.partition(" ")
    match word:
        case "":
            return session, ""
        case "?" | "help":
            return session, HELP
        case "undo":
            return commands.undo(session, rest)
        case "more":
            return session, commands.more(session, rest)
        case "imagine" if rest:
            return session, imagine(session, rest)
        case _ if word.startswith(":"):
            return commands.run_command(session, word, rest.strip())
        case _ if is_query(plain):
            return replace(session, asked=plain), ask(session, plain)
        case _:
            return _say(session, text)


def _say(session: ReplSession, text: str) -> tuple[ReplSession, str]:
    """Add statements to what has been said, and answer the questions among them."""
    new = read_pieces(Source(f"<entry {session.num_entries}>", text))
    pieces, replaced = merge(session.pieces, new)
    model = model_of(session, pieces)
    ready = _try_grounding(model)
    asked = tuple(q for q in model.questions if q.span.source.name == _last_source(new))
    # Warnings about the whole program would come again with each entry.
    seen = {d.message for d in session.model.warnings} if session.model else set[str]()
    warnings = [d for d in model.warnings if d.message not in seen and d.code not in _UNFINISHED]
    lines = [render(warnings)] if warnings else []
    drawn = {key.partition(" ")[2] for key in replaced if not key.startswith("name ")}
    lines += [f"({_anew(key)})" for key in replaced if key.removeprefix("name ") not in drawn]
    # Questions are answered once; they are not part of what has been said.
    kept = tuple(p for p in pieces if not only_asks(p))
    past = (*session.past, session.pieces) if kept != session.pieces else session.past
    after = replace(session, pieces=kept, past=past, model=model)
    program = model.checked.program
    for what in all_learns(program.learns, program.concepts, program.defs):
        if _is_said_in(what, _last_source(new)):
            after, reply = _learn(after, what)
            lines.append(reply)
    model = after.model or model
    if asked and (ready or model.learned):
        lines.append(answers(session, model, asked))
    return after, "\n".join(lines)


def _program(session: ReplSession) -> Program:
    assert session.model is not None
    return session.model.checked.program


def _is_said_in(what: Learnable, source: str) -> bool:
    parts = what.defs if isinstance(what, LearnDefs) else (what,)
    return any(part.span.source.name == source for part in parts)


def _learn(session: ReplSession, what: Learnable) -> tuple[ReplSession, str]:
    """Learn params, or what from then on is said to be what it was found to be."""
    match what:
        case LearnModel():
            found, reply = learn_concept(session, what)
            declared = {} if found is None else {what.span: found.source()}
        case LearnDefs() if session.model is not None and (left := uncalled(_program(session))):
            # What calls them may still be said; then they are said again.
            return session, render([never_called(one.span, one.shown) for one in left])
        case LearnDefs():
            found, reply = learn_functions(session, what)
            texts = {} if found is None else found.sources()
            declared = {one.span: texts[one.shown] for one in what.defs if one.shown in texts}
        case _:
            return learn(session, what)
    if found is None:
        return session, reply
    pieces = tuple(_anew_in(piece, declared, session.num_entries) for piece in session.pieces)
    return replace(session, pieces=pieces, model=found.model), reply


def _anew_in(piece: Piece, declared: Mapping[Span, str], number: int) -> Piece:
    """Return a piece with what was learned in place of its `learn`."""
    own = [declared[s.span] for s in piece.statements if s.span in declared]
    if not own:
        return piece
    (new,) = read_pieces(Source(f"<entry {number}>", own[0] + "\n"))
    return new


def _file_trouble(error: OSError) -> str:
    """Say what is wrong with a file, and which one nearby may be meant."""
    path = Path(str(error.filename or ""))
    if not isinstance(error, FileNotFoundError):
        return f"{path}: {(error.strerror or str(error)).lower()}"
    here = [p.name for p in sorted(path.parent.glob("*.gm"))] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, here, 1)
    if near:
        return f"there is no file {path}; did you mean {path.parent / near[0]}?"
    shown = f"; here are {', '.join(here[:8])}" if here else ""
    return f"there is no file {path}{shown}"


def _anew(key: str) -> str:
    kind, _, name = key.partition(" ")
    said = {"name": "is declared anew", "mechanism": "is drawn anew", "observe": "is observed anew"}
    return f"{name} {said[kind]}"


def _last_source(pieces: tuple[Piece, ...]) -> str:
    return pieces[-1].statements[-1].span.source.name if pieces else ""


def _try_grounding(model: Model) -> bool:
    """Ground a program, so that mistakes show at once; False while data is missing.

    Raises:
        GmError: with the mistakes, missing data apart.
    """
    try:
        model.grounding()
    except GmError as error:
        if all(d.code in _MISSING_DATA for d in error.diagnostics):
            return False
        raise
    return True
