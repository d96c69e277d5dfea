"""Score anytime MAP on the shared UAI instances, as the UAI-2022 competition did, beside toulbar2.

    python benchmarks/map_uai.py --data DIR --seconds 2 20 --every 10 [--peer-python PYTHON]

Each instance runs in a fresh process and wall clock counts from its start, reading included:

    score = max(0, 100 (1 - (reference - found) / (reference - trivial)))     in log10

`trivial` is what each variable's own factors like best (as of the index's evidence); where that is
impossible, the reference's own size stands in for the difference. Above the reference counts 100.
Results go to map_uai.json and map_uai.md beside this script.
"""

import argparse
import csv
import json
import math
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

OURS = """
import sys, time, numpy as np
sys.path[:0] = [{root!r}, {root!r} + '/runtime']
from pathlib import Path
from gmruntime.answer import Map
from gmruntime.budget import free_memory_bytes, start_budget
from gmruntime.formats.uai import read_evidence, read_uai
from gmruntime.graph import no_evidence
from gmruntime.driver.anytime import search
from gmruntime.task import Effort, Task
seconds = {seconds!r} - {lead!r}
begin = time.monotonic()
graph = read_uai({model!r})
evidence = read_evidence({evidence!r}, graph) if {evidence!r} else no_evidence(graph)
budget = start_budget(seconds - (time.monotonic() - begin), free_memory_bytes() // 4)
for step in search(Task(graph, Map(), evidence), Effort(budget, np.random.default_rng(0))):
    t = time.monotonic() - begin + {lead!r}
    print(t, step.log_score / np.log(10), step.log_bound / np.log(10), step.engine, sep='\\t',
          flush=True)
"""

TRIVIAL = """
import sys, numpy as np
sys.path[:0] = [{root!r}, {root!r} + '/runtime']
from gmruntime.flat import flatten
from gmruntime.formats.uai import read_evidence, read_uai
from gmruntime.graph import log_score, no_evidence
from gmruntime.simplify.working import best_local_states
graph = read_uai({model!r})
evidence = read_evidence({evidence!r}, graph) if {evidence!r} else no_evidence(graph)
states = np.where(evidence >= 0, evidence, best_local_states(flatten(graph)))
print(log_score(graph, states) / np.log(10))
"""

# Python and the imports up to the first reading of the clock take about so long.
LEAD_S = 0.2

READ = """
tokens = iter(gzip.open({model!r}, 'rt').read().split())
next(tokens)
n = int(next(tokens))
sizes = [int(next(tokens)) for _ in range(n)]
scopes = [[int(next(tokens)) for _ in range(int(next(tokens)))] for _ in range(int(next(tokens)))]
evidence = {{}}
if {evidence!r}:
    found = [int(t) for t in open({evidence!r}).read().split()]
    if found and len(found) != 2 * found[0] + 1:
        found = found[1:]
    evidence = dict(zip(found[1::2], found[2::2])) if found else {{}}
tables = []
for scope in scopes:
    values = np.array([float(next(tokens)) for _ in range(int(next(tokens)))])
    values = values.reshape([sizes[v] for v in scope])
    values = values[tuple(evidence.get(v, slice(None)) for v in scope)]
    tables.append(([v for v in scope if v not in evidence], values))
"""
"""What the peers' programs begin with: the model as scopes and tables, the evidence taken in."""

PEER = """
import gzip, os, sys, tempfile, time, numpy as np
import pytoulbar2
begin = time.time()
"""
PEER += READ
PEER += """
top = 0.0
factors = []
for kept, values in tables:
    if values.max() <= 0: print('impossible'); sys.exit()
    top += np.log(values.max())
    with np.errstate(divide='ignore'):
        factors.append((kept, np.log(values.max()) - np.log(values)))
problem = pytoulbar2.CFN(1e9, resolution=6, vns={vns!r}, verbose=0)
for v in range(n):
    problem.AddVariable(f'x{{v}}', [str(a) for a in range(1 if v in evidence else sizes[v])])
for kept, costs in factors:
    if kept:
        problem.AddFunction(kept, np.minimum(costs, 1e8).reshape(-1).tolist())
lead = time.time() - begin + {lead!r}
print('lead', lead, sep='\\t', flush=True)
found = problem.Solve(timeLimit=max(1, int(round({seconds!r} - lead))))
spent = time.time() - begin + {lead!r}
bound = problem.GetDDualBound()
print('end', spent, top, found[1] if found else 'inf', bound, sep='\\t', flush=True)
"""


