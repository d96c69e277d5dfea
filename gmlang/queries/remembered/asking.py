"""The only way to the runtime: a question about any graph, which may be remembered."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.errors import asking
from gmlang.queries.remembered.parts import Places, Terms, recall
from gmlang.queries.settings import Guide, Settings
from gmlang.queries.waking.asking import method_of
from gmruntime.answer import Answer as RuntimeAnswer
from gmruntime.answer import ExpectedUtility, ExpectedUtilityAnswer
from gmruntime.answer import Query as RuntimeQuery
from gmruntime.graph import FactorGraph, GraphError
from gmruntime.inference import each_row, infer
from gmruntime.task import Effort, Task


def ask_graph(
    graph: FactorGraph,
    question: RuntimeQuery,
    evidence: np.ndarray,
    settings: Settings,
    query: Query | None,
    estimate_share: float = 1.0,
) -> RuntimeAnswer:
    """Put a question about any graph to the runtime: the only way from a query to it.

    Args:
        graph: asked about.
        question: what is asked.
        evidence: a state for each observed variable, -1 for the others.
        settings: with a budget that has begun.
        query: whose `using` is obeyed; None where no query asks.
        estimate_share: of the time that is left, for an answer that is not exact.

    Raises:
        GmError: when the query's `using` is not understood.
    """
    method, options = ("", {}) if query is None else method_of(query)
    budget, workers = settings.running(), settings.workers

    def find() -> RuntimeAnswer:
        return infer(
            graph,
            question,
            evidence=evidence,
            budget=budget,
            estimate_share=estimate_share * settings.estimate_share,
            seed=settings.seed,
            device=settings.device,
            method=method,
            options=options,
            workspace=settings.workspace,
            executor=None if workers is None else workers.executor,
            num_workers=None if workers is None else workers.count,
            start=start_of(settings.guide, graph, evidence),
        )

    try:
        if settings.memory is None:
            return find()
        terms = Terms(settings.seed, settings.device, method, tuple(options.items()))
        places = Places(settings.memory, settings.folder)
        effort = Effort(budget, np.random.default_rng(0), workspace=settings.workspace)
        return recall(Task(graph, question, evidence), effort, terms, places, find)
    except ValueError as error:
        if query is None:
            raise
        raise _refused(query, error) from error


def ask_utility(
    graph: FactorGraph,
    question: ExpectedUtility,
    evidence: np.ndarray,
    settings: Settings,
    query: Query,
) -> ExpectedUtilityAnswer:
    """Put a question about decisions to the runtime; the arguments are those of `ask_graph`."""
    method, options = method_of(query)
    budget = settings.running()

    def find() -> Any:  # noqa: ANN401 - what is kept is of any class
        return infer(
            graph,
            question,
            evidence=evidence,
            budget=budget,
            seed=settings.seed,
            method=method,
            options=options,
            workspace=settings.workspace,
        )

    try:
        if settings.memory is None:
            return find()
        terms = Terms(settings.seed, settings.device, method, tuple(options.items()))
        places = Places(settings.memory, None)
        effort = Effort(budget, np.random.default_rng(0), workspace=settings.workspace)
        asked: Any = Task(graph, question, evidence)
        found: Any = recall(asked, effort, terms, places, find)
        return found
    except ValueError as error:
        raise _refused(query, error) from error


def start_of(guide: Guide | None, graph: FactorGraph, evidence: np.ndarray) -> np.ndarray | None:
    """Return where a search may begin; None where nobody says."""
    return None if guide is None else guide(graph, evidence)


def _refused(query: Query, error: ValueError) -> ValueError | GmError:
    """Return what the runtime said against a query, as a mistake in it."""
    is_mistake = query.method or isinstance(error, GraphError)
    return GmError([asking.refused(query.span, error)]) if is_mistake else error


def ask_graph_rows(
    graph: FactorGraph,
    question: RuntimeQuery,
    rows: np.ndarray,
    settings: Settings,
    query: Query,
) -> Iterator[RuntimeAnswer | None]:
    """Put a question about any graph to the runtime, for many rows: see `ask_rows`."""
    workers = settings.workers
    method, options = method_of(query)
    try:
        yield from each_row(
            graph,
            question,
            rows,
            budget=settings.running(),
            seed=settings.seed,
            device=settings.device,
            estimate_share=settings.estimate_share,
            method=method,
            options=options,
            workspace=settings.workspace,
            executor=None if workers is None else workers.executor,
            num_workers=None if workers is None else workers.count,
        )
    except ValueError as error:
        raise _refused(query, error) from error
