"""Every word of the language stands in one list, and all that names words names those."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from pygments.token import Keyword, Name, Operator, Punctuation

from gmlang.core.check import domains
from gmlang.core.expressions import aggregates, forms, weights
from gmlang.core.parameters import PARAMETER_WORDS, ROWS_WORD
from gmlang.core.places import forms as places
from gmlang.core.records.decisions import FOLLOW
from gmlang.core.records.doing import DO
from gmlang.editor.completion import words
from gmlang.editor.highlight import GmLexer
from gmlang.errors.syntax.words import INNER_WORDS, STATEMENTS
from gmlang.families import CALLED, DENSITIES, LATER
from gmlang.formats.names import RESERVED_NAMES
from gmlang.queries.questions import QUERY_FORMS
from gmlang.syntax.lex import tokenize
from gmlang.syntax.table import load_table
from gmlang.words import SIGNS, WORDS, Kind, Word, of_kind

LANGUAGE = Path(__file__).resolve().parents[2] / "docs" / "language.md"
GRAMMAR = Path(forms.__file__).parents[2] / "syntax" / "grammar.lark"
ALL = {word.text for word in WORDS}


def test_the_grammar_has_these_words_and_signs():
    quoted = set(load_table().words)
    text = GRAMMAR.read_text("utf-8")
    for terminal_ in ("COMPARE", "PLUS", "MINUS", "TIMES"):
        found = re.search(rf"^{terminal_}:(.*)$", text, re.MULTILINE)
        assert found
        quoted |= set(re.findall(r'"([^"]+)"', found.group(1)))
    keywords = of_kind(Kind.STATEMENT, Kind.INNER, Kind.OPERATOR)
    assert {q for q in quoted if q.isidentifier()} == {*keywords, "true", "false"}
    assert {q for q in quoted if not q.isidentifier()} == set(SIGNS)


@pytest.mark.parametrize("sign", SIGNS)
def test_the_lexer_reads_each_sign_whole(sign: str):
    (token, _) = tokenize(f"{sign}\n", load_table().words)
    assert (token.start, token.end) == (0, len(sign))


def test_the_checker_knows_these_words():
    numbers = {*forms.FUNCTIONS, *places.FUNCTIONS}
    assert set(of_kind(Kind.FUNCTION)) == {*numbers, *forms.OF_THINGS}
    assert set(of_kind(Kind.AGGREGATE)) == set(aggregates.OPERATORS)
    assert set(of_kind(Kind.QUERY)) == set(QUERY_FORMS)
    assert set(of_kind(Kind.FAMILY)) == {*CALLED, *DENSITIES}
    assert set(of_kind(Kind.TYPE)) == {
        *("bool", *domains.REAL_NAMES, *domains.INTEGER_NAMES),
        *(*PARAMETER_WORDS, ROWS_WORD, *places.DOMAINS),
    }
    assert set(of_kind(Kind.VALUE)) == {"true", "false", *weights.REST}
    assert set(of_kind(Kind.LATER)) == set(LATER)
    assert set(of_kind(Kind.GIVEN)) == {DO, FOLLOW}


@pytest.mark.parametrize("word", WORDS, ids=lambda word: f"{word.kind.name}-{word.text}")
def test_a_word_is_coloured(word: Word):
    (kind, text), *_ = GmLexer().get_tokens(f"{word.text}(")
    assert text == word.text
    assert kind in Keyword or kind is Name.Builtin


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_is_coloured_whole(sign: str):
    (kind, text), *_ = GmLexer().get_tokens(sign)
    assert text == sign
    assert kind in (Operator, Punctuation)


def test_names_are_not_coloured():
    (kind, _), *_ = GmLexer().get_tokens("summer(")
    assert kind is Name
    (kind, _), *_ = GmLexer().get_tokens("count = 3")
    assert kind is Name


def test_words_that_are_understood_are_completed_with_what_they_do():
    assert {choice.text for choice in words()} == {
        word.text for word in WORDS if word.since is not None
    }
    assert all(choice.help for choice in words())


def test_converted_programs_name_nothing_so():
    assert RESERVED_NAMES == ALL


def test_hints_about_mistyped_words_are_about_these():
    assert set(STATEMENTS) == set(of_kind(Kind.STATEMENT))
    assert set(INNER_WORDS) <= ALL


def test_the_documents_list_them():
    text = LANGUAGE.read_text("utf-8")
    for kind in Kind:
        assert _row(kind.value, of_kind(kind)) in text, kind
    assert _row("sign", (sign.replace("|", r"\|") for sign in SIGNS)) in text


def _row(head: str, words: Iterable[str]) -> str:
    return f"| {head} | {' '.join(f'`{word}`' for word in words)} |\n"


def test_each_word_says_what_it_does_in_a_line():
    assert len({(word.text, word.kind) for word in WORDS}) == len(WORDS)
    for word in WORDS:
        assert word.help
        assert "\n" not in word.help
