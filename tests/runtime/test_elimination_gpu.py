"""The contraction kernel compiles for a GPU, and says on any device what the CPU's says."""

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gmruntime.answer import LogPartition, LogPartitionAnswer, Marginals, MarginalsAnswer
from gmruntime.budget import start_budget
from gmruntime.devices import has_gpu
from gmruntime.elimination import plan as plans
from gmruntime.elimination.answer import attempt
from gmruntime.elimination.layouts import groups as layout
from gmruntime.elimination.layouts.groups import with_layout
from gmruntime.elimination.orders.best import best_order
from gmruntime.elimination.passes import gpu as running_gpu
from gmruntime.elimination.passes.cores import Arena, run
from gmruntime.elimination.passes.cuda import source
from gmruntime.elimination.passes.gpu import Device
from gmruntime.elimination.passes.program import write_downward, write_upward
from gmruntime.graph import no_evidence
from gmruntime.simplify.network import reduce
from gmruntime.simplify.states import prune_states
from gmruntime.task import Effort, Task
from tests.runtime.test_elimination import random_graph
from tests.support.nvrtc import compile_to_ptx

# One thread that runs through all cells: the kernel as plain C++.
AS_CPP = """
#define __global__
#define __restrict__
struct Place { long long x; };
static Place blockIdx{0}, blockDim{1}, threadIdx{0}, gridDim{1};
"""


@pytest.mark.parametrize("num_tables", [1, 3, 8])
@pytest.mark.parametrize("is_max", [False, True])
def test_it_compiles_without_a_device(num_tables: int, is_max: bool):
    assert "contract" in compile_to_ptx(source(num_tables, is_max=is_max))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """The kernel, compiled as C++, on NumPy's arrays."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    folder: Path = tmp_path_factory.mktemp("kernel")
    made: dict[tuple[int, bool], Any] = {}

    def launch(num_tables: int, is_max: bool, arguments: tuple[Any, ...]) -> None:
        key = num_tables, is_max
        if key not in made:
            name = f"contract_{num_tables}_{int(is_max)}"
            code = folder / f"{name}.cpp"
            code.write_text(AS_CPP + source(num_tables, is_max=is_max))
            library = folder / f"{name}.so"
            command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(code)]
            subprocess.run(command, check=True)
            made[key] = ctypes.CDLL(str(library)).contract
        held = [np.ascontiguousarray(a) for a in arguments[:5]]
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in held]
        numbers = [ctypes.c_int(int(a)) for a in arguments[5:7]]
        numbers += [ctypes.c_longlong(int(a)) for a in arguments[7:]]
        made[key](*pointers, *numbers)

    class Arrays:
        """NumPy with CuPy's way back to NumPy."""

        asnumpy = staticmethod(np.asarray)
        empty = staticmethod(np.empty)
        asarray = staticmethod(np.asarray)
        log = staticmethod(np.log)

    return Device(Arrays, launch)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("is_listed", [False, True])
@pytest.mark.parametrize("is_max", [False, True])
def test_it_says_what_the_cores_say(
    plain: Device, seed: int, is_listed: bool, is_max: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(layout, "SAVED_BITS_MIN", -np.inf)
    monkeypatch.setattr(running_gpu, "gpu", lambda: plain)
    graph, _ = random_graph(seed, 0.3)
    network = reduce(Task(graph, LogPartition(), no_evidence(graph)))
    assert network is not None
    network = prune_states(network)
    order = best_order(network, np.random.default_rng(seed))
    assert order is not None
    if is_listed:
        order = with_layout(network, order)
    cliques = write_upward(network, order)
    if not is_max:
        write_downward(cliques, set(range(len(cliques.scopes))))
    flags = np.full(len(cliques.scopes), is_max)
    expected = run(cliques.sheet, flags)
    found = run(cliques.sheet, flags, arena=Arena("cuda"))
    assert found.finished == expected.finished
    if expected.finished:
        assert found.log_constant == pytest.approx(expected.log_constant, abs=1e-12)
        for step in cliques.sheet.steps:
            ours, theirs = found.table(step.result), expected.table(step.result)
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-300)


@pytest.mark.gpu
@pytest.mark.parametrize("seed", range(12))
def test_a_gpu_says_what_the_cores_say(seed: int, monkeypatch: pytest.MonkeyPatch):
    if not has_gpu():
        pytest.skip("needs a GPU")
    monkeypatch.setattr(plans, "COMPILED_BITS", -1.0)
    monkeypatch.setattr(plans, "is_loaded", lambda: True)
    monkeypatch.setattr(layout, "LAYOUT_S", 1e-12)
    graph, evidence = random_graph(seed, 0.3)

    def ask(device: str) -> tuple[float, list[np.ndarray]]:
        budget = start_budget(60.0, 1 << 30)
        rng = np.random.default_rng(0)
        total, _ = attempt(
            Task(graph, LogPartition(), evidence), Effort(budget, rng, device=device)
        )
        rows, _ = attempt(Task(graph, Marginals(), evidence), Effort(budget, rng, device=device))
        assert isinstance(total, LogPartitionAnswer)
        assert isinstance(rows, MarginalsAnswer)
        return total.log_value, list(rows.probabilities)

    there, here = ask("cuda"), ask("cpu")
    assert there[0] == here[0] or there[0] == pytest.approx(here[0], abs=1e-9)
    for ours, theirs in zip(there[1], here[1], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
