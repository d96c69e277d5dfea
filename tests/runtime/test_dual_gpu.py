"""The parallel ascent sends what a sequential one would in the order of its colours."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gmruntime.bounds.srmp import host as srmp
from gmruntime.bounds.srmp.cuda import source
from gmruntime.bounds.srmp.gpu import ParallelAscent, coloured, gpu
from gmruntime.devices import Device
from gmruntime.factors.kinds import Table
from gmruntime.flat import flatten
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score
from tests.support.nvrtc import compile_to_ptx
from tests.support.plain_cpp import Arrays, plain_launch


def tangle(seed: int, zeros: float) -> FactorGraph:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 5, 8)
    factors = [FactorBlock(Table(np.array([0.5])), np.zeros((1, 0), np.int32))]
    for _ in range(12):
        scope = rng.permutation(8)[: int(rng.integers(1, 4))].astype(np.int32)
        table = rng.normal(size=(1, *sizes[scope]))
        table[rng.random(table.shape) < zeros] = -np.inf
        factors.append(FactorBlock(Table(table), scope[None]))
    variables = tuple(VariableBlock(f"v{k}", (), int(n)) for k, n in enumerate(sizes))
    return FactorGraph(variables, tuple(factors))


@pytest.mark.parametrize("is_double", [False, True])
def test_it_compiles_without_a_device(is_double: bool) -> None:
    assert "visit" in compile_to_ptx(source(is_double=is_double))


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Device]:
    folder: Path = tmp_path_factory.mktemp("ascent")
    return {
        is_double: Device(
            Arrays, plain_launch(source(is_double=is_double), folder, f"a{is_double}"), is_double
        )
        for is_double in (False, True)
    }


@pytest.mark.parametrize("zeros", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(8))
def test_no_factor_holds_two_variables_of_a_colour(seed: int, zeros: float) -> None:
    flat = flatten(tangle(seed, zeros))
    parts = coloured(flat)
    colour = np.searchsorted(parts.starts, np.arange(8), "right")
    for f in range(len(flat.table_start)):
        edges = slice(parts.flat.factor_start[f], parts.flat.factor_start[f + 1])
        held = colour[parts.flat.edge_variable[edges]]
        assert len(set(held.tolist())) == len(held)
    assert sorted(parts.order.tolist()) == list(range(8))


@pytest.mark.parametrize("zeros", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_sequential_ascent(seed: int, zeros: float, devices: dict[bool, Device]) -> None:
    graph = tangle(seed, zeros)
    flat = flatten(graph)
    every = np.indices(flat.num_states.tolist()).reshape(8, -1).T.astype(np.int32)
    best = log_score(graph, every).max()
    parallel = ParallelAscent(flat, devices[True])
    ascent = srmp.start_ascent(parallel.wide)
    for _ in range(5):
        found = parallel.sweep(1)
        wanted = srmp.sweep_both(parallel.wide, ascent)
        assert found >= best
        assert found == pytest.approx(wanted, abs=1e-9)
        np.testing.assert_allclose(parallel.ascent.messages, ascent.messages, atol=1e-9)
    single = ParallelAscent(flat, devices[False])
    assert single.sweep() >= best


@pytest.mark.gpu
@pytest.mark.parametrize("seed", range(3))
def test_the_device_bounds_as_the_cpu_does(seed: int) -> None:
    cupy: Any = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no GPU")
    flat = flatten(tangle(seed, 0.0))
    parallel = ParallelAscent(flat, gpu())
    ascent = srmp.start_ascent(parallel.wide)
    wanted = np.inf
    for _ in range(16):
        wanted = srmp.sweep_both(parallel.wide, ascent)
    assert parallel.sweep() == pytest.approx(wanted, abs=1e-3)
