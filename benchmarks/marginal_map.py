"""Score marginal MAP on the shared UAI instances as UAI-2022 did, beside its field.

    python benchmarks/marginal_map.py --data DIR --seconds 2 20 [--cpu] [--only NAME ...]

The clock starts when the model has been read, in a process whose compiled loops are loaded. `--cpu`
counts what this process computes instead of what passes, for machines that others use as well: that
is no more than one core would do in the time. An instance with printed scores counts

    max(0, 100 (1 - (best - found) / (best - baseline)))     in log10,

where `best` is the best that any solver printed within an hour and `baseline` that of the
competition's; printed numbers have one digit, and half of it counts as equal. The solvers of the
competition had one core and 20 s. Without the data nothing is measured.
"""

import argparse
import csv
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gmruntime.answer import LogPartition, LogPartitionAnswer, MarginalMap, MarginalMapAnswer
from gmruntime.budget import free_memory_bytes, start_budget
from gmruntime.formats.uai import read_evidence, read_query, read_uai
from gmruntime.graph import Assignment, FactorGraph, no_evidence
from gmruntime.inference import infer

LN10 = math.log(10.0)
PEERS = ("daoopt-mmap", "toulbar2-vns-mmap", "toulbar2-ipr-mmap")
HALF_A_DIGIT = 0.05
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Printed:
    """What the competition printed of an instance, log10."""

    best: float
    baseline: float
    at_20_s: dict[str, float]


def printed(data: Path) -> dict[str, Printed]:
    """Return the printed scores by the name of the problem."""
    with (data / "uai" / "uai2022_scores.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["task"] == "MMAP"]
    found: dict[str, Printed] = {}
    for problem in {row["problem"] for row in rows}:
        own = [row for row in rows if row["problem"] == problem and row["log10"] != "nan"]
        base = [float(row["log10"]) for row in own if row["solver"] == "baseline"]
        if base:
            early = {row["solver"]: float(row["score"]) for row in own if row["limit_s"] == "20"}
            best = max(float(row["log10"]) for row in own)
            found[problem] = Printed(best, base[0], early)
    return found


def score(found: float, known: Printed) -> float:
    """Return the score of a value, log10."""
    missing = known.best - found
    if missing <= HALF_A_DIGIT:
        return 100.0
    span = known.best - known.baseline
    return max(0.0, 100.0 * (1.0 - missing / span)) if span > 0 else 0.0


def load(base: Path) -> tuple[FactorGraph, Assignment, Assignment]:
    graph = read_uai(f"{base}.uai.gz")
    seen = Path(f"{base}.uai.evid")
    evidence = read_evidence(str(seen), graph) if seen.exists() else no_evidence(graph)
    return graph, evidence, read_query(f"{base}.uai.query", graph)


def fault(found: MarginalMapAnswer, graph: FactorGraph, clamped: Assignment) -> str:
    """Say what is wrong with an answer by the exact sum of its states."""
    whole = infer(graph, LogPartition(), evidence=clamped, budget_s=30.0)
    assert isinstance(whole, LogPartitionAnswer)
    slack = TOLERANCE * max(1.0, abs(whole.log_upper))
    if whole.log_upper < found.log_lower - slack:
        return "the states sum to less than is said"
    if whole.log_lower > found.log_upper + slack:
        return "the states sum to more than the bound"
    return "impossible states" if whole.log_upper == -math.inf else ""


def measure(base: Path, seconds: float, *, cpu: bool) -> tuple[MarginalMapAnswer, float, str]:
    graph, evidence, asked = load(base)
    clock = time.process_time if cpu else time.monotonic
    budget = start_budget(seconds, free_memory_bytes() // 2, clock)
    found = infer(graph, MarginalMap(asked), evidence=evidence, budget=budget)
    spent_s = budget.spent_s()
    if not len(found.states):
        return found, spent_s, ""
    clamped = evidence.copy()
    clamped[asked] = found.states
    return found, spent_s, fault(found, graph, clamped)


def run(bases: list[Path], data: Path, seconds: float, *, cpu: bool) -> None:
    known = printed(data)
    scores: list[float] = []
    peers: dict[str, list[float]] = {name: [] for name in PEERS}
    statuses: dict[str, int] = {}
    late, faults, unbounded = 0.0, 0, 0
    for base in bases:
        found, spent_s, wrong = measure(base, seconds, cpu=cpu)
        status = found.quality.status.value
        statuses[status] = statuses.get(status, 0) + 1
        late, faults = max(late, spent_s - seconds), faults + bool(wrong)
        unbounded += found.log_upper == math.inf
        own = known.get(base.name)
        points = math.nan if own is None else score(found.log_lower / LN10, own)
        if own is not None:
            scores.append(points)
            for name in PEERS:
                peers[name].append(own.at_20_s.get(name, 0.0))
        ends = f"{found.log_lower / LN10:.4f} .. {found.log_upper / LN10:.4f}"
        print(f"{base.name}\t{status}\t{ends}\t{spent_s:.2f} s\t{points:.1f}\t{wrong}", flush=True)
    clock = "processor seconds" if cpu else "seconds"
    told = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    print(f"{seconds:g} {clock}: {told}; {unbounded} without a bound, {faults} faults")
    print(f"latest {late:+.2f} s")
    if scores:
        field = ", ".join(f"{name} {np.mean(values):.1f}" for name, values in peers.items())
        print(f"mean score of {len(scores)}: {np.mean(scores):.1f}; printed at 20 s: {field}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, nargs="+", default=[2.0, 20.0])
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--only", nargs="*", default=[])
    how = parser.parse_args()
    queries = sorted((how.data / "uai").glob("*/*.uai.query"))
    bases = [Path(str(path)[: -len(".uai.query")]) for path in queries]
    bases = [base for base in bases if not how.only or base.name in how.only]
    if not bases:
        print(f"no instances of marginal MAP in {how.data}: nothing is measured", file=sys.stderr)
        return
    measure(bases[-1], 5.0, cpu=how.cpu)
    for seconds in how.seconds:
        run(bases, how.data, seconds, cpu=how.cpu)


if __name__ == "__main__":
    main()
