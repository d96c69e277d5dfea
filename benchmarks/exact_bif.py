"""All posteriors of classical Bayesian networks: gmruntime beside pyAgrum, in the same process.

    python benchmarks/exact_bif.py DATA [NETWORK ...]

DATA is a folder with NAME.uai.gz, NAME.bif.gz, NAME.eK.evid and NAME.eK.MAR. Each figure is the
least of three runs, in seconds; compiling and importing are done before and stated apart.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from gmruntime.answer import Marginals, MarginalsAnswer, Status
from gmruntime.budget import free_memory_bytes, start_budget
from gmruntime.elimination.answer import answer
from gmruntime.formats.uai import read_evidence, read_uai
from gmruntime.formats.uai_results import parse_marginals
from gmruntime.graph import Assignment, FactorGraph, no_evidence
from gmruntime.task import Effort, Task

NUM_RUNS = 3


def ours(graph: FactorGraph, evidence: Assignment) -> tuple[float, list[np.ndarray], Status | None]:
    best, rows, status = np.inf, [], None
    for _ in range(NUM_RUNS):
        budget = start_budget(120.0, free_memory_bytes() // 2)
        start = perf_counter()
        found = answer(Task(graph, Marginals(), evidence), Effort(budget, np.random.default_rng(0)))
        best = min(best, perf_counter() - start)
        if not isinstance(found, MarginalsAnswer):
            return best, [], None
        status = found.quality.status
        rows = [row for block in found.probabilities for row in block.reshape(-1, block.shape[-1])]
        if best > 5:
            break
    return best, rows, status


def theirs(folder: Path, name: str, evidence: Assignment) -> float:
    import pyagrum

    names = json.loads((folder / f"{name}.names.json").read_text())
    text = gzip.decompress((folder / f"{name}.bif.gz").read_bytes())
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{name}.bif"
        path.write_bytes(text)
        net = pyagrum.loadBN(str(path))
    labels = names["order"]
    best = np.inf
    for _ in range(NUM_RUNS):
        start = perf_counter()
        engine = pyagrum.LazyPropagation(net)
        engine.setEvidence({labels[v]: int(evidence[v]) for v in np.flatnonzero(evidence >= 0)})
        engine.makeInference()
        for node in net.nodes():
            engine.posterior(node)
        best = min(best, perf_counter() - start)
        if best > 5:
            break
    return best


def main() -> None:
    folder = Path(sys.argv[1])
    chosen = sys.argv[2:] or sorted(p.name[: -len(".uai.gz")] for p in folder.glob("*.uai.gz"))
    print(f"{'network':12} set  gmruntime    pyAgrum   ratio  largest error")
    for name in chosen:
        graph = read_uai(folder / f"{name}.uai.gz")
        for k in range(4):
            path = folder / f"{name}.e{k}.evid"
            evidence = read_evidence(path, graph) if path.exists() else no_evidence(graph)
            first, _, _ = ours(graph, evidence) if k == 0 else (0.0, [], None)
            mine, rows, status = ours(graph, evidence)
            text = (folder / f"{name}.e{k}.MAR").read_text()
            truth = parse_marginals(str(path), text)
            error = max(
                (float(np.abs(a - b).max()) for a, b in zip(rows, truth, strict=False)),
                default=np.nan,
            )
            try:
                other = theirs(folder, name, evidence)
            except Exception as reason:
                print(f"{name}: pyAgrum failed: {reason}")
                other = np.nan
            state = status.value if status else "none"
            print(
                f"{name:12} e{k}  {mine:9.4f}  {other:9.4f}  {other / mine:6.1f}  "
                f"{error:.1e} {state}",
                flush=True,
            )
            del first


if __name__ == "__main__":
    main()
