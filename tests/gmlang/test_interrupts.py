"""Whatever interrupts a question, its answer is what was found; nothing waits for what does not."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import gmlang
from gmlang.process.interrupts import Interrupts, TerminatedError, listening_to_sigterm
from gmlang.repl.entries import feed
from gmlang.repl.session import ReplSession
from gmruntime.budget import Watch, start_budget
from gmruntime.inference import infer

unix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


def begin(watch: Watch, seconds: float) -> None:
    """Start a budget as a question does."""
    watch.budget = start_budget(seconds, 1 << 20).ending_with(watch.ended)


def test_an_answer_in_time_is_returned() -> None:
    with Interrupts() as interrupts:
        assert interrupts.answer(lambda _: 7) == 7
    assert not interrupts.has_left


def test_an_error_is_raised_where_the_answer_is_awaited() -> None:
    def find(watch: Watch) -> int:
        raise ZeroDivisionError

    with Interrupts() as interrupts, pytest.raises(ZeroDivisionError):
        interrupts.answer(find)


def test_what_asks_nobody_for_the_time_is_left_alone() -> None:
    never = threading.Event()

    def find(watch: Watch) -> int:
        begin(watch, 0.0)
        never.wait()
        return 1

    with Interrupts() as interrupts:
        assert interrupts.answer(find, grace_s=0.0) is None
        assert interrupts.has_left
        # The next question is answered all the same.
        assert interrupts.answer(lambda _: 2) == 2
    never.set()


def test_the_clock_starts_with_the_question_not_with_what_is_done_before() -> None:
    def find(watch: Watch) -> int:
        time.sleep(0.05)
        begin(watch, 60.0)
        return 3

    with Interrupts() as interrupts:
        assert interrupts.answer(find, grace_s=0.0) == 3


@unix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_budget_and_the_answer_comes(number: signal.Signals) -> None:
    def find(watch: Watch) -> str:
        begin(watch, 1e6)
        os.kill(os.getpid(), number)
        assert watch.budget is not None
        while not watch.budget.is_spent():
            time.sleep(0.001)
        return "the best so far"

    with Interrupts() as interrupts:
        assert interrupts.answer(find, grace_s=60.0) == "the best so far"
    assert interrupts.exit_status == 128 + number


@unix
def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    script = tmp_path / "deaf.py"
    script.write_text(
        "import os, signal, threading\n"
        "from gmlang.process.interrupts import Interrupts\n"
        "def find(watch):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    while interrupts.number == 0: pass\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    threading.Event().wait()\n"
        "with Interrupts() as interrupts:\n"
        "    interrupts.answer(find, grace_s=1e6)\n",
        "utf-8",
    )
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(script)], env=paths, check=False, timeout=60)
    assert done.returncode == 130


def test_who_goes_without_an_answer_ends_what_shows_how_far_it_is() -> None:
    never, ended = threading.Event(), threading.Event()

    def find(watch: Watch) -> None:
        watch.when_left.append(ended.set)
        begin(watch, 0.0)
        never.wait()

    with Interrupts() as interrupts:
        assert interrupts.answer(find, grace_s=0.0) is None
    assert ended.is_set()
    never.set()


@unix
def test_sigterm_outside_questions_ends_what_goes_on() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TerminatedError), listening_to_sigterm():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


GRID = """
var x[12, 12] : 0..4
for i in 0..<11, j in 0..<12:
    prefer x[i, j] == x[i + 1, j] weight 0.2 * ((i * 5 + j * 3) % 7) - 0.6
for i in 0..<12, j in 0..<11:
    prefer x[i, j] == x[i, j + 1] weight 0.2 * ((i * 3 + j * 5) % 7) - 0.6
"""


def signal_once_asked(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Send the signal as soon as the runtime is asked; return the handlers it was asked under."""
    handlers: list[object] = []

    def watched(*given: object, **named: object) -> object:
        handlers.append(signal.getsignal(signal.SIGINT))
        os.kill(os.getpid(), number)
        return infer(*given, **named)  # pyright: ignore

    monkeypatch.setattr("gmlang.queries.remembered.asking.infer", watched)
    return handlers


@unix
def test_an_interrupt_reaches_who_asks_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = signal_once_asked(signal.SIGINT, monkeypatch)
    # What runs in the background was told to ignore it.
    outer = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            gmlang.compile(GRID).query("MAP(x)", budget_s=600.0)
    finally:
        signal.signal(signal.SIGINT, outer)
    assert handlers == [signal.default_int_handler]


@unix
@pytest.mark.parametrize("question", ["MAP(x)", "logZ()"])
def test_ctrl_c_ends_a_question_of_a_session_and_not_the_session(
    question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = feed(ReplSession(budget_s=600.0), GRID)
    signal_once_asked(signal.SIGINT, monkeypatch)
    session, reply = feed(session, question)
    assert reply.text
    assert not reply.is_error
    _, reply = feed(session, "param two = 2")
    assert not reply.is_error


@unix
def test_sigterm_ends_a_session_with_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    session, _ = feed(ReplSession(budget_s=600.0), GRID)
    signal_once_asked(signal.SIGTERM, monkeypatch)
    with pytest.raises(TerminatedError):
        feed(session, "MAP(x)")
