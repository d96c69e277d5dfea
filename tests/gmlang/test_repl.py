"""The interactive session: what it keeps, replaces, forgets and refuses."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

import gmlang
from gmlang.diagnostics import Source
from gmlang.repl.entries import feed
from gmlang.repl.loop import split_entries
from gmlang.repl.session import ReplSession, Reply
from gmlang.repl.terminal import SessionCompleter
from gmlang.repl.text import read_pieces

SOCIETY = """\
domain Color = {red, green, blue, purple}
entity Thing:
    color : Color
    lid : bool
model purple(x: Thing) prior 0.1:
    predict x.color = purple @ 0.95
model jar(x: Thing) prior 0.2:
    predict x.lid = true @ 0.6
"""


def say(*entries: str, session: ReplSession | None = None) -> tuple[ReplSession, Reply]:
    session, reply = session or ReplSession(), Reply("")
    for entry in entries:
        session, reply = feed(session, entry)
    return session, reply


def test_a_bare_query_is_answered() -> None:
    _, reply = say("var rain : bool ~ Bernoulli(0.2)", "P(rain)")
    assert "true 0.2" in reply.text
    assert "exact" in reply.text
    assert not reply.is_error


def test_a_question_among_statements_is_answered_once() -> None:
    session, reply = say("var rain : bool ~ Bernoulli(0.2)\nquery P(rain)\n")
    assert "true 0.2" in reply.text
    _, reply = say("var wet : bool", session=session)
    assert reply.text == ""


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        ("var rain : bool ~ Bernoulli(0.4)", "true 0.4"),
        ("rain ~ Bernoulli(0.3)", "true 0.3"),
        ("param p = 0.6", "true 0.6"),
    ],
)
def test_saying_something_again_replaces_it(again: str, expected: str) -> None:
    first = ("param p = 0.2", "var rain : bool ~ Bernoulli(p)")
    session, reply = say(*first, again)
    assert "anew" in reply.text
    _, reply = say("P(rain)", session=session)
    assert expected in reply.text


def test_a_declaration_replaces_the_mechanism_that_stood_apart() -> None:
    _, reply = say(
        "var a : bool", "a ~ Bernoulli(0.1)", "var a : bool ~ Bernoulli(0.7)", "P(a = true)"
    )
    assert "0.7" in reply.text


def test_an_observation_replaces_the_one_before() -> None:
    session, _ = say("var a : bool ~ Bernoulli(0.5)", "observe a = true", "observe a = false")
    _, reply = say("P(a = true)", session=session)
    assert reply.text.startswith("0\n")


def test_a_refused_entry_leaves_the_session_as_it_was() -> None:
    session, _ = say("var a : bool ~ Bernoulli(0.5)")
    after, reply = feed(session, "var b : bool ~ Bernoulli(c)")
    assert reply.is_error
    assert "`c`" in reply.text
    assert after.pieces == session.pieces
    _, reply = say("P(a)", session=after)
    assert not reply.is_error


def test_undo_brings_back_what_was_replaced() -> None:
    session, _ = say("var a : bool ~ Bernoulli(0.1)", "var a : bool ~ Bernoulli(0.9)")
    session, reply = feed(session, "undo")
    assert reply.text.startswith("forgotten")
    _, reply = say("P(a = true)", session=session)
    assert reply.text.startswith("0.1\n")


def test_undo_to_the_beginning_and_beyond() -> None:
    session, _ = say("var a : bool", "var b : bool", "undo 5")
    assert session.pieces == ()
    _, reply = say("undo", session=session)
    assert reply.text == "nothing has been said"


def test_imagine_shows_the_prediction_with_its_confidence() -> None:
    session, _ = say(SOCIETY)
    _, reply = say("imagine purple jar", session=session)
    assert "purple 0.950" in reply.text
    assert "true 0.600" in reply.text


def test_imagine_ignores_evidence() -> None:
    session, _ = say(SOCIETY, "var it : Thing", "observe it.color = red")
    _, reply = say("imagine purple", session=session)
    assert "purple 0.950" in reply.text


def test_imagine_wants_the_values_of_a_family() -> None:
    session, _ = say(SOCIETY, "model tint(x: Thing, c: Color):\n    predict x.color = c @ 0.5\n")
    _, reply = say("imagine tint", session=session)
    assert reply.is_error
    _, reply = say("imagine tint(red)", session=session)
    assert "red 0.500" in reply.text


def test_contradictory_compositions_are_refused() -> None:
    session, _ = say(SOCIETY, "model bare(x: Thing):\n    predict x.lid = false @ 0.999\n")
    session, _ = say("model closed(x: Thing):\n    predict x.lid = true @ 0.999\n", session=session)
    after, reply = feed(session, "model odd = bare closed")
    assert reply.is_error
    assert "lid" in reply.text
    assert after.pieces == session.pieces


def test_what_is_saved_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "said.gm"
    session, reply = say("# colours of things\n" + SOCIETY, f":save {path}")
    assert not reply.is_error
    assert "# colours of things" in path.read_text("utf-8")
    gmlang.load(path)
    again, reply = say(f":load {path}")
    assert "2 models" in reply.text
    assert [p.text for p in again.pieces] == [p.text for p in session.pieces]


def test_data_and_parameters_are_bound(tmp_path: Path) -> None:
    path = tmp_path / "y.csv"
    path.write_text("1,0,1\n", "utf-8")
    session, _ = say("data y[N] : bool", "param p = 0.5", "var x[N] : bool", "observe x = y")
    _, reply = say("P(x)", session=session)
    assert reply.is_error
    session, reply = say(f":data y={path}", session=session)
    assert reply.text == "y [3]"
    _, reply = say("P(x[1] = true)", session=session)
    assert reply.text.startswith("0\n")
    _, reply = say(":set q = 3", session=session)
    assert reply.is_error
    assert "p" in reply.text


def test_more_asks_again_with_more_time() -> None:
    session, _ = say("var a : bool ~ Bernoulli(0.2)", "P(a)")
    _, reply = say("more 200 ms", session=session)
    assert "true 0.2" in reply.text
    _, reply = say("more coffee", session=session)
    assert reply.is_error


@pytest.mark.parametrize(
    "command",
    [":budget x", ":seed x", ":load", ":load none.gm", ":save", ":plan", ":nonsense", ":data y",
     ":set p", "undo x", "imagine nothing", "P(", "var", "@", "model m = ", ":load /"],
)  # fmt: skip
def test_what_is_not_understood_is_said_and_nothing_changes(command: str) -> None:
    session, _ = say("var a : bool")
    after, reply = feed(session, command)
    assert reply.is_error
    assert reply.text
    assert after.pieces == session.pieces


@pytest.mark.parametrize(
    "command",
    [":help", ":models", ":vars", ":show", ":show a", ":time", ":seed 3", ":budget 2", ":graph",
     ":plan P(a)", ":reset", "?", ""],
)  # fmt: skip
def test_every_command_answers(command: str) -> None:
    _, reply = say("var a : bool ~ Bernoulli(0.5)", command)
    assert not reply.is_error


@settings(max_examples=60)
@given(st.lists(st.sampled_from([*SOCIETY, "\n", "P(", ")", ":load ", "imagine ", "undo "])))
def test_no_entry_ends_in_a_traceback(parts: list[str]) -> None:
    say("".join(parts))


def test_a_pipe_is_split_where_a_statement_ends() -> None:
    text = (
        "model m(x: Thing):\n    predict x.lid = true\n\n    predict x.color = red\nP(\n  a)\n:q\n"
    )
    entries = list(split_entries(text.splitlines(keepends=True)))
    assert [entry.split()[0] for entry in entries] == ["model", "P(", ":q"]


def test_a_missing_file_is_told_with_the_one_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "rain.gm").write_text("var rain : bool\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    _, reply = feed(ReplSession(), ":load rian.gm")
    assert reply.is_error
    assert reply.text == "there is no file rian.gm; did you mean rain.gm?"


def test_a_graph_is_described_where_nothing_can_be_drawn():
    session, _ = feed(ReplSession(), "var x[3] : bool")
    session, _ = feed(session, "prefer x[0] == x[1] weight 0.5")
    _, reply = feed(session, ":graph")
    assert reply.text.splitlines()[:3] == [
        "3 variables, 1 factors",
        "  x[3]   2 states",
        "  1 x Table of x",
    ]


def test_completion_knows_what_has_been_said() -> None:
    said = read_pieces(Source("", "entity E:\n    big : bool\n    blue : bool\nvar it : E\n"))
    completer = SessionCompleter(lambda: ReplSession(pieces=said))

    def offered(text: str) -> list[str]:
        found = completer.get_completions(Document(text), CompleteEvent())
        return [completion.text for completion in found]

    assert offered("query P(it.") == ["big", "blue"]
    assert offered("query P(it.bi") == ["big"]
    assert "it" in offered("query P(i")
    assert "imagine" in offered("im")
    assert offered("") == []
    assert ":help" in offered(":h")


def test_a_learned_model_stays_what_it_was_found_to_be() -> None:
    seen = "var ex[2] : Thing\nobserve ex[0].lid = true, ex[1].lid = true\n"
    session, reply = say(
        SOCIETY, seen, "learn model pot(x: Thing) from ex using purple, jar size 1"
    )
    assert "pot = jar" in reply.text
    session, reply = say("var new : Thing", "P(pot(new) | new.lid = true)", session=session)
    assert not reply.is_error
    assert any(piece.text == "model pot = jar" for piece in session.pieces)
    _, reply = say("learn model cup(x: Thing) from new using jar", session=session)
    assert "no attribute of `new` was observed" in reply.text
