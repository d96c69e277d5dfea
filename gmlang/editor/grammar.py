"""Highlighting for editors that read TextMate grammars, made from the one list of words.

    python -m gmlang.editor.grammar editors/vscode/syntaxes

writes the grammar of programs, and the one that finds them in the `%%gm` cells of notebooks.
"""

import json
import re
import sys
from pathlib import Path

from gmlang.words import SIGNS, Kind, of_kind

SCOPE = "source.gmlang"
NAME = "gmlang.tmLanguage.json"
_CELL_NAME = "gmlang-cell.tmLanguage.json"

_NAME = r"[^\W\d]\w*"
_CALLED = (Kind.FAMILY, Kind.AGGREGATE, Kind.FUNCTION, Kind.QUERY, Kind.LATER)
_DECLARING = {
    "entity.name.type": ("domain", "entity"),
    "entity.name.function": ("def", "model"),
    "variable.other": ("var", "data", "param"),
}
_PUNCTUATION = "()[]{},:."

Json = dict[str, object]


def _words(*kinds: Kind, after: str = r"\b") -> str:
    # The longer first: a regular expression takes the first that fits.
    found = sorted(of_kind(*kinds), key=lambda word: (-len(word), word))
    return rf"\b(?:{'|'.join(map(re.escape, found))})\b" + after.removeprefix(r"\b")


def _rule(scope: str, match: str) -> Json:
    return {"name": f"{scope}.gmlang", "match": match}


def grammar() -> Json:
    """Return the TextMate grammar of the language."""
    declared: list[Json] = [
        {
            "match": rf"\b({'|'.join(words)})\s+({_NAME})",
            "captures": {
                "1": {"name": "keyword.control.gmlang"},
                "2": {"name": f"{scope}.gmlang"},
            },
        }
        for scope, words in _DECLARING.items()
    ]
    strings: list[Json] = [
        {"name": "string.quoted.docstring.gmlang", "begin": '"""', "end": '"""'},
        {
            "name": "string.quoted.double.gmlang",
            "begin": '"',
            "end": '"|$',
            "patterns": [_rule("constant.character.escape", r"\\.")],
        },
    ]
    operators = "|".join(re.escape(sign) for sign in SIGNS if sign not in _PUNCTUATION)
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "gmlang",
        "scopeName": SCOPE,
        "fileTypes": ["gm"],
        "patterns": [
            _rule("comment.line.number-sign", "#.*$"),
            *strings,
            *declared,
            _rule("keyword.control", _words(Kind.STATEMENT, Kind.INNER)),
            _rule("keyword.operator.word", _words(Kind.OPERATOR)),
            _rule("constant.language", _words(Kind.VALUE)),
            _rule("support.type", _words(Kind.TYPE)),
            _rule("support.function", _words(*_CALLED, after=r"(?=\s*\()")),
            _rule("entity.name.function", rf"\b{_NAME}(?=\s*\()"),
            _rule(
                "constant.numeric",
                r"\b\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?\b",
            ),
            _rule("keyword.operator", operators),
        ],
    }


def cell_grammar() -> Json:
    """Return the grammar that reads `%%gm` cells within Python: it is injected there."""
    return {
        "scopeName": "gmlang.cell.injection",
        "injectionSelector": "L:source.python",
        "patterns": [
            {
                "begin": r"^%%gm\b.*$",
                "beginCaptures": {"0": {"name": "keyword.control.magic.gmlang"}},
                # A cell is a text of its own: it ends where the text does.
                "end": r"(?!)",
                "contentName": "meta.embedded.block.gmlang",
                "patterns": [{"include": SCOPE}],
            }
        ],
    }


def files() -> dict[str, str]:
    """Return the contents of the grammars' files by their names."""
    made = {NAME: grammar(), _CELL_NAME: cell_grammar()}
    return {name: json.dumps(content, indent=2) + "\n" for name, content in made.items()}


if __name__ == "__main__":
    for name, content in files().items():
        (Path(sys.argv[1]) / name).write_text(content, "utf-8")
