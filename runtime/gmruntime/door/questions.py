"""What comes with a graph: the question, the evidence and the settings, checked and made plain.

Whatever is handed in either means what it says or is refused in a sentence that names it.
"""

import math
import operator
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from gmruntime.answer import (
    Answer,
    Best,
    Joint,
    JointAnswer,
    LogPartition,
    Map,
    MarginalMap,
    Marginals,
    Query,
    Samples,
    Solutions,
)
from gmruntime.arrays import Int32
from gmruntime.budget import Budget, begin_budget
from gmruntime.factors.parameters import ParameterError, unmasked
from gmruntime.graph import Assignment, FactorGraph, GraphError, no_evidence, num_states

METHODS = ("", "exact", "bp", "search")
DEVICES = ("auto", "cpu", "cuda")


AXES_MAX = 64
"""NumPy's arrays have at most so many axes."""


def checked_query(graph: FactorGraph, query: object) -> Query:
    """Return a question whose numbers and variables the graph can answer for.

    Args:
        graph: validated.
        query: whatever was handed in.

    Raises:
        GraphError: naming what is wrong with it.
    """
    match query:
        case LogPartition() | Map() | Solutions():
            return query
        case Marginals():
            return replace(query, variables=_asked(graph, "Marginals", query.variables, some=True))
        case MarginalMap():
            found = _asked(graph, "MarginalMap", query.variables, some=False)
            return replace(query, variables=found)
        case Joint():
            found = _asked(graph, "Joint", query.variables, some=False)
            assert found is not None
            if len(found) > AXES_MAX:
                raise GraphError(
                    f"Joint.variables lists {len(found)} variables, and an answer has an axis for "
                    f"each, {AXES_MAX} at most; ask for Marginals, or fewer together"
                )
            return Joint(found)
        case Best():
            count = _count("Best.count", query.count, lowest=1)
            return Best(count, _asked(graph, "Best", query.variables, some=True))
        case Samples():
            count = _count("Samples.count", query.count, lowest=0)
            return Samples(count)
        case _:
            if isinstance(query, type):
                name = query.__name__
                raise GraphError(f"the query is the class {name}; ask with an instance, {name}()")
            names = "Marginals, Joint, LogPartition, Map, MarginalMap, Best, Samples or Solutions"
            raise GraphError(f"the query is {query!r}; it must be one of {names}")


def without_single_states(graph: FactorGraph, query: Query) -> Query:
    """Leave variables of one state out of a joint question: they need no axis."""
    if not isinstance(query, Joint):
        return query
    return Joint(query.variables[num_states(graph)[query.variables] > 1])


def with_single_states(graph: FactorGraph, query: Query, answer: Answer) -> Answer:
    """Give a joint answer the axes of the variables that `without_single_states` left out."""
    if not isinstance(query, Joint) or not isinstance(answer, JointAnswer):
        return answer
    shape = tuple(int(size) for size in num_states(graph)[query.variables])
    return replace(answer, probabilities=answer.probabilities.reshape(shape))


def _asked(
    graph: FactorGraph, name: str, variables: object, *, some: bool
) -> Int32[np.ndarray, " asked"] | None:
    if variables is None and some:
        return None
    found = _integers(f"{name}.variables", variables)
    if found.ndim != 1:
        raise GraphError(f"{name}.variables has shape {found.shape}; list indices on one axis")
    wrong = found[(found < 0) | (found >= graph.num_variables)]
    if wrong.size:
        known = f"0..{graph.num_variables - 1}" if graph.num_variables else "none at all"
        raise GraphError(f"{name}.variables names variable {wrong[0]}; the graph has {known}")
    return found.astype(np.int32)


def _integers(name: str, values: object) -> np.ndarray:
    try:
        found = unmasked(name, values)
    except ParameterError as error:
        raise GraphError(str(error)) from None
    if not found.size:
        return found.astype(np.int32)
    if found.dtype.kind not in "iu":
        raise GraphError(f"{name} holds {found.dtype}, not integers")
    return found


def _count(name: str, value: object, *, lowest: int) -> int:
    found = _integer(name, value)
    if found < lowest:
        raise GraphError(f"{name} is {found}; it must be at least {lowest}")
    return found


def _integer(name: str, value: object) -> int:
    try:
        return operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise GraphError(f"{name} is {value!r}, not an integer") from None


def checked_evidence(graph: FactorGraph, evidence: object) -> Assignment:
    """Return evidence as a state for each variable, -1 where nothing is observed.

    Raises:
        GraphError: naming the first variable that is seen in a state it does not have.
    """
    if evidence is None:
        return no_evidence(graph)
    found = _integers("evidence", evidence)
    if found.shape != (graph.num_variables,):
        raise GraphError(f"evidence has shape {found.shape}, not ({graph.num_variables},)")
    states = num_states(graph)
    wrong = np.flatnonzero((found < -1) | (found >= states))
    if len(wrong):
        v = int(wrong[0])
        raise GraphError(
            f"evidence names a state that its variable does not have: {found[v]} for variable {v}, "
            f"whose states are 0..{states[v] - 1}; -1 stands for not observed"
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
        memory_bytes = _integer("memory_bytes", memory_bytes)
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
    return _count("seed", seed, lowest=0)


def check_method(method: object, query: Query, options: object) -> None:
    """Refuse a method that does not exist or cannot answer, and options where none has any.

    Those of "bp" are read where messages are.
    """
    if method not in METHODS:
        raise ValueError(f"there is no method {method!r}; the methods are exact, bp and search")
    if method == "search" and not isinstance(query, Map | Best):
        raise ValueError("method 'search' answers Map and Best only")
    if options is not None and not isinstance(options, Mapping):
        raise ValueError(f"options is {options!r}; it must map names to values")
    if options and method != "bp":
        raise ValueError(f"{method or 'this method'} has no option {next(iter(options))!r}")


def check_device(device: object) -> None:
    """Refuse an unknown device, and a GPU that is not there, whatever engine would answer."""
    if device not in DEVICES:
        raise ValueError(f"device is {device!r}; the devices are auto, cpu and cuda")
    if device == "cuda":
        from gmruntime.devices import check_gpu

        check_gpu()
