"""Text to tokens: words, numbers and signs, and the layout of lines and blocks."""

import re
from functools import cache
from typing import NamedTuple

from gmlang.keywords import KEYWORDS, Kind
from gmlang.syntax.rows import ROW

_TAB_WIDTH = 8
"""A tab in the indentation counts as so many spaces."""

NESTING_MAX = 60
"""Brackets may be nested this deep, and blocks likewise."""

CLOSERS = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}
OPENERS = frozenset(CLOSERS.values())

BAD = "BAD"
"""The token of a text that is no word of the language."""

_TOKEN = r"""[ \t\f]*(?:
    (?P<NAME>[^\W\d]\w*)
    |(?P<FLOAT>\d[\d_]*\.\d[\d_]*(?:[eE][+-]?\d+)?|\d[\d_]*[eE][+-]?\d+
        |(?<!\.)\.\d[\d_]*(?:[eE][+-]?\d+)?)
    |(?P<INT>\d[\d_]*)
    |(?P<SIGN>\.\.<|\.\.|:=|->|\*\*|[][(){}.,:~@&|]|=(?!=))
    |(?P<COMPARE>[=!<>]=|[<>])
    |(?P<PLUS>\+)
    |(?P<MINUS>-)
    |(?P<TIMES>//|[*/%])
    |(?P<_NL>(?:\r?\n[\t ]*(?:\#[^\n]*)?)+)
    |(?P<STRING>\"\"\"(?:.|\n)*?\"\"\"|"(?!"")(?:[^"\\\n]|\\.)*")
    |(?P<SKIP>[\r]+|\#[^\n]*|[ \t\f]+)
    |(?P<BAD>\"\"\"(?:.|\n)*|"[^\n]*|'(?:[^'\\\n]|\\.)*'?|&&|\|\||.)
    )"""
"""Strings may not be told by their first quote: a lone one is BAD up to the end of its line."""

_RESERVED_WORDS = frozenset(KEYWORDS[Kind.RESERVED])
_RESERVED = re.compile(r"[ \t]+[A-Za-z_]")

_IN_THEIR_PLACE = {
    "learn": re.compile(r"[ \t]+[A-Za-z_]"),
    "to": re.compile(r"[ \t]+predict\b"),
    "restarts": re.compile(r"[ \t]+\d"),
    "size": re.compile(r"[ \t]+\d"),
    "but": re.compile(r"[ \t]+not\b(?![ \t]+in\b)"),
    "cover": re.compile(r"[ \t]+[A-Za-z_]"),
    "some": re.compile(r"[ \t]+[A-Za-z_]"),
    "depth": re.compile(r"[ \t]*[\w(+\-]"),
    "about": re.compile(r"[ \t]+[^\W\d]"),
    "within": re.compile(r"(?![ \t]*\()"),
}
"""Words that are names wherever something else follows; see also `_stands_at`."""

_BEFORE_DEPTH = frozenset(("NAME", "INT", "FLOAT", "RPAR", "RSQB", "TRUE", "FALSE"))

_ENDS_OPERAND = frozenset(("NAME", "INT", "FLOAT", "RPAR", "RSQB", "REFIT"))
"""What a listed model or an option may end in."""


class Token(NamedTuple):
    """A token with its text; `start` and `end` are its place in the source."""

    kind: str
    text: str
    start: int
    end: int


class RawToken(NamedTuple):
    """A token as a place; its kind is a keyword's wherever a keyword is written."""

    kind: str
    start: int
    end: int


class Trouble(Exception):
    """A text is not well-formed; `recover` says why."""


@cache
def _tokens(whole_rows: bool) -> re.Pattern[str]:
    """Compile the pattern of all tokens, when it is first needed."""
    written = _TOKEN.replace("|(?P<SIGN>", f"|(?P<ROW>{ROW})|(?P<SIGN>") if whole_rows else _TOKEN
    return re.compile(written, re.VERBOSE)


