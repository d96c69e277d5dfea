"""Questions spread over workers, and searches they help, answer as one process does."""

import io
import os
import re
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Timer
from typing import Any

import numpy as np
import pytest

import gmlang
from gmlang.api import Model
from gmlang.cli import main
from gmlang.cli.jobs import Job, spread_jobs
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.queries import spread as spread_module
from gmlang.queries import spread_rows
from gmlang.queries.answers import Answer
from gmlang.queries.settings import Settings
from gmlang.queries.spread import Errand, Question, Spread, run_errand, spread_over
from gmruntime import devices
from gmruntime.workers.parcels import pack
from gmruntime.workers.processes import Processes
from gmruntime.workers.workers import Workers, machine

PROGRAM = """
var rain : bool ~ Bernoulli(0.2)
var wet : bool ~ Bernoulli(0.9 if rain else 0.1)
query P(rain | wet = true)
query MAP(rain, wet)
query logZ()
assert P(rain) < 0.5
query count()
"""


WIDE = """
var x[30, 30] : 0..3
for i in 0..<29, j in 0..<30:
    prefer x[i, j] == x[i + 1, j] weight 0.3 * ((i * 7 + j * 13) % 5) - 0.6
for i in 0..<30, j in 0..<29:
    prefer x[i, j] == x[i, j + 1] weight 0.3 * ((i * 11 + j * 3) % 7) - 0.8
query MAP(x)
query MAP(x | x[0, 0] = 1)
"""


def plain(answers: Iterator[Answer]) -> list[dict[str, object]]:
    """Return what the answers say, times aside."""
    found = [answer.to_dict() for answer in answers]
    for answer in found:
        del answer["seconds"]
    return found


def test_questions_spread_over_threads_are_answered_in_order_and_alike():
    model = gmlang.compile(PROGRAM)
    alone = plain(model.run(remember=False))
    with ThreadPoolExecutor(2) as executor:
        assert plain(model.run(executor=executor, remember=False)) == alone
        assert plain(model.run(executor=executor, num_workers=1, remember=False)) == alone


def test_a_single_query_is_answered_alike():
    model = gmlang.compile(PROGRAM)
    with ThreadPoolExecutor(2) as executor:
        found = model.query("P(rain | wet = true)", executor=executor, remember=False)
        steps = list(model.search("MAP(rain, wet)", executor=executor))
    assert found.value == model.query("P(rain | wet = true)").value
    assert steps[-1].log_score == steps[-1].log_bound


class Silent(Executor):
    """Takes everything and never answers; may say that it is awake."""

    num_workers = 2

    def __init__(self, *, awake: bool) -> None:
        self.awake = awake

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        if self.awake and fn is not run_errand:
            future.set_result(fn())
        return future


@pytest.mark.parametrize("awake", [False, True])
def test_questions_that_no_worker_answers_are_answered_here(awake: bool):
    model = gmlang.compile(PROGRAM)
    answers = list(model.run(executor=Silent(awake=awake), budget_s=0.1))
    assert [a.value for a in answers] == [a.value for a in model.run(remember=False)]
    assert sum("did not answer in time" in a.note for a in answers) == (2 if awake else 0)


def test_an_executor_that_is_shut_down_answers_nothing():
    executor = ThreadPoolExecutor(2)
    executor.shutdown()
    model = gmlang.compile(PROGRAM)
    anew = plain(model.run(remember=False))
    assert plain(model.run(executor=executor, remember=False)) == anew


def test_an_answer_that_comes_while_it_is_asked_for_is_not_found_again():
    """A worker's thread settles a question while this one looks for it: it has one place."""
    model = gmlang.compile(PROGRAM)
    heard, go_on = Event(), Event()
    found: list[str] = []

    def here(question: Question, settings: Settings) -> Answer:
        found.append(question.text)
        assert heard.wait(60)
        Timer(0.2, go_on.set).start()
        return next(model.answer_all([question], settings))

    def hear(warnings: object) -> None:
        heard.set()
        assert go_on.wait(60)

    with ThreadPoolExecutor(1) as executor:
        settings = Settings(workers=Workers(executor, 1))
        spread = Spread(model, model.questions[:2], settings, here, hear)
        answers = [spread.answer(number) for number in range(2)]
    assert [answer.text for answer in answers] == [q.text for q in model.questions[:2]]
    assert found == [model.questions[0].text]


def test_a_worker_without_a_gpu_answers_on_its_cpu_and_says_so(monkeypatch: pytest.MonkeyPatch):
    """The machine that asks has one; whose name is not this one's."""
    monkeypatch.setattr(devices, "has_gpu", lambda: False)
    model = gmlang.compile(PROGRAM)
    settings = Settings(device="cuda")
    wide = model.questions[1]
    assert isinstance(wide, Query)
    reply = run_errand(Errand(pack(model), wide, settings, "another machine", 2))
    assert isinstance(reply, spread_module.Reply)
    assert reply.answer is not None
    assert reply.answer.note == spread_module.NO_GPU
    rows = np.full((3, 2), -1, np.int32)
    errand = spread_rows.Errand(pack(model), wide, rows, settings, "another machine", 2)
    assert {one.note for one in spread_rows.run_errand(errand).answers} == {spread_module.NO_GPU}
    # Who asks for what its own machine has not is told so.
    with pytest.raises(ValueError, match="none here"):
        run_errand(Errand(pack(model), wide, settings, machine(), 2))


