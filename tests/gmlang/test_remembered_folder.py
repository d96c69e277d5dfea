"""Answers on disk: found again by another process, checked, and never believed where damaged."""

import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

import gmlang
from gmlang.cli import main
from gmlang.diagnostics import GmError
from gmlang.queries.question import Question
from gmlang.queries.questions import QUESTIONS
from gmlang.queries.remembered import folder as folders
from gmlang.queries.remembered.checks import check
from gmlang.queries.remembered.files import UnusableError, from_arrays, to_arrays
from gmlang.queries.remembered.folder import find_in, keep_in
from gmruntime import answer as runtime
from gmruntime.answer import (
    Answer,
    AnyAnswer,
    Best,
    Joint,
    LogPartition,
    Map,
    MarginalMap,
    Marginals,
    Query,
    Samples,
    Solutions,
)
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.inference import infer
from gmruntime.task import Task
from tests.gmlang.test_remembered import NETWORK, is_remembered, told

_A = TypeVar("_A", bound=AnyAnswer)

KEY = b"key"


def small_graph() -> FactorGraph:
    """Two blocks: a chain of three variables of three states, and one of two beside it."""
    rng = np.random.default_rng(0)
    pairs = Table(rng.normal(size=(2, 3, 3)))
    lone = Table(np.array([[0.0, -1.0]]))
    chain = np.array([[0, 1], [1, 2]], np.int32)
    blocks = (VariableBlock("x", (3,), 3), VariableBlock("y", (), 2))
    return FactorGraph(
        blocks, (FactorBlock(pairs, chain), FactorBlock(lone, np.array([[3]], np.int32)))
    )


SEEN = np.array([-1, -1, 2, -1], np.int32)
TWO = np.array([0, 2], np.int32)
ASKED: tuple[Query, ...] = (
    Marginals(),
    Marginals(TWO),
    Joint(TWO),
    LogPartition(),
    Map(),
    Best(3),
    Best(2, TWO),
    MarginalMap(TWO),
    Samples(4),
    Solutions(),
)
every_question = pytest.mark.parametrize("asked", ASKED, ids=lambda q: type(q).__name__)


def task_of(asked: Query) -> Task[Query]:
    graph = small_graph()
    return Task(graph, asked.checked(graph), SEEN)


def answer_to(asked: runtime.Question[_A]) -> _A:
    found = infer(small_graph(), asked, evidence=SEEN)
    assert found.quality.status == "exact"
    return found


# --- One answer, one file ----------------------------------------------------------------


@every_question
def test_an_answer_is_read_as_it_was_written(asked: Query):
    task, found = task_of(asked), answer_to(asked)
    arrays = to_arrays(found, KEY)
    assert arrays is not None
    read = from_arrays(arrays, KEY, asked)
    check(task, read)
    assert repr(read) == repr(found)


@every_question
def test_a_file_of_another_question_is_refused(asked: Query):
    arrays = to_arrays(answer_to(asked), KEY)
    assert arrays is not None
    with pytest.raises(UnusableError):
        from_arrays(arrays, b"other", asked)
    other = Solutions() if not isinstance(asked, Solutions) else Map()
    with pytest.raises(UnusableError):
        from_arrays(arrays, KEY, other)


@every_question
def test_no_array_may_be_left_out_or_added(asked: Query):
    arrays = to_arrays(answer_to(asked), KEY)
    assert arrays is not None
    for name in arrays:
        with pytest.raises(UnusableError):
            from_arrays({k: v for k, v in arrays.items() if k != name}, KEY, asked)
    with pytest.raises(UnusableError):
        from_arrays({**arrays, "more": np.zeros(1)}, KEY, asked)


