"""The session's terminal: history, completion, highlighting, entries of several lines."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer

from gmlang.diagnostics import Source
from gmlang.editor.analysis import Analysis, analyse, loader
from gmlang.editor.completion import complete
from gmlang.editor.highlight import GmLexer
from gmlang.repl.commands import NAMES
from gmlang.repl.session import ReplSession
from gmlang.repl.text import Piece
from gmlang.syntax.parse import needs_more

_PROMPT, _CONTINUED = "gm> ", "... "

_COMMANDS = {
    "imagine": "what models together predict",
    "undo": "forget the last statement",
    "more": "think longer",
}
"""Words of the session that are completed beside those of the language."""


class SessionCompleter(Completer):
    """Completes what could be written next, as in an editor, and the session's commands."""

    def __init__(self, session: Callable[[], ReplSession]) -> None:
        """Complete for a session.

        Args:
            session: returns it as it is now.
        """
        self._session = session
        self._pieces: tuple[Piece, ...] | None = None
        self._said: Analysis | None = None

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Yield what begins with the word before the cursor, and after a point every member."""
        del complete_event
        line = document.current_line_before_cursor
        start = re.search(r":?\w*$", line)
        word = start.group() if start else ""
        if not word and not line.endswith("."):
            return
        commands: dict[str, str] = dict.fromkeys(NAMES, "")
        offered = commands if word.startswith(":") else self._offered(line)
        for text in sorted(offered):
            if text.startswith(word) and text != word:
                yield Completion(text, start_position=-len(word), display_meta=offered[text])

    def _offered(self, line: str) -> dict[str, str]:
        session = self._session()
        load = loader(session.folder, {})
        if self._said is None or self._pieces is not session.pieces:
            text = "\n".join(piece.text for piece in session.pieces)
            self._said = analyse(Source("<session>", text), load)
            self._pieces = session.pieces
        end = len(self._said.source.text)
        choices = complete(line, self._said, end, load, session.folder)
        found = {choice.text: choice.help for choice in choices}
        return found if line.lstrip() != line or " " in line else {**found, **_COMMANDS}


def _history() -> FileHistory | InMemoryHistory:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    folder = Path(base) / "gmlang"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(folder / "history"))


def terminal_reader(session: Callable[[], ReplSession]) -> Callable[[], str]:
    """Return a function that reads one entry; Enter goes on where the entry is not complete."""
    keys = KeyBindings()

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        text = event.current_buffer.text
        if needs_more(text) and not text.endswith("\n"):
            indent = re.match(r"\s*", text.rsplit("\n", 1)[-1])
            deeper = "    " if text.rstrip().endswith(":") else ""
            event.current_buffer.insert_text("\n" + (indent.group() if indent else "") + deeper)
        else:
            event.current_buffer.validate_and_handle()

    prompt: PromptSession[str] = PromptSession(
        history=_history(),
        completer=SessionCompleter(session),
        lexer=PygmentsLexer(GmLexer),
        multiline=True,
        key_bindings=keys,
        prompt_continuation=_CONTINUED,
    )
    return lambda: prompt.prompt(_PROMPT)
