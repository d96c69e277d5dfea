"""The loop around a session: it reads entries from a terminal or a pipe, and prints replies."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping

from gmlang.diagnostics import GmError, render
from gmlang.process.interrupts import TerminatedError
from gmlang.repl.commands import load
from gmlang.repl.entries import feed
from gmlang.repl.session import ReplSession, Reply
from gmruntime.printable import printable


def run_repl(path: str | None, values: Mapping[str, object]) -> int:
    """Read entries until the user leaves; from a pipe as well. Return an exit status."""
    session, greeting = ReplSession(values=values), "gmlang: a statement, a query, or :help"
    if path is not None:
        try:
            session, greeting = load(session, path)
        except GmError as error:
            print(render(error.diagnostics), file=sys.stderr)
            return 1
    try:
        return _run_terminal(session, greeting) if sys.stdin.isatty() else _run_pipe(session)
    except TerminatedError as ended:
        if str(ended):
            print(printable(str(ended)), flush=True)
        raise


def _run_terminal(session: ReplSession, greeting: str) -> int:
    """Take entries from whoever sits there; Ctrl-C ends one, SIGTERM all."""
    from gmlang.repl.terminal import terminal_reader

    read = terminal_reader(lambda: session)
    print(greeting)
    while not session.is_over:
        try:
            entry = read()
            session, reply = _fed(session, entry)
        except EOFError:
            break
        except TerminatedError:
            raise
        except KeyboardInterrupt:
            continue
        if reply.text:
            print(printable(reply.text), flush=True)
    return 0


def _fed(session: ReplSession, entry: str) -> tuple[ReplSession, Reply]:
    """Take an entry; a bug of ours costs that entry and not what was said before it."""
    try:
        return feed(session, entry)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        text = f"a bug of ours, not a mistake of yours: {told}\nwhat has been said is kept"
        return session, Reply(text, is_error=True)


def _run_pipe(session: ReplSession) -> int:
    """Take entries from a pipe; mistakes go to stderr and make the exit status 1."""
    status = 0
    for text in split_entries(sys.stdin):
        session, reply = _fed(session, text)
        if reply.text:
            print(
                printable(reply.text), file=sys.stderr if reply.is_error else sys.stdout, flush=True
            )
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