def forged() -> list[tuple[Query, Answer]]:
    """Give answers that somebody made up, each wrong in a way that can be checked."""
    best, joint = answer_to(Map()), answer_to(Joint(TWO))
    marginals, logs = answer_to(Marginals()), answer_to(LogPartition())
    states, count = answer_to(MarginalMap(TWO)), answer_to(Solutions())
    three, draws = answer_to(Best(3)), answer_to(Samples(4))
    other = best.assignments.copy()
    other[0, 0] = (other[0, 0] + 1) % 3
    unseen = best.assignments.copy()
    unseen[0, 2] = 0
    outside = best.assignments.copy()
    outside[0, 0] = 3
    odd = (np.full((3, 3), 0.5), marginals.probabilities[1])
    shifted = (marginals.probabilities[0][::-1].copy(), marginals.probabilities[1])
    return [
        (Map(), replace(best, assignments=other)),
        (Map(), replace(best, assignments=unseen)),
        (Map(), replace(best, assignments=outside)),
        (Map(), replace(best, assignments=best.assignments.astype(np.float64))),
        (Map(), replace(best, log_upper=best.log_upper + 1.0)),
        (Map(), replace(best, log_upper=float("nan"))),
        (Map(), replace(best, log_scores=best.log_scores + 0.1)),
        (Map(), replace(best, log_scores=np.zeros((1, 1)))),
        (Map(), three),
        (Map(), replace(best, assignments=best.assignments[:0], log_scores=best.log_scores[:0])),
        (Best(2), three),
        (Best(3), replace(three, assignments=three.assignments[[0, 0, 1]])),
        (
            Best(3),
            replace(
                three,
                assignments=three.assignments[::-1].copy(),
                log_scores=three.log_scores[::-1].copy(),
            ),
        ),
        (Samples(5), draws),
        (Joint(TWO), replace(joint, probabilities=joint.probabilities * 2)),
        (Joint(TWO), replace(joint, probabilities=joint.probabilities.T.copy())),
        (Joint(TWO), replace(joint, probabilities=joint.probabilities[:, ::-1].copy())),
        (Joint(TWO), replace(joint, probabilities=np.full((3, 3), np.nan))),
        (Marginals(), replace(marginals, probabilities=odd)),
        (Marginals(), replace(marginals, probabilities=shifted)),
        (Marginals(), replace(marginals, probabilities=marginals.probabilities[:1])),
        (Marginals(), replace(marginals, lower=marginals.probabilities)),
        (LogPartition(), replace(logs, log_value=float("nan"))),
        (LogPartition(), replace(logs, log_value=logs.log_value + 1.0)),
        (MarginalMap(TWO), replace(states, states=np.array([0, 1], np.int32))),
        (MarginalMap(TWO), replace(states, states=np.array([7, 2], np.int32))),
        (MarginalMap(TWO), replace(states, log_value=float("inf"))),
        (Solutions(), replace(count, count=17)),
        (Solutions(), replace(count, count=-1)),
        (Solutions(), replace(count, count=None)),
        (Solutions(), replace(count, count=10**6, log_count=float(np.log(10**6)))),
    ]


@pytest.mark.parametrize("number", range(len(forged())))
def test_what_is_made_up_is_refused(number: int):
    asked, made_up = forged()[number]
    arrays = to_arrays(made_up, KEY)
    assert arrays is not None
    with pytest.raises(UnusableError):
        check(task_of(asked), from_arrays(arrays, KEY, asked))


def test_text_that_steers_a_terminal_is_refused():
    found = answer_to(Map())
    for text in ("\x1b[31mred", "x" * 1000, "two\nlines"):
        for wrong in ({"method": text}, {"note": text}):
            arrays = to_arrays(replace(found, quality=replace(found.quality, **wrong)), KEY)
            assert arrays is not None
            with pytest.raises(UnusableError):
                from_arrays(arrays, KEY, Map())


# --- A folder ----------------------------------------------------------------------------


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.word)
def test_another_process_finds_what_was_answered(question: Question, tmp_path: Path):
    anew = [told(a) for a in gmlang.compile(question.example).run(remember=False)]
    for _ in range(2):
        model = gmlang.compile(question.example)
        assert [told(a) for a in model.run(remember=tmp_path)] == anew
    assert not list(tmp_path.glob("*.part"))
    assert all(file.suffix == ".npz" for file in tmp_path.iterdir())


