"""CFN's relaxed JSON: quotes, commas and colons may be missing, and both brackets mean the same."""

import re
from dataclasses import dataclass, field

from gmruntime.formats.located import Located

_TOKEN = re.compile(r'(?m)[\s,:]+|^#[^\n]*|"([^"\n]*)"|([{\[])|([}\]])|([^\s,:{}\[\]"]+)')

DEPTH_MAX = 40
"""A problem is some five lists deep."""


@dataclass(slots=True)
class Word:
    """A word or number, quoted or not, and where it begins."""

    text: str
    offset: int

    @property
    def is_number(self) -> bool:
        """Whether it begins as numbers do, which names may not."""
        return self.text[:1] in "0123456789-.+" and self.text != ""


@dataclass(slots=True)
class Items:
    """What stands between brackets, and where that begins."""

    offset: int
    items: list["Word | Items"] = field(default_factory=list["Word | Items"])


def read_items(located: Located) -> Items:
    """Read the text of a file as one list.

    Raises:
        FormatError: when brackets do not match, or something else stands beside the list.
    """
    text = located.text
    top = Items(0)
    stack = [top]
    end = 0
    for found in _TOKEN.finditer(text):
        if found.start() != end:
            break
        end = found.end()
        match found.lastindex:
            case 1 | 4:
                stack[-1].items.append(Word(found[found.lastindex], found.start()))
            case 2:
                if len(stack) > DEPTH_MAX:
                    raise located.error("these lists are nested too deeply", found.start())
                inner = Items(found.start())
                stack[-1].items.append(inner)
                stack.append(inner)
            case 3:
                if len(stack) == 1:
                    raise located.error("this bracket was never opened", found.start())
                stack.pop()
            case _:
                pass
    if end != len(text):
        raise located.error("this quote is never closed", end)
    if len(stack) > 1:
        raise located.error("this bracket is never closed", stack[-1].offset)
    if len(top.items) != 1 or isinstance(top.items[0], Word):
        raise located.error("a CFN file is one { ... }", 0)
    return top.items[0]
