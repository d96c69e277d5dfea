"""The CUDA of rows compiles for a GPU, and says on any device what the loops say."""

from pathlib import Path

import numpy as np
import pytest

from gmruntime.devices import Device, has_gpu
from gmruntime.rows import row_program, running_gpu
from gmruntime.rows.checked import checked_tables
from gmruntime.rows.kernels.cuda import source
from gmruntime.rows.kernels.gpu import gpu, run_on
from gmruntime.rows.kernels.records import Rows
from gmruntime.rows.row_program import compile_rows
from gmruntime.rows.running import Asked, run_batches
from gmruntime.rows.summing import pooled
from tests.support.nvrtc import compile_to_ptx
from tests.support.plain_cpp import Arrays, plain_launch
from tests.support.random_rows import random_graph, random_rows


def test_it_compiles_without_a_device():
    assert "run_rows" in compile_to_ptx(source())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """The kernel, compiled as C++, on NumPy's arrays."""
    folder: Path = tmp_path_factory.mktemp("rows")
    return Device(Arrays, plain_launch(source(), folder, "rows"), True)


def check(device: Device, seed: int) -> None:
    from gmruntime.budget import UNLIMITED

    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    rows = random_rows(rng, graph, 20, float(rng.choice([0.2, 0.6])))
    program = compile_rows(graph, rows)
    tables = pooled(program.pool, checked_tables(program.tables.graph, None))
    for group in program.groups:
        for batch in group.batches:
            weights = rng.normal(size=batch.instances.count)
            expected = run_batches([Asked(batch, weights)], tables.values, UNLIMITED)
            given = Rows(batch.instances.evidence, batch.instances.pointers, weights, 0)
            slots = max(1, batch.instances.count // 3)
            found, derivatives = run_on(device, batch.steps, given, tables.values, slots)
            np.testing.assert_allclose(found.log_z, expected.found[0].log_z, atol=1e-11)
            assert (found.failed >= 0).tolist() == (expected.found[0].failed >= 0).tolist()
            np.testing.assert_allclose(derivatives, expected.derivatives, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_it_says_what_the_loops_say(plain: Device, seed: int):
    check(plain, seed)


def test_batches_run_on_a_device(plain: Device, monkeypatch: pytest.MonkeyPatch):
    graph = random_graph(np.random.default_rng(3))
    rows = random_rows(np.random.default_rng(4), graph, 20, 0.4)
    program = compile_rows(graph, rows)
    here = program.evaluate(budget_s=60.0)
    monkeypatch.setattr(row_program, "check_device", lambda _: None)
    monkeypatch.setattr(running_gpu, "gpu", lambda: plain)
    monkeypatch.setattr(running_gpu, "slots_of", lambda _, count: count)
    there = program.evaluate(budget_s=60.0, device="cuda")
    np.testing.assert_allclose(there.log_partition, here.log_partition, atol=1e-11)
    for mine, theirs in zip(here.counts, there.counts, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-11)
    monkeypatch.setattr(running_gpu, "slots_of", lambda *_: 0)
    without = program.evaluate(budget_s=60.0, device="cuda")
    np.testing.assert_allclose(without.log_partition, here.log_partition, atol=1e-11)


@pytest.mark.gpu
@pytest.mark.parametrize("seed", range(8))
def test_a_gpu_says_what_the_loops_say(seed: int):
    if not has_gpu():
        pytest.skip("needs a GPU")
    check(gpu(), seed)
