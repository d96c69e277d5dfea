"""The compiler and the naive interpreter agree on what has a value, and what it is."""

import math
import random

import pytest

import gmlang
from gmlang.diagnostics import GmError
from tests.support import oracle
from tests.support.interpreter import Undefined
from tests.support.programs import partial_program, partial_queries

UNDEFINED = ("GM314", "GM327", "GM406", "GM414", "GM417", "GM422", "GM425", "GM428")
"""The codes of what has no value in some state, or is a constant where none fits."""


def _expected(text: str, query: str) -> float | None:
    try:
        return oracle.probability(text, query)
    except Undefined:
        return None


def _found(text: str, query: str) -> float | None:
    try:
        answer = gmlang.compile(text).query(query, budget_s=20)
    except GmError as error:
        codes = {d.code for d in error.diagnostics}
        return None if codes <= {*UNDEFINED} else pytest.fail(f"{text}{codes}")
    if answer.status == "impossible":
        return math.nan
    assert answer.status == "exact"
    assert isinstance(answer.value, float)
    return answer.value


@pytest.mark.parametrize("seed", range(16))
def test_partial_programs_mean_what_the_interpreter_says(seed: int):
    rng = random.Random(seed)
    text = partial_program(rng)
    for query in partial_queries(rng):
        expected, found = _expected(text, query), _found(text, query)
        # What has no value whatever the states is told even where nothing is possible.
        if expected is None or found is None:
            assert found is None, (text, query)
            assert expected is None or math.isnan(expected), (text, query)
        else:
            assert found == pytest.approx(expected, abs=1e-9, nan_ok=True), (text, query)
