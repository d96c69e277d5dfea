"""Models with `prior 0`: active only where another calls them."""

import math
import random

import numpy as np
import pytest

import gmlang
from tests.support import called, worlds

QUERIES = (
    "P(red(it[0]))",
    "P(near(it[0], 1))",
    "P(red(it[0]) | it[0].color = red, it[0].row[1] = true)",
    "P(first(it[0]) | it[0].row[1] = true)",
    "P(it[0].row[0] = true | second(it[0]))",
    "P(it[0].big = true)",
)


def _agrees(seed: int) -> None:
    text = called.calling_program(random.Random(seed))
    queries = QUERIES if "it[1]" in text else [q.replace("it[0]", "it") for q in QUERIES]
    wanted, log_z, _, best = worlds.answers(text, queries)
    model = gmlang.compile(text)
    for query, value in zip(queries, wanted, strict=True):
        found = model.query(query)
        if math.isnan(value):
            assert found.status == "impossible", (seed, query)
            continue
        chance = found.value["true"] if isinstance(found.value, dict) else found.value
        assert chance == pytest.approx(value, abs=1e-9), (seed, query)
    if log_z > -math.inf:
        assert model.query("logZ()").value == pytest.approx(log_z, abs=1e-9), seed
        assert model.query("MAP()").log_score == pytest.approx(best, abs=1e-9), seed


@pytest.mark.parametrize("start", range(0, 8, 4))
def test_called_models_are_what_enumeration_says(start: int):
    for seed in range(start, start + 4):
        _agrees(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(8, 308, 20))
def test_many_more_are_what_enumeration_says(start: int):
    for seed in range(start, start + 20):
        _agrees(seed)


# --- X calls Y, then Z or Z' --------------------------------------------------------------


def _deep(rng: np.random.Generator, depth: int, width: int = 4) -> tuple[str, list[int], str]:
    """Write models that act and then call one of two, by a sign; what an interpreter does.

    Returns:
        The program, the act of each level when the first model runs, and the signs as conditions.
    """
    acts, nexts = rng.integers(6, size=(depth, width)), rng.integers(width, size=(depth, width, 2))
    lines = ["entity World:", f"    act[{depth}] : 0..5", f"    sign[{depth}] : bool"]
    for i in reversed(range(depth)):
        for j in range(width):
            lines.append(f"model m{i}_{j}(w: World) prior {0 if i else 0.1}:")
            lines.append(f"    predict w.act[{i}] = {acts[i, j]} @ 0.97")
            if i + 1 < depth:
                lines.append(f"    if w.sign[{i}]: use m{i + 1}_{nexts[i, j, 1]}(w)")
                lines.append(f"    if not w.sign[{i}]: use m{i + 1}_{nexts[i, j, 0]}(w)")
    signs, at, does = rng.random(depth) < 0.5, 0, []
    for i in range(depth):
        does.append(int(acts[i, at]))
        at = int(nexts[i, at, int(signs[i])])
    given = ", ".join(f"w.sign[{i}] = {str(bool(s)).lower()}" for i, s in enumerate(signs))
    return "\n".join([*lines, "var w : World\n"]), does, given


def _runs_as_interpreted(seed: int) -> None:
    text, does, given = _deep(np.random.default_rng(seed), 20)
    answer = gmlang.compile(text).query(f"P(w.act | m0_0(w), {given})")
    assert answer.status == "exact"
    expected = np.full((20, 6), 0.03 / 5)
    expected[np.arange(20), does] = 0.97
    assert np.asarray(answer.array) == pytest.approx(expected, abs=1e-12), seed


@pytest.mark.parametrize("seed", range(2))
def test_programs_of_calls_run_as_an_interpreter_runs_them(seed: int):
    _runs_as_interpreted(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(2, 1002, 100))
def test_a_thousand_programs_of_calls_run_as_an_interpreter_runs_them(start: int):
    for seed in range(start, start + 100):
        _runs_as_interpreted(seed)
