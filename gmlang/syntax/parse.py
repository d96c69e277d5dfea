"""Text to surface AST."""

import re
from typing import Any

from gmlang.diagnostics import GmError, Source, Span
from gmlang.errors.syntax import mistakes as errors
from gmlang.syntax import ast
from gmlang.syntax.lex import Trouble, tokenize
from gmlang.syntax.lines.reading import Reader
from gmlang.syntax.table import load_table

_HIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a reader does not see, but that steer what a terminal or an editor shows."""


def parse(source: Source) -> ast.Program:
    """Parse a program.

    Raises:
        GmError: with the syntax mistakes, GM1xx.
    """
    return _parse(source, "start")


def parse_query(source: Source) -> tuple[ast.Query, ...]:
    """Parse one line of queries, with or without the word `query`; one for each set of options.

    Raises:
        GmError: with the syntax mistakes, GM1xx.
    """
    return _parse(source, "query_text")


def _parse(source: Source, start: str) -> Any:  # noqa: ANN401
    table = load_table()
    text = source.text.rstrip() + "\n"
    if hidden := _HIDDEN.search(text):
        span = Span(source, hidden.start(), hidden.end())
        raise GmError([errors.hidden_character(span, hidden.group())])
    reader = Reader(table, start, source, text)
    for whole_rows in (True, False) if "->" in text else (False,):
        try:
            return reader.read(whole_rows=whole_rows)
        except Trouble:
            pass
    from gmlang.syntax.recover import find_mistakes

    raw = tokenize(text, table.words)
    raise GmError(find_mistakes(source, text, raw, table, start))


def needs_more(text: str) -> bool:
    """Say whether a text is the beginning of a statement that goes on, for the REPL."""
    opened = sum(text.count(c) for c in "([{") - sum(text.count(c) for c in ")]}")
    if opened > 0:
        return True
    lines = text.rstrip("\n").split("\n")
    last = lines[-1].split("#")[0].rstrip()
    if last.endswith(":"):
        return True
    return len(lines) > 1 and bool(lines[-1].strip()) and not text.endswith("\n\n")
