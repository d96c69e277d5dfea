"""What comes with a graph: the question, the evidence and the settings, checked and made plain.

Whatever is handed in either means what it says or is refused in a sentence that names it.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, TypeVar, cast

import numpy as np

from gmruntime.answer import QUESTIONS, AnyAnswer, Best, Map, MarginalMap, Question
from gmruntime.budget import Budget, begin_budget
from gmruntime.graph import (
    Assignment,
    FactorGraph,
    GraphError,
    no_evidence,
    num_states,
    validate,
)
from gmruntime.questions.checks import count, integer, integers
from gmruntime.workspace import Workspace

_METHODS = ("", "exact", "bp", "search")
DEVICES = ("auto", "cpu", "cuda")

_A = TypeVar("_A", bound=AnyAnswer)


def checked_query(graph: FactorGraph, query: Question[_A]) -> Question[_A]:
    """Return a question whose numbers and variables the graph can answer for.

    Args:
        graph: validated.
        query: whatever was handed in.

    Raises:
        GraphError: naming what is wrong with it.
    """
    given = cast("object", query)
    if isinstance(given, Question):
        return query.checked(graph)
    if isinstance(given, type):
        name = given.__name__
        raise GraphError(f"the query is the class {name}; ask with an instance, {name}()")
    *names, last = (question.__name__ for question in QUESTIONS)
    raise GraphError(f"the query is {query!r}; it must be one of {', '.join(names)} or {last}")


def checked_graph(graph: FactorGraph) -> FactorGraph:
    """Return a graph that is checked, without blocks of no factors: no engine meets one.

    Raises:
        GraphError: naming what contradicts itself.
    """
    graph = validate(graph)
    if all(len(block.scopes) for block in graph.factors):
        return graph
    return replace(graph, factors=tuple(block for block in graph.factors if len(block.scopes)))


def checked_evidence(graph: FactorGraph, evidence: object) -> Assignment:
    """Return evidence as a state for each variable, -1 where nothing is observed.

    Raises:
        GraphError: naming the first variable that is seen in a state it does not have.
    """
    if evidence is None:
        return no_evidence(graph)
    return _checked_states(graph, "evidence", evidence, "not observed")


def checked_start(graph: FactorGraph, start: object) -> Assignment | None:
    """Return what a search may begin with, -1 where nothing is proposed; None for nothing.

    Raises:
        GraphError: naming the first variable that is in a state it does not have.
    """
    if start is None:
        return None
    return _checked_states(graph, "start", start, "not proposed")


def _checked_states(graph: FactorGraph, name: str, given: object, nothing: str) -> Assignment:
    found = integers(name, given)
    if found.shape != (graph.num_variables,):
        raise GraphError(f"{name} has shape {found.shape}, not ({graph.num_variables},)")
    states = num_states(graph)
    wrong = np.flatnonzero((found < -1) | (found >= states))
    if len(wrong):
        v = int(wrong[0])
        raise GraphError(
            f"{name} names a state that its variable does not have: {found[v]} for variable {v}, "
            f"whose states are 0..{states[v] - 1}; -1 stands for {nothing}"
        )
    return found.astype(np.int32)


def checked_budget(budget: object, budget_s: object, memory_bytes: object) -> Budget:
    """Return the budget that has begun, or begin the one asked for.

    Raises:
        ValueError: naming the argument that is no amount of time or memory.
    """
    if isinstance(budget, Budget):
        return budget
    if budget is not None:
        raise ValueError(f"budget is {budget!r}, not a Budget; seconds go by the name budget_s")
    seconds = _real("budget_s", budget_s)
    if memory_bytes is not None:
        memory_bytes = integer("memory_bytes", memory_bytes)
    return begin_budget(seconds, memory_bytes)


def _real(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} is {value!r}, not a number")
    number: Any = value
    try:
        return float(number)
    except OverflowError:
        # An integer beyond float64 is as good as without end.
        return math.inf if number > 0 else -math.inf


def checked_share(share: object) -> float:
    """Return a share of the budget: above 0, at most 1."""
    found = _real("estimate_share", share)
    if not 0.0 < found <= 1.0:
        raise ValueError(f"estimate_share is {found}; it must be above 0 and at most 1")
    return found


def checked_seed(seed: object) -> int:
    """Return the seed, an integer of at least 0."""
    return count("seed", seed, lowest=0)


def check_method(method: object, query: Question[AnyAnswer], options: object) -> None:
    """Refuse a method that does not exist or cannot answer, and options where none has any.

    Those of "bp" are read where messages are.
    """
    if method not in _METHODS:
        raise ValueError(f"there is no method {method!r}; the methods are exact, bp and search")
    if method == "search" and not isinstance(query, Map | Best | MarginalMap):
        raise ValueError("method 'search' answers Map, MarginalMap and Best only")
    if options is not None and not isinstance(options, Mapping):
        raise ValueError(f"options is {options!r}; it must map names to values")
    if options and method != "bp":
        raise ValueError(f"{method or 'this method'} has no option {next(iter(options))!r}")


def check_workspace(workspace: object) -> None:
    """Refuse what is no workspace."""
    if workspace is not None and not isinstance(workspace, Workspace):
        raise ValueError(f"workspace is {workspace!r}; hand in a Workspace(), or nothing")


def check_device(device: object) -> None:
    """Refuse an unknown device, and a GPU that is not there, whatever engine would answer."""
    if device not in DEVICES:
        raise ValueError(f"device is {device!r}; the devices are auto, cpu and cuda")
    if device == "cuda":
        from gmruntime.devices import check_gpu

        check_gpu()
