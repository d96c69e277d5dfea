"""XML without its dangers, as elements that know where they stand.

Python's own expat reads it. Nothing outside the file is ever fetched, and a file that declares
entities of its own is refused: nested ones are how a kilobyte becomes a gigabyte, and no network
needs them.
"""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np

from gmruntime.formats.errors import FormatError
from gmruntime.formats.located import Located

DEPTH_MAX = 60
"""Networks are some five elements deep."""

_ELEMENTS_MAX = 4_000_000
"""Each takes some hundred bytes."""


@dataclass(slots=True, eq=False)
class Element:
    """An element of a file.

    Attributes:
        tag: its name.
        attributes: as written.
        offset: where its tag begins.
        pieces: its own text, each piece with its offset.
        children: the elements in it.
    """

    tag: str
    attributes: dict[str, str]
    offset: int
    pieces: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    children: list["Element"] = field(default_factory=list["Element"])

    @property
    def text(self) -> str:
        """Its own text, white space around it left out."""
        return "".join(piece for piece, _ in self.pieces).strip()

    def words(self) -> list[tuple[str, int]]:
        """Return the words of its own text with their offsets."""
        found: list[tuple[str, int]] = []
        for piece, offset in self.pieces:
            found += [(word[0], offset + word.start()) for word in re.finditer(r"\S+", piece)]
        return found

    def all(self, *tags: str) -> list["Element"]:
        """Return the children of these names, in order."""
        return [child for child in self.children if child.tag in tags]


def parse_markup(name: str, text: str) -> tuple[Located, Element]:
    """Parse the text of a file; an XML declaration's encoding no longer counts.

    Raises:
        FormatError: when it is no XML, declares entities, or is nested too deeply.
    """
    located = Located(name, text)
    content = text.encode("utf-8", "replace")
    characters = None if text.isascii() else _characters(content)
    parser = expat.ParserCreate("utf-8")
    top = Element("", {}, 0)
    stack = [top]
    number = 0

    def offset() -> int:
        at = max(0, min(parser.CurrentByteIndex, len(content)))
        return at if characters is None else int(characters[at])

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal number
        number += 1
        if len(stack) > DEPTH_MAX or number > _ELEMENTS_MAX:
            what = "are nested too deeply" if len(stack) > DEPTH_MAX else "are too many"
            raise located.error(f"the elements of this file {what}", offset())
        element = Element(tag, attributes, offset())
        stack[-1].children.append(element)
        stack.append(element)

    def end(tag: str) -> None:
        del tag
        stack.pop()

    def characters_of(piece: str) -> None:
        # White space is kept between pieces only: a line's end or `&lt;` begins a new one.
        if stack[-1].pieces or not piece.isspace():
            stack[-1].pieces.append((piece, offset()))

    def refuse(*declared: object) -> int:
        raise located.error(
            f"this file declares an entity, `{declared[0]}`: such files are not read", offset()
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters_of
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "it is not well formed")
        raise FormatError(
            name, f"this is no XML: {reason}", error.lineno, error.offset + 1
        ) from None
    return located, top.children[0]


def _characters(content: bytes) -> np.ndarray:
    """Return the number of characters before each byte of UTF-8, and before the end."""
    begins = (np.frombuffer(content, np.uint8) & 0xC0) != 0x80
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(begins, dtype=np.int64)])
