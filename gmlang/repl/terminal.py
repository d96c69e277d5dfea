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

from gmlang.editor.highlight import GmLexer
from gmlang.repl.commands import NAMES
from gmlang.repl.session import ReplSession
from gmlang.repl.text import declared
from gmlang.syntax.parse import needs_more
from gmlang.words import WORDS

PROMPT, CONTINUED = "gm> ", "... "

COMPLETED = {
    "imagine": "what models together predict",
    "undo": "forget the last statement",
    "more": "think longer",
    **{word.text: word.help for word in WORDS if word.since is not None},
}
"""Words that are completed, with what they do, beside commands and what has been declared."""


class _Words(Completer):
    """Completes keywords, built-in functions, commands and declared names."""

    def __init__(self, session: Callable[[], ReplSession]) -> None:
        self.session = session

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        del complete_event
        before = document.text_before_cursor
        start = re.search(r":?\w*$", before)
        word = start.group() if start else ""
        if not word:
            return
        names = declared(self.session().pieces)
        candidates = NAMES if word.startswith(":") else [*names, *COMPLETED]
        for candidate in sorted(set(candidates)):
            if candidate.startswith(word) and candidate != word:
                meta = "" if candidate in names else COMPLETED.get(candidate, "")
                yield Completion(candidate, start_position=-len(word), display_meta=meta)


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
        completer=_Words(session),
        lexer=PygmentsLexer(GmLexer),
        multiline=True,
        key_bindings=keys,
        prompt_continuation=CONTINUED,
    )
    return lambda: prompt.prompt(PROMPT)
