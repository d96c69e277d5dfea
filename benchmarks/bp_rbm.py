"""Max-product on restricted Boltzmann machines in batches, as PGMax's benchmark poses it.

    python benchmarks/bp_rbm.py [instances] [units] [python-with-pgmax]

PGMax's paper gives 170.5 s on a CPU and 4.43 s on a V100, for 1000 instances of 200 units and 200
sweeps.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from gmruntime.budget import start_budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence
from gmruntime.messages.beliefs import decode
from gmruntime.messages.layout import build_layout, unary_with_evidence
from gmruntime.messages.options import BpOptions
from gmruntime.messages.propagate import propagate

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "rbm_map.npz"
NUM_SWEEPS = 200

PEER = """
import sys, time
import numpy as np, jax
from pgmax import fgraph, fgroup, infer, vgroup
count, sweeps = int(sys.argv[2]), int(sys.argv[3])
data, prefix = np.load(sys.argv[1]), sys.argv[4]
weights, hidden, visible = (data[prefix + name][0] for name in ("W", "bh", "bv"))
rows, columns = weights.shape
h, v = (vgroup.NDVarArray(num_states=2, shape=(n,)) for n in (rows, columns))
graph = fgraph.FactorGraph(variable_groups=[h, v])
tables = np.zeros((rows * columns, 2, 2), np.float32)
tables[:, 1, 1] = weights.reshape(-1)
pairs = [[h[i], v[j]] for i in range(rows) for j in range(columns)]
graph.add_factors(
    fgroup.PairwiseFactorGroup(variables_for_factors=pairs, log_potential_matrix=tables)
)
bp = infer.build_inferer(graph.bp_state, backend="bp")
rng = np.random.default_rng(0)
def field(values):
    both = np.zeros((count, len(values), 2), np.float32)
    both[:, :, 1] = values
    return jax.numpy.array(both + 1e-3 * rng.normal(size=both.shape).astype(np.float32))
def solve(one, two):
    arrays = bp.init(evidence_updates={h: one, v: two})
    return bp.run(arrays, num_iters=sweeps, damping=0.5, temperature=0.0).ftov_msgs
run = jax.jit(jax.vmap(solve))
fields = field(hidden), field(visible)
jax.block_until_ready(run(*fields))
begun = time.perf_counter()
jax.block_until_ready(run(*fields))
print(time.perf_counter() - begun)
"""


def rbm(weights: np.ndarray, hidden: np.ndarray, visible: np.ndarray) -> FactorGraph:
    rows, columns = weights.shape
    pairs = np.indices((rows, columns)).reshape(2, -1).T + np.array([0, rows])
    tables = np.zeros((rows * columns, 2, 2))
    tables[:, 1, 1] = weights.reshape(-1)
    fields = np.zeros((rows + columns, 2))
    fields[:, 1] = np.concatenate([hidden, visible])
    singles = np.arange(rows + columns, dtype=np.int32)[:, None]
    return FactorGraph(
        (VariableBlock("unit", (rows + columns,), 2),),
        (
            FactorBlock(Table(tables), pairs.astype(np.int32)),
            FactorBlock(Table(fields), singles),
        ),
    )


def main() -> None:
    instances = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    units = sys.argv[2] if len(sys.argv) > 2 else "200"
    data = np.load(DATA)
    prefix = f"u{units}_"
    weights, hidden, visible = (data[prefix + name] for name in ("W", "bh", "bv"))
    graph = rbm(weights[0], hidden[0], visible[0])
    layout = build_layout(graph, 0.0)
    options = BpOptions(num_sweeps_max=NUM_SWEEPS, damping=0.5, tolerance=0.0)
    unary = np.repeat(unary_with_evidence(layout, no_evidence(graph)[None]), instances, axis=0)
    unary += 1e-3 * np.random.default_rng(0).normal(size=unary.shape)
    propagate(layout, unary[:1], start_budget(600.0, 4 << 30), options)
    begun = time.perf_counter()
    messages = propagate(layout, unary, start_budget(600.0, 4 << 30), options)
    took = time.perf_counter() - begun
    rate = instances * NUM_SWEEPS * 2 * weights[0].size / took
    energies = -log_score(graph, decode(layout, unary, messages))
    print(
        f"{units} units, {instances} instances, {NUM_SWEEPS} sweeps: {took:.2f} s, "
        f"{rate / 1e6:.0f} M messages/s, {1000 * took / instances:.1f} s for 1000; "
        f"energies {energies.min():.2f} .. {energies.max():.2f}"
    )
    if len(sys.argv) > 3:
        arguments = [str(DATA), str(instances), str(NUM_SWEEPS), prefix]
        found = subprocess.run(
            [sys.argv[3], "-c", PEER, *arguments], capture_output=True, text=True, check=True
        )
        seconds = float(found.stdout.split()[-1])
        print(f"PGMax, vmapped, compiled before: {seconds:.2f} s ({seconds / took:.1f}x)")


if __name__ == "__main__":
    main()
