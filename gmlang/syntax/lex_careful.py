"""The layout of a text that is not well-formed: what does not fit becomes a token of its own.

An opening bracket that is never closed would swallow the rest of the text, so a line that looks
like a statement ends it; a line whose indentation fits no block belongs to the innermost one.
"""

import re
from dataclasses import dataclass

from gmlang.syntax.lex import BAD, CLOSERS, NESTING_MAX, OPENERS, RawToken, indentation

BAD_DEDENT = "BAD_DEDENT"
TOO_DEEP = "TOO_DEEP"

_STATEMENT = re.compile(
    r"""[ \t]*(?:
    (?:var|domain|data|param|def|entity)[ \t]+[^\W\d]\w*[ \t]*(?:[\[:=(]|$)
    |model[ \t]+\w+[ \t]*[(=]
    |(?:factor|prefer|constraint|observe|predict|use|consider|query|assert|import|from)
        [ \t]+[^\s\])},.=+*/&|<>:]
    |(?:for|if|elif|match)\b[^\n]*:[ \t]*(?:\#[^\n]*)?$
    |else[ \t]*:
    |[^\W\d][\w.]*(?:\[[^\]\n]*\])?[ \t]*(?:~|:=)
    )""",
    re.VERBOSE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The tokens of a text, with what is known of its brackets and blocks.

    Attributes:
        tokens: with BAD, BAD_DEDENT and TOO_DEEP where something does not fit.
        inside: for each token, the place of the innermost bracket open there, or -1.
        unclosed: the places of the brackets that nothing closes.
        widths: at each BAD_DEDENT, by its place, the indentations that would have fitted.
    """

    tokens: tuple[RawToken, ...]
    inside: tuple[int, ...]
    unclosed: frozenset[int]
    widths: dict[int, tuple[int, ...]]


def lay_out_carefully(text: str, raw: list[RawToken]) -> Layout:
    """Lay out a text of any form."""
    tokens: list[RawToken] = []
    inside: list[int] = []
    unclosed: set[int] = set()
    widths: dict[int, tuple[int, ...]] = {}
    open_brackets: list[RawToken] = []
    levels = [0]

    def put(token: RawToken) -> None:
        tokens.append(token)
        inside.append(open_brackets[-1].start if open_brackets else -1)

    def abandon() -> None:
        unclosed.update(bracket.start for bracket in open_brackets)
        open_brackets.clear()

    if raw and raw[0].kind != "_NL" and indentation(text, 0):
        levels.append(indentation(text, 0))
        put(RawToken("_INDENT", raw[0].start, raw[0].end))
    for at, token in enumerate(raw):
        if token.kind == "_NL":
            is_last = at + 1 == len(raw)
            if open_brackets and not is_last and not _STATEMENT.match(text, _line(text, token)):
                continue
            unclosed.update(bracket.start for bracket in open_brackets)
            put(token)
            open_brackets.clear()
            following = raw[at + 1] if not is_last else token
            for change in _change(text, token, following, levels, widths):
                put(change)
        elif token.kind in OPENERS:
            put(token)
            open_brackets.append(token)
            if len(open_brackets) > NESTING_MAX:
                put(RawToken(TOO_DEEP, token.start, token.end))
        elif token.kind in CLOSERS:
            put(token)
            if open_brackets:
                open_brackets.pop()
        else:
            put(token)
            swallowed = text[token.start : token.end] if token.kind == BAD else ""
            if swallowed[:1] in "\"'" and sum(map(swallowed.count, ")]}")) >= len(open_brackets):
                open_brackets.clear()
    abandon()
    last = raw[-1] if raw else RawToken("_NL", 0, 0)
    for _ in levels[1:]:
        put(RawToken("_DEDENT", last.start, last.end))
    put(RawToken("$END", last.start, last.end))
    return Layout(tuple(tokens), tuple(inside), frozenset(unclosed), widths)


def _line(text: str, newline: RawToken) -> int:
    """Return where the line after a line end begins."""
    return text.rfind("\n", newline.start, newline.end) + 1


def _change(
    text: str,
    newline: RawToken,
    following: RawToken,
    levels: list[int],
    widths: dict[int, tuple[int, ...]],
) -> list[RawToken]:
    """Return the beginnings and ends of blocks at a line end; `levels` follows."""
    width = indentation(text, _line(text, newline))
    changes: list[RawToken] = []
    if width > levels[-1]:
        levels.append(width)
        changes.append(RawToken("_INDENT", newline.start, newline.end))
        if len(levels) > NESTING_MAX:
            changes.append(RawToken(TOO_DEEP, following.start, following.end))
    allowed = tuple(levels)
    while width < levels[-1]:
        if levels[-2] < width:
            widths[following.start] = allowed
            levels[-1] = width
            changes.append(RawToken(BAD_DEDENT, following.start, following.end))
            break
        levels.pop()
        changes.append(RawToken("_DEDENT", newline.start, newline.end))
    return changes
