"""Text to tokens: words, numbers and signs, and the layout of lines and blocks."""

import re
from functools import cache
from typing import NamedTuple

from gmlang.syntax.rows import ROW

_TAB_WIDTH = 8
"""A tab in the indentation counts as so many spaces."""

NESTING_MAX = 60
"""Brackets may be nested this deep, and blocks likewise."""

CLOSERS = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}
OPENERS = frozenset(CLOSERS.values())
_DEEPER = {**dict.fromkeys(OPENERS, 1), **dict.fromkeys(CLOSERS, -1)}

BAD = "BAD"
"""The token of a text that is no word of the language."""

DIGITS = re.compile(r"\d+")

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

_IN_THEIR_PLACE = {
    "learn": re.compile(r"[ \t]+[A-Za-z_]"),
    "to": re.compile(r"[ \t]+predict\b"),
    "restarts": re.compile(r"[ \t]+\d"),
    "size": re.compile(r"[ \t]+\d"),
    "but": re.compile(r"[ \t]+not\b(?![ \t]+in\b)"),
    "cover": re.compile(r"[ \t]+[A-Za-z_]"),
    "some": re.compile(r"[ \t]+[A-Za-z_]"),
    "choose": re.compile(r"[ \t]+[A-Za-z_]"),
    "knows": re.compile(r"[ \t]+[\w(]"),
    "maximize": re.compile(r"[ \t]*[\w(+\-]"),
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


def shape_of(text: str) -> str:
    """Return a text with one digit in the place of each run of digits: its tokens are the same.

    Rows are none where a number has too many digits, but where they are, they stay.
    """
    return DIGITS.sub("0", text)


def tokenize(
    text: str,
    words: dict[str, str],
    *,
    whole_rows: bool = False,
    start: int = 0,
    is_line: bool = False,
) -> list[RawToken]:
    """Cut a text into tokens, line ends included, blanks and comments left out.

    Args:
        text: what is read; its last character is a line end.
        words: the token of each keyword and sign.
        whole_rows: rows of literal numbers are one token each.
        start: where a line begins, with which reading begins.
        is_line: whether to stop at the first line end outside brackets.
    """
    tokens: list[RawToken] = []
    append, make = tokens.append, RawToken._make
    depth = 0
    for match in _tokens(whole_rows).finditer(text, start):
        kind = match.lastgroup
        if kind is None:
            continue
        first, end = match.span(kind)
        if kind == "NAME":
            word = match.group(kind)
            kind = words.get(word, kind)
            if (
                word in _IN_THEIR_PLACE
                and not (_IN_THEIR_PLACE[word].match(text, end) and _stands_at(word, text, tokens))
            ) or (word == "refit" and not _is_option(text, tokens)):
                kind = "NAME"
        elif kind == "SIGN":
            kind = words[match.group(kind)]
            depth += _DEEPER.get(kind, 0)
        elif kind == "SKIP":
            continue
        append(make((kind, first, end)))
        if kind == "_NL" and is_line and depth <= 0:
            break
    return tokens


def _stands_at(word: str, text: str, tokens: list[RawToken]) -> bool:
    """Say whether a word may stand behind some tokens as more than a name."""
    before = tokens[-1][0] if tokens else "_NL"
    match word:
        case "learn" | "some" | "choose":
            return before == "_NL"
        case "cover" | "maximize":
            return before in ("_NL", "COLON")
        case "knows":
            return before in ("NAME", "RSQB") and _begins_statement(tokens)
        case "about":
            return _is_all(text, tokens)
        case "depth":
            return before in _BEFORE_DEPTH and _begins_line("MODEL", tokens)
        case _:
            return True


def _is_all(text: str, tokens: list[RawToken]) -> bool:
    """Say whether the last token is the word `all`."""
    return bool(tokens) and text[tokens[-1][1] : tokens[-1][2]] == "all"


def _begins_statement(tokens: list[RawToken]) -> bool:
    """Say whether the tokens behind the last line end or colon begin with a name."""
    depth = 0
    for place in range(len(tokens) - 1, -1, -1):
        kind = tokens[place][0]
        depth -= _DEEPER.get(kind, 0)
        if (kind == "_NL" or (kind == "COLON" and not depth)) and place + 1 < len(tokens):
            return tokens[place + 1][0] == "NAME"
    return bool(tokens) and tokens[0][0] == "NAME"


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


def read_line(text: str, start: int, words: dict[str, str], *, whole_rows: bool) -> list[RawToken]:
    """Cut the line that begins at a place into tokens, as `tokenize` does.

    Brackets join it to the lines that close them; line ends within them mean nothing. Only at the
    end of the text is there no line end.

    Raises:
        Trouble: if the brackets do not fit, or a text is no token.
    """
    raw = tokenize(text, words, whole_rows=whole_rows, start=start, is_line=True)
    depth = 0
    is_joined = False
    for token in raw:
        kind = token[0]
        if kind in _DEEPER:
            depth += _DEEPER[kind]
            if not 0 <= depth <= NESTING_MAX:
                raise Trouble
        elif kind == "_NL":
            is_joined |= depth > 0
        elif kind == BAD:
            raise Trouble
    if not is_joined:
        return raw
    outer = raw[-1] if raw[-1].kind == "_NL" and not depth else None
    return [token for token in raw if token.kind != "_NL" or token is outer]


class Blocks:
    """The blocks that are open, by the columns at which their lines begin."""

    def __init__(self) -> None:
        """Begin outside of all."""
        self._widths = [0]

    @property
    def width(self) -> int:
        """The columns at which the lines of the innermost block begin."""
        return self._widths[-1]

    def change(self, width: int, place: tuple[int, int]) -> list[RawToken]:
        """Return the beginnings and ends of blocks before a line, as tokens at a place.

        Args:
            width: how many columns of blanks begin the line; 0 at the end of the text.
            place: the line end before it.

        Raises:
            Trouble: if it fits no block, or there are too many.
        """
        widths = self._widths
        if width == widths[-1]:
            return []
        if width > widths[-1]:
            widths.append(width)
            if len(widths) > NESTING_MAX:
                raise Trouble
            return [RawToken("_INDENT", *place)]
        tokens: list[RawToken] = []
        while width < widths[-1]:
            widths.pop()
            tokens.append(RawToken("_DEDENT", *place))
        if width != widths[-1]:
            raise Trouble
        return tokens


def indentation(text: str, at: int) -> int:
    """Return how many columns of blanks begin the line at a place."""
    width = 0
    while at < len(text) and text[at] in " \t":
        width += _TAB_WIDTH if text[at] == "\t" else 1
        at += 1
    return width