def test_a_folder_is_made_and_what_it_holds_is_noted(tmp_path: Path):
    folder = tmp_path / "deep" / "down"
    first = gmlang.compile(NETWORK).query("MAP(rain | wet = true)", remember=folder)
    second = gmlang.compile(NETWORK).query("MAP(rain | wet = true)", remember=str(folder))
    assert not is_remembered(first)
    assert is_remembered(second)
    assert told(second) == told(first)
    # Nothing is looked for there, or kept there, unless that is asked for.
    gmlang.compile(NETWORK).query("P(cold)")
    assert len(list(folder.iterdir())) == 1
    assert not is_remembered(gmlang.compile(NETWORK).query("MAP(rain | wet = true)"))


def test_what_is_in_memory_is_kept_on_disk_once_that_is_asked_for(tmp_path: Path):
    model = gmlang.compile(NETWORK)
    model.query("P(rain)")
    assert is_remembered(model.query("P(rain)", remember=tmp_path))
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_impossible_is_not_kept_on_disk(tmp_path: Path):
    model = gmlang.compile("var a : bool ~ Bernoulli(0)\n")
    assert model.query("P(a | a = true)", remember=tmp_path).status == "impossible"
    assert not list(tmp_path.iterdir())


def test_other_data_finds_nothing(tmp_path: Path):
    gmlang.compile(NETWORK).query("P(rain)", remember=tmp_path)
    other = gmlang.compile(NETWORK, bias=0.6).query("P(rain)", remember=tmp_path)
    assert not is_remembered(other)
    assert told(other)["answer"] == {"true": pytest.approx(0.6), "false": pytest.approx(0.4)}


QUERY = "MAP(rain, cold | wet = true)"


def kept_file(folder: Path) -> Path:
    gmlang.compile(NETWORK).query(QUERY, remember=folder)
    (file,) = folder.iterdir()
    return file


