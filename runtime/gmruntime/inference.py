"""The door of the runtime: a graph and a question in, the best answer the budget allows out.

The order is always the same: exact elimination where its predicted cost fits the budget; message
passing for sums and the anytime search for maxima where it does not.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict, Unpack, overload

import numpy as np

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    Best,
    Improvement,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Query,
    Samples,
    Solutions,
    SolutionsAnswer,
    Status,
    at_seconds,
    with_note,
)
from gmruntime.budget import Budget
from gmruntime.door.answer_size import check_answer_size
from gmruntime.door.questions import (
    check_device,
    check_method,
    checked_budget,
    checked_evidence,
    checked_query,
    checked_seed,
    checked_share,
    with_single_states,
    without_single_states,
)
from gmruntime.door.rounding import weigh, weighed_answer, weighed_step
from gmruntime.graph import Assignment, FactorGraph, validate
from gmruntime.simplify.apart import answer_apart
from gmruntime.simplify.idle import answer_without_idle
from gmruntime.task import Effort, Task
from gmruntime.workers.workers import workers_of
from gmruntime.workspace import Workspace

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from gmruntime.elimination.plan import Plan


class Settings(TypedDict, total=False):
    """What `infer` takes by name."""

    evidence: Assignment | None
    budget_s: float
    seed: int
    device: str
    memory_bytes: int | None
    budget: Budget | None
    estimate_share: float
    method: str
    options: dict[str, bool | int | float] | None
    workspace: Workspace | None
    executor: "Executor | None"
    num_workers: int | None


@dataclass(frozen=True, slots=True, eq=False)
class _How:
    """The settings of a question, checked; those of `infer`."""

    estimate_share: float
    method: str
    options: dict[str, bool | int | float]


@overload
def infer(
    graph: FactorGraph, query: Map | Best | Samples, **settings: Unpack[Settings]
) -> AssignmentsAnswer: ...
@overload
def infer(
    graph: FactorGraph, query: Marginals, **settings: Unpack[Settings]
) -> MarginalsAnswer: ...
@overload
def infer(graph: FactorGraph, query: Joint, **settings: Unpack[Settings]) -> JointAnswer: ...
@overload
def infer(
    graph: FactorGraph, query: LogPartition, **settings: Unpack[Settings]
) -> LogPartitionAnswer: ...
@overload
def infer(
    graph: FactorGraph, query: MarginalMap, **settings: Unpack[Settings]
) -> MarginalMapAnswer: ...
@overload
def infer(
    graph: FactorGraph, query: Solutions, **settings: Unpack[Settings]
) -> SolutionsAnswer: ...
@overload
def infer(graph: FactorGraph, query: Query, **settings: Unpack[Settings]) -> Answer: ...


def infer(
    graph: FactorGraph,
    query: Query,
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
) -> Answer:
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

    Raises:
        GraphError: when the graph, the evidence, the query or the seed contradicts itself; it is a
            ValueError.
        AnswerSizeError: a GraphError; the answer itself takes more than the memory allowed.
        ValueError: for an unknown method, device or option, a budget that is none, or what is no
            executor.
    """
    budget = checked_budget(budget, budget_s, memory_bytes)
    graph = validate(graph)
    query = checked_query(graph, query)
    evidence = checked_evidence(graph, evidence)
    seed = checked_seed(seed)
    check_device(device)
    check_method(method, query, options)
    check_answer_size(graph, query, budget.memory_bytes)
    estimate_share = checked_share(estimate_share)
    _check_options(method, options, workspace)
    workers = workers_of(executor, num_workers)
    rng = np.random.default_rng(seed)
    effort = Effort(budget, rng, seed, device, workspace, workers)
    task = Task(graph, without_single_states(graph, query), evidence)
    found = _weighed(task, effort, _How(estimate_share, method, options or {}))
    return with_single_states(graph, query, found)


def _weighed(task: Task[Query], effort: Effort, how: _How) -> Answer:
    """Answer with strong weights added up first, and with what additions may have lost."""
    weighed = None if isinstance(task.query, Solutions) else weigh(task.graph)
    if weighed is None:
        return _answer(task, effort, how)
    task = task.about(weighed.graph, task.evidence)
    found = _answer(task, effort, how)
    if found.quality.status is not Status.EXACT:
        return weighed_answer(found, weighed, math.nan)
    value = _log_value(found)
    if math.isnan(value):
        whole = _answer(task.asking(LogPartition()), effort, how)
        assert isinstance(whole, LogPartitionAnswer)
        value = whole.log_lower
    return at_seconds(weighed_answer(found, weighed, value), effort.budget.spent_s())


def _log_value(answer: Answer) -> float:
    """Return the log value of what an answer is about; NaN when it does not say."""
    match answer:
        case LogPartitionAnswer() | MarginalMapAnswer():
            return answer.log_value
        case AssignmentsAnswer():
            return float(answer.log_scores.min(initial=math.inf))
        case MarginalsAnswer():
            return answer.log_partition
        case JointAnswer() | SolutionsAnswer():
            return math.nan


