"""Whose turn it is in a search, and what an engine may take on."""

import numpy as np

from gmruntime.budget import start_budget
from gmruntime.driver.lanes import credit, pick, roster_of
from gmruntime.engine import Incumbent, Report
from gmruntime.flat import flatten
from gmruntime.primal.cutset.engine import Neighbourhoods
from gmruntime.primal.terrain import Terrain
from tests.support.random_factors import random_loops


class _Named:
    def __init__(self, name: str) -> None:
        self.name = name

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        return Report()


def _turns(gains: dict[str, float], count: int, worth: float, patient: bool) -> list[str]:
    """Play turns of a second each in which an engine always gains the same."""
    roster = roster_of([_Named(name) for name in gains])
    roster.patient = patient
    names: list[str] = []
    for _ in range(count):
        entry = pick(roster, worth)
        assert entry is not None
        credit(entry, Report(), gains[entry.engine.name], 1.0)
        names.append(entry.engine.name)
    return names


def test_where_starting_takes_long_an_engine_that_gains_does_not_wait_for_all() -> None:
    names = _turns({"good": 9.0, "idle": 0.0, "slow": 1.0}, 6, 2.0, patient=True)
    assert names[:2] == ["good", "good"]
    assert set(names) == {"good", "idle", "slow"}


def test_where_starting_costs_little_every_engine_runs_once_first() -> None:
    names = _turns({"good": 9.0, "idle": 0.0, "slow": 1.0}, 3, 2.0, patient=False)
    assert names == ["good", "idle", "slow"]


def test_where_nothing_gains_every_engine_runs_in_the_order_listed() -> None:
    assert _turns({"a": 0.0, "b": 0.0, "c": 0.0}, 3, 1.0, patient=True) == ["a", "b", "c"]


def test_regions_never_moved_are_not_taken_to_cost_nothing() -> None:
    flat = flatten(random_loops(np.random.default_rng(0), 100, 200))
    engine = Neighbourhoods(Terrain(flat), start_budget(60.0, 1 << 30), np.random.default_rng(0))
    engine.step(Incumbent(np.zeros(0, np.int32), float("-inf"), float("inf")), 1e-6)
    assert (8.0, False) in engine.move_s
    for arm in engine.arms:
        assert engine.cycle_s(arm) >= arm.num_moves * engine.move_s[8.0, False]
