"""Sums beyond elimination: exact counts of formulas, and honest intervals where none is found.

    python benchmarks/counting.py [DATA] [--budget 20] [PART_OF_A_NAME ...]

Beside every formula stands ApproxMC (pip install pyapproxmc), which counts clauses up to a factor
of 1.8 with a chance of 80 %, where it is installed: it is given the same clauses, in a process of
its own that is ended after as much time. Without DATA, a folder with index.csv, nothing is run.
Times are of the processor, so that they do not depend on who else is at work.
"""

import argparse
import csv
import importlib.util
import math
import multiprocessing
import resource
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from gmruntime.answer import LogPartition
from gmruntime.budget import start_budget
from gmruntime.formats.uai import read_evidence, read_uai
from gmruntime.graph import FactorGraph, no_evidence
from gmruntime.inference import infer

MEMORY_BYTES = 4 << 30
FAMILIES = ("satcount", "iscas-pr14", "linkage", "bn-pr14")
LOG_TEN = math.log(10)


def clauses_of(graph: FactorGraph) -> list[list[int]] | None:
    """Return the clauses of a graph of booleans; None where a table is none."""
    found: list[list[int]] = []
    for block in graph.factors:
        tables = block.kind.entries(tuple(2 for _ in block.scopes[0]))
        for f, scope in enumerate(block.scopes):
            table = tables[f if len(tables) > 1 else 0].reshape((2,) * len(scope))
            if not np.isin(table, (0.0, -np.inf)).all():
                return None
            for zero in np.argwhere(table == -np.inf):
                pairs = zip(scope.tolist(), zero.tolist(), strict=True)
                found.append([-(v + 1) if x else v + 1 for v, x in pairs])
    return found


def _approximate(
    clauses: list[list[int]], num_variables: int, seconds: float, sender: Connection
) -> None:
    import pyapproxmc  # pyright: ignore[reportMissingImports]

    seconds_max = math.ceil(process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds_max, seconds_max))
    begin = process_time()
    counter = pyapproxmc.Counter()
    for clause in clauses:
        counter.add_clause(clause)
    # Variables that no clause mentions count as well.
    counter.add_clause([num_variables, -num_variables])
    cells, hashes = counter.count()
    value = math.log10(cells) + hashes * math.log10(2) if cells else -math.inf
    sender.send((value, process_time() - begin))


def by_peer(graph: FactorGraph, budget_s: float) -> str:
    """Return what ApproxMC says in the same time."""
    if importlib.util.find_spec("pyapproxmc") is None:
        return "pyapproxmc is not installed"
    clauses = clauses_of(graph)
    if clauses is None:
        return "no formula"
    receiver, sender = multiprocessing.Pipe(duplex=False)
    count = graph.num_variables
    process = multiprocessing.Process(target=_approximate, args=(clauses, count, budget_s, sender))
    process.start()
    sender.close()
    try:
        found = receiver.recv()
    except EOFError:
        found = None
    process.join()
    return "no answer" if found is None else f"{found[0]:.4f} in {found[1]:.2f} s"


def ask(folder: Path, row: dict[str, str], budget_s: float) -> None:
    graph = read_uai(folder / row["model"])
    path = folder / f"{row['instance']}.uai.evid"
    evidence = read_evidence(path, graph) if path.exists() else no_evidence(graph)
    begin, wall = process_time(), perf_counter()
    budget = start_budget(budget_s, MEMORY_BYTES, process_time)
    found = infer(graph, LogPartition(), evidence=evidence, budget=budget)
    seconds, wall = process_time() - begin, perf_counter() - wall
    truth = float(row["PR_log10"]) if row["PR_log10"] else math.nan
    value, lower, upper = (x / LOG_TEN for x in (found.log_value, found.log_lower, found.log_upper))
    slack = 1e-6 * max(1.0, abs(truth))
    holds = math.isnan(truth) or lower - slack <= truth <= upper + slack
    print(
        f"{row['instance']:34} {found.quality.status.value:9} {value:12.6f} "
        f"[{lower:.4f}, {upper:.4f}] truth {truth:.6f} {'holds' if holds else 'VIOLATED'} "
        f"{seconds:.1f} s of the processor, {wall:.1f} s by the clock, "
        f"{found.quality.method}; ApproxMC: {by_peer(graph, budget_s)}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="exact counts beyond elimination")
    parser.add_argument("data", nargs="?", default="../shared/data/uai")
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--budget", type=float, default=20.0)
    given = parser.parse_args()
    folder = Path(given.data)
    if not (folder / "index.csv").exists():
        print(f"skipped: there is no {folder / 'index.csv'}")
        return
    with open(folder / "index.csv", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["PR_log10"]]
    for row in rows:
        is_asked = any(part in row["instance"] for part in given.parts or FAMILIES)
        if is_asked:
            ask(folder, row, given.budget)


if __name__ == "__main__":
    sys.exit(main())
