"""The door of the runtime: a graph and a question in, the best answer the budget allows out.

The order is always the same: exact elimination where its predicted cost fits the budget; message
passing for sums and the anytime search for maxima where it does not.
"""

from collections.abc import Iterator
from dataclasses import replace
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
from gmruntime.budget import Budget, begin_budget
from gmruntime.constraints.feasible import satisfy
from gmruntime.factors.kinds import AllDifferent, Count, LinearSum, Or, Xor
from gmruntime.graph import Assignment, FactorGraph, no_evidence, validate
from gmruntime.simplify.apart import answer_apart

if TYPE_CHECKING:
    from gmruntime.elimination.orders.cache import Orders
    from gmruntime.elimination.plan import Plan


METHODS = ("", "exact", "bp", "search")

QUICK_SHARE = 0.1
"""Of the budget, for trying whether hard constraints or elimination settle a maximisation."""

SMALL_VARIABLES = 30
"""A search first tries elimination on graphs up to this size, where nothing need be compiled."""

CONSTRAINTS = (AllDifferent, LinearSum, Xor, Or, Count)
"""Kinds that make such a try worth while."""


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
    orders: "Orders | None"


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
    orders: "Orders | None" = None,
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
        method: "" chooses; "exact", "bp" and "search" insist.
        options: of the method, such as `iters` and `damping` of "bp".
        orders: elimination orders found before; hand the same to every question on a graph.

    Raises:
        GraphError: when the graph, the evidence or the query contradicts itself.
        ValueError: for an unknown method, device or option.
    """
    budget = budget or begin_budget(budget_s, memory_bytes)
    graph = validate(graph)
    _check_device(device)
    evidence = _checked(graph, evidence)
    rng = np.random.default_rng(seed)
    _check_method(method, query, options or {})
    if method in ("", "exact") and isinstance(query, Solutions | LogPartition):

        def again(rest: FactorGraph, held: Assignment, seconds: float) -> Answer:
            part = budget.until(seconds)
            more = Settings(evidence=held, budget=part, seed=seed, device=device)
            more.update(method=method, orders=orders)
            return infer(rest, query, **more)

        apart = answer_apart(graph, query, evidence, budget, again)
        if apart is not None:
            return apart
    match method:
        case "bp":
            from gmruntime.estimates.answer import by_messages

            part = budget.share(estimate_share)
            return by_messages(graph, query, evidence, part, rng, device, options or {})
        case "" | "exact":
            from gmruntime.elimination.answer import attempt
            from gmruntime.elimination.plan import needs
            from gmruntime.estimates.answer import estimate, quick_by_messages
            from gmruntime.layered.answer import layered_answer

            if isinstance(query, Map) and any(
                isinstance(b.kind, CONSTRAINTS) for b in graph.factors
            ):
                decided = _by_constraints(graph, evidence, budget, rng)
                if decided is not None:
                    return decided
            if isinstance(query, Map | Best):
                decided = layered_answer(graph, query, evidence, budget.share(QUICK_SHARE), rng)
                if decided is not None:
                    return decided
            quick = quick_by_messages(graph, query, evidence, budget, rng)
            if quick is not None:
                return quick
            part = budget
            is_search = isinstance(query, Map) and not method and device != "cuda"
            if is_search:
                # What takes longer is one of the engines of the search, which answers meanwhile.
                part = budget.share(QUICK_SHARE)
            answer, planned = attempt(graph, query, evidence, part, rng, device, orders)
            if answer is not None and not (is_search and answer.quality.status is Status.BOUNDED):
                return at_seconds(answer, budget.spent_s())
            part = budget.share(estimate_share)
            if isinstance(query, Map | Best):
                return _search(graph, query, evidence, part, rng)
            answer = estimate(graph, query, evidence, planned, part, rng, device)
            return at_seconds(with_note(answer, needs(planned)), budget.spent_s())
        case "search":
            assert isinstance(query, Map | Best)
            return _search(graph, query, evidence, budget.share(estimate_share), rng)
        case _:
            raise AssertionError(method)


def _check_method(method: str, query: Query, options: dict[str, bool | int | float]) -> None:
    """Refuse a method that does not exist or cannot answer, and options that it does not have."""
    if method not in METHODS:
        raise ValueError(f"there is no method {method!r}; the methods are exact, bp and search")
    if method == "search" and not isinstance(query, Map | Best):
        raise ValueError("method 'search' answers Map and Best only")
    if method == "bp":
        from gmruntime.messages.options import options_from

        options_from(options, "cpu")
    elif options:
        raise ValueError(f"{method or 'this method'} has no option {next(iter(options))!r}")


def _check_device(device: str) -> None:
    """Refuse a GPU that is not there, whatever engine would have answered."""
    if device == "cuda":
        from gmruntime.devices import has_gpu

        if not has_gpu():
            raise ValueError("device 'cuda' needs cupy and a CUDA device; there is none here")


def search(
    graph: FactorGraph,
    query: Map | Best,
    *,
    evidence: Assignment | None = None,
    budget_s: float = 5.0,
    seed: int = 0,
    memory_bytes: int | None = None,
    budget: Budget | None = None,
) -> Iterator[Improvement]:
    """Yield ever better assignments, and ever tighter bounds, until the budget is spent.

    Stop whenever you like. The arguments are those of `infer`.
    """
    from gmruntime.driver.anytime import search as improve
    from gmruntime.layered.search import has_wide_sums

    budget = budget or begin_budget(budget_s, memory_bytes)
    graph = validate(graph)
    evidence = _checked(graph, evidence)
    rng = np.random.default_rng(seed)
    small = _by_elimination(graph, evidence, budget, rng)
    if small is not None:
        return iter([small])
    if has_wide_sums(graph):
        # Their passes answer at once, and the hard constraints are worked on later.
        return improve(graph, query, evidence, budget, rng)
    feasible = satisfy(graph, evidence, budget, rng)
    if feasible is not None and feasible.is_final:
        return iter([feasible.improvement(budget)])
    start = None if feasible is None else feasible.assignment
    return improve(graph, query, evidence, budget, rng, start=start)


def _by_elimination(
    graph: FactorGraph, evidence: Assignment, budget: Budget, rng: np.random.Generator
) -> Improvement | None:
    """Answer a small maximisation exactly at once, before anything has to be compiled."""
    from gmruntime.elimination.answer import answer as eliminate
    from gmruntime.elimination.plan import plan as predict

    if graph.num_variables > SMALL_VARIABLES:
        return None
    part = budget.share(QUICK_SHARE)
    predicted = predict(graph, Map(), evidence, part, rng)
    if not predicted.fits or predicted.compiled:
        return None
    found = eliminate(graph, Map(), evidence, part, rng)
    if not isinstance(found, AssignmentsAnswer) or found.quality.status is Status.BOUNDED:
        return None
    if found.quality.status is Status.IMPOSSIBLE:
        nothing = np.zeros(0, np.int32)
        return Improvement(budget.spent_s(), nothing, -np.inf, -np.inf, found.quality.method)
    if found.quality.status is not Status.EXACT:
        return None
    score = float(found.log_scores[0])
    method = found.quality.method
    return Improvement(budget.spent_s(), found.assignments[0], score, score, method)


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
    orders: "Orders | None" = None,
) -> "Plan":
    """Say before running what an exact answer would cost, and which engine will answer.

    The arguments are those of `infer`, and obeyed as there.
    """
    from gmruntime.elimination.plan import on_device
    from gmruntime.elimination.plan import plan as predict
    from gmruntime.elimination.sliced import who_answers

    budget = budget or begin_budget(budget_s, memory_bytes)
    graph = validate(graph)
    _check_device(device)
    evidence = _checked(graph, evidence)
    _check_method(method, query, options or {})
    rng = np.random.default_rng(seed)
    found = on_device(predict(graph, query, evidence, budget, rng, orders), device)
    match method:
        case "bp":
            engine = "message passing, as asked,"
        case "search":
            engine = "search, as asked,"
        case _:
            engine = who_answers(query, found, budget)
    return replace(found, engine=engine)


def _checked(graph: FactorGraph, evidence: Assignment | None) -> Assignment:
    from gmruntime.graph import GraphError, num_states

    if evidence is None:
        return no_evidence(graph)
    evidence = np.asarray(evidence, np.int32)
    if evidence.shape != (graph.num_variables,):
        raise GraphError(f"evidence has shape {evidence.shape}, not ({graph.num_variables},)")
    if (evidence < -1).any() or (evidence >= num_states(graph)).any():
        raise GraphError("evidence names a state that its variable does not have")
    return evidence


def _search(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
) -> AssignmentsAnswer:
    from gmruntime.driver.answer import answer
    from gmruntime.driver.anytime import answer_of
    from gmruntime.driver.anytime import search as improve
    from gmruntime.layered.search import has_wide_sums

    if isinstance(query, Best) or has_wide_sums(graph):
        return answer(graph, query, evidence, budget, rng)
    feasible = satisfy(graph, evidence, budget, rng)
    if feasible is None:
        return answer(graph, query, evidence, budget, rng)
    last = feasible.improvement(budget)
    if not feasible.is_final:
        for step in improve(graph, query, evidence, budget, rng, start=feasible.assignment):
            last = step
    return answer_of(graph, last, budget)


def _by_constraints(
    graph: FactorGraph, evidence: Assignment, budget: Budget, rng: np.random.Generator
) -> AssignmentsAnswer | None:
    """Answer a maximisation whose hard constraints decide everything, if that is quick."""
    from gmruntime.driver.anytime import answer_of

    feasible = satisfy(graph, evidence, budget.share(QUICK_SHARE), rng)
    if feasible is None or not feasible.is_final:
        return None
    return answer_of(graph, feasible.improvement(budget), budget)
