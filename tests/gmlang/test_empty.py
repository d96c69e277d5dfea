"""A program without variables has one assignment, the empty one, and every question an answer."""

import io
from pathlib import Path

import pytest

import gmlang
from gmlang.cli import main
from gmlang.repl import loop
from gmlang.repl.entries import feed
from gmlang.repl.session import ReplSession


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("MAP()", {}),
        ("best(2)", [{"assignment": {}, "log_score": 0.0}]),
        ("sample(2)", [{}, {}]),
        ("count()", 1),
        ("logZ()", 0.0),
        ("P(1 == 1)", 1.0),
    ],
)
def test_the_empty_assignment_is_an_answer(query: str, value: object):
    answer = gmlang.compile("").query(query)
    assert (answer.status, answer.value) == ("exact", value)


@pytest.mark.parametrize(
    ("query", "value"),
    [("MAP(| 1 == 0)", None), ("best(1 | 1 == 0)", None), ("count(| 1 == 0)", 0)],
)
def test_what_forbids_it_leaves_none(query: str, value: object):
    answer = gmlang.compile("").query(query)
    assert (answer.status, answer.value) == ("impossible", value)


@pytest.mark.parametrize("query", ["MAP()", "MAP(e)", "MMAP(e)"])
def test_an_empty_array_is_assigned_nothing(query: str):
    answer = gmlang.compile("var e[0] : bool\n").query(query)
    assert (answer.status, answer.value) == ("exact", {"e": []})


def test_a_search_finds_it():
    (step,) = gmlang.compile("").search("MAP()")
    assert (step.log_score, step.log_bound, step.value) == (0.0, 0.0, {})


def _call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_command_line_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    program, network = tmp_path / "e.gm", tmp_path / "e.uai"
    program.write_text("")
    network.write_text("MARKOV\n0\n\n0\n")
    assert _call("run", program, "--query", "MAP()") == 0
    capsys.readouterr()
    assert _call("solve", network, "--task", "MAP", "--budget", "2") == 0
    shown = capsys.readouterr()
    assert "no assignment" not in shown.err
    assert shown.out.splitlines() == ["MAP", "0"]


def test_the_session_answers_at_a_fresh_prompt():
    _, reply = feed(ReplSession(), "MAP()")
    assert not reply.is_error


def test_a_bug_costs_one_entry_and_not_the_session(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def broken(session: ReplSession, text: str) -> object:
        if text.startswith("MAP"):
            raise IndexError("out of range")
        return feed(session, text)

    monkeypatch.setattr(loop, "feed", broken)
    monkeypatch.setattr("sys.stdin", io.StringIO("var a : bool\nMAP()\nP(a)\n"))
    assert loop.run_repl(None, {}) == 1
    shown = capsys.readouterr()
    assert "IndexError" in shown.err
    assert "0.5" in shown.out
