"""What a text with mistakes says all the same: its lines that cannot be read are put aside.

A line with a mistake is replaced by one of the same length that says nothing, so that every place
in the rest keeps its meaning. First the lines are tried that the mistakes name; a statement that
cannot be mended so is left out with its whole block.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gmlang.diagnostics import Diagnostic, GmError, Source
from gmlang.syntax import ast
from gmlang.syntax.parse import parse

_NUM_TRIES_MAX = 12
"""A block has so many mistakes mended; it is tried anew after each."""

_FILLERS = ('""', "_->_", '_:""', "_:_", "")
"""What says nothing: in a block, among the cases of a value, of a statement, of attributes."""

_HEADER = "if 1:"
_TOP = re.compile(r"^(?!elif\b|else\b)[^\s)\]}#]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mended:
    """A text of which everything can be read.

    Attributes:
        program: what it says.
        mistakes: those of the text as it was written; () where nothing had to be mended.
    """

    program: ast.Program
    mistakes: tuple[Diagnostic, ...]


def mend(source: Source) -> Mended:
    """Parse a text of any form."""
    try:
        return Mended(parse(source), ())
    except GmError as error:
        mistakes = error.diagnostics
    text = source.text
    found = mistakes
    for _ in range(3):
        blocks = {_block(text, place) for place in _places(found)}
        for start, end in sorted(blocks, reverse=True):
            text = text[:start] + _mend_block(text[start:end]) + text[end:]
        again = _try(Source(source.name, text))
        if isinstance(again, ast.Program):
            return Mended(again, mistakes)
        found = again
        for place in list(_places(found)):
            start, end = _block(text, place)
            text = text[:start] + _blank(text[start:end]) + text[end:]
    rest = _try(Source(source.name, text))
    if not isinstance(rest, ast.Program):
        rest = parse(Source(source.name, _blank(text)))
    return Mended(rest, mistakes)


def _try(source: Source) -> ast.Program | tuple[Diagnostic, ...]:
    try:
        return parse(source)
    except GmError as error:
        return error.diagnostics


def _places(mistakes: tuple[Diagnostic, ...]) -> Iterator[int]:
    for mistake in mistakes:
        if mistake.span is not None:
            yield mistake.span.start


def _block(text: str, place: int) -> tuple[int, int]:
    """Return the lines of the statement around a place, with all of its block."""
    start = 0
    for match in _TOP.finditer(text):
        if match.start() > place:
            return start, match.start()
        start = match.start()
    return start, len(text)


def _mend_block(text: str) -> str:
    tries: dict[int, int] = {}
    for _ in range(_NUM_TRIES_MAX):
        found = _try(Source("", text))
        if isinstance(found, ast.Program):
            return text
        for place in sorted(set(_places(found)), reverse=True):
            start = text.rfind("\n", 0, place) + 1
            # The end of a text belongs to its last line.
            while start > 0 and not text[start:].strip():
                start = text.rfind("\n", 0, start - 1) + 1
            text = _replace(text, start, tries.get(start, 0))
            tries[start] = tries.get(start, 0) + 1
    return _blank(text)


def _replace(text: str, start: int, num_tries: int) -> str:
    """Put a line that says nothing in the place of another."""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    line = text[start:end]
    width = len(line) - len(line.lstrip(" \t"))
    following = re.match(r"\s*\n([ \t]*)\S", text[end:])
    is_header = following is not None and len(following.group(1)) > width
    fillers = (_HEADER, *_FILLERS) if is_header else _FILLERS
    filler = fillers[min(num_tries, len(fillers) - 1)]
    if len(filler) > len(line) - width:
        filler = ""
    return text[:start] + line[:width] + filler.ljust(len(line) - width) + text[end:]


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
