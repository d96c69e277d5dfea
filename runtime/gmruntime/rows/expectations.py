"""Many rows of evidence at once: log Z of each, and the expected counts of every table entry."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.budget import Budget
from gmruntime.door.questions import check_workspace, checked_budget
from gmruntime.graph import FactorGraph
from gmruntime.rows.answer import ExpectationsAnswer
from gmruntime.rows.row_program import RowProgram, compile_rows, nothing_found
from gmruntime.task import Effort
from gmruntime.workspace import Workspace

if TYPE_CHECKING:
    from concurrent.futures import Executor


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
    device: str = "auto",
    workspace: Workspace | None = None,
    executor: "Executor | None" = None,
    num_workers: int | None = None,
) -> ExpectationsAnswer:
    """Find log Z of each row, and how often each table entry is used in all of them.

    Whoever asks again with other tables compiles once: see `compile_rows`. The arguments are those
    of `compile_rows` and of `RowProgram.evaluate`; the budget is of both. A workspace keeps
    what was compiled, found again by the contents of graph, rows and weights.

    Raises:
        GraphError: when the graph, the rows, the weights or the tables contradict themselves.
        TooWideError: a GraphError; rows or cliques take more memory than is allowed.
    """
    budget = checked_budget(budget, budget_s, memory_bytes)
    check_workspace(workspace)
    effort = Effort(budget, np.random.default_rng(0), workspace=workspace)

    def compiled(made_of: tuple[FactorGraph, object, object, int]) -> RowProgram:
        own_graph, own_rows, own_weights, own_seed = made_of
        is_kept = workspace is not None
        return compile_rows(
            own_graph, own_rows, own_weights, budget=budget, seed=own_seed, is_kept=is_kept
        )

    try:
        program = effort.once_of(RowProgram, (graph, rows, weights, seed), compiled)
    except TimeoutError:
        return nothing_found(graph, rows, budget)
    assert program is not None
    return program.evaluate(
        tables, budget=budget, device=device, executor=executor, num_workers=num_workers
    )