def _answer(task: Task[Query], effort: Effort, how: _How) -> Answer:
    """Answer a question that has come through the door."""

    def again(rest: Task[Query]) -> Answer:
        return _answer(rest, effort, how)

    query, budget = task.query, effort.budget
    if how.method != "search":
        # Of its own: what is drawn here must not change what engines draw.
        rng = np.random.default_rng((effort.seed, 1))
        without = answer_without_idle(task, rng, again)
        if without is not None:
            return at_seconds(without, budget.spent_s())
    effort = effort.drawing(np.random.default_rng(effort.seed))
    if how.method in ("", "exact") and isinstance(query, Solutions | LogPartition):
        apart = answer_apart(task.asking(query), budget, again)
        if apart is not None:
            return apart
    match how.method:
        case "bp":
            from gmruntime.estimates.answer import by_messages

            return by_messages(task, effort.share(how.estimate_share), how.options)
        case "" | "exact":
            return _answer_best(task, effort, how)
        case "search":
            from gmruntime.driver.maximise import searched

            assert isinstance(query, Map | Best)
            return searched(task.asking(query), effort.share(how.estimate_share))
        case _:
            raise AssertionError(how.method)


def _answer_best(task: Task[Query], effort: Effort, how: _How) -> Answer:
    """Answer as well as the budget allows."""
    from gmruntime.driver.maximise import QUICK_SHARE, by_constraints, searched
    from gmruntime.elimination.answer import attempt
    from gmruntime.elimination.plan import needs
    from gmruntime.estimates.answer import estimate, quick_by_messages
    from gmruntime.layered.answer import layered_answer

    query, budget = task.query, effort.budget
    if isinstance(query, Map):
        decided = by_constraints(task.asking(query), effort)
        if decided is not None:
            return decided
    if isinstance(query, Map | Best):
        decided = layered_answer(task.asking(query), effort.share(QUICK_SHARE))
        if decided is not None:
            return decided
    quick = quick_by_messages(task, effort)
    if quick is not None:
        return quick
    part = effort
    is_search = isinstance(query, Map) and not how.method and effort.device != "cuda"
    if is_search:
        # What takes longer is one of the engines of the search, which answers meanwhile.
        part = effort.share(QUICK_SHARE)
    answer, planned = attempt(task, part)
    if answer is not None and not (is_search and answer.quality.status is Status.BOUNDED):
        return at_seconds(answer, budget.spent_s())
    part = effort.share(how.estimate_share)
    if isinstance(query, Map | Best):
        return searched(task.asking(query), part)
    answer = estimate(task, planned, part)
    return at_seconds(with_note(answer, needs(planned)), budget.spent_s())


def _check_options(
    method: str, options: dict[str, bool | int | float] | None, workspace: object
) -> None:
    if workspace is not None and not isinstance(workspace, Workspace):
        raise ValueError(f"workspace is {workspace!r}; hand in a Workspace(), or nothing")
    if method == "bp":
        from gmruntime.messages.options import options_from

        options_from(options or {}, "cpu")


def search(
    graph: FactorGraph,
    query: Map | Best,
    *,
    evidence: Assignment | None = None,
    budget_s: float = 5.0,
    seed: int = 0,
    memory_bytes: int | None = None,
    budget: Budget | None = None,
    executor: "Executor | None" = None,
    num_workers: int | None = None,
) -> Iterator[Improvement]:
    """Yield ever better assignments, and ever tighter bounds, until the budget is spent.

    Stop whenever you like. The arguments are those of `infer`.
    """
    budget = checked_budget(budget, budget_s, memory_bytes)
    graph = validate(graph)
    checked = checked_query(graph, query)
    check_method("search", checked, None)
    assert isinstance(checked, Map | Best)
    evidence = checked_evidence(graph, evidence)
    seed = checked_seed(seed)
    workers = workers_of(executor, num_workers)
    rng = np.random.default_rng(seed)
    effort = Effort(budget, rng, seed, "cpu", None, workers)
    task = Task(graph, checked, evidence)
    weighed = weigh(graph)
    from gmruntime.driver.maximise import improvements

    if weighed is None:
        return improvements(task, effort)
    steps = improvements(task.about(weighed.graph, evidence), effort)
    return (weighed_step(step, weighed) for step in steps)


def plan(
    graph: FactorGraph,
    query: Query,
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

    The arguments are those of `infer`, and obeyed as there.
    """
    from gmruntime.elimination.plan import on_device
    from gmruntime.elimination.plan import plan as predict
    from gmruntime.elimination.sliced import who_answers

    budget = checked_budget(budget, budget_s, memory_bytes)
    graph = validate(graph)
    query = checked_query(graph, query)
    evidence = checked_evidence(graph, evidence)
    check_device(device)
    check_method(method, query, options)
    _check_options(method, options, workspace)
    seed = checked_seed(seed)
    effort = Effort(budget, np.random.default_rng(seed), seed, device, workspace)
    found = on_device(predict(Task(graph, query, evidence), effort), device)
    match method:
        case "bp":
            engine = "message passing, as asked,"
        case "search":
            engine = "search, as asked,"
        case _:
            engine = who_answers(query, found, budget)
    return replace(found, engine=engine)
