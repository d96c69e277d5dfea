"""Every question, gone through by its list: its record is whole, and its example is answered.

A question that is added to the list is tested here without a word more.
"""

import json
import pickle
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from pygments.token import Name

import gmlang
from gmlang.core.print import show_question
from gmlang.core.program import Assert, Query
from gmlang.diagnostics import GmError, Source
from gmlang.editor.completion import words
from gmlang.editor.highlight import GmLexer
from gmlang.queries import questions
from gmlang.queries.answers import Answer
from gmlang.queries.dispatch import NO_TIME, unanswered
from gmlang.queries.planning import plan_of
from gmlang.queries.question import Question, Several
from gmlang.queries.questions import QUERY_FORMS, QUESTIONS, answer_class, question_of
from gmlang.queries.settings import Settings
from gmlang.repl.text import is_query
from gmlang.syntax.parse import parse
from gmlang.syntax.print import print_program
from gmlang.views.html import show_html
from gmlang.views.show import show

LANGUAGE = Path(__file__).resolve().parents[2] / "docs" / "language.md"

every_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.word)


def example(question: Question) -> gmlang.Model:
    return gmlang.compile(question.example)


def own(question: Question, model: gmlang.Model) -> Iterator[Query]:
    """Give what the example asks by the word, in queries and in assertions."""
    for one in model.questions:
        for query in one.queries if isinstance(one, Assert) else (one,):
            if question_of(query) is question:
                yield query


# --- Records -----------------------------------------------------------------------------


def test_every_module_has_one_question_and_is_listed_once():
    modules = [module.name for module in pkgutil.iter_modules(questions.__path__)]
    found = [import_module(f"gmlang.queries.questions.{name}") for name in modules]
    owned = [[v for v in vars(m).values() if type(v) is Question] for m in found]
    assert sorted(q.word for (q,) in owned) == sorted(q.word for q in QUESTIONS)
    assert len(QUERY_FORMS) == len(QUESTIONS)


@every_question
def test_a_record_is_whole(question: Question):
    assert question.help
    assert "\n" not in question.help
    for form in (question.form, question.shortest):
        assert form.startswith(f"{question.word}(")
    for query, answer in question.kinds:
        assert query.kind == answer.kind != ""
    kinds = [query.kind for other in QUESTIONS for query, _ in other.kinds]
    assert len(set(kinds)) == len(kinds)


UAI_TASKS, PLOT_LABELS = "cli/solve.py", "views/graph.py"


def test_nothing_else_names_a_question():
    """Its words and kinds stand in its own file alone; `count` is an aggregate as well."""
    root = Path(gmlang.__path__[0])
    words = {question.word for question in QUESTIONS} - {"count"}
    kinds = {query.kind for question in QUESTIONS for query, _ in question.kinds} - {"count", "map"}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        # Pages are made of traces, which are files: what they call answers is their format.
        is_free = name.startswith(("queries/questions/", "views/pages/"))
        if not is_free and name not in (UAI_TASKS, PLOT_LABELS):
            text = path.read_text("utf-8")
            assert not re.search(rf"[\"']({'|'.join(words | kinds)})[\"']", text), path


# --- From text to an answer --------------------------------------------------------------


@every_question
def test_its_example_asks_everything_it_may_turn_out_to_ask(question: Question):
    asked = {type(query) for query in own(question, example(question))}
    assert asked == {query for query, _ in question.kinds}


@every_question
def test_its_example_is_printed_as_it_is_read(question: Question):
    written = print_program(parse(Source("example.gm", question.example)))
    assert print_program(parse(Source("example.gm", written))) == written
    for query in own(question, example(question)):
        assert show_question(query).startswith(f"query {query.kind}(")


@every_question
def test_its_example_is_planned_and_answered(question: Question):
    model = example(question)
    for asked, answer in zip(model.questions, model.run(budget_s=10), strict=True):
        planned = plan_of(model.session(), asked, Settings()).to_dict()
        assert answer.held is not False
        assert planned["kind"] == answer.kind
        if isinstance(asked, Query) and question_of(asked) is question:
            assert type(answer) is answer_class(asked)
            assert answer.value is not None
            assert (planned["engine"] is None) == isinstance(question.answered, Several)
            check_shown(asked, answer)


def check_shown(query: Query, answer: Answer) -> None:
    plain = json.loads(answer.to_json())
    keys = ("query", "kind", "status", "answer", "log_lower", "log_upper", "seconds")
    assert tuple(plain)[: len(keys)] == keys
    assert (plain["query"], plain["kind"], plain["status"]) == (
        query.text,
        query.kind,
        answer.status,
    )
    assert show(answer).startswith(query.text)
    assert answer.status in show(answer)
    assert "<code>" in show_html(answer)
    assert show(pickle.loads(pickle.dumps(answer))) == show(answer)


@every_question
def test_what_was_not_answered_says_so(question: Question):
    for query in own(question, example(question)):
        answer = unanswered(query, Settings())
        assert (answer.status, answer.value, answer.note) == ("estimate", None, NO_TIME)
        assert "not known" in show(answer)
        assert json.loads(answer.to_json())["answer"] is None
        if query.as_number() is not None:
            _, domain = query.as_number() or (None, None)
            assert domain is not None
            number = answer.number(domain)
            assert number is not None
            assert number != number


@every_question
def test_an_assertion_compares_it_or_refuses_it(question: Question):
    model = example(question)
    body = question.example.split("query ")[0]
    for query in own(question, model):
        if query.text.startswith("["):
            continue
        number = query.as_number()
        text = f"{body}assert {query.text} == {query.text} or true\n"
        if number is None:
            with pytest.raises(GmError, match="not a single number"):
                gmlang.compile(text)
        else:
            assert [answer.held for answer in gmlang.compile(text).run(budget_s=10)] == [True]


# --- Words -------------------------------------------------------------------------------


@every_question
def test_it_is_coloured_completed_and_recognised(question: Question):
    assert (Name.Builtin, question.word) in list(GmLexer().get_tokens(f"query {question.form}"))
    assert any(choice.text == question.word and choice.help for choice in words())
    assert is_query(question.form)


@every_question
def test_the_documents_say_what_it_asks(question: Question):
    form = question.form.replace("|", r"\|")
    rows = re.findall(r"^\| (`.*`) \| .*\|$", LANGUAGE.read_text("utf-8"), re.MULTILINE)
    line = f"| `{form}` | ... |"
    assert any(f"`{form}`" in row for row in rows), f"add the line {line}"
