"""Many rows of data against one graph of places: what all add up to, of some rows side by side.

What a state of a place is worth is looked up in the row. Where each place looks up one thing, and
nothing but windows joins places, in forests, rows differ in nothing else: one pass up the forest
adds up several rows. What components are worth in each row and state of their contexts is a table
then, and all else is asked of a graph without places, about all rows at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gmruntime.answer import AnyAnswer, LogPartition, Marginals, MarginalsAnswer, Question
from gmruntime.arrays import Int32
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, block_starts, no_evidence, num_states
from gmruntime.task import Task
from gmruntime.windows.lanes.looked import Looked, looked_up
from gmruntime.windows.lanes.worth import Worth, worth_of
from gmruntime.windows.pairs import TooLargeError
from gmruntime.windows.rest import METHOD, rest_of
from gmruntime.windows.split import Split
from gmruntime.workspace import Workspace

AskRest = Callable[
    [FactorGraph, Question[AnyAnswer], Int32[np.ndarray, "rows variables"]],
    Iterator[AnyAnswer | None],
]
"""Puts a question about a graph without places for many rows."""


def answers_to_rows(
    graph: FactorGraph,
    query: Question[AnyAnswer],
    rows: Int32[np.ndarray, "rows variables"],
    budget: Budget,
    workspace: Workspace,
    ask: AskRest,
) -> Callable[[int], AnyAnswer | None] | None:
    """Answer a question about what is no place for many rows; None where this has no rule for it.

    Args:
        graph: validated.
        query: checked.
        rows: of evidence.
        budget: of all rows together.
        workspace: keeps what components are worth for the next question about the same rows.
        ask: asks about all else.

    Returns:
        the answer of each row, in any order; None for one that has to be asked by itself.
    """
    if not isinstance(query, LogPartition | Marginals) or len(rows) < 2:
        return None
    try:
        looked = looked_up(graph, rows)
        if looked is None or not _is_asked_apart(query, looked.found):
            return None
        states = np.unique(rows[:, looked.row])
        worth = worth_of(graph, looked, states, budget, workspace)
    except (TimeoutError, TooLargeError):
        return None
    return None if worth is None else _told(graph, query, looked, (states, worth), rows, ask)


def _is_asked_apart(query: LogPartition | Marginals, found: Split) -> bool:
    if isinstance(query, LogPartition):
        return True
    return query.variables is not None and not np.isin(query.variables, found.places).any()


def _told(
    graph: FactorGraph,
    query: LogPartition | Marginals,
    looked: Looked,
    worth: tuple[Int32[np.ndarray, " distinct"], Worth],
    rows: np.ndarray,
    ask: AskRest,
) -> Callable[[int], AnyAnswer | None]:
    found, sizes = looked.found, num_states(graph)
    states, said = worth
    counts = found.num_configurations()
    left = rest_of(
        Task(graph, query, no_evidence(graph)), found, [np.zeros(count) for count in counts]
    )
    factors = [*left.graph.factors[: len(found.rest)], *looked.others]
    factors += _tables(looked, states, said, int(sizes[looked.row]), sizes)
    rest = FactorGraph(left.graph.variables, tuple(factors))
    known = rows.copy()
    known[:, found.places] = 0
    known[:, sizes == 1] = 0
    is_lost = said.is_lost[np.searchsorted(states, rows[:, looked.row])]
    numbers = np.where(is_lost, -1, np.cumsum(~is_lost) - 1)
    answers = ask(rest, left.query, np.ascontiguousarray(known[~is_lost]))
    kept: list[AnyAnswer | None] = []
    plan = _blocks_between(graph, rest, query)

    def of(r: int) -> AnyAnswer | None:
        k = int(numbers[r])
        if k < 0:
            return None
        while len(kept) <= k:
            kept.append(next(answers, None))
        answer, kept[k] = kept[k], None
        if answer is None:
            return None
        method = f"{METHOD} and {answer.quality.method}"
        answer = replace(answer, quality=replace(answer.quality, method=method))
        if isinstance(answer, MarginalsAnswer):
            blocks = _in_blocks(graph, answer.probabilities, plan)
            answer = replace(answer, probabilities=blocks, lower=None, upper=None)
        return answer

    return of


def _tables(
    looked: Looked, states: np.ndarray, said: Worth, num_rows: int, sizes: np.ndarray
) -> list[FactorBlock]:
    """Write what components are worth as tables of the row and their contexts."""
    found = looked.found
    alike: dict[tuple[int, ...], list[int]] = {}
    for k, context in enumerate(found.contexts):
        alike.setdefault(tuple(sizes[context].tolist()), []).append(k)
    blocks: list[FactorBlock] = []
    for shape, members in alike.items():
        count = int(np.prod(shape))
        values = np.zeros((len(members), num_rows, count))
        values[:, states] = said.values[:count, members].transpose(1, 2, 0)
        scopes = [[looked.row, *found.contexts[k].tolist()] for k in members]
        table = Table(values.reshape(len(members), num_rows, *shape))
        blocks.append(FactorBlock(table, np.array(scopes, np.int32), "windows"))
    return blocks


_Plan = list[list[tuple[int, int, int]] | None]


def _blocks_between(graph: FactorGraph, rest: FactorGraph, query: Question[AnyAnswer]) -> _Plan:
    """Say, for each block that something is asked of, which blocks of the rest it consists of."""
    starts, own = block_starts(graph), block_starts(rest)
    asked = query.variables if isinstance(query, Marginals) else None
    plan: _Plan = []
    for number, block in enumerate(graph.variables):
        first, last = int(starts[number]), int(starts[number + 1])
        if asked is None or not ((asked >= first) & (asked < last)).any():
            plan.append(None)
            continue
        pieces = [
            (k, int(own[k]) - first, int(own[k + 1]) - first)
            for k in range(len(rest.variables))
            if own[k] >= first and own[k + 1] <= last and own[k] < own[k + 1]
            if rest.variables[k].num_states == block.num_states
        ]
        plan.append(pieces)
    return plan


def _in_blocks(
    graph: FactorGraph, found: tuple[np.ndarray, ...], plan: _Plan
) -> tuple[np.ndarray, ...]:
    """Return marginals of the rest by the blocks of the graph; NaN where nothing was asked."""
    blocks: list[np.ndarray] = []
    for block, pieces in zip(graph.variables, plan, strict=True):
        shape = (*block.shape, block.num_states)
        if pieces is None:
            blocks.append(np.broadcast_to(np.nan, shape))
            continue
        values = np.full((block.size, block.num_states), np.nan)
        for k, first, last in pieces:
            values[first:last] = found[k].reshape(last - first, block.num_states)
        blocks.append(values.reshape(shape))
    return tuple(blocks)
