"""Anytime MAP of frustrated grids: 5 states with random tables, and spins with random signs.

    python benchmarks/map_grid.py --side 100 --seconds 20
    python benchmarks/map_grid.py --side 100 --starts 10

The first prints score and bound at 0.1, 0.2, 0.5, ... seconds; the file map_grid.json keeps the
traces. The second starts so many processes, each with another seed of the search, and prints what
the random tables' score and bound are two seconds after the process start.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from gmruntime.answer import Map
from gmruntime.budget import start_budget
from gmruntime.driver.anytime import search
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.task import Effort, Task

HERE = Path(__file__).resolve().parent
FROM_START_S = 2.0
MARKS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


def grid(side: int, fields: np.ndarray, tables: np.ndarray) -> FactorGraph:
    index = np.arange(side * side, dtype=np.int32).reshape(side, side)
    across = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1)
    down = np.stack([index[:-1].ravel(), index[1:].ravel()], 1)
    return FactorGraph(
        (VariableBlock("x", (side, side), fields.shape[1]),),
        (
            FactorBlock(Table(fields), index.reshape(-1, 1)),
            FactorBlock(Table(tables), np.concatenate([across, down])),
        ),
    )


def random_tables(side: int, rng: np.random.Generator) -> FactorGraph:
    """Five states, tables of spread 0.7, fields of spread 1."""
    pairs = 2 * side * (side - 1)
    return grid(side, rng.normal(0, 1.0, (side * side, 5)), rng.normal(0, 0.7, (pairs, 5, 5)))


def random_signs(side: int, rng: np.random.Generator) -> FactorGraph:
    """Two states, couplings +1 or -1, small fields."""
    pairs = 2 * side * (side - 1)
    signs = rng.choice([-1.0, 1.0], pairs)
    tables = signs[:, None, None] * np.array([[1.0, -1.0], [-1.0, 1.0]])
    return grid(side, rng.normal(0, 0.1, (side * side, 2)), tables)


def from_start(side: int, seed: int, started_s: float) -> None:
    """Search until two seconds after the process start, and print the result."""
    graph = random_tables(side, np.random.default_rng(0))
    budget = start_budget(started_s + FROM_START_S - time.time(), 2 << 30)
    last = None
    for step in search(
        Task(graph, Map(), no_evidence(graph)), Effort(budget, np.random.default_rng(seed))
    ):
        last = step
    assert last is not None
    print("seed", seed, last.log_score, last.log_bound, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--starts", type=int, default=0, help="processes to start")
    parser.add_argument("--seed", type=int, default=-1, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, default=0.0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.seed >= 0:
        from_start(arguments.side, arguments.seed, arguments.started)
        return
    for seed in range(arguments.starts):
        own = ["--side", str(arguments.side), "--seed", str(seed), "--started", str(time.time())]
        subprocess.run([sys.executable, __file__, *own], check=True)
    if arguments.starts:
        return
    traces: dict[str, list[tuple[float, float, float, str]]] = {}
    for name, make in (("random tables", random_tables), ("random signs", random_signs)):
        graph = make(arguments.side, np.random.default_rng(0))
        budget = start_budget(arguments.seconds, 2 << 30)
        steps = search(
            Task(graph, Map(), no_evidence(graph)), Effort(budget, np.random.default_rng(0))
        )
        traces[name] = [(s.seconds, s.log_score, s.log_bound, s.engine) for s in steps]
        for mark in MARKS_S:
            seen = [step for step in traces[name] if step[0] <= mark]
            if seen and mark <= arguments.seconds:
                print(name, mark, *seen[-1][1:], flush=True)
    (HERE / "map_grid.json").write_text(json.dumps(traces, indent=1) + "\n")


if __name__ == "__main__":
    main()