def packed_npz() -> bytes:
    """An archive of a few kilobytes that unpacks to many megabytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        header = b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, "
        header += b"'shape': (67108864,), }"
        header += b" " * (10 + 118 - len(header) - 1) + b"\n"
        archive.writestr("about.npy", header + bytes(1 << 26))
    return content.getvalue()


def npz_of(**arrays: object) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)  # pyright: ignore[reportArgumentType]
    return content.getvalue()


HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "pickle": pickle.dumps({"about": 1}),
    "objects": npz_of(about=np.array([{"a": 1}, None], object)),
    "packed": packed_npz(),
    "no about": npz_of(assignments=np.zeros((1, 2), np.int32)),
    "about is a number": npz_of(about=np.zeros(3)),
    "about is no JSON": npz_of(about=np.frombuffer(b"{{{", np.uint8)),
    "about is a list": npz_of(about=np.frombuffer(b"[1]", np.uint8)),
    "about is deep": npz_of(about=np.frombuffer(b"[" * 100_000, np.uint8)),
    "about says nothing": npz_of(about=np.frombuffer(b"{}", np.uint8)),
    "an end without a beginning": b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_answer_is_deleted_and_answered_anew(content: bytes, tmp_path: Path):
    file = kept_file(tmp_path)
    anew = told(gmlang.compile(NETWORK).query(QUERY))
    file.write_bytes(content)
    answer = gmlang.compile(NETWORK).query(QUERY, remember=tmp_path)
    assert told(answer) == anew
    assert not is_remembered(answer)
    assert file.read_bytes() != content
    assert is_remembered(gmlang.compile(NETWORK).query(QUERY, remember=tmp_path))


@pytest.mark.parametrize("seed", range(40))
def test_damage_is_noticed_or_harmless(seed: int, tmp_path: Path):
    rng = random.Random(seed)
    model = gmlang.compile(NETWORK)
    anew = told(model.query(QUERY, remember=False))
    file = kept_file(tmp_path)
    content = bytearray(file.read_bytes())
    for _ in range(rng.randint(1, 3)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    if rng.random() < 0.3:
        del content[rng.randrange(len(content)) :]
    file.write_bytes(content)
    assert told(gmlang.compile(NETWORK).query(QUERY, remember=tmp_path)) == anew


def test_what_stands_in_the_way_is_left_alone(tmp_path: Path):
    """A directory, a pipe or a link that leads nowhere in the place of a file."""
    file = kept_file(tmp_path)
    anew = told(gmlang.compile(NETWORK).query(QUERY))
    for make in (file.mkdir, lambda: os.mkfifo(file), lambda: file.symlink_to(tmp_path / "gone")):
        file.rmdir() if file.is_dir() else file.unlink()
        make()
        assert told(gmlang.compile(NETWORK).query(QUERY, remember=tmp_path)) == anew


def test_a_folder_that_goes_away_costs_nothing(tmp_path: Path):
    folder = tmp_path / "answers"
    model = gmlang.compile(NETWORK)
    questions = model.ask("P(rain), P(cold)")
    found = model.run(remember=folder)
    assert list(found) == []
    from gmlang.queries.settings import checked_settings

    how = checked_settings(5.0, 0, remember=folder)
    folder.rmdir()
    assert [a.status for a in model.answer_all(questions, how)] == ["exact", "exact"]


def test_without_leave_to_look_or_a_version_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Path, "exists", lambda path: os.stat(path / "beneath a file"))
    keep_in(tmp_path, KEY, answer_to(Map()))
    monkeypatch.undo()
    monkeypatch.setattr(folders, "_version", lambda: None)
    keep_in(tmp_path, KEY, answer_to(Map()))
    assert not list(tmp_path.iterdir())
    assert find_in(tmp_path, KEY, task_of(Map())) is None


def test_what_is_no_folder_is_refused_by_name(tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("")
    for wrong in (file, file / "inside", "", 3, None, "nul\0"):
        with pytest.raises(GmError, match=r"GM511.+remember"):
            gmlang.compile(NETWORK).query("P(rain)", remember=wrong)  # pyright: ignore[reportArgumentType]


# --- The command -------------------------------------------------------------------------


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command, and return what it printed."""

    def called(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["run", *arguments])
        assert ended.value.code == code
        said = capsys.readouterr()
        return said.err if code else said.out

    return called


def test_the_command_keeps_answers_in_a_folder(run: Callable[..., str], tmp_path: Path):
    program = tmp_path / "p.gm"
    program.write_text(NETWORK + "query P(rain | wet = true), MAP(), count()\n")
    folder = str(tmp_path / "answers")
    first = json.loads(run(str(program), "--remember", folder, "--json"))["queries"]
    # A program that says the same in other words asks the same.
    program.write_text("# A comment\n" + program.read_text())
    second = json.loads(run(str(program), "--remember", folder, "--json"))["queries"]
    assert [q["answer"] for q in first] == [q["answer"] for q in second]
    assert [q.get("note") for q in second] == ["remembered"] * 3
    assert all("note" not in q for q in first)


def test_the_command_works_everything_out_anew_where_that_is_wanted(
    run: Callable[..., str], tmp_path: Path
):
    program = tmp_path / "p.gm"
    program.write_text(NETWORK + "query P(rain), P(rain)\n")
    assert run(str(program)).count("remembered") == 1
    assert "remembered" not in run(str(program), "--anew")
    folder = str(tmp_path / "answers")
    assert "give one" in run(str(program), "--anew", "--remember", folder, code=2)
    assert "--plan answers nothing" in run(str(program), "--plan", "--remember", folder, code=2)
    assert "not a directory" in run(str(program), "--remember", str(program / "x"), code=2)
