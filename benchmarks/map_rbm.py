"""MAP of the random RBMs of the PGMax benchmark: exact on 24 units, best-known on larger ones.

    python benchmarks/map_rbm.py --data DIR --seconds 1

Energies as in the file: -(h'Wv + bh'h + bv'v), states 0/1; lower is better.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from gmruntime.answer import Improvement, Map
from gmruntime.budget import start_budget
from gmruntime.driver.anytime import search
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.task import Effort, Task

HERE = Path(__file__).resolve().parent


def rbm(weights: np.ndarray, hidden: np.ndarray, visible: np.ndarray) -> FactorGraph:
    rows, columns = weights.shape
    pairs = np.indices((rows, columns)).reshape(2, -1).T.astype(np.int32)
    pairs[:, 1] += rows
    tables = np.zeros((rows * columns, 2, 2))
    tables[:, 1, 1] = weights.reshape(-1)
    fields = np.zeros((rows + columns, 2))
    fields[:, 1] = np.concatenate([hidden, visible])
    return FactorGraph(
        (VariableBlock("h", (rows,), 2), VariableBlock("v", (columns,), 2)),
        (
            FactorBlock(Table(fields), np.arange(rows + columns, dtype=np.int32)[:, None]),
            FactorBlock(Table(tables), pairs),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--count", type=int, default=1000, help="of each size, at most")
    arguments = parser.parse_args()
    data = np.load(arguments.data / "rbm_map.npz")
    summary: dict[str, dict[str, float]] = {}
    for units in sorted({int(key[1:].split("_")[0]) for key in data if key.startswith("u")}):
        exact = f"u{units}_exact_energy"
        reference = data[exact if exact in data else f"u{units}_bestknown_energy"]
        good, proved, gaps, firsts = 0, 0, [], []
        count = min(len(reference), arguments.count)
        for k in range(count):
            graph = rbm(*(data[f"u{units}_{part}"][k] for part in ("W", "bh", "bv")))
            budget = start_budget(arguments.seconds, 1 << 30)
            rng = np.random.default_rng(0)
            last: Improvement | None = None
            reached = float("inf")
            begin = time.monotonic()
            for last in search(Task(graph, Map(), no_evidence(graph)), Effort(budget, rng)):
                if -last.log_score <= reference[k] + 1e-4 * abs(reference[k]):
                    reached = min(reached, time.monotonic() - begin)
            assert last is not None
            gap = (-last.log_score - reference[k]) / abs(reference[k])
            gaps.append(gap)
            good += gap <= 1e-5
            proved += last.log_bound == last.log_score
            firsts.append(reached)
        figures = {
            "count": count,
            "best_known_or_better": int(good),
            "proved": proved,
            "largest_gap": float(max(gaps)),
            "median_seconds_to_1e-4": float(np.median(firsts)),
        }
        summary[str(units)] = figures
        print(units, figures, flush=True)
    (HERE / "map_rbm.json").write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
