"""The CUDA kernels compile, without a device; where there is one they agree with the CPU."""

from typing import Any

import numpy as np
import pytest

from gmruntime.budget import start_budget
from gmruntime.factors.kinds import Potts, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.messages.bp import propagate_vectorised
from gmruntime.messages.gpu import pairs as gpu
from gmruntime.messages.kernels.cuda import pairs as cuda
from gmruntime.messages.layout import build_layout, unary_with_evidence
from gmruntime.messages.options import BpOptions
from tests.support.nvrtc import compile_to_ptx


@pytest.mark.parametrize("states", [2, 3, 16, 64, 256])
@pytest.mark.parametrize("rule", ["table", "potts"])
@pytest.mark.parametrize("is_max", [False, True])
def test_every_kernel_compiles_without_a_device(states: int, rule: cuda.Rule, is_max: bool):
    for is_double in (False, True):
        code = cuda.source(states, rule, is_max=is_max, is_double=is_double)
        assert "sweep" in compile_to_ptx(code)


def grid(states: int, is_potts: bool, zeros: float) -> FactorGraph:
    rng = np.random.default_rng(states)
    index = np.arange(20, dtype=np.int32).reshape(4, 5)
    across = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], axis=1)
    down = np.stack([index[:-1].ravel(), index[1:].ravel()], axis=1)
    scopes = np.concatenate([across, down])
    table = rng.normal(size=(len(scopes), states, states))
    table[rng.random(table.shape) < zeros] = -np.inf
    kind = Potts(rng.normal(size=len(scopes))) if is_potts else Table(table)
    field = FactorBlock(Table(rng.normal(size=(20, states))), index.reshape(-1, 1))
    return FactorGraph((VariableBlock("x", (4, 5), states),), (FactorBlock(kind, scopes), field))


@pytest.mark.parametrize("is_potts", [False, True])
@pytest.mark.parametrize("is_max", [False, True])
def test_the_plan_says_what_the_vectorised_rule_says(is_potts: bool, is_max: bool):
    """Interpret the plan in Python as the kernel does, for one sweep."""
    graph = grid(3, is_potts, 0.1)
    layout = build_layout(graph, 0.0 if is_max else 1.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    found = gpu.plan(layout)
    assert found is not None
    written = np.zeros(len(layout.entry))
    for v in range(20):
        told = unary[0, 3 * v : 3 * v + 3]
        for e in range(found.edge_start[v], found.edge_start[v + 1]):
            start = found.parameter_start[e]
            if is_potts:
                weight = found.parameters[start]
                table = np.where(np.eye(3) > 0, weight, 0.0 if is_max else 1.0)
            else:
                table = found.parameters[start : start + 9].reshape(3, 3)
                table = table if found.is_first[e] else table.T
            best = (table + told[:, None]).max(axis=0)
            said = best if is_max else np.log(np.exp(told) @ table)
            place = found.other_place[e]
            written[place : place + 3] = said - said.max()
    options = BpOptions(num_sweeps_max=1, damping=0.0, tolerance=0.0)
    budget = start_budget(20.0, 1 << 30)
    start = np.zeros((1, len(layout.entry)))
    wanted = propagate_vectorised(layout, unary, budget, options, start).values[0]
    assert np.abs(np.exp(written) - np.exp(wanted)).max() < 1e-12


@pytest.mark.gpu
@pytest.mark.parametrize("states", [2, 3, 40])
@pytest.mark.parametrize("is_potts", [False, True])
@pytest.mark.parametrize("is_max", [False, True])
def test_the_device_agrees_with_the_cpu(states: int, is_potts: bool, is_max: bool):
    cupy: Any = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no GPU")
    graph = grid(states, is_potts, 0.1)
    layout = build_layout(graph, 0.0 if is_max else 1.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    found = gpu.plan(layout)
    assert found is not None
    options = BpOptions(num_sweeps_max=9, damping=0.2, tolerance=0.0)
    budget = start_budget(20.0, 1 << 30)
    start = np.zeros((2, len(layout.entry)))
    unary = np.repeat(unary, 2, axis=0)
    wanted = propagate_vectorised(layout, unary, budget, options, start.copy()).values
    answer = gpu.run(layout, found, unary, start, budget, options, 0.2)
    assert answer is not None
    assert np.abs(np.exp(answer[0]) - np.exp(wanted)).max() < 1e-9
