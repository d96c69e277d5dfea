"""Made-up programs, graphs and bytes: a few hundred here, many more with `-m slow`.

What needs processes or looks at the clock is run by `python -m tests.fuzz.night` alone, but for a
few commands.
"""

import pytest

from tests.fuzz import graphs, questions
from tests.fuzz.all_rounds import ROUNDS
from tests.fuzz.rounds import Round, all_faults, try_seed

GRAPHS = [*range(0, 100, 10), 5040, 11910]

LONG = {"graphs": {1, 19, 28, 46, 55, 11917}, "programs": {10}, "cases": {1, 2}}
"""Seeds of what takes all its time, at least once: for `-m slow`."""


def _short(name: str, seeds: range) -> list[int]:
    return [seed for seed in seeds if seed not in LONG[name]]


@pytest.mark.parametrize(
    "start",
    [*GRAPHS, *(pytest.param(k, marks=pytest.mark.slow) for k in range(100, 180, 10))],
)
def test_graphs_are_answered_as_they_are_enumerated(start: int):
    assert not all_faults(ROUNDS["graphs"], _short("graphs", range(start, start + 10)))


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_what_takes_long_is_answered_as_it_should_be(name: str):
    assert not all_faults(ROUNDS[name], sorted(LONG[name]))


@pytest.mark.parametrize(
    "start", [0, 5, *(pytest.param(k, marks=pytest.mark.slow) for k in range(10, 40, 5))]
)
def test_programs_mean_what_the_interpreter_says(start: int):
    assert not all_faults(ROUNDS["programs"], _short("programs", range(start, start + 5)))


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_damaged_bytes_are_read_or_refused(start: int):
    assert not all_faults(ROUNDS["bytes"], range(start, start + 20))


def test_damaged_cases_are_learned_from_or_refused():
    assert not all_faults(ROUNDS["cases"], _short("cases", range(3)))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_commands_end_as_documented(seed: int):
    assert not all_faults(ROUNDS["options"], [seed])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "step"),
    [("graphs", 200), ("programs", 40), ("bytes", 200), ("cases", 25), ("options", 20)],
)
@pytest.mark.parametrize("number", range(20))
def test_many_more_are_as_they_should_be(name: str, step: int, number: int):
    first = 10_000 + number * step
    assert not all_faults(ROUNDS[name], range(first, first + step))


@pytest.mark.parametrize("name", ROUNDS)
def test_a_seed_makes_the_same_case_again(name: str):
    assert ROUNDS[name].make(7).text == ROUNDS[name].make(7).text


def test_every_kind_of_question_about_a_graph_is_counted():
    assert len(questions.CHECKS) == graphs.NUM_KINDS


def test_what_is_raised_is_a_fault_with_its_command():
    def check(case: object) -> list[str]:
        raise ValueError(f"{case}")

    broken = Round("bytes", ROUNDS["bytes"].make, check)
    (fault,) = try_seed(broken, 5).faults
    assert "ValueError" in fault.what
    assert fault.command == "python -m tests.fuzz.night bytes --seed 5 --count 1"
