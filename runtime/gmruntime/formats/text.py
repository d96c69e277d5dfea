"""Files as text and tokens: decompression by magic bytes, errors with their line and column."""

import bz2
import gzip
import lzma
import re
import zlib
from pathlib import Path

import numpy as np

BYTES_MAX = 1 << 32
"""A file that unpacks to more than this is refused."""


class FormatError(ValueError):
    """A file is not what it should be.

    Attributes:
        file: its name.
        message: what is wrong.
        line: from 1; 0 when no single line is at fault.
        column: from 1.
        hint: a way out, or "".
    """

    def __init__(
        self, file: str, message: str, line: int = 0, column: int = 0, hint: str = ""
    ) -> None:
        """Name the place and what was expected there."""
        self.file, self.line, self.column, self.hint = file, line, column, hint
        self.message = message
        place = f"{file}:{line}:{column}" if line else file
        super().__init__(f"{place}: {message}" + (f"\nhint: {hint}" if hint else ""))

    def __reduce__(self) -> tuple[type["FormatError"], tuple[str, str, int, int, str]]:
        """Travel between processes as its parts; the text is made of them again."""
        return FormatError, (self.file, self.message, self.line, self.column, self.hint)


def read_text(path: str | Path) -> str:
    """Read a file, unpacking gzip, bzip2 and xz whatever its name.

    Raises:
        FormatError: when it cannot be unpacked or is not text.
        OSError: when it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        elif content.startswith(b"BZh"):
            content = bz2.decompress(content)
        elif content.startswith(b"\xfd7zXZ"):
            content = lzma.decompress(content)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise FormatError(str(path), f"cannot be unpacked: {error}") from None
    try:
        return content.decode("utf-8-sig")
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
            value = int(text) if len(text) <= 18 else None
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
        try:
            values = np.array(words, np.float64)
        except ValueError:
            values = np.array([_real(word) for word in words])
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if bad.size:
            place = self.position + int(bad[0])
            message = f"{what} must be numbers >= 0, not {self.words[place]!r}"
            raise self.fail(message, place)
        self.position += count
        return values


def _real(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")
