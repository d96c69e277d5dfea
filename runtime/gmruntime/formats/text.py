"""Files as text and tokens: errors with their line and column."""

import gzip
import re
from pathlib import Path

import numpy as np

from gmruntime.formats.errors import FormatError
from gmruntime.formats.files import read_unpacked


def read_text(path: str | Path) -> str:
    """Read a file of text, unpacking gzip, bzip2 and xz whatever its name.

    Raises:
        FormatError: when it cannot be unpacked, is too large, or is not text.
        OSError: when it cannot be read.
    """
    content = read_unpacked(path)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("latin-1")


def write_text(path: str | Path, text: str) -> None:
    """Write a file, packed with gzip when its name ends in `.gz`."""
    content = text.encode("utf-8")
    if str(path).endswith(".gz"):
        content = gzip.compress(content, mtime=0)
    Path(path).write_bytes(content)


class Tokens:
    """The words of a text, read one after another; they know where they stand."""

    def __init__(self, file: str, text: str) -> None:
        """Split at white space."""
        self.file, self.text = file, text
        self.words = text.split()
        self.position = 0

    def fail(self, message: str, position: int | None = None, hint: str = "") -> FormatError:
        """Return an error at a word, the next one unless `position` says otherwise."""
        index = self.position if position is None else position
        offset = len(self.text)
        for number, match in enumerate(re.finditer(r"\S+", self.text)):
            if number == index:
                offset = match.start()
                break
        line = self.text.count("\n", 0, offset) + 1
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        return FormatError(self.file, message, line, column, hint)

    def left(self) -> int:
        """Return how many words are left."""
        return len(self.words) - self.position

    def word(self, what: str) -> str:
        """Return the next word.

        Raises:
            FormatError: when there is none.
        """
        if self.position >= len(self.words):
            raise self.fail(f"the file ends where {what} is expected")
        self.position += 1
        return self.words[self.position - 1]

    def integer(self, what: str, low: int, high: int) -> int:
        """Return the next word as an integer in low..high.

        Raises:
            FormatError: when it is not one.
        """
        text = self.word(what)
        try:
            is_plain = len(text) <= 18 and text.isascii() and "_" not in text
            value = int(text) if is_plain else None
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            shown = text if len(text) < 40 else text[:37] + "..."
            message = f"{what} must be an integer in {low}..{high}, not {shown!r}"
            raise self.fail(message, self.position - 1)
        return value

    def integers(self, count: int, what: str, low: int, high: int) -> np.ndarray:
        """Return the next `count` words as integers in low..high.

        Raises:
            FormatError: when they are not, or there are too few.
        """
        return np.array([self.integer(what, low, high) for _ in range(count)], np.int64)

    def reals(self, count: int, what: str) -> np.ndarray:
        """Return the next `count` words as numbers that are finite and not negative.

        Raises:
            FormatError: when they are not, or there are too few.
        """
        if self.left() < count:
            raise self.fail(
                f"the file ends after {self.left()} of the {count} {what}", len(self.words)
            )
        words = self.words[self.position : self.position + count]
        values = np.array([plain_number(word) for word in words], np.float64)
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if bad.size:
            place = self.position + int(bad[0])
            message = f"{what} must be numbers >= 0, not {self.words[place]!r}"
            raise self.fail(message, place)
        self.position += count
        return values


def plain_number(word: str) -> float:
    """Read a number as files have them, NaN for what is none.

    Python's `1_0` and the digits of other scripts are none.
    """
    try:
        return float(word) if word.isascii() and "_" not in word else float("nan")
    except ValueError:
        return float("nan")
