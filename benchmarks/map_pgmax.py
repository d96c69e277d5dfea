"""PGMax on the instances of map_uai.json: the best assignment it has decoded, over time.

    python benchmarks/map_pgmax.py PYTHON_WITH_PGMAX --data DIR [--seconds 20]

Max-product with damping 0.5 on the CPU, decoded after every ten sweeps; the wall clock counts from
the start of its process, as for the others. The traces are added to map_uai.json.
"""

import argparse
import csv
import json
from pathlib import Path

from map_uai import READ, run

HERE = Path(__file__).resolve().parent

PEER = """
import time
begin = time.time()
import gzip, itertools, sys
import numpy as np, jax
from pgmax import fgraph, fgroup, infer, vgroup
"""
PEER += READ
PEER += """
free = [v for v in range(n) if v not in evidence]
place = {{v: k for k, v in enumerate(free)}}
states = np.array([sizes[v] for v in free])
with np.errstate(divide='ignore'):
    logs = [([place[v] for v in kept], np.log(values)) for kept, values in tables]
constant = sum(float(table) for kept, table in logs if not kept)
tables = [pair for pair in logs if pair[0]]
x = vgroup.NDVarArray(num_states=states, shape=(len(free),))
graph = fgraph.FactorGraph(variable_groups=x)
field = np.zeros((len(free), states.max()))
groups = {{}}
for scope, logs in tables:
    soft = np.maximum(logs, -1000.0)
    if len(scope) == 1:
        field[scope[0], :len(soft)] += soft
    else:
        groups.setdefault(logs.shape, []).append((scope, soft))
for shape, members in groups.items():
    graph.add_factors(fgroup.EnumFactorGroup(
        factor_configs=np.array(list(np.ndindex(*shape))),
        variables_for_factors=[[x[v] for v in scope] for scope, _ in members],
        log_potentials=np.array([soft.reshape(-1) for _, soft in members], np.float32),
    ))
bp = infer.build_inferer(graph.bp_state, backend='bp')
arrays = bp.init(evidence_updates={{x: jax.numpy.array(field.astype(np.float32))}})
sweep = jax.jit(lambda a: bp.run(a, num_iters=10, damping=0.5, temperature=0.0))
best = -np.inf
while time.time() - begin < {seconds!r}:
    arrays = sweep(arrays)
    decoded = np.array(infer.decode_map_states(bp.get_beliefs(arrays))[x])
    score = constant + sum(logs[tuple(decoded[scope])] for scope, logs in tables)
    now = time.time() - begin
    if score > best and now <= {seconds!r}:
        best = score
        print(now, best / np.log(10), sep='\\t', flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", help="a Python that has pgmax")
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    path = HERE / "map_uai.json"
    results = json.loads(path.read_text())
    with (arguments.data / "uai" / "index.csv").open() as lines:
        rows = {row["instance"]: row for row in csv.DictReader(lines)}
    for result in results:
        row = rows[result["instance"]]
        evidence = arguments.data / "uai" / f"{row['instance']}.uai.evid"
        program = PEER.format(
            model=str(arguments.data / "uai" / row["model"]),
            evidence=str(evidence) if row["evidence"] else "",
            seconds=arguments.seconds,
        )
        lines = run(arguments.python, program, arguments.seconds)
        result["pgmax"] = [[float(t), float(v)] for t, v in lines]
        print(result["instance"], result["reference"], result["pgmax"][-1:], flush=True)
        path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
