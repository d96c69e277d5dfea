"""Highlighting for Pygments, and through it for the REPL, notebooks and documents."""

import re
from collections.abc import Sequence
from typing import ClassVar

from pygments.lexer import RegexLexer, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

from gmlang.words import SIGNS, Kind, of_kind

_CALLED = (Kind.FAMILY, Kind.AGGREGATE, Kind.FUNCTION, Kind.QUERY)
_PUNCTUATION = "()[]{},:."
OPERATORS = [sign for sign in SIGNS if sign not in _PUNCTUATION]


def _words(*kinds: Kind, after: str = r"\b") -> words:
    return words(of_kind(*kinds), prefix=r"\b", suffix=after)


class GmLexer(RegexLexer):
    """Recognises the words of gmlang."""

    name = "gmlang"
    aliases: ClassVar[Sequence[str]] = ["gmlang", "gm"]
    filenames: ClassVar[Sequence[str]] = ["*.gm"]
    tokens: ClassVar[dict[str, list[tuple[object, ...]]]] = {
        "root": [
            (r"#[^\n]*", Comment.Single),
            (r'"""(?:.|\n)*?"""', String.Doc),
            (r'"(?:[^"\\\n]|\\.)*"', String),
            (_words(Kind.STATEMENT, Kind.INNER, Kind.OPERATOR), Keyword),
            (_words(Kind.VALUE, Kind.TYPE), Keyword.Constant),
            (_words(*_CALLED, Kind.LATER, after=r"\b(?=\s*\()"), Name.Builtin),
            (r"\d[\d_]*\.\d[\d_]*(?:[eE][+-]?\d+)?|\d[\d_]*[eE][+-]?\d+", Number.Float),
            (r"\d[\d_]*", Number.Integer),
            (r"[^\W\d]\w*", Name),
            (words(OPERATORS), Operator),
            (f"[{re.escape(_PUNCTUATION)}]", Punctuation),
            (r"\s+", Whitespace),
        ]
    }
