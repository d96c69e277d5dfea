"""Graphs of every kind, asked everything with every engine, equal their enumeration."""

import numpy as np
import pytest

from tests.fuzz.graphs import random_case
from tests.fuzz.questions import SETTINGS, faults


def _faults(seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    case = random_case(rng)
    settings = SETTINGS[seed % len(SETTINGS)]
    return [f"seed {seed}, {case.sort}, {settings}: {f}" for f in faults(case, settings, rng)]


@pytest.mark.parametrize("start", [*range(0, 180, 10), 5040, 11910])
def test_graphs_are_answered_as_they_are_enumerated(start: int):
    assert not [fault for seed in range(start, start + 10) for fault in _faults(seed)]


@pytest.mark.slow
@pytest.mark.parametrize("start", range(10_000, 14_000, 200))
def test_many_graphs_are_answered_as_they_are_enumerated(start: int):
    assert not [fault for seed in range(start, start + 200) for fault in _faults(seed)]
