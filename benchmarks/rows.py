"""Many rows of evidence: one program for all of them beside one question for each.

    python benchmarks/rows.py DATA [NUM_ROWS]

DATA is a folder with alarm.bif.gz. Rows are drawn from alarm, a fifth of their cells hidden; and
sequences of a hidden Markov model are given as rows and as one plate. Times are of the processor,
all threads together, least of three runs; compiled loops are loaded before.
"""

import sys
from pathlib import Path
from time import process_time

import numpy as np

from gmruntime import FactorBlock, FactorGraph, VariableBlock, compile_rows, infer
from gmruntime.answer import LogPartition, Marginals, Samples
from gmruntime.factors.kinds import Table
from gmruntime.formats.networks.bif import read_bif
from gmruntime.formats.networks.network import network_graph
from gmruntime.rows.row_program import RowProgram
from gmruntime.workspace import Workspace

NUM_RUNS, NUM_ASKED = 3, 20


def evaluated(program: RowProgram) -> float:
    """Return the seconds of one evaluation."""
    program.evaluate(budget_s=60.0)
    best = np.inf
    for _ in range(NUM_RUNS):
        start = process_time()
        program.evaluate(budget_s=60.0)
        best = min(best, process_time() - start)
    return best


def compiled(graph: FactorGraph, rows: np.ndarray) -> tuple[RowProgram, float]:
    """Return a program and the seconds that it took."""
    start = process_time()
    program = compile_rows(graph, rows, budget_s=60.0)
    return program, process_time() - start


def one_by_one(graph: FactorGraph, rows: np.ndarray) -> float:
    """Return the seconds of asking a row for its marginals and log Z."""
    workspace = Workspace()
    start = process_time()
    for row in rows[:NUM_ASKED]:
        infer(graph, Marginals(), evidence=row.astype(np.int32), workspace=workspace)
        infer(graph, LogPartition(), evidence=row.astype(np.int32), workspace=workspace)
    return (process_time() - start) / len(rows[:NUM_ASKED])


def alarm(folder: Path, num_rows: int) -> None:
    graph = network_graph(read_bif(folder / "alarm.bif.gz"))
    rows = np.array(infer(graph, Samples(num_rows), budget_s=60.0).assignments)
    rows[np.random.default_rng(0).random(rows.shape) < 0.2] = -1
    program, compile_s = compiled(graph, rows)
    all_s, one_s = evaluated(program), one_by_one(graph, rows)
    print(
        f"alarm, {num_rows} rows, 20 % hidden: {1e3 * all_s:.1f} ms, compiled in {compile_s:.2f} s"
    )
    ratio = one_s * num_rows / all_s
    print(
        f"    {1e6 * all_s / num_rows:.1f} us a row; infer {1e3 * one_s:.2f} ms, {ratio:.0f} times"
    )


def markov(shape: tuple[int, ...], tables: list[np.ndarray]) -> FactorGraph:
    """Return sequences of hidden states and what is seen of them; time is the last axis."""
    hidden = np.arange(int(np.prod(shape))).reshape(-1, shape[-1])
    seen = hidden + hidden.size
    pairs = np.stack([hidden[:, :-1].ravel(), hidden[:, 1:].ravel()], 1)
    scopes = [hidden[:, :1], pairs, np.stack([hidden.ravel(), seen.ravel()], 1)]
    start, _, emit = tables
    return FactorGraph(
        (VariableBlock("z", shape, len(start)), VariableBlock("o", shape, emit.shape[1])),
        tuple(
            FactorBlock(Table(np.log(table)[None]), scope.astype(np.int32))
            for table, scope in zip(tables, scopes, strict=True)
        ),
    )


def plates(num: int = 200, length: int = 100) -> None:
    rng = np.random.default_rng(0)
    tables = [np.full(5, 0.2), rng.dirichlet(np.ones(5), 5), rng.dirichlet(np.ones(12), 5)]
    rows = np.full((num, 2 * length), -1)
    rows[:, length:] = rng.integers(0, 12, (num, length))
    plate = np.concatenate([rows[:, :length].ravel(), rows[:, length:].ravel()])[None]
    by_rows, rows_s = compiled(markov((length,), tables), rows)
    by_plates, plates_s = compiled(markov((num, length), tables), plate)
    mine, theirs = evaluated(by_rows), evaluated(by_plates)
    print(f"hidden Markov, {num} sequences of {length}")
    print(f"    as rows    {1e3 * mine:.1f} ms, compiled in {rows_s:.2f} s")
    print(f"    as a plate {1e3 * theirs:.1f} ms, compiled in {plates_s:.2f} s")


if __name__ == "__main__":
    alarm(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
    plates()
