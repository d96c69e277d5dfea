"""Annealing many replicas: the kernels draw and add up what they should, and the best is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gmruntime.bounds.srmp.gpu import coloured
from gmruntime.budget import start_budget
from gmruntime.devices import Device
from gmruntime.engine import Incumbent
from gmruntime.factors.kinds import Table
from gmruntime.flat import FlatGraph, flatten
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score
from gmruntime.primal.replicas.cuda import source
from gmruntime.primal.replicas.engine import ReplicaAnnealing, Replicas, gpu
from gmruntime.primal.terrain import Terrain
from gmruntime.simplify.working import flat_score
from tests.support.nvrtc import compile_to_ptx
from tests.support.plain_cpp import Arrays, plain_launch
from tests.support.random_factors import random_loops

NOTHING = Incumbent(np.zeros(0, np.int32), -np.inf, np.inf)


def mixed_graph(seed: int) -> FactorGraph:
    """Variables of 2 to 11 states, so that some states come in a second chunk; and a constant."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 12, 6)
    factors = [FactorBlock(Table(np.array([0.5])), np.zeros((1, 0), np.int32))]
    for _ in range(9):
        scope = rng.permutation(6)[: int(rng.integers(1, 4))].astype(np.int32)
        factors.append(FactorBlock(Table(rng.normal(size=(1, *sizes[scope]))), scope[None]))
    variables = tuple(VariableBlock(f"v{k}", (), int(n)) for k, n in enumerate(sizes))
    return FactorGraph(variables, tuple(factors))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    folder: Path = tmp_path_factory.mktemp("replicas")
    return Device(Arrays, plain_launch(source(is_double=True), folder, "double"), is_double=True)


@pytest.mark.parametrize("is_double", [False, True])
def test_it_compiles_without_a_device(is_double: bool) -> None:
    compiled = compile_to_ptx(source(is_double=is_double))
    assert "redraw" in compiled
    assert "add_up" in compiled


def some_replicas(flat: FlatGraph, device: Device, count: int, top: float) -> Replicas:
    rng = np.random.default_rng(1)
    replicas = Replicas(coloured(flat), count, device)
    shape = (len(flat.num_states), count)
    assignments = rng.integers(0, flat.num_states[:, None], shape, dtype=np.int32)
    replicas.begin(assignments, np.full(count, top))
    return replicas


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_the_replicas(seed: int, device: Device) -> None:
    graph = mixed_graph(seed)
    replicas = some_replicas(flatten(graph), device, 7, 1.0)
    rows = replicas.rows(np.arange(7))
    constant = flatten(graph).log_constant
    np.testing.assert_allclose(replicas.scores() + constant, log_score(graph, rows), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_cold_sweeps_end_where_no_single_change_helps(seed: int, device: Device) -> None:
    graph = mixed_graph(seed)
    flat = flatten(graph)
    replicas = some_replicas(flat, device, 5, 1.0)
    for _ in range(20):
        replicas.sweep(0, 0.0)
    for row in replicas.rows(np.arange(5)):
        for variable, states in enumerate(flat.num_states):
            changed = np.repeat(row[None], states, axis=0)
            changed[:, variable] = np.arange(states)
            assert log_score(graph, changed).max() <= log_score(graph, row) + 1e-12


def test_warm_sweeps_draw_from_the_distribution(device: Device) -> None:
    """At temperature 1 a replica is a Gibbs sampler; 4096 of them, each variable's shares."""
    graph = mixed_graph(3)
    flat = flatten(graph)
    count, rng = 4096, np.random.default_rng(5)
    replicas = some_replicas(flat, device, count, 1.0)
    for _ in range(60):
        replicas.sweep(int(rng.integers(1 << 62)), 1.0)
    rows = replicas.rows(np.arange(count))
    every = np.indices(flat.num_states.tolist()).reshape(6, -1).T.astype(np.int32)
    weights = np.exp(log_score(graph, every))
    weights /= weights.sum()
    for variable, states in enumerate(flat.num_states):
        wanted = np.bincount(every[:, variable], weights, int(states))
        found = np.bincount(rows[:, variable], minlength=int(states)) / count
        error = np.sqrt(wanted * (1.0 - wanted) / count)
        assert (np.abs(found - wanted) <= 4.5 * error + 1e-12).all()


def test_it_finds_the_best_and_the_same_again(device: Device) -> None:
    graph = mixed_graph(0)
    flat = flatten(graph)
    every = np.indices(flat.num_states.tolist()).reshape(6, -1).T.astype(np.int32)
    best = float(log_score(graph, every).max())
    found: list[float] = []
    for _ in range(2):
        engine = ReplicaAnnealing(
            Terrain(flat), start_budget(60.0, 1 << 30), np.random.default_rng(0), device
        )
        report = engine.step(NOTHING, 0.0)
        while report.assignment is None:
            report = engine.step(NOTHING, 0.0)
        found.append(flat_score(flat, report.assignment))
    assert found[0] == found[1]
    assert found[0] == pytest.approx(best, abs=1e-12)


def test_what_it_offers_is_no_worse_than_the_incumbent(device: Device) -> None:
    flat = flatten(random_loops(np.random.default_rng(0), 60, 180))
    start = np.random.default_rng(1).integers(0, 3, 60, dtype=np.int32)
    engine = ReplicaAnnealing(
        Terrain(flat), start_budget(60.0, 1 << 30), np.random.default_rng(0), device
    )
    known = Incumbent(start, flat_score(flat, start), np.inf)
    for _ in range(2):
        report = engine.step(known, 0.0)
        while report.assignment is None:
            report = engine.step(known, 0.0)
        score = flat_score(flat, report.assignment)
        assert score >= known.log_score
        known = Incumbent(report.assignment, score, np.inf)


@pytest.mark.gpu
def test_the_device_anneals_as_the_cpu_does() -> None:
    cupy: Any = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no GPU")
    graph = mixed_graph(0)
    flat = flatten(graph)
    every = np.indices(flat.num_states.tolist()).reshape(6, -1).T.astype(np.int32)
    engine = ReplicaAnnealing(
        Terrain(flat), start_budget(60.0, 1 << 30), np.random.default_rng(0), gpu()
    )
    report = engine.step(NOTHING, 0.0)
    while report.assignment is None:
        report = engine.step(NOTHING, 0.0)
    assert flat_score(flat, report.assignment) == pytest.approx(log_score(graph, every).max())
