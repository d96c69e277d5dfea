"""The interactive session: `feed` is pure, the loop around it reads and prints.

What has been said is kept as statements; saying something again replaces it. Every entry is
checked together with all others, and refused as a whole when that fails: the session never holds
a program that has mistakes.
"""

import difflib
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gmlang.api import Model
from gmlang.core.from_syntax import check
from gmlang.core.program import Assert, Query
from gmlang.diagnostics import GmError, Source, Span, render
from gmlang.interrupts import Interrupts
from gmlang.library import find_module
from gmlang.queries.session import Settings
from gmlang.repl_text import HELP, Piece, is_query, merge, read_pieces
from gmlang.syntax import ast

PROMPT, CONTINUED = "gm> ", "... "

MISSING_DATA = ("GM401", "GM402")
"""Codes of data that is not bound yet: in a session it may still come."""

UNFINISHED = ("GM291", "GM292")
"""Lints about what is not used or says nothing yet."""


@dataclass(frozen=True, slots=True, eq=False)
class ReplSession:
    """What has been said, and how to answer.

    Attributes:
        pieces: the statements, in order.
        past: the pieces before each entry that changed them, for `undo`.
        model: of the statements, checked, with `values` bound.
        values: data and parameters.
        folder: where imports are looked up; None without a file.
        is_over: whether the user has left.
        is_timed: whether each reply says how long it took.
        asked: the last query, for `more`.
        num_entries: taken so far; numbers the sources of diagnostics.
    """

    pieces: tuple[Piece, ...] = ()
    past: tuple[tuple[Piece, ...], ...] = ()
    model: Model | None = None
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    folder: Path | None = None
    is_over: bool = False
    is_timed: bool = False
    budget_s: float = 5.0
    seed: int = 0
    asked: str = ""
    num_entries: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What the session says to an entry."""

    text: str
    is_error: bool = False


def feed(session: ReplSession, text: str) -> tuple[ReplSession, Reply]:
    """Take one complete entry and return the session after it, and the reply."""
    start = time.monotonic()
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
        reply = f"{reply}\n({time.monotonic() - start:.3f} s)".strip("\n")
    return after, Reply(reply)


def _take(session: ReplSession, plain: str, text: str) -> tuple[ReplSession, str]:
    from gmlang import repl_commands as commands

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
            from gmlang.repl_imagine import imagine

            return session, imagine(session, rest)
        case _ if word.startswith(":"):
            return commands.run_command(session, word, rest.strip())
        case _ if is_query(plain):
            return replace(session, asked=plain), ask(session, plain)
        case _:
            return _say(session, text)


def model_of(session: ReplSession, pieces: tuple[Piece, ...] | None = None) -> Model:
    """Check what has been said, or other pieces with the same data.

    Raises:
        GmError: with the mistakes.
    """
    if pieces is None and session.model is not None:
        return session.model
    statements = tuple(s for p in session.pieces if pieces is None for s in p.statements)
    statements += tuple(s for p in pieces or () for s in p.statements)
    program = ast.Program(Span(Source("<session>", ""), 0, 0), statements)
    checked = check(program, lambda name: find_module(name, session.folder))
    known = {symbol.name for symbol in checked.program.data}
    return Model(checked, {k: v for k, v in session.values.items() if k in known})


def ask(session: ReplSession, text: str, within_s: float | None = None) -> str:
    """Answer queries; Ctrl-C ends the one at work, which keeps what it found.

    Raises:
        GmError: when the text is no query about what has been said.
    """
    model = model_of(session)
    questions = model.ask(text)
    if within_s is not None:
        questions = tuple(
            replace(q, within_s=within_s) if isinstance(q, Query) else q for q in questions
        )
    return answers(session, model, questions)


def answers(session: ReplSession, model: Model, questions: tuple[Query | Assert, ...]) -> str:
    """Answer checked questions; the text of a lone one is not repeated."""
    replies: list[str] = []
    try:
        for answer in model.answer_all(questions, Settings(session.budget_s, session.seed)):
            shown = repr(answer)
            head, _, body = shown.partition("\n")
            alone = len(questions) == 1 and body and head == answer.text
            replies.append(re.sub(r"^  ", "", body, flags=re.MULTILINE) if alone else shown)
    except KeyboardInterrupt:
        replies.append("interrupted")
    return "\n".join(replies)


def _say(session: ReplSession, text: str) -> tuple[ReplSession, str]:
    """Add statements to what has been said, and answer the questions among them."""
    new = read_pieces(Source(f"<entry {session.num_entries}>", text))
    pieces, replaced = merge(session.pieces, new)
    model = model_of(session, pieces)
    ready = _try_grounding(model)
    asked = tuple(q for q in model.questions if q.span.source.name == _last_source(new))
    # Warnings about the whole program would come again with each entry.
    seen = {d.message for d in session.model.warnings} if session.model else set[str]()
    warnings = [d for d in model.warnings if d.message not in seen and d.code not in UNFINISHED]
    lines = [render(warnings)] if warnings else []
    drawn = {key.partition(" ")[2] for key in replaced if not key.startswith("name ")}
    lines += [f"({_anew(key)})" for key in replaced if key.removeprefix("name ") not in drawn]
    # Questions are answered once; they are not part of what has been said.
    kept = tuple(p for p in pieces if not all(isinstance(s, ast.Query) for s in p.statements))
    past = (*session.past, session.pieces) if kept != session.pieces else session.past
    after = replace(session, pieces=kept, past=past, model=model)
    if asked and ready:
        lines.append(answers(session, model, asked))
    return after, "\n".join(lines)


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
        if all(d.code in MISSING_DATA for d in error.diagnostics):
            return False
        raise
    return True


# --- The loop ----------------------------------------------------------------------------


def run_repl(path: str | None, values: Mapping[str, object]) -> int:
    """Read entries until the user leaves; from a pipe as well. Return an exit status."""
    from gmlang.repl_commands import load

    session, greeting = ReplSession(values=values), "gmlang: a statement, a query, or :help"
    if path is not None:
        try:
            session, greeting = load(session, path)
        except GmError as error:
            print(render(error.diagnostics), file=sys.stderr)
            return 1
    if not sys.stdin.isatty():
        return _run_pipe(session)
    from gmlang.repl_terminal import terminal_reader

    read = terminal_reader(lambda: session)
    print(greeting)
    while not session.is_over:
        try:
            entry = read()
            with Interrupts():
                session, reply = feed(session, entry)
        except EOFError:
            break
        except KeyboardInterrupt:
            continue
        if reply.text:
            print(reply.text, flush=True)
    return 0


def _run_pipe(session: ReplSession) -> int:
    """Take entries from a pipe; mistakes go to stderr and make the exit status 1."""
    status = 0
    for text in split_entries(sys.stdin):
        session, reply = feed(session, text)
        if reply.text:
            print(reply.text, file=sys.stderr if reply.is_error else sys.stdout, flush=True)
        status = 1 if reply.is_error else status
        if session.is_over:
            break
    return status


def split_entries(lines: Iterable[str]) -> Iterator[str]:
    """Split a text into entries: indented lines and open brackets go on with what is before."""
    entry: list[str] = []
    for line in lines:
        goes_on = line[:1].isspace() or re.match(r"(elif|else)\b", line) is not None
        is_command = line.startswith(":")
        if entry and (is_command or not (goes_on or _is_open("".join(entry)))):
            yield "".join(entry)
            entry = []
        entry.append(line)
    if entry:
        yield "".join(entry)


def _is_open(text: str) -> bool:
    plain = re.sub(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*', "", text)
    return sum(plain.count(c) for c in "([{") > sum(plain.count(c) for c in ")]}")
