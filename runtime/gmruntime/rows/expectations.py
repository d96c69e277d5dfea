"""Many rows of evidence at once: log Z of each, and the expected counts of every table entry."""

from collections.abc import Sequence

from gmruntime.budget import Budget
from gmruntime.door.questions import checked_budget
from gmruntime.graph import FactorGraph
from gmruntime.rows.answer import ExpectationsAnswer
from gmruntime.rows.row_program import compile_rows


def expectations(
    graph: FactorGraph,
    rows: object,
    weights: object = None,
    *,
    tables: Sequence[object] | None = None,
    budget_s: float = 5.0,
    memory_bytes: int | None = None,
    budget: Budget | None = None,
    seed: int = 0,
) -> ExpectationsAnswer:
    """Find log Z of each row, and how often each table entry is used in all of them.

    Whoever asks again with other tables compiles once: see `compile_rows`. The arguments are those
    of `compile_rows` and of `RowProgram.evaluate`; the budget is of both together.
    """
    budget = checked_budget(budget, budget_s, memory_bytes)
    program = compile_rows(graph, rows, weights, budget=budget, seed=seed, is_kept=False)
    return program.evaluate(tables, budget=budget)
