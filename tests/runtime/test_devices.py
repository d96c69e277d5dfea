"""Where a question may run: what "cpu" asks for, no engine takes elsewhere."""

import numpy as np
import pytest

from gmruntime.answer import Map
from gmruntime.bounds import ascent
from gmruntime.budget import start_budget
from gmruntime.driver.portfolio import rosters
from gmruntime.engine import Incumbent
from gmruntime.factors.kinds import Table
from gmruntime.flat import FlatGraph, flatten
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.inference import search
from gmruntime.primal.replicas import engine as replicas


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> FlatGraph:
    """A graph that counts as large, on a machine where looking for a GPU is a mistake."""

    def looked() -> bool:
        raise AssertionError("the GPU was looked for")

    monkeypatch.setattr(ascent, "ENTRIES_MIN", 1)
    monkeypatch.setattr("gmruntime.driver.portfolio.NUM_EDGES_MIN", 1)
    monkeypatch.setattr(ascent, "has_gpu", looked)
    monkeypatch.setattr(replicas, "has_gpu", looked)
    return flatten(_ring())


def _ring() -> FactorGraph:
    rng = np.random.default_rng(0)
    places = np.arange(12, dtype=np.int32)
    scopes = np.stack([places, np.roll(places, 1)], 1)
    return FactorGraph(
        (VariableBlock("x", (12,), 3),), (FactorBlock(Table(rng.normal(size=(12, 3, 3))), scopes),)
    )


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_search_on_the_cpu_leaves_the_gpu_alone(large: FlatGraph, device: str):
    budget, rng = start_budget(60.0, 1 << 30), np.random.default_rng(0)
    primal, proof = rosters(large, budget, rng, device)
    known = Incumbent(np.zeros(12, np.int32), -np.inf, np.inf)
    looked = 0
    for entry in (*primal.entries, *proof.entries):
        try:
            entry.engine.step(known, 0.0)
        except AssertionError:
            looked += 1
    assert (looked > 0) == (device == "auto")


def test_a_search_refuses_a_device_that_is_none():
    with pytest.raises(ValueError, match="the devices are auto, cpu and cuda"):
        next(iter(search(_ring(), Map(), device="tpu")))
