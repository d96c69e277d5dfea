"""Highlighting for Pygments, and through it for the REPL, notebooks and documents."""

from collections.abc import Sequence
from typing import ClassVar

from pygments.lexer import RegexLexer, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

from gmlang.families import CALLED

_KEYWORDS = """
    domain entity data param var model def prior base for in if elif else match factor constraint
    prefer weight observe like predict use except as consider query assert learn from import and or
    not is soft within using had
"""
_BUILTINS = """
    sum count all any min max exactly exactly_one at_most at_least alldifferent xor abs exp log sqrt
    P MAP MMAP best sample logZ compat blame why active indep
"""
KEYWORDS = _KEYWORDS.split()
BUILTINS = [*CALLED, *_BUILTINS.split()]


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
            (words(KEYWORDS, prefix=r"\b", suffix=r"\b"), Keyword),
            (
                words(("true", "false", "bool", "real", "rest", "_"), prefix=r"\b", suffix=r"\b"),
                Keyword.Constant,
            ),
            (words(BUILTINS, prefix=r"\b", suffix=r"\b(?=\s*\()"), Name.Builtin),
            (r"\d[\d_]*\.\d[\d_]*(?:[eE][+-]?\d+)?|\d[\d_]*[eE][+-]?\d+", Number.Float),
            (r"\d[\d_]*", Number.Integer),
            (r"[^\W\d]\w*", Name),
            (r"\.\.<|\.\.|:=|->|==|!=|<=|>=|\*\*|//|[-+*/%<>=~@&|]", Operator),
            (r"[()\[\]{},:.]", Punctuation),
            (r"\s+", Whitespace),
        ]
    }
