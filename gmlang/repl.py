"""The interactive session: `feed` is pure, the loop around it reads and prints.

What has been said so far is kept as statements; a declaration of a name that exists replaces the
old one. Every entry is checked with all the others, and dropped again when that fails.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gmlang.api import Model
from gmlang.diagnostics import GmError, Source, render
from gmlang.pipeline import check_source
from gmlang.repl_text import HELP, declared_names, is_query, query_text, split_statements
from gmlang.syntax.parse import needs_more

PROMPT, CONTINUED = "gm> ", "... "


@dataclass(frozen=True, slots=True, eq=False)
class ReplSession:
    """What has been said.

    Attributes:
        entries: source texts of statements, in order.
        values: data and parameters bound.
        folder: where imports are looked up.
        is_over: whether the user has left.
        timed: whether each reply says how long it took.
    """

    entries: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    folder: Path | None = None
    is_over: bool = False
    timed: bool = False
    budget_s: float = 5.0


def start_session(path: str | None, values: Mapping[str, object]) -> tuple[ReplSession, str]:
    """Begin with a file's statements, or with nothing; return a greeting too.

    Raises:
        GmError: when the file has mistakes.
        OSError: when it cannot be read.
    """
    session = ReplSession(values=values)
    if path is None:
        return session, "gmlang: type a statement, a query such as P(x), or :help"
    return _load(session, path)


def feed(session: ReplSession, text: str) -> tuple[ReplSession, str]:
    """Take one complete entry and return the session after it, and the reply."""
    start = time.monotonic()
    stripped = text.strip()
    try:
        if not stripped:
            return session, ""
        if stripped.startswith(":"):
            return _command(session, stripped)
        if stripped in ("?", "help"):
            return session, HELP
        if is_query(stripped):
            after, reply = session, _answer(session, stripped)
        else:
            after, reply = _declare(session, text)
    except GmError as error:
        return session, render(error.diagnostics)
    except (OSError, ValueError) as error:
        return session, str(error)
    if session.timed:
        reply += f"\n({time.monotonic() - start:.3f} s)"
    return after, reply.strip("\n")


def _source(entries: tuple[str, ...]) -> Source:
    return Source("<session>", "\n".join(entries) + "\n")


def _model(session: ReplSession, entries: tuple[str, ...]) -> Model:
    checked = check_source(_source(entries), session.folder)
    known = {symbol.name for symbol in checked.program.data}
    values = {name: value for name, value in session.values.items() if name in known}
    return Model(checked, values)


def _answer(session: ReplSession, text: str) -> str:
    model = _model(session, session.entries)
    questions = model.ask(query_text(text))
    from gmlang.queries.session import Settings

    settings = Settings(session.budget_s)
    replies: list[str] = []
    try:
        for answer in model.answer_all(questions, settings):
            replies.append(repr(answer))
    except KeyboardInterrupt:
        replies.append("interrupted")
    return "\n".join(replies)


def _declare(session: ReplSession, text: str) -> tuple[ReplSession, str]:
    new = tuple(split_statements(text))
    names = {name for entry in new for name in declared_names(entry)}
    kept = tuple(e for e in session.entries if not (declared_names(e) & names))
    entries = (*kept, *new)
    model = _model(session, entries)
    replies: list[str] = []
    if _is_complete(model):
        model.session()
        model.grounding()
    asked = [q for q in model.questions if q.span.start >= len("\n".join(kept))]
    if asked:
        from gmlang.queries.session import Settings

        replies = [repr(a) for a in model.answer_all(asked, Settings(session.budget_s))]
    replaced = len(session.entries) - len(kept)
    if replaced:
        replies.append(f"(replaced {', '.join(sorted(names))})")
    return replace(session, entries=entries), "\n".join(replies)


def _is_complete(model: Model) -> bool:
    """Say whether all data is there, so that sizes and conflicts can be checked at once."""
    return all(
        s.value is not None or s.literal is not None or s.name in model.values
        for s in model.checked.program.data
    )


# --- Commands ----------------------------------------------------------------------------


def _command(session: ReplSession, text: str) -> tuple[ReplSession, str]:
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    match word:
        case ":help" | ":h":
            return session, HELP
        case ":quit" | ":q" | ":exit":
            return replace(session, is_over=True), ""
        case ":reset":
            return ReplSession(folder=session.folder), "forgotten"
        case ":load":
            return _load(session, rest)
        case ":save":
            Path(rest).write_text("\n".join(session.entries) + "\n", "utf-8")
            return session, f"saved {len(session.entries)} statements to {rest}"
        case ":show":
            return session, "\n".join(session.entries) or "nothing has been said"
        case ":undo":
            count = int(rest) if rest.isdigit() else 1
            gone = session.entries[-count:]
            return replace(session, entries=session.entries[:-count]), "dropped\n" + "\n".join(gone)
        case ":time":
            timed = not session.timed
            return replace(session, timed=timed), f"timing is {'on' if timed else 'off'}"
        case ":budget":
            return replace(session, budget_s=float(rest)), f"{rest} seconds for each query"
        case ":models":
            return session, _models(session)
        case ":vars":
            model = _model(session, session.entries)
            return session, "\n".join(n.name for n in model.names()) or "none"
        case ":data":
            return _bind(session, rest)
        case _:
            return session, f"there is no {word}; :help lists the commands"


def _load(session: ReplSession, text: str) -> tuple[ReplSession, str]:
    from gmlang.api import read_source

    if not text:
        return session, "which file? :load FILE.gm"
    source = read_source(Path(text))
    entries = tuple(split_statements(source.text))
    loaded = replace(session, entries=entries, folder=Path(text).parent)
    model = _model(loaded, entries)
    program = model.checked.program
    kept = tuple(e for e in entries if not e.lstrip().startswith(("query", "assert")))
    counts = f"{len(program.variables)} variables, {len(program.models)} models"
    return replace(loaded, entries=kept), f"loaded {text}: {counts}"


def _models(session: ReplSession) -> str:
    program = _model(session, session.entries).checked.program
    lines: list[str] = []
    for symbol in program.models:
        parameters = ", ".join(p.name for p in symbol.parameters)
        parts = " = " + " ".join(a.model for a in symbol.parts) if symbol.parts else ""
        lines.append(f"{symbol.name}({parameters}){parts}")
    return "\n".join(lines) or "no model has been declared"


def _bind(session: ReplSession, text: str) -> tuple[ReplSession, str]:
    from click import UsageError

    from gmlang.cli.options import read_assignments

    try:
        values = read_assignments((), (text.replace(" ", ""),))
    except UsageError as error:
        return session, error.message
    return replace(session, values={**session.values, **values}), f"bound {', '.join(values)}"


# --- The loop ----------------------------------------------------------------------------


def run_repl(path: str | None, values: Mapping[str, object]) -> int:
    """Read entries until the user leaves; from a pipe as well."""
    try:
        session, greeting = start_session(path, values)
    except GmError as error:
        print(render(error.diagnostics), file=sys.stderr)
        return 1
    if sys.stdin.isatty():
        from gmlang.repl_terminal import terminal_reader

        read = terminal_reader(lambda: session)
        print(greeting)
    else:
        read = _pipe_reader
    while not session.is_over:
        try:
            text = read()
        except EOFError:
            break
        except KeyboardInterrupt:
            continue
        session, reply = feed(session, text)
        if reply:
            print(reply, flush=True)
    return 0


def _pipe_reader() -> str:
    lines = [input()]
    while needs_more("\n".join(lines)):
        try:
            lines.append(input())
        except EOFError:
            break
        if not lines[-1].strip():
            break
    return "\n".join(lines)