def tokenize(text: str, words: dict[str, str], *, whole_rows: bool = False) -> list[RawToken]:
    """Cut a text into tokens, line ends included, blanks and comments left out.

    Args:
        text: what is read; its last character is a line end.
        words: the token of each keyword and sign.
        whole_rows: rows of literal numbers are one token each.
    """
    tokens: list[RawToken] = []
    append, make = tokens.append, RawToken._make
    for match in _tokens(whole_rows).finditer(text):
        kind = match.lastgroup
        if kind is None:
            continue
        start, end = match.span(kind)
        if kind == "NAME":
            word = match.group(kind)
            kind = words.get(word, kind)
            if word in _RESERVED_WORDS and _RESERVED.match(text, end):
                kind = "RESERVED"
            elif (
                word in _IN_THEIR_PLACE
                and not (_IN_THEIR_PLACE[word].match(text, end) and _stands_at(word, text, tokens))
            ) or (word == "refit" and not _is_option(text, tokens)):
                kind = "NAME"
        elif kind == "SIGN":
            kind = words[match.group(kind)]
        elif kind == "SKIP":
            continue
        append(make((kind, start, end)))
    return tokens


def _stands_at(word: str, text: str, tokens: list[RawToken]) -> bool:
    """Say whether a word may stand behind some tokens as more than a name."""
    before = tokens[-1][0] if tokens else "_NL"
    match word:
        case "learn" | "some":
            return before == "_NL"
        case "cover":
            return before in ("_NL", "COLON")
        case "about":
            return _is_all(text, tokens)
        case "depth":
            return before in _BEFORE_DEPTH and _begins_line("MODEL", tokens)
        case _:
            return True


def _is_all(text: str, tokens: list[RawToken]) -> bool:
    """Say whether the last token is the word `all`."""
    return bool(tokens) and text[tokens[-1][1] : tokens[-1][2]] == "all"


def _begins_line(kind: str, tokens: list[RawToken]) -> bool:
    for token in reversed(tokens):
        if token[0] == "_NL":
            return False
        if token[0] == kind:
            return True
    return False


def _is_option(text: str, tokens: list[RawToken]) -> bool:
    """Say whether a word may be an option here: behind what a `learn model` lists."""
    if not tokens or tokens[-1][0] not in _ENDS_OPERAND:
        return False
    depth = 0
    for place in range(len(tokens) - 1, -1, -1):
        kind, start, end = tokens[place]
        sign = text[start:end]
        depth += (sign in CLOSERS) - (sign in OPENERS)
        if kind == "LEARN" and not depth:
            behind = tokens[place + 1 : place + 2]
            return any(one[0] == "MODEL" for one in behind)
        if kind == "_NL" and not depth:
            return False
    return False


def lay_out(text: str, raw: list[RawToken]) -> list[RawToken]:
    """Turn line ends into the ends of statements and blocks; within brackets they mean nothing.

    Raises:
        Trouble: if the indentation or the brackets do not fit, or a text is no token.
    """
    tokens: list[RawToken] = []
    depth = 0
    widths = [0]
    first = indentation(text, 0) if raw and raw[0].kind != "_NL" else 0
    if first:
        raise Trouble
    for token in raw:
        kind = token[0]
        if kind == "_NL":
            if depth:
                continue
            tokens.append(token)
            width = indentation(text, text.rfind("\n", token.start, token.end) + 1)
            if width > widths[-1]:
                widths.append(width)
                if len(widths) > NESTING_MAX:
                    raise Trouble
                tokens.append(RawToken("_INDENT", token.start, token.end))
            while width < widths[-1]:
                widths.pop()
                tokens.append(RawToken("_DEDENT", token.start, token.end))
            if width != widths[-1]:
                raise Trouble
            continue
        if kind in OPENERS:
            depth += 1
            if depth > NESTING_MAX:
                raise Trouble
        elif kind in CLOSERS:
            depth -= 1
            if depth < 0:
                raise Trouble
        elif kind == BAD:
            raise Trouble
        tokens.append(token)
    last = tokens[-1] if tokens else RawToken("_NL", 0, 0)
    tokens += [RawToken("_DEDENT", last.start, last.end)] * (len(widths) - 1)
    tokens.append(RawToken("$END", last.start, last.end))
    return tokens


def indentation(text: str, at: int) -> int:
    """Return how many columns of blanks begin the line at a place."""
    width = 0
    while at < len(text) and text[at] in " \t":
        width += _TAB_WIDTH if text[at] == "\t" else 1
        at += 1
    return width
