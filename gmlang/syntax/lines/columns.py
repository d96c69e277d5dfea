"""What lines of one shape say, column by column: a value for each of many lines at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from gmlang.diagnostics import Source, Span
from gmlang.syntax.lex import DIGITS


class Lines:
    """The lines of one shape in a text.

    Attributes:
        source: what spans name.
        starts: where each begins.
    """

    def __init__(self, source: Source, shape: str, lines: Sequence[str], starts: list[int]) -> None:
        """Work out how far runs of digits move what stands behind them.

        Args:
            source: what they are part of.
            shape: what they have in common, see `gmlang.syntax.lex.shape_of`.
            lines: their texts.
            starts: where each begins.
        """
        self.source, self.starts = source, starts
        self._lines = lines
        self._ends = [run.end() for run in DIGITS.finditer(shape)]
        self._begins = [starts]
        for runs in zip(*map(DIGITS.findall, lines), strict=True):
            before = self._begins[-1]
            self._begins.append([at + len(run) - 1 for at, run in zip(before, runs, strict=True)])
        self._places: dict[int, list[int]] = {}

    def places(self, at: int) -> list[int]:
        """Return where a place of the shape lies in the source, for each line."""
        found = self._places.get(at)
        if found is None:
            begins = self._begins[sum(end <= at for end in self._ends)]
            found = self._places[at] = [begin + at for begin in begins]
        return found

    def texts(self, first: int, last: int) -> Iterator[str]:
        """Return what is written between two places of the shape, for each line."""
        text = self.source.text
        return map(text.__getitem__, map(slice, self.places(first), self.places(last)))


@dataclass(frozen=True, slots=True)
class Same:
    """The same in all lines."""

    value: Any


@dataclass(frozen=True, slots=True)
class At:
    """A place of the shape, as a place in the source."""

    place: int


@dataclass(frozen=True, slots=True)
class Spanned:
    """The span between two places."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Written:
    """What is made of the text between two places."""

    first: int
    last: int
    read: Callable[[str], Any] | None


@dataclass(frozen=True, slots=True)
class Made:
    """What a class makes of its fields."""

    make: Callable[..., Any]
    parts: "tuple[Column, ...]"


@dataclass(frozen=True, slots=True)
class Joined:
    """Tuples, or lists that nobody else holds."""

    parts: "tuple[Column, ...]"
    is_list: bool


Column = Same | At | Spanned | Written | Made | Joined


def filled(column: Column, lines: Lines) -> Iterable[Any]:
    """Return the values of a column; there is no end to what is the same in all lines."""
    match column:
        case Same(value):
            return repeat(value)
        case At(place):
            return lines.places(place)
        case Spanned(first, last):
            return map(Span, repeat(lines.source), lines.places(first), lines.places(last))
        case Written(first, last, read):
            texts = lines.texts(first, last)
            return texts if read is None else map(read, texts)
        case Made(make, parts):
            return map(make, *(filled(part, lines) for part in parts))
        case Joined(parts, is_list):
            columns = [filled(part, lines) for part in parts]
            rows = zip(*columns, strict=False) if parts else repeat(())
            return map(list, rows) if is_list else rows
