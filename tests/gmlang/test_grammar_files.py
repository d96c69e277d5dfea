"""The grammars of the VS Code extension: made from the list of words, and what they match."""

import json
import re
from pathlib import Path

import pytest

from gmlang.editor.grammar import SCOPE, cell_grammar, files, grammar
from gmlang.words import WORDS, Kind

FOLDER = Path(__file__).resolve().parents[2] / "editors" / "vscode"
CALLED = (Kind.FAMILY, Kind.AGGREGATE, Kind.FUNCTION, Kind.QUERY, Kind.GIVEN, Kind.LATER)


@pytest.mark.parametrize("name", files())
def test_the_committed_grammar_is_the_one_that_is_made(name: str):
    assert (FOLDER / "syntaxes" / name).read_text("utf-8") == files()[name]


def test_the_extension_names_its_files():
    package = json.loads((FOLDER / "package.json").read_text("utf-8"))
    contributed = package["contributes"]
    paths = [package["main"], contributed["languages"][0]["configuration"]]
    paths += [found["path"] for found in contributed["grammars"]]
    for path in paths:
        assert (FOLDER / path).is_file(), path
    scopes = [found["scopeName"] for found in contributed["grammars"]]
    assert scopes == [SCOPE, cell_grammar()["scopeName"]]
    assert contributed["configuration"]["properties"]["gmlang.command"]["default"] == [
        "gmlang",
        "lsp",
    ]


def test_every_word_has_a_colour():
    rules = [rule for rule in patterns() if "match" in rule]
    for word in WORDS:
        text = f"{word.text}(" if word.kind in CALLED else word.text
        found = [rule["match"] for rule in rules if re.match(rule["match"], text)]
        assert found, word.text


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("# a", "comment"),
        ("0.25e-3", "constant.numeric"),
        ("1_000", "constant.numeric"),
        (":=", "keyword.operator"),
        ("observe", "keyword.control"),
        ("P(", "support.function"),
        ("mine(", "entity.name.function"),
        ("bool", "support.type"),
        ("true", "constant.language"),
    ],
)
def test_the_first_rule_that_fits_is_the_right_one(text: str, scope: str):
    fitting = [
        rule["name"] for rule in patterns() if "match" in rule and re.match(rule["match"], text)
    ]
    assert fitting[0].startswith(scope)


def patterns() -> list[dict[str, str]]:
    found = grammar()["patterns"]
    assert isinstance(found, list)
    return found
