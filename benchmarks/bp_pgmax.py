"""Sweeps of belief propagation beside PGMax on this machine's CPU, and the time to build a graph.

Run with an interpreter that has gmruntime; give PGMax's interpreter as the first argument:

    python benchmarks/bp_pgmax.py path/to/python-with-pgmax

PGMax runs in a process of its own, its `bp.run` wrapped in `jax.jit`, compiled before it is timed.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

PEER = """
import json, sys, time
import numpy as np, jax
from pgmax import fgraph, fgroup, infer, vgroup
side, states, sweeps, kind, is_sum = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
started = time.perf_counter()
x = vgroup.NDVarArray(num_states=states, shape=(side, side))
graph = fgraph.FactorGraph(variable_groups=x)
pairs = [[x[i, j], x[i, j + 1]] for i in range(side) for j in range(side - 1)]
pairs += [[x[i, j], x[i + 1, j]] for i in range(side - 1) for j in range(side)]
table = rng.normal(size=(states, states)).astype(np.float32)
if kind == 1:
    table = np.eye(states, dtype=np.float32) * 0.5
if kind == 2:
    table = rng.normal(size=(len(pairs), states, states)).astype(np.float32)
group = fgroup.PairwiseFactorGroup(variables_for_factors=pairs, log_potential_matrix=table)
graph.add_factors(group)
bp = infer.build_inferer(graph.bp_state, backend="bp")
built = time.perf_counter() - started
field = rng.normal(size=(side, side, states)).astype(np.float32)
start = bp.init(evidence_updates={x: jax.numpy.array(field)})
run = jax.jit(lambda a: bp.run(a, num_iters=sweeps, damping=0.0, temperature=float(is_sum)))
jax.block_until_ready(run(start))
times = []
for _ in range(3):
    begun = time.perf_counter()
    jax.block_until_ready(run(start))
    times.append((time.perf_counter() - begun) / sweeps)
print(json.dumps({"build": built, "sweep": min(times)}))
"""


SHARED, POTTS, DISTINCT = range(3)


def grid(side: int, states: int, parameters: int):
    """Build the same graph as the peer's, from arrays."""
    from gmruntime.factors.kinds import Potts, Table
    from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock

    rng = np.random.default_rng(0)
    index = np.arange(side * side, dtype=np.int32).reshape(side, side)
    across = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], axis=1)
    down = np.stack([index[:-1].ravel(), index[1:].ravel()], axis=1)
    count = len(across) + len(down) if parameters == DISTINCT else 1
    kind = Table(rng.normal(size=(count, states, states)))
    if parameters == POTTS:
        kind = Potts(np.array([0.5]))
    field = Table(rng.normal(size=(side * side, states)))
    return FactorGraph(
        (VariableBlock("x", (side, side), states),),
        (
            FactorBlock(kind, np.concatenate([across, down])),
            FactorBlock(field, index.reshape(-1, 1)),
        ),
    )


def smallest(action: Callable[[], object], repeats: int = 3) -> float:
    times: list[float] = []
    for _ in range(repeats):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return min(times)


def measure(side: int, states: int, sweeps: int, parameters: int, temperature: float):
    """Return seconds to build and seconds a sweep."""
    from gmruntime.budget import start_budget
    from gmruntime.graph import no_evidence
    from gmruntime.messages.compiled.floods import compile_layout
    from gmruntime.messages.compiled.rows import run_row
    from gmruntime.messages.layout import build_layout, unary_with_evidence
    from gmruntime.messages.options import BpOptions

    begun = time.perf_counter()
    graph = grid(side, states, parameters)
    layout = build_layout(graph, temperature)
    program = compile_layout(layout)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])[0]
    built = time.perf_counter() - begun
    options = BpOptions(num_sweeps_max=sweeps, damping=0.0, tolerance=0.0)
    start = np.zeros(len(layout.entry))
    budget = start_budget(600.0, 4 << 30)
    run_row(program, unary, budget, options, start)
    seconds = smallest(lambda: run_row(program, unary, budget, options, start))
    return built, seconds / sweeps


def main() -> None:
    peer = sys.argv[1] if len(sys.argv) > 1 else ""
    cases = [
        ("2 states", 224, 2, 10, SHARED),
        ("16 states, shared", 60, 16, 5, SHARED),
        ("16 states, distinct", 100, 16, 5, DISTINCT),
        ("64 states, Potts", 24, 64, 3, POTTS),
        ("2 states, 1 M messages", 500, 2, 5, SHARED),
    ]
    for name, side, states, sweeps, parameters in cases:
        for temperature in (1.0, 0.0):
            built, sweep = measure(side, states, sweeps, parameters, temperature)
            line = (
                f"{name:22s} T={temperature:.0f}: build {built:7.3f} s, sweep {sweep * 1e3:8.3f} ms"
            )
            if peer:
                arguments = [str(int(v)) for v in (side, states, sweeps, parameters, temperature)]
                found = subprocess.run(
                    [peer, "-c", PEER, *arguments], capture_output=True, text=True, check=False
                )
                if found.returncode:
                    print(line, "peer failed:", found.stderr[-300:])
                    continue
                other = json.loads(found.stdout.splitlines()[-1])
                line += f" | PGMax build {other['build']:7.2f} s ({other['build'] / built:.0f}x)"
                line += f", sweep {other['sweep'] * 1e3:8.3f} ms ({other['sweep'] / sweep:.1f}x)"
            print(line, flush=True)


if __name__ == "__main__":
    main()
