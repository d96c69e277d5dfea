"""Models, answers and errors travel between processes: what arrives says what was sent."""

import copy
import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmruntime.formats.errors import FormatError
from gmruntime.formats.uai import parse_uai

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.gm"))
SEEN = "data y[T] : 0..1\nvar z[T] : 0..1\nobserve z = y\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_a_model_is_the_same_after_its_journey(path: Path) -> None:
    model = gmlang.load(path)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        # Missing data is no number, which equals not even itself: compared as written in full.
        with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
            assert repr(other.checked.program) == repr(model.checked.program)
        assert other.questions == model.questions


def test_a_model_that_has_been_asked_still_travels() -> None:
    model = gmlang.compile(SEEN).bind(y=[0, 1])
    before = model.query("P(z)").value
    assert pickle.loads(pickle.dumps(model)).query("P(z)").value == before


def test_an_answer_travels() -> None:
    answer = gmlang.compile(SEEN).bind(y=[0, 1]).query("P(z)")
    for other in (pickle.loads(pickle.dumps(answer)), copy.deepcopy(answer)):
        assert other.to_json() == answer.to_json()


def test_errors_travel_with_their_places() -> None:
    with pytest.raises(GmError) as mistake:
        gmlang.compile("var a : bool ~ Bernoulli(b)\n")
    other = pickle.loads(pickle.dumps(mistake.value))
    assert other.diagnostics == mistake.value.diagnostics
    assert str(copy.copy(other)) == str(mistake.value)
    with pytest.raises(FormatError) as malformed:
        parse_uai("m.uai", "MARKOV\n1\nx\n")
    again = pickle.loads(pickle.dumps(malformed.value))
    assert (again.line, str(again)) == (3, str(malformed.value))


def _ask(model: gmlang.Model, value: int) -> object:
    return model.bind(y=[0, value]).query("P(z)").value


def test_processes_share_a_model_and_hand_back_its_errors() -> None:
    model = gmlang.compile(SEEN)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(_ask, model, 1).result(60) == _ask(model, 1)
        with pytest.raises(GmError, match="y"):
            pool.submit(_ask, model, 7).result(60)
