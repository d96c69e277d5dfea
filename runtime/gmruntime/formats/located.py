"""Texts of words and signs, such as networks are written in: they know where they stand."""

import re

from gmruntime.formats.errors import FormatError
from gmruntime.formats.text import plain_number

_SHOWN_MAX = 40
"""So much of a word is repeated in a message."""


class Located:
    """A text whose places can be named.

    Attributes:
        file: its name.
        text: all of it.
    """

    def __init__(self, file: str, text: str) -> None:
        """Keep both."""
        self.file, self.text = file, text

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset, both from 1."""
        line = self.text.count("\n", 0, offset) + 1
        return line, offset - (self.text.rfind("\n", 0, offset) + 1) + 1

    def error(self, message: str, offset: int, hint: str = "") -> FormatError:
        """Return the error of a place."""
        return FormatError(self.file, message, *self.place(offset), hint)

    def probability(self, word: str, offset: int) -> float:
        """Read a word as a number that is finite and not negative.

        Raises:
            FormatError: when it is none.
        """
        value = plain_number(word)
        if value != value:
            raise self.error(f"a probability is expected here, not `{shown(word)}`", offset)
        if not 0 <= value < float("inf"):
            raise self.error(f"a probability cannot be {shown(word)}", offset)
        return value


def shown(word: str) -> str:
    """Return a word, cut where it is long."""
    return word if len(word) < _SHOWN_MAX else word[: _SHOWN_MAX - 3] + "..."


class Words(Located):
    """The words and signs of a text, read one after another.

    Attributes:
        words: each with its offset.
        position: of the next one.
    """

    def __init__(self, file: str, text: str, pattern: re.Pattern[str]) -> None:
        """Split a text.

        Args:
            file: its name.
            text: all of it.
            pattern: of one token: group 1 is a quoted word with its quotes, group 2 a sign,
                group 3 a plain word; what matches without a group is left out.

        Raises:
            FormatError: where the pattern does not match.
        """
        super().__init__(file, text)
        self.words: list[tuple[str, int]] = []
        self.position = 0
        end = 0
        for found in pattern.finditer(text):
            if found.start() != end:
                break
            end = found.end()
            if (kind := found.lastindex) is not None:
                word = found[kind]
                self.words.append((word[1:-1] if kind == 1 else word, found.start()))
        if end != len(text):
            what = "this quote is never closed" if text[end] == '"' else "this does not belong here"
            raise self.error(what, end)

    def here(self) -> int:
        """Return the offset of the next word, or of the end."""
        inside = self.position < len(self.words)
        return self.words[self.position][1] if inside else len(self.text)

    def wrong(self, message: str, hint: str = "") -> FormatError:
        """Return the error of the next word."""
        return self.error(message, self.here(), hint)

    def peek(self) -> str:
        """Return the next word, or "" at the end."""
        return self.words[self.position][0] if self.position < len(self.words) else ""

    def is_quoted(self) -> bool:
        """Say whether the next word stands in quotes."""
        return self.text.startswith('"', self.here())

    def at(self, *signs: str) -> bool:
        """Say whether the next word is one of these, out of quotes."""
        return self.peek() in signs and not self.is_quoted()

    def is_over(self) -> bool:
        """Say whether nothing is left."""
        return self.position >= len(self.words)

    def next(self, what: str) -> str:
        """Return the next word.

        Raises:
            FormatError: when there is none.
        """
        if self.is_over():
            raise self.wrong(f"the file ends where {what} is expected")
        self.position += 1
        return self.words[self.position - 1][0]

    def name(self, what: str, signs: str) -> str:
        """Return the next word, which must not be empty, nor one of the signs.

        Raises:
            FormatError: when it is.
        """
        if self.peek() == "" or (self.peek() in signs and not self.is_quoted()):
            raise self.wrong(f"{what} is expected here, not `{self.peek()}`")
        return self.next(what)

    def expect(self, word: str) -> None:
        """Step over a word.

        Raises:
            FormatError: when another one is next.
        """
        if not self.at(word):
            raise self.wrong(f"`{word}` is expected here, not `{shown(self.peek())}`")
        self.position += 1

    def skip_to(self, word: str) -> None:
        """Step over everything up to a word, and over the word.

        Raises:
            FormatError: when it never comes.
        """
        while not self.at(word):
            self.next(f"`{word}`")
        self.position += 1

    def real(self) -> float:
        """Return the next word as a probability.

        Raises:
            FormatError: when it is none.
        """
        value = self.probability(self.peek(), self.here())
        self.position += 1
        return value
