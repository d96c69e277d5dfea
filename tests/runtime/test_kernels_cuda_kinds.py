"""The CUDA rules of all kinds compile, and say as plain C++ what the vectorised rules say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gmruntime.budget import start_budget
from gmruntime.factors.kinds import AllDifferent, FactorKind, LinearSum, Memory, NoisyOr, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.messages.bp import propagate_vectorised
from gmruntime.messages.gpu import pace
from gmruntime.messages.gpu.kinds import Device, flood, gpu
from gmruntime.messages.kernels.cuda.kinds import source
from gmruntime.messages.layout import build_layout, unary_with_evidence
from gmruntime.messages.options import BpOptions, Precision
from tests.support.nvrtc import compile_to_ptx
from tests.support.plain_cpp import Arrays, plain_launch
from tests.support.random_factors import NAMES, nth_kind, random_loops, tree_around


@pytest.mark.parametrize("is_max", [False, True])
@pytest.mark.parametrize("is_double", [False, True])
def test_it_compiles_without_a_device(is_max: bool, is_double: bool) -> None:
    code = compile_to_ptx(source(is_max=is_max, is_double=is_double))
    assert "listen" in code
    assert "answer" in code


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[bool, bool], Device]:
    folder: Path = tmp_path_factory.mktemp("kinds")
    found: dict[tuple[bool, bool], Device] = {}
    for is_max in (False, True):
        for is_double in (False, True):
            code = source(is_max=is_max, is_double=is_double)
            launch = plain_launch(code, folder, f"kinds_{is_max}_{is_double}")
            found[is_max, is_double] = Device(Arrays, launch, 1 << 30)
    return found


def wide(rng: np.random.Generator, index: int) -> tuple[FactorKind, tuple[int, ...]]:
    return [
        (AllDifferent(), (11,) * 9),
        (AllDifferent(), (10,) * 10),
        (NoisyOr(-rng.random((1, 30))), (2,) * 30),
        (
            LinearSum(rng.integers(-3, 4, (1, 9)), np.array([-9]), rng.normal(size=(1, 25))),
            (4,) * 9,
        ),
        (Memory(4.0 * rng.normal(size=(1, 6, 90, 2))), (6, *(2,) * 90)),
        (AllDifferent(), (13,) * 5),
    ][index]


def some_graph(index: int) -> FactorGraph:
    rng = np.random.default_rng(index)
    if index < len(NAMES):
        kind, shape = nth_kind(rng, index, 1 + index % 2)
        return tree_around(rng, kind, shape)
    if index == len(NAMES):
        return random_loops(rng, 12, 20)
    kind, shape = wide(rng, index - len(NAMES) - 1)
    variables = tuple(VariableBlock(f"x{k}", (), n) for k, n in enumerate(shape))
    unaries = [
        FactorBlock(Table(rng.normal(size=(1, n))), np.array([[k]], np.int32))
        for k, n in enumerate(shape)
    ]
    scope = np.arange(len(shape), dtype=np.int32)[None]
    return FactorGraph(variables, (FactorBlock(kind, scope), *unaries))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("damping", [0.0, 0.4])
@pytest.mark.parametrize("index", range(len(NAMES) + 7))
def test_the_rules_agree_with_the_vectorised_ones(
    devices: dict[tuple[bool, bool], Device],
    index: int,
    damping: float,
    precision: Precision,
    temperature: float,
) -> None:
    graph = some_graph(index)
    layout = build_layout(graph, temperature)
    evidence = np.repeat(no_evidence(graph)[None], 2, axis=0)
    evidence[1, 0] = 0
    unary = unary_with_evidence(layout, evidence)
    budget = start_budget(60.0, 1 << 30)
    options = BpOptions(num_sweeps_max=7, damping=damping, tolerance=0.0, precision=precision)
    start = np.zeros((2, len(layout.entry)))
    slow = propagate_vectorised(layout, unary, budget, options, start.copy())
    device = devices[layout.is_max, precision == "float64"]
    fast = flood(layout, unary, start, budget, options, damping, device)
    assert fast is not None
    assert (fast.lost | ~slow.impossible).all()
    margin = 1e-9 if precision == "float64" else 1e-4
    for row in np.flatnonzero(~fast.lost):
        assert np.abs(np.exp(slow.values[row]) - np.exp(fast.values[row])).max() < margin


def test_a_random_part_settles_at_the_same_messages(
    devices: dict[tuple[bool, bool], Device],
) -> None:
    graph = random_loops(np.random.default_rng(11), 12, 14)
    layout = build_layout(graph, 1.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    budget = start_budget(60.0, 1 << 30)
    start = np.zeros((1, len(layout.entry)))
    device = devices[False, True]
    whole = flood(layout, unary, start, budget, BpOptions(), 0.0, device)
    assert whole is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "CHANCES", (0.4,))
        part = flood(layout, unary, start, budget, BpOptions(), 0.0, device)
    assert part is not None
    assert whole.residual < 1e-9
    assert part.residual < 1e-9
    assert part.num_sweeps > whole.num_sweeps
    np.testing.assert_allclose(np.exp(part.values), np.exp(whole.values), atol=1e-8)


@pytest.mark.gpu
@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("index", range(len(NAMES) + 6))
def test_the_device_agrees_with_the_cpu(index: int, temperature: float) -> None:
    cupy: Any = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no GPU")
    graph = some_graph(index)
    layout = build_layout(graph, temperature)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    budget = start_budget(60.0, 1 << 30)
    options = BpOptions(num_sweeps_max=7, damping=0.0, tolerance=0.0)
    start = np.zeros((1, len(layout.entry)))
    slow = propagate_vectorised(layout, unary, budget, options, start.copy())
    device = gpu(is_max=layout.is_max, is_double=True)
    fast = flood(layout, unary, start, budget, options, 0.0, device)
    assert fast is not None
    if not fast.lost[0]:
        assert np.abs(np.exp(slow.values) - np.exp(fast.values)).max() < 1e-9
