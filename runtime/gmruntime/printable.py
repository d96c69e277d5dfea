"""Text from outside made safe to show: names, files and comments may hold anything."""

import re

HIDDEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
)
"""What steers a terminal, turns the direction of writing, or is half a character."""

_UNSHOWN = re.compile(rf"[{HIDDEN}]|\r(?!\n)")
_UNSHOWN_OR_END = re.compile(f"[{HIDDEN}\n\r\u2028\u2029]")


def printable(text: str) -> str:
    r"""Write what steers a terminal as it would be written in Python; lines stay lines.

    >>> printable("\x1b[31mred")
    '\\x1b[31mred'
    """
    return _UNSHOWN.sub(_escaped, text)


def printable_line(text: str) -> str:
    r"""Likewise for what must stay one line, such as a name.

    >>> printable_line("two\nlines")
    'two\\nlines'
    """
    return _UNSHOWN_OR_END.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape", "surrogatepass").decode("ascii")
