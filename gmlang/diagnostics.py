"""Sources, spans and diagnostics: plain data about what an author wrote, and where.

GmError            carries every Diagnostic of one phase
  Diagnostic       one mistake: code, message, Span, notes, hint
    Span           [start, end) in a Source
      Source       a name and a text
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gmruntime.printable import printable, printable_line

_NUM_COLUMNS_MAX = 1000
"""More than a line written by hand has; of longer ones, such as rows of data, a part is shown."""

_NUM_COLUMNS_SHOWN = 160

_NUM_SHOWN_MAX = 100
"""More diagnostics than these are counted, not shown."""

_NUM_CHARACTERS_MAX = 2000


@lru_cache(maxsize=16)
def _line_starts(text: str) -> list[int]:
    """Find where the lines of a text begin, once for all the places in it."""
    return [0, *(match.end() for match in re.finditer("\n", text))]


@dataclass(frozen=True, slots=True)
class Source:
    """A text with a name, such as a file."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """The characters [start, end) of a source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """What is written there."""
        return self.source.text[self.start : self.end]

    def contains(self, other: "Span") -> bool:
        """Say whether another span is part of this one."""
        inside = self.start <= other.start and other.end <= self.end
        return inside and self.source == other.source

    def line_column(self) -> tuple[int, int]:
        """Return the line and column of the first character, both from 1."""
        starts = _line_starts(self.source.text)
        line = bisect_right(starts, self.start)
        return line, self.start - starts[line - 1] + 1


@dataclass(frozen=True, slots=True)
class Note:
    """Another place that explains a diagnostic; `span` is None for a remark without a place."""

    message: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake, in the author's words.

    Attributes:
        code: `GM` and three digits; the hundreds name the phase.
        hint: a way out, or "".
        severity: "error" or "warning".
    """

    code: str
    message: str
    span: Span | None
    notes: tuple[Note, ...] = ()
    hint: str = ""
    severity: str = "error"


class GmError(Exception):
    """The mistakes that one phase found, all of them."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Collect the diagnostics; there is at least one."""
        assert diagnostics
        self.diagnostics = tuple(diagnostics)
        super().__init__(render(self.diagnostics))

    def __reduce__(self) -> tuple[type["GmError"], tuple[tuple[Diagnostic, ...]]]:
        """Travel between processes as the diagnostics; the text is made of them again."""
        return GmError, (self.diagnostics,)


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """Write the diagnostics out as text, each with its excerpt."""
    shown = [_render_one(diagnostic) for diagnostic in diagnostics[:_NUM_SHOWN_MAX]]
    if len(diagnostics) > _NUM_SHOWN_MAX:
        shown.append(f"... and {len(diagnostics) - _NUM_SHOWN_MAX} more")
    return printable("\n\n".join(shown))


def _render_one(diagnostic: Diagnostic) -> str:
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {_cut(diagnostic.message)}"]
    if diagnostic.span is not None:
        lines += _excerpt(diagnostic.span)
    for note in diagnostic.notes:
        lines.append(f"note: {_cut(note.message)}")
        if note.span is not None:
            lines += _excerpt(note.span)
    if diagnostic.hint:
        lines.append(f"hint: {_cut(diagnostic.hint)}")
    return "\n".join(lines)


def _cut(text: str) -> str:
    """Shorten what repeats a name of any length."""
    return text if len(text) <= _NUM_CHARACTERS_MAX else text[:_NUM_CHARACTERS_MAX] + " ..."


def _excerpt(span: Span) -> list[str]:
    line, column = span.line_column()
    place = f"  --> {printable_line(span.source.name)}:{line}:{column}"
    starts = _line_starts(span.source.text)
    end = starts[line] - 1 if line < len(starts) else len(span.source.text)
    text = span.source.text[starts[line - 1] : end].replace("\t", " ")
    width = max(1, min(span.end - span.start, len(text) - column + 1))
    if len(text) > _NUM_COLUMNS_MAX:
        first = max(0, min(column - 1 - _NUM_COLUMNS_SHOWN // 4, len(text) - _NUM_COLUMNS_SHOWN))
        text, column = text[first : first + _NUM_COLUMNS_SHOWN], column - first
        width = min(width, _NUM_COLUMNS_SHOWN - column + 1)
    number = str(line)
    gutter = " " * len(number)
    return [
        place,
        f"{number} | {text}",
        f"{gutter}   {' ' * (column - 1)}{'^' * width}",
    ]
