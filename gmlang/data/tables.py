"""Tables of cells read from text files: one reader for CSV, TSV and columns between spaces.

Python's own `csv` knows neither where a cell stands nor whether it was quoted, and takes what is
not well-formed as it comes; here a table is read as written, or refused with the place.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gmlang.diagnostics import GmError, Source, Span
from gmlang.errors import data as errors
from gmruntime.formats.errors import FormatError
from gmruntime.formats.files import read_unpacked

_NAMES = {",": "`,`", ";": "`;`", "\t": "tab"}
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SPACES = re.compile(" *")
_BLANK = re.compile("[ \t]*")
# What a spreadsheet writes for a cell it could not compute is no comment.
_COMMENT = re.compile(r"#(?!N/A|DIV/0!|VALUE!|REF!|NAME\?|NUM!|NULL!)")
_BOM_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts, all its rows of one length.

    Attributes:
        source: the file, its lines ended by line feeds.
        separator: `,`, `;`, tab, or "" for spaces.
        rows: the cells as written, with their quotes.
        lines: for each row its line in the source, from 1.
    """

    source: Source
    separator: str
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return len(self.rows), len(self.rows[0])

    @property
    def separator_name(self) -> str:
        """The separator, as it is called in messages."""
        return _NAMES.get(self.separator, "a space")

    def place(self, row: int, column: int) -> Span:
        """Return where a cell is written."""
        line = self.lines[row]
        texts = self.source.text.split("\n")
        start = sum(len(text) + 1 for text in texts[: line - 1])
        cells = _cells(self.source, start, _uncommented(texts[line - 1]), self.separator)
        first, last = cells[column]
        # An empty cell is shown at the separator after it.
        return Span(self.source, start + first, start + max(last, first + 1))

    def line(self, row: int) -> Span:
        """Return a whole row's line."""
        return _line(self.source, self.lines[row])


def read_table(name: str, path: str) -> Table:
    """Read a table of cells for the data called `name`.

    Raises:
        GmError: for what is no text, and for lines that do not make a table.
        OSError: when the file cannot be read.
    """
    try:
        content = read_unpacked(path)
    except FormatError as error:
        raise GmError([errors.unreadable(path, error)]) from None
    text = _decoded(path, content)
    source = Source(path, text.replace("\r\n", "\n").replace("\r", "\n"))
    written = enumerate(map(_uncommented, source.text.split("\n")), 1)
    records = [(number, line) for number, line in written if line.strip(" \t")]
    if not records:
        raise GmError([errors.no_values(path)])
    separator = _separator(source, name, records)
    rows = [_split(source, number, line, separator) for number, line in records]
    lines = tuple(number for number, _ in records)
    _check_widths(source, name, separator, rows, lines)
    return Table(source, separator, tuple(rows), lines)


def _decoded(path: str, content: bytes) -> str:
    encoding = "utf-16" if content.startswith(_BOM_UTF16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise GmError([errors.undecodable(path, error.start, name)]) from None
    if "\0" in text:
        before = text[: text.index("\0")].encode(encoding.removesuffix("-sig"))
        raise GmError([errors.zero_byte(path, len(before))])
    return text


# --- Lines -------------------------------------------------------------------------------


def _line(source: Source, number: int) -> Span:
    texts = source.text.split("\n")
    start = sum(len(text) + 1 for text in texts[: number - 1])
    return Span(source, start, start + len(texts[number - 1]))


def _uncommented(line: str) -> str:
    """Return a line without its comment, which begins it or stands after a value and a space."""
    if "#" not in line:
        return line
    quotes = [found.span() for found in _QUOTED.finditer(line)]
    for found in _COMMENT.finditer(line):
        at = found.start()
        before = line[:at]
        if any(first < at < last for first, last in quotes):
            continue
        if not before.strip(" \t"):
            return ""
        # `1, #2` may be a value that is missing, or one that is misspelt: no comment.
        if before.endswith((" ", "\t")) and not before.rstrip(" ").endswith((",", ";", "\t")):
            return before.rstrip(" ")
    return line


def _separator(source: Source, name: str, records: Sequence[tuple[int, str]]) -> str:
    """Return the one separator that stands outside quotes; "" when only spaces do."""
    first: dict[str, int] = {}
    for number, line in records:
        if '"' in line:
            line = _QUOTED.sub("", line)
        for sign in _NAMES:
            if sign in line and sign not in first:
                first[sign] = number
    if len(first) > 1:
        found = [_NAMES[sign] for sign in first]
        place = _line(source, max(first.values()))
        raise GmError([errors.mixed_separators(place, name, found)])
    return next(iter(first), "")


def _split(source: Source, number: int, line: str, separator: str) -> tuple[str, ...]:
    if '"' not in line:
        if separator:
            return tuple(line.split(separator))
        return tuple(cell for cell in line.split(" ") if cell)
    start = _line(source, number).start
    return tuple(line[a:b] for a, b in _cells(source, start, line, separator))


def _cells(source: Source, start: int, line: str, separator: str) -> list[tuple[int, int]]:
    """Return where the cells of a line begin and end, quotes included and spaces not.

    Raises:
        GmError: for quotes that do not match; `start` is where the line begins in the source.
    """
    found: list[tuple[int, int]] = []
    position = 0
    while True:
        while line[position : position + 1] in (" ", "\t") and line[position] != separator:
            position += 1
        if not separator and position >= len(line):
            return found
        first = position
        if line[position : position + 1] == '"':
            quoted = _QUOTED.match(line, position)
            if quoted is None:
                place = Span(source, start + first, start + len(line))
                raise GmError([errors.unclosed_quote(place)])
            last = quoted.end()
            blank = (_SPACES if separator == "\t" else _BLANK).match(line, last)
            assert blank is not None
            position = blank.end()
            is_end = position == len(line)
            if not is_end and not (line.startswith(separator, position) if separator else blank[0]):
                place = Span(source, start + last, start + len(line))
                raise GmError([errors.text_after_quote(place)])
        else:
            end = line.find(separator or " ", position)
            position = len(line) if end < 0 else end
            last = first + len(line[first:position].rstrip(" \t"))
        found.append((first, last))
        if separator and position >= len(line):
            return found
        position += len(separator)


def _check_widths(
    source: Source,
    name: str,
    separator: str,
    rows: Sequence[tuple[str, ...]],
    lines: Sequence[int],
) -> None:
    first = len(rows[0])
    bad = next((index for index, row in enumerate(rows) if len(row) != first), None)
    if bad is None:
        return
    found = len(rows[bad])
    longer = rows[bad] if found > first else rows[0]
    is_blank = abs(found - first) == 1 and not longer[-1].strip(" \t")
    sign = _NAMES.get(separator)
    found_line, first_line = errors.Line(lines[bad], found), errors.Line(lines[0], first)
    place = _line(source, lines[bad])
    raise GmError([errors.ragged_table(place, name, found_line, first_line, sign, is_blank)])
