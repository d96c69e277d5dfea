"""The compiler and the naive interpreter of the meaning agree on random programs."""

import math
import random
from pathlib import Path

import pytest

import gmlang
from tests.support import oracle
from tests.support.programs import (
    FLAT_QUERIES,
    SOCIETY_QUERIES,
    flat_program,
    society_program,
)


def _agree(text: str, query: str, expected: float) -> None:
    answer = gmlang.compile(text).query(query, budget_s=20)
    if math.isnan(expected):
        assert answer.status == "impossible", text
        return
    assert answer.status == "exact", text
    value = answer.value
    if isinstance(value, dict):
        value = value["true"]
    assert value == pytest.approx(expected, abs=1e-9), (text, query)


@pytest.mark.parametrize("seed", range(25))
def test_flat_programs_mean_what_the_interpreter_says(seed: int):
    text = flat_program(random.Random(seed))
    for query in FLAT_QUERIES:
        _agree(text, query, oracle.probability(text, query))
    expected = oracle.log_partition(text)
    answer = gmlang.compile(text).query("logZ()")
    if expected == -math.inf:
        assert answer.status == "impossible"
    else:
        assert answer.value == pytest.approx(expected, abs=1e-9)
        assert gmlang.compile(text).query("count()").value == oracle.count(text)


@pytest.mark.parametrize("seed", range(25))
def test_societies_mean_what_the_interpreter_says(seed: int):
    text = society_program(random.Random(seed))
    for query in SOCIETY_QUERIES:
        _agree(text, query, oracle.probability(text, query))


@pytest.mark.parametrize("name", ["asia", "birds", "sprinkler"])
def test_examples_mean_what_the_interpreter_says(name: str):
    text = (Path(__file__).resolve().parents[2] / "examples" / f"{name}.gm").read_text("utf-8")
    queries = {
        "asia": ["P(lung = true | smoke = true, xray = true)", "P(tub = true | dysp = true)"],
        "birds": ["P(flying(tweety) | bird(tweety))", "P(penguin(tweety) | tweety.size = large)"],
        "sprinkler": ["P(rain = true | wet = true)"],
    }
    for query in queries[name]:
        _agree(text, query, oracle.probability(text, query))