def kill_first(errand: Errand) -> object:
    """Be killed by one of the questions; answer the others."""
    if errand.question.text.startswith("MAP"):
        os.kill(os.getpid(), signal.SIGKILL)
    return run_errand(errand)


@contextmanager
def pool(kind: str) -> Generator[Executor]:
    if kind == "processes":
        executor = Processes(2)
        yield executor
        executor.shutdown(wait=False)
    else:
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as broken:
            yield broken


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["processes", "standard"])
def test_a_worker_that_is_killed_costs_its_share(kind: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spread_module, "run_errand", kill_first)
    model = gmlang.compile(PROGRAM)
    # Workers that are awake are waited for; these may take seconds to be so.
    monkeypatch.setattr(spread_module.Spread, "_are_awake", lambda _: True)
    with pool(kind) as executor:
        answers = list(model.run(executor=executor, budget_s=60))
    assert [a.value for a in answers] == [a.value for a in model.run(remember=False)]
    assert "answered here" in answers[1].note


def test_mistakes_and_warnings_come_back_from_workers():
    text = "data y : 0..1\nvar z : 0..1\nobserve z = y\nquery P(z)\nquery logZ()\n"
    model = gmlang.compile(text)
    with ThreadPoolExecutor(2) as executor, pytest.raises(GmError, match="y"):
        list(model.run(executor=executor))


def test_who_gives_up_waiting_ends_what_is_answered_here():
    """A search of which nobody waits for the end says what it has found."""
    model = gmlang.compile(WIDE)
    ended = Event()
    settings = Settings(budget_s=1e8, workers=Workers(Silent(awake=True), 1))
    spread = spread_over(model, model.questions, settings)
    timer = Timer(1.0, ended.set)
    timer.start()
    found = spread.answer(0, ended)
    spread.dismiss()
    timer.join()
    assert found.status in ("bounded", "estimate")
    assert found.value is not None


def test_who_gives_up_waiting_takes_a_question_back_from_its_worker():
    model = gmlang.compile(PROGRAM)
    settings = Settings(budget_s=1e8, workers=Workers(Silent(awake=True), 2))
    spread = spread_over(model, model.questions, settings)
    first = spread.answer(0)
    ended = Event()
    assert 1 in spread.running
    timer = Timer(0.3, ended.set)
    timer.start()
    second = spread.answer(1, ended)
    spread.dismiss()
    timer.join()
    assert first.status == "exact"
    assert second.kind == "map"


@pytest.mark.parametrize(
    "nonsense",
    [{"executor": 3}, {"executor": ThreadPoolExecutor}, {"num_workers": 2}],
    ids=["number", "class", "alone"],
)
def test_what_is_no_executor_is_refused(nonsense: dict[str, Any]):
    with pytest.raises(GmError) as refused:
        gmlang.compile(PROGRAM).query("P(rain)", **nonsense)
    assert refused.value.diagnostics[0].code == "GM512"


def run(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> tuple[object, str]:
    path.write_text(PROGRAM, "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(path), "--json", *options])
    return ended.value.code, re.sub(r'"seconds": [0-9.e-]+', "", capsys.readouterr().out)


@pytest.mark.slow
def test_the_command_spreads_questions_over_processes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    alone = run(capsys, tmp_path / "a.gm")
    assert alone[0] == 0
    assert run(capsys, tmp_path / "a.gm", "--workers", "2") == alone
    assert run(capsys, tmp_path / "a.gm", "--workers", "0") == alone


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_command_spreads_questions_at_a_terminal_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    spread: list[int] = []

    def noted(model: Model, questions: Sequence[Question], settings: Settings) -> Iterator[Job]:
        spread.append(len(questions))
        return spread_jobs(model, questions, settings)

    @contextmanager
    def threads(number: int | None, address: str | None) -> Generator[Workers]:
        with ThreadPoolExecutor(1) as executor:
            yield Workers(executor, 1)

    monkeypatch.setattr("gmlang.cli.run.spread_jobs", noted)
    monkeypatch.setattr("gmlang.cli.run.hired", threads)
    monkeypatch.setattr("sys.stderr", Terminal())
    (tmp_path / "a.gm").write_text(PROGRAM, "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path / "a.gm"), "--workers", "2"])
    assert ended.value.code == 0
    assert "P(rain | wet = true)" in capsys.readouterr().out
    assert spread == [5]


@pytest.mark.parametrize("options", [("-1",), ("two",), ("2", "--dask", "tcp://x:1")])
def test_nonsense_on_the_command_line_is_refused(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(capsys, tmp_path / "a.gm", "--workers", *options) == (2, "")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_of_local_processes_answers_alike():
    distributed = pytest.importorskip("distributed")
    model = gmlang.compile(PROGRAM)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        executor = client.get_executor()
        anew = plain(model.run(remember=False))
        assert plain(model.run(executor=executor, budget_s=60, remember=False)) == anew