def instances(data: Path, every: int, offset: int) -> list[dict[str, str]]:
    with (data / "uai" / "index.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["MAP_log10"]]
    return rows[offset::every]


def run(python: str, program: str, limit_s: float) -> list[list[str]]:
    """Run a program and return its lines, split at tabs; killed well after its limit."""
    try:
        done = subprocess.run(
            [python, "-c", program],
            capture_output=True,
            text=True,
            timeout=limit_s + 20.0,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return []
    if done.returncode:
        print(done.stderr[-500:], file=sys.stderr)
    return [line.split("\t") for line in done.stdout.splitlines() if line.strip()]


def peer_trace(
    python: str, names: dict[str, object], seconds: float
) -> list[tuple[float, float, bool]]:
    """Run toulbar2 once; return seconds from the start, log10 score, and whether it was proved."""
    lines = run(python, PEER.format(**names, seconds=seconds), seconds)
    told = {line[0]: [float(cell) for cell in line[1:]] for line in lines if len(line) > 1}
    if "end" not in told:
        return []
    spent, top, cost, bound = told["end"]
    found: list[tuple[float, float, bool]] = []
    for line in lines:
        hit = re.match(r"New solution: (\S+) \(.*?([0-9.]+) seconds", line[0])
        if hit:
            value = (top - float(hit[1])) / math.log(10)
            found.append((told["lead"][0] + float(hit[2]), value, False))
    if cost < math.inf:
        proved = names["vns"] is None and cost - bound < 1e-5
        found.append((spent, (top - cost) / math.log(10), proved))
    return found


def score(found: float, reference: float, trivial: float) -> float:
    if not math.isfinite(found):
        return 0.0
    worst = reference - trivial
    # A trivial answer that is as good as the reference leaves no scale of its own.
    if not math.isfinite(worst) or worst <= 1e-3 * max(1.0, abs(reference)):
        worst = max(1.0, abs(reference))
    return max(0.0, 100.0 * (1.0 - max(0.0, reference - found) / worst))


def measure(row: dict[str, str], data: Path, seconds: list[float], peer: str | None) -> dict:
    folder = data / "uai"
    model = str(folder / row["model"])
    evidence = str(folder / f"{row['instance']}.uai.evid") if row["evidence"] else ""
    names = {"root": str(HERE.parent), "model": model, "evidence": evidence, "lead": LEAD_S}
    first = run(sys.executable, TRIVIAL.format(**names), 60.0)
    trivial = float(first[0][0]) if first else -math.inf
    reference = float(row["MAP_log10"])
    result = {"instance": row["instance"], "reference": reference, "by": row["MAP_by"]}
    result["trivial"] = trivial
    longest = max(seconds)
    start = time.monotonic()
    lines = run(sys.executable, OURS.format(**names, seconds=longest), longest)
    result["wall_s"] = time.monotonic() - start
    trace = [(float(t), float(v), float(b), e) for t, v, b, e in lines]
    result["trace"] = trace
    peers = [peer_trace(peer, {**names, "vns": vns}, longest) for vns in (-1, None) if peer]
    for limit in seconds:
        seen = [(v, b) for t, v, b, _ in trace if t <= limit]
        found, bound = seen[-1] if seen else (-math.inf, math.inf)
        result[f"ours_{limit:g}"] = [found, bound, score(found, reference, trivial), found == bound]
        if peer:
            early = [row for trace in peers for row in trace if row[0] <= limit]
            best = max([value for _, value, _ in early], default=-math.inf)
            proved = any(is_end for _, _, is_end in early)
            result[f"toulbar2_{limit:g}"] = [best, None, score(best, reference, trivial), proved]
    return result


def table(results: list[dict], seconds: list[float]) -> str:
    columns = [key for key in results[0] if key.startswith(("ours_", "toulbar2_"))]
    lines = ["| instance | reference | " + " | ".join(columns) + " |"]
    lines.append("|---|--:|" + "--:|" * len(columns))
    for result in results:
        cells = [
            f"{result[c][0]:.4f} ({result[c][2]:.1f}{', proved' if result[c][3] else ''})"
            for c in columns
        ]
        lines.append(
            f"| {result['instance']} | {result['reference']:.4f} | " + " | ".join(cells) + " |"
        )
    means = [f"**{sum(r[c][2] for r in results) / len(results):.2f}**" for c in columns]
    proofs = [str(sum(bool(r[c][3]) for r in results)) for c in columns]
    lines.append("| mean score | | " + " | ".join(means) + " |")
    lines.append("| proved | | " + " | ".join(proofs) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--seconds", type=float, nargs="+", default=[2.0, 20.0])
    parser.add_argument("--every", type=int, default=10, help="take every so many-th instance")
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--peer-python", default=None, help="a Python that has pytoulbar2")
    parser.add_argument("--out", type=Path, default=HERE / "map_uai")
    arguments = parser.parse_args()
    results: list[dict] = []
    for row in instances(arguments.data, arguments.every, arguments.offset):
        results.append(measure(row, arguments.data, arguments.seconds, arguments.peer_python))
        last = results[-1]
        shown = {k: v for k, v in last.items() if k != "trace"}
        print(json.dumps(shown), flush=True)
        arguments.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        arguments.out.with_suffix(".md").write_text(table(results, arguments.seconds))


if __name__ == "__main__":
    main()
