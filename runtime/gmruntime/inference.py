"""The door of the runtime: a graph and a question in, the best answer the budget allows out.

What is handed in is checked here; who answers is decided in `gmruntime.policy`, for `infer` and for
`plan` by the same code.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    Best,
    Improvement,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    Question,
    Status,
    at_seconds,
)
from gmruntime.arrays import Int32
from gmruntime.budget import Budget
from gmruntime.door.answer_size import check_answer_size
from gmruntime.door.lookups import read_off
from gmruntime.door.questions import (
    check_device,
    check_method,
    check_workspace,
    checked_budget,
    checked_evidence,
    checked_graph,
    checked_query,
    checked_seed,
    checked_share,
    checked_start,
)
from gmruntime.door.rounding import weigh, weighed_answer, weighed_step
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.matches.looking import ANSWER_S, has_matches, looked_at
from gmruntime.policy.case import How, begun, checked_how
from gmruntime.policy.steps import marginal_steps
from gmruntime.policy.trying import answer, foresee
from gmruntime.rows.checked import checked_rows
from gmruntime.task import Effort, Task
from gmruntime.windows.answer import has_windows
from gmruntime.workers.workers import workers_of
from gmruntime.workspace import Workspace

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from gmruntime.elimination.plan import Plan

_A = TypeVar("_A", bound=AnyAnswer)


def infer(
    graph: FactorGraph,
    query: Question[_A],
    *,
    evidence: Assignment | None = None,
    budget_s: float = 5.0,
    seed: int = 0,
    device: str = "auto",
    memory_bytes: int | None = None,
    budget: Budget | None = None,
    estimate_share: float = 1.0,
    method: str = "",
    options: dict[str, bool | int | float] | None = None,
    workspace: Workspace | None = None,
    executor: "Executor | None" = None,
    num_workers: int | None = None,
    start: Assignment | None = None,
) -> _A:
    """Answer a question about a factor graph.

    Args:
        graph: validated here.
        query: one of the classes of `gmruntime.answer`.
        evidence: a state for each observed variable, -1 for the others; None observes nothing.
        budget_s: wall-clock seconds, > 0.
        seed: of everything random.
        device: "auto", "cpu" or "cuda".
        memory_bytes: cap on tables and messages; None takes half of what the machine has free.
        budget: one that has begun, in place of the seconds and bytes: this question is a part of
            a larger one.
        estimate_share: of what is left of the budget once no exact answer fits, for what is not
            exact. A question with parts keeps the rest for the others.
        method: "" chooses; "bp" and "search" insist. "exact" insists on no other method while the
            budget allows an exact answer; the status of what comes says whether it did.
        options: of the method, such as `iters` and `damping` of "bp".
        workspace: what is kept between questions; hand the same to every one about a model.
        executor: whose workers help the search for a maximum that is not settled at once; any
            other question is answered here. The caller shuts it down.
        num_workers: how many shares it runs at a time; None asks the executor.
        start: what a search for a maximum may begin with: a state for each variable, -1 where
            nothing is proposed. It is scored like anything else that is found.

    Raises:
        GraphError: when the graph, the evidence, the query or the seed contradicts itself; it is a
            ValueError.
        AnswerSizeError: a GraphError; the answer itself takes more than the memory allowed.
        ValueError: for an unknown method, device or option, a budget that is none, or what is no
            executor.
    """
    budget = checked_budget(budget, budget_s, memory_bytes)
    begun_with = budget
    graph = checked_graph(graph)
    query = checked_query(graph, query)
    evidence = checked_evidence(graph, evidence)
    graph = read_off(graph, evidence)
    seed = checked_seed(seed)
    check_device(device)
    check_method(method, query, options)
    check_workspace(workspace)
    check_answer_size(graph, query, budget.memory_bytes)
    how = checked_how(method, options, checked_share(estimate_share))
    workers = workers_of(executor, num_workers)
    looked = looked_at(graph, budget, query, evidence) if has_matches(graph) else None
    if looked is not None:
        # What was found is answered with, however late it is.
        graph, budget, start = looked.graph, budget.at_least(ANSWER_S), looked.start(start)
    effort = Effort(budget, np.random.default_rng(seed), seed, device, workspace, workers)
    effort = replace(effort, start=checked_start(graph, start))
    task = Task(graph, query.without_single_states(graph), evidence)
    found = at_seconds(_weighed(task, effort, how), begun_with.spent_s())
    found = found if looked is None else looked.told(query, found)
    # Whoever answers gives the answer to the question that was asked.
    return query.with_single_states(graph, cast("_A", found))


def infer_rows(
    graph: FactorGraph,
    query: Question[_A],
    rows: object,
    *,
    budget_s: float = 5.0,
    seed: int = 0,
    device: str = "auto",
    memory_bytes: int | None = None,
    budget: Budget | None = None,
    workspace: Workspace | None = None,
    executor: "Executor | None" = None,
    num_workers: int | None = None,
) -> list[_A | None]:
    """Answer one question for many rows of evidence: what `infer` answers to each.

    log Z, marginals, joint distributions of up to 256 states and the best assignment of all rows
    come from one program; anything else is asked row by row, with equal shares of the time that is
    left. A row that there was no time to begin with has None.

    Args:
        graph: validated here.
        query: one of the classes of `gmruntime.answer`.
        rows: int[rows, variables], a state for each observed variable, -1 for the others.
        budget_s: wall-clock seconds for all rows, > 0.
        seed: of everything random.
        device: "auto", "cpu" or "cuda", of rows that are asked one by one.
        memory_bytes: cap on tables, rows and messages; None takes half of what is free.
        budget: one that has begun, in place of the seconds and bytes.
        workspace: what is kept between questions.
        executor: whose workers take some of the rows of a program, and help the search for a
            maximum; the caller shuts it down.
        num_workers: how many shares it runs at a time; None asks the executor.

    Raises:
        GraphError: when the graph, the rows, the query or the seed contradicts itself.
        AnswerSizeError: a GraphError; the answers take more than the memory allowed.
        ValueError: for an unknown device, a budget that is none, or what is no executor.
    """
    budget = checked_budget(budget, budget_s, memory_bytes)
    found = each_row(
        graph,
        query,
        rows,
        budget=budget,
        seed=seed,
        device=device,
        workspace=workspace,
        executor=executor,
        num_workers=num_workers,
    )
    return list(found)


def each_row(
    graph: FactorGraph,
    query: Question[_A],
    rows: object,
    *,
    budget: Budget,
    seed: int = 0,
    device: str = "auto",
    estimate_share: float = 1.0,
    method: str = "",
    options: dict[str, bool | int | float] | None = None,
    workspace: Workspace | None = None,
    executor: "Executor | None" = None,
    num_workers: int | None = None,
) -> "Iterator[_A | None]":
    """Yield what `infer_rows` answers to each row, in order, as it is found.

    The arguments are those of `infer_rows`, and of `infer`: with a method but "exact" each row is
    asked by itself. What is wrong with them is said at once.
    """
    from gmruntime.rows.asking import Case, answer_rows

    graph = checked_graph(graph)
    query = checked_query(graph, query)
    given = checked_rows(graph, rows)
    seed = checked_seed(seed)
    check_device(device)
    check_method(method, query, options)
    check_workspace(workspace)
    check_answer_size(graph, query, budget.memory_bytes // max(1, len(given)))
    workers = workers_of(executor, num_workers)
    kept = Workspace() if workspace is None else workspace
    looked = looked_at(graph, budget) if has_matches(graph) else None
    graph = graph if looked is None else looked.graph

    def one_by_one(r: int) -> _A | None:
        if budget.is_spent():
            return None
        return infer(
            graph,
            query,
            evidence=given[r],
            seed=seed,
            device=device,
            budget=budget.share(1.0 / (len(given) - r)),
            estimate_share=estimate_share,
            method=method,
            options=options,
            workspace=kept,
            executor=executor,
            num_workers=num_workers,
        )

    # Strong weights are added up for each question, and a method may know nothing of rows.
    is_strong = query.READS_SCORES and weigh(graph) is not None
    if is_strong or method not in ("", "exact"):
        found = (one_by_one(r) for r in range(len(given)))
    elif has_windows(graph):
        # Who writes programs for rows would make tables of windows.
        found = _through_windows(graph, query, given, budget, kept, one_by_one)
    else:
        case = Case(graph, given, budget, np.random.default_rng(seed), workers)
        found = answer_rows(case, query, one_by_one)
    if looked is None:
        return found
    return (None if one is None else looked.told(query, one) for one in found)


def _through_windows(
    graph: FactorGraph,
    query: Question[_A],
    given: Int32[np.ndarray, "rows variables"],
    budget: Budget,
    workspace: Workspace,
    one_by_one: Callable[[int], _A | None],
) -> Iterator[_A | None]:
    """Yield the answers of rows about a graph with windows: together, or else one by one."""
    from gmruntime.windows.lanes.answer import answers_to_rows

    def ask(
        rest: FactorGraph, about: Question[AnyAnswer], rows: Int32[np.ndarray, "rows variables"]
    ) -> Iterator[AnyAnswer | None]:
        return each_row(rest, about, rows, budget=budget, workspace=workspace)

    found = answers_to_rows(graph, query, given, budget, workspace, ask)
    for r in range(len(given)):
        its = None if found is None else found(r)
        yield one_by_one(r) if its is None else cast("_A", its)


def _weighed(task: Task[Question[AnyAnswer]], effort: Effort, how: How) -> AnyAnswer:
    """Answer with strong weights added up first, and with what additions may have lost."""
    weighed = weigh(task.graph) if task.query.READS_SCORES else None
    if weighed is None:
        return answer(begun(task, effort, how))
    task = task.about(weighed.graph, task.evidence)
    found = answer(begun(task, effort, how))
    value = math.nan
    if found.quality.status is Status.EXACT:
        value = found.log_whole()
        if math.isnan(value):
            whole = answer(begun(task.asking(LogPartition()), effort, how))
            assert isinstance(whole, LogPartitionAnswer)
            value = whole.log_lower
    return weighed_answer(found, weighed, value)


def search(
    graph: FactorGraph,
    query: Map | Best | MarginalMap,
    *,
    evidence: Assignment | None = None,
    budget_s: float = 5.0,
    seed: int = 0,
    device: str = "auto",
    memory_bytes: int | None = None,
    budget: Budget | None = None,
    executor: "Executor | None" = None,
    num_workers: int | None = None,
    start: Assignment | None = None,
) -> Iterator[Improvement]:
    """Yield ever better assignments, and ever tighter bounds, until the budget is spent.

    Stop whenever you like. The arguments are those of `infer`. Of `MarginalMap` an assignment has
    -1 for what is summed out, and its score is what the states asked for sum to, or less.
    """
    budget = checked_budget(budget, budget_s, memory_bytes)
    graph = checked_graph(graph)
    checked = checked_query(graph, query)
    check_method("search", checked, None)
    assert isinstance(checked, Map | Best | MarginalMap)
    evidence = checked_evidence(graph, evidence)
    graph = read_off(graph, evidence)
    seed = checked_seed(seed)
    check_device(device)
    workers = workers_of(executor, num_workers)
    if isinstance(checked, MarginalMap):
        looked = looked_at(graph, budget, checked, evidence) if has_matches(graph) else None
        told = (lambda found: found) if looked is None else partial(looked.told, checked)
        effort = Effort(budget, np.random.default_rng(seed), seed, device)
        task = Task(graph if looked is None else looked.graph, checked, evidence)
        return marginal_steps(task, effort, told)
    assert isinstance(query, Map | Best)
    if has_matches(graph):
        looked = looked_at(graph, budget, query)
        more = search(
            looked.graph,
            query,
            evidence=evidence,
            budget=budget,
            seed=seed,
            device=device,
            executor=executor,
            num_workers=num_workers,
            start=looked.start(start),
        )
        return looked.steps(more)
    rng = np.random.default_rng(seed)
    effort = Effort(budget, rng, seed, device, None, workers, checked_start(graph, start))
    task = Task(graph, checked, evidence)
    weighed = weigh(graph)
    from gmruntime.driver.maximise import improvements

    if weighed is None:
        return improvements(task, effort)
    steps = improvements(task.about(weighed.graph, evidence), effort)
    return (weighed_step(step, weighed) for step in steps)


def plan(
    graph: FactorGraph,
    query: Question[AnyAnswer],
    *,
    evidence: Assignment | None = None,
    budget_s: float = 5.0,
    seed: int = 0,
    device: str = "auto",
    memory_bytes: int | None = None,
    budget: Budget | None = None,
    method: str = "",
    options: dict[str, bool | int | float] | None = None,
    workspace: Workspace | None = None,
) -> "Plan":
    """Say before running what an exact answer would cost, and which engine will answer.

    The arguments are those of `infer`, and obeyed as there: what it refuses, this does.
    """
    budget = checked_budget(budget, budget_s, memory_bytes)
    graph = checked_graph(graph)
    query = checked_query(graph, query)
    evidence = checked_evidence(graph, evidence)
    graph = read_off(graph, evidence)
    check_device(device)
    check_method(method, query, options)
    check_workspace(workspace)
    seed = checked_seed(seed)
    check_answer_size(graph, query, budget.memory_bytes)
    graph = looked_at(graph, budget, query, evidence).graph if has_matches(graph) else graph
    effort = Effort(budget, np.random.default_rng(seed), seed, device, workspace)
    weighed = weigh(graph) if query.READS_SCORES else None
    query = query.without_single_states(graph)
    task = Task(graph if weighed is None else weighed.graph, query, evidence)
    return foresee(begun(task, effort, checked_how(method, options)))
