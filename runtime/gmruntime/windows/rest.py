"""What is left of a question when components of places are tables over their contexts."""

from collections.abc import Iterator, Sequence

import numpy as np

from gmruntime.answer import AnyAnswer, Marginals, Question
from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, block_starts, num_states
from gmruntime.task import Task
from gmruntime.windows.split import Split

METHOD = "messages through windows"


def asked_of(query: Marginals, found: Split) -> Bool[np.ndarray, " variables"]:
    """Say which variables marginals are asked of."""
    asked = np.zeros(found.graph.num_variables, np.bool_)
    asked[slice(None) if query.variables is None else query.variables] = True
    return asked


def configurations(found: Split) -> Int64[np.ndarray, "configurations components _digits"]:
    """List the states of all contexts; a component that has fewer begins again."""
    counts = found.num_configurations()
    width = max(len(context) for context in found.contexts)
    result = np.zeros((max(counts), len(counts), width), np.int64)
    sizes = num_states(found.graph)
    for k, (context, count) in enumerate(zip(found.contexts, counts, strict=True)):
        if len(context):
            shape = sizes[context]
            digits = np.array(np.unravel_index(np.arange(len(result)) % count, shape)).T
            result[:, k, : len(context)] = digits
    return result


def all_in_time(
    found: Split, budget: Budget
) -> Iterator[tuple[int, Int64[np.ndarray, "components _digits"]]]:
    """Yield the states of all contexts with their numbers, as long as all may be in time.

    Raises:
        TimeoutError: as soon as the first shows that there is no time for all.
    """
    every = configurations(found)
    before = budget.spent_s()
    for number, states in enumerate(every):
        yield number, states
        budget.check()
        # What is loaded and compiled for the first is not for all.
        if number == 1:
            before = budget.spent_s()
        if number == 2 and (len(every) - 3) * (budget.spent_s() - before) > budget.left_s():
            raise TimeoutError


def rest_of(
    task: Task[Question[AnyAnswer]],
    found: Split,
    tables: Sequence[Float64[np.ndarray, " _configurations"]],
) -> Task[Question[AnyAnswer]]:
    """Return the question about what is no place; places have one state, which is observed."""
    graph, sizes = task.graph, num_states(task.graph).astype(np.int64)
    sizes[found.places] = 1
    evidence = task.evidence.copy()
    evidence[found.places] = 0
    evidence[sizes == 1] = 0
    blocks: list[VariableBlock] = []
    starts = block_starts(graph)
    for number, block in enumerate(graph.variables):
        own = sizes[starts[number] : starts[number + 1]]
        if not len(own):
            continue
        firsts = np.flatnonzero(np.diff(own, prepend=-1))
        for first, stop in zip(firsts, np.append(firsts[1:], len(own)), strict=True):
            blocks.append(VariableBlock(block.name, (int(stop - first),), int(own[first])))
    factors = list(found.rest)
    alike: dict[tuple[int, ...], list[int]] = {}
    for k, context in enumerate(found.contexts):
        alike.setdefault(tuple(sizes[context].tolist()), []).append(k)
    for shape, members in alike.items():
        scopes = np.array([found.contexts[k] for k in members], np.int32)
        values = np.array([tables[k] for k in members]).reshape(len(members), *shape)
        if not shape:
            values, scopes = values.sum(axis=0, keepdims=True), np.zeros((1, 0), np.int32)
        factors.append(FactorBlock(Table(values), scopes, "windows"))
    rest = FactorGraph(tuple(blocks), tuple(factors))
    query = task.query
    if isinstance(query, Marginals):
        asked = asked_of(query, found)
        for k in np.unique(found.component[asked[found.places]]).tolist():
            asked[found.contexts[k]] = True
        asked[found.places] = False
        query = Marginals(np.flatnonzero(asked).astype(np.int32))
    return Task(rest, query, evidence)
