"""Exact answers on the UAI instances whose reference was checked, against that reference.

    python benchmarks/exact_uai.py DATA TASK BITS_MAX [PART_OF_A_NAME ...]

DATA is a folder with index.csv; TASK is PR, MAR or MAP; instances whose listed cost of elimination
is more than BITS_MAX are left out. PR and MAP print log10 values.
"""

import csv
import math
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from gmruntime.answer import (
    AssignmentsAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
)
from gmruntime.budget import start_budget
from gmruntime.elimination.answer import answer
from gmruntime.formats.uai import read_evidence, read_uai
from gmruntime.formats.uai_results import parse_marginals
from gmruntime.graph import no_evidence
from gmruntime.task import Effort, Task

BUDGET_S = 60.0
MEMORY_BYTES = 2 << 30
# These references contradict exact elimination of models whose width is 2, 7 and 10.
BAD_MARGINALS = ("relational_2", "relational_3", "relational_5")
QUERIES = {"PR": LogPartition(), "MAR": Marginals(), "MAP": Map()}


def rows_for(folder: Path, task: str, bits_max: float, parts: list[str]) -> list[dict[str, str]]:
    with open(folder / "index.csv", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    kept: list[dict[str, str]] = []
    for row in rows:
        # "26.3 ~ → 24.1/25.0" holds the cost of a better order after its slash.
        cost = row["total_bits"].split("/")[-1].strip(" ~")
        wanted = not parts or any(part in row["instance"] for part in parts)
        known = {
            "PR": "exact" in row["PR_by"] and row["PR_log10"] != "",
            "MAR": row["MAR"] != "" and not row["instance"].endswith(BAD_MARGINALS),
            "MAP": row["MAP_by"].startswith("OPT"),
        }[task]
        if wanted and known and cost and float(cost.split()[0]) <= bits_max:
            kept.append(row)
    return kept


def compare(folder: Path, row: dict[str, str], task: str, found: object) -> tuple[float, float]:
    """Return our value and how far it is from the reference."""
    match found:
        case LogPartitionAnswer():
            value = found.log_value / math.log(10)
            truth = float(row["PR_log10"])
            return value, 0.0 if value == truth else abs(value - truth)
        case AssignmentsAnswer():
            value = (
                float(found.log_scores[0]) / math.log(10) if len(found.log_scores) else -math.inf
            )
            return value, abs(value - float(row["MAP_log10"]))
        case MarginalsAnswer():
            path = folder / f"{row['instance']}.uai.MAR"
            truth = parse_marginals(str(path), path.read_text())
            ours = [r for p in found.probabilities for r in p.reshape(-1, p.shape[-1])]
            gaps = [float(np.abs(a - b).max()) for a, b in zip(ours, truth, strict=True)]
            return math.nan, max(gaps, default=0.0)
        case _:
            return math.nan, math.inf


def main() -> None:
    folder, task, bits_max = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    total, worst = 0.0, 0.0
    for row in rows_for(folder, task, bits_max, sys.argv[4:]):
        graph = read_uai(folder / row["model"])
        evidence = no_evidence(graph)
        if row["evidence"]:
            evidence = read_evidence(folder / f"{row['instance']}.uai.evid", graph)
        budget = start_budget(BUDGET_S, MEMORY_BYTES)
        start = perf_counter()
        found = answer(
            Task(graph, QUERIES[task], evidence), Effort(budget, np.random.default_rng(0))
        )
        seconds = perf_counter() - start
        total += seconds
        status = found.quality.status.value if found is not None else "none"
        try:
            value, gap = compare(folder, row, task, found)
        except (OSError, ValueError) as reason:
            print(f"{row['instance']:45} {seconds:8.3f} s  {status:8} no reference: {reason}")
            continue
        worst = max(worst, gap)
        print(f"{row['instance']:45} {seconds:8.3f} s  {status:8} {value:14.6f} off by {gap:.1e}")
    print(f"{total:.1f} s in all, largest difference {worst:.1e}")


if __name__ == "__main__":
    main()
