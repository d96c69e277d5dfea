"""The GPU beside this machine's CPU and, where it is installed, beside PGMax on the same GPU.

    python benchmarks/gpu.py [SECTION ...]

Sections: pairs, rbm, kinds, elimination, rows, ascent, replicas, first. With none, all of them.
Seconds of a sweep are the difference of a long and a short run, so that neither side pays for its
start; whole runs are given where they are said to be. Beside seconds stand how far the answers are
apart or, of what is no more than a bound or the best found, both.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bp_pgmax import DISTINCT, PEER, POTTS, SHARED, grid
from bp_rbm import DATA as RBM_DATA
from bp_rbm import NUM_SWEEPS, rbm
from bp_rbm import PEER as RBM_PEER
from rows import markov

from gmruntime.answer import LogPartition, Map
from gmruntime.budget import start_budget
from gmruntime.factors.kinds import Table
from gmruntime.flat import flatten
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    no_evidence,
)
from gmruntime.inference import infer
from gmruntime.messages.beliefs import decode
from gmruntime.messages.layout import build_layout, unary_with_evidence
from gmruntime.messages.options import BpOptions
from gmruntime.messages.propagate import propagate

MEMORY = 16 << 30


def seconds(action: Callable[[], object], repeats: int = 3) -> float:
    """Return the least seconds of some runs."""
    times: list[float] = []
    for _ in range(repeats):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return min(times)


def sweep_seconds(graph: FactorGraph, temperature: float, device: str, precision: str) -> float:
    """Return the seconds of one flood."""
    layout = build_layout(graph, temperature)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    few, many = (2, 8) if device == "cpu" else (200, 600)

    def run(count: int) -> None:
        options = BpOptions(
            num_sweeps_max=count,
            damping=0.0,
            tolerance=0.0,
            schedule="flooding",
            device=device,
            precision=precision,
        )
        propagate(layout, unary, start_budget(600.0, MEMORY), options)

    run(few)
    return (seconds(lambda: run(many), 2) - seconds(lambda: run(few), 2)) / (many - few)


def apart(graph: FactorGraph, temperature: float, device: str = "cuda") -> float:
    """Return how far messages of the GPU and of the CPU are apart after ten floods, in float64."""
    layout = build_layout(graph, temperature)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])

    def found(where: str) -> np.ndarray:
        options = BpOptions(
            num_sweeps_max=10,
            damping=0.2,
            tolerance=0.0,
            schedule="flooding",
            device=where,
            precision="float64",
        )
        return propagate(layout, unary, start_budget(600.0, MEMORY), options).values

    return float(np.abs(found(device) - found("cpu")).max())


# PGMax 0.6.1 asks for a name that JAX has since moved.
SHIM = """
import types, jax
from jax.extend import backend
jax.lib.xla_bridge = types.SimpleNamespace(get_backend=backend.get_backend)
"""


def peer(*arguments: float) -> dict[str, float] | None:
    """Run PGMax in a process of its own; None where it is not installed or fails."""
    if find_spec("pgmax") is None:
        return None
    command = [sys.executable, "-c", SHIM + PEER, *(str(int(a)) for a in arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        print("PGMax failed:", ran.stderr[-300:])
        return None
    return json.loads(ran.stdout.splitlines()[-1])


def pairs() -> None:
    """Floods of grids of pairs."""
    cases = [
        ("2 states, 1 M messages", 500, 2, SHARED),
        ("16 states, distinct", 200, 16, DISTINCT),
        ("64 states, Potts", 100, 64, POTTS),
    ]
    for name, side, states, parameters in cases:
        graph = grid(side, states, parameters)
        for temperature in (1.0, 0.0):
            single = sweep_seconds(graph, temperature, "cuda", "float32")
            double = sweep_seconds(graph, temperature, "cuda", "float64")
            here = sweep_seconds(graph, temperature, "cpu", "float64")
            line = (
                f"{name:24s} T={temperature:.0f}: GPU {1e3 * single:8.4f} ms "
                f"(float64 {1e3 * double:8.4f}), CPU {1e3 * here:8.3f} ms "
                f"({here / single:.0f}x), apart {apart(graph, temperature):.1e}"
            )
            other = peer(side, states, 200, parameters, temperature)
            if other is not None:
                ratio = other["sweep"] / single
                line += f" | PGMax {1e3 * other['sweep']:8.4f} ms ({ratio:.1f}x)"
            print(line, flush=True)


def machines(instances: int = 1000, units: str = "200") -> None:
    """A thousand restricted Boltzmann machines, 200 floods each, whole runs."""
    data, prefix = np.load(RBM_DATA), f"u{units}_"
    weights, hidden, visible = (data[prefix + name][0] for name in ("W", "bh", "bv"))
    graph = rbm(weights, hidden, visible)
    layout = build_layout(graph, 0.0)
    unary = np.repeat(unary_with_evidence(layout, no_evidence(graph)[None]), instances, axis=0)
    unary += 1e-3 * np.random.default_rng(0).normal(size=unary.shape)
    energies: list[str] = []

    def run(device: str, precision: str) -> None:
        options = BpOptions(
            num_sweeps_max=NUM_SWEEPS,
            damping=0.5,
            tolerance=0.0,
            schedule="flooding",
            device=device,
            precision=precision,
        )
        messages = propagate(layout, unary, start_budget(600.0, MEMORY), options)
        found = -log_score(graph, decode(layout, unary, messages))
        energies[:] = [f"{found.min():.2f} .. {found.max():.2f}"]

    for precision in ("float32", "float64"):
        run("cuda", precision)
        took = seconds(lambda precision=precision: run("cuda", precision), 2)
        print(f"rbm, {instances} of {units} units, GPU {precision}: {took:.2f} s; {energies[0]}")
    took = seconds(lambda: run("cpu", "float64"), 1)
    print(f"rbm, CPU: {took:.2f} s; {energies[0]}", flush=True)
    if find_spec("pgmax") is not None:
        command = [
            sys.executable,
            "-c",
            SHIM + RBM_PEER,
            str(RBM_DATA),
            str(instances),
            str(NUM_SWEEPS),
        ]
        ran = subprocess.run([*command, prefix], capture_output=True, text=True, check=False)
        print("rbm, PGMax:", ran.stdout.strip() or ran.stderr[-300:], "s", flush=True)


def drawn(rng: np.random.Generator, count: int, ranges: list[tuple[int, int]]) -> np.ndarray:
    return np.stack([rng.integers(*bounds, count) for bounds in ranges], 1).astype(np.int32)


def mixed(count: int, num_factors: int, seed: int = 0) -> FactorGraph:
    """Return variables of 2 to 5 states and tables of three of them."""
    rng, middle = np.random.default_rng(seed), 2 * count + count // 2
    blocks = tuple(VariableBlock(f"v{n}", (count,), n) for n in (2, 3, 4, 5))
    unequal = [(k * count, (k + 1) * count) for k in (0, 1, 3)]
    alike = [(2 * count, middle), (middle, 3 * count), (0, count)]
    factors = (
        FactorBlock(
            Table(rng.normal(size=(num_factors, 2, 3, 5))), drawn(rng, num_factors, unequal)
        ),
        FactorBlock(Table(rng.normal(size=(num_factors, 4, 4, 2))), drawn(rng, num_factors, alike)),
    )
    return FactorGraph(blocks, factors)


def kinds() -> None:
    """Floods of tables of three variables of unequal numbers of states."""
    graph = mixed(100_000, 200_000)
    for temperature in (1.0, 0.0):
        single = sweep_seconds(graph, temperature, "cuda", "float32")
        print(f"    GPU {1e3 * single:.3f} ms", flush=True)
        here = sweep_seconds(graph, temperature, "cpu", "float64")
        print(
            f"triples, 1.2 M messages, T={temperature:.0f}: GPU {1e3 * single:.3f} ms, "
            f"CPU {1e3 * here:.2f} ms ({here / single:.0f}x), "
            f"apart {apart(graph, temperature):.1e}",
            flush=True,
        )


def elimination() -> None:
    """Sums over all states of square grids of two states, whole questions."""
    for side in (18, 22, 25):
        graph = grid(side, 2, DISTINCT)
        found: dict[str, tuple[float, float]] = {}
        for device in ("cuda", "cpu"):
            for _ in range(2):
                answer = infer(
                    graph, LogPartition(), device=device, budget_s=60.0, memory_bytes=MEMORY
                )
            found[device] = answer.quality.seconds, answer.log_lower
            print(f"    {device}: {answer.quality.status.value}, {answer.quality.method}")
        print(
            f"log Z of a {side}x{side} grid: GPU {found['cuda'][0]:.3f} s, "
            f"CPU {found['cpu'][0]:.3f} s, apart {abs(found['cuda'][1] - found['cpu'][1]):.1e}",
            flush=True,
        )


def rows() -> None:
    """Rows of evidence of a hidden Markov model: one evaluation of a program."""
    from gmruntime import compile_rows

    rng, steps = np.random.default_rng(0), 24
    start, move, emit = (rng.dirichlet(np.ones(n), count) for n, count in ((8, 1), (8, 8), (6, 8)))
    graph = markov((steps,), [start[0], move, emit])
    for count in (1_000, 10_000, 100_000):
        given = np.full((count, 2 * steps), -1, np.int32)
        given[:, steps:] = rng.integers(0, 6, (count, steps))
        program = compile_rows(graph, given, budget_s=120.0)
        found: dict[str, tuple[float, np.ndarray]] = {}
        for device in ("cpu", "cuda"):
            program.evaluate(budget_s=60.0, device=device)
            answer = program.evaluate(budget_s=60.0, device=device)
            found[device] = answer.quality.seconds, np.asarray(answer.log_partition)
        print(
            f"{count} rows of {steps} steps: GPU {1e3 * found['cuda'][0]:.1f} ms, "
            f"CPU {1e3 * found['cpu'][0]:.1f} ms, "
            f"apart {np.abs(found['cpu'][1] - found['cuda'][1]).max():.1e}",
            flush=True,
        )


def ascent() -> None:
    """Sweeps of the dual bound on a grid of 16 states, and the bounds after some of them."""
    from gmruntime.bounds.srmp import host as srmp
    from gmruntime.bounds.srmp.gpu import ParallelAscent, gpu

    flat = flatten(grid(300, 16, DISTINCT))
    parallel = ParallelAscent(flat, gpu())
    parallel.sweep(1)
    begun = time.perf_counter()
    bounds = [parallel.sweep() for _ in range(4)]
    gpu_s = (time.perf_counter() - begun) / 64
    cpu = srmp.start_ascent(parallel.wide)
    srmp.sweep_both(parallel.wide, cpu)
    begun = time.perf_counter()
    here = [srmp.sweep_both(parallel.wide, cpu) for _ in range(8)]
    cpu_s = (time.perf_counter() - begun) / 8
    print(
        f"dual sweeps, 300x300 of 16 states: GPU {1e3 * gpu_s:.1f} ms (with its bound every 16th), "
        f"CPU {1e3 * cpu_s:.1f} ms; bounds {bounds[-1]:.2f} after 65, {here[-1]:.2f} after 9",
        flush=True,
    )


def replicas() -> None:
    """The best assignment of a large graph after ten seconds, with the GPU and without."""
    rng = np.random.default_rng(0)
    count = 20_000
    scopes = rng.permuted(np.tile(np.arange(count), (3, 1)), axis=1).reshape(-1, 2)
    scopes = scopes[scopes[:, 0] != scopes[:, 1]]
    signs = rng.choice([-1.0, 1.0], len(scopes))
    tables = signs[:, None, None] * np.array([[1.0, -1.0], [-1.0, 1.0]])
    graph = FactorGraph(
        (VariableBlock("s", (count,), 2),), (FactorBlock(Table(tables), scopes.astype(np.int32)),)
    )
    for device in ("cuda", "cpu"):
        begun = time.perf_counter()
        found = infer(graph, Map(), device=device, budget_s=10.0, memory_bytes=MEMORY)
        print(
            f"spin glass of {count}, device {device}: {found.log_scores[0]:.1f} of at most "
            f"{found.log_upper:.1f} after {time.perf_counter() - begun:.2f} s "
            f"({found.quality.method})",
            flush=True,
        )


FIRST = """
import sys, time
sys.path.insert(0, sys.argv[1])
from gpu import grid, infer, DISTINCT
from gmruntime.answer import Marginals, Map
graph = grid(700, 2, DISTINCT) if sys.argv[2] != "ascent" else grid(150, 8, DISTINCT)
question = Map() if sys.argv[2] == "ascent" else Marginals()
begun = time.perf_counter()
found = infer(graph, question, budget_s=1.0, device=sys.argv[3])
print(time.perf_counter() - begun, found.quality.method, found.quality.status.name)
"""


def first() -> None:
    """The first question of a process with a budget of one second: how late it ends."""
    folder = str(Path(__file__).resolve().parent)
    for what in ("marginals", "ascent"):
        for device in ("auto", "cpu", "auto"):
            command = [sys.executable, "-c", FIRST, folder, what, device]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            print(f"first question, {what}, {device}:", ran.stdout.strip() or ran.stderr[-600:])


SECTIONS = {
    "pairs": pairs,
    "rbm": machines,
    "kinds": kinds,
    "elimination": elimination,
    "rows": rows,
    "ascent": ascent,
    "replicas": replicas,
    "first": first,
}


def main() -> None:
    for name in sys.argv[1:] or SECTIONS:
        begun = time.perf_counter()
        try:
            SECTIONS[name]()
        except Exception as error:
            print(f"{name} failed: {error!r}")
        print(f"  ({name}: {time.perf_counter() - begun:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
