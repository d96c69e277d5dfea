"""Variables that no factor mentions: they cost nothing, however many states they have.

Engines lay out the states of every variable. What no factor mentions is uniform and independent of
all else, so the question is answered with one state for each of them, and the answer completed.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.answer import AnyAnswer, Question
from gmruntime.graph import FactorGraph, VariableBlock, num_states
from gmruntime.questions.idle import Idle
from gmruntime.task import Task

STATES_MIN = 1 << 16
"""Fewer states than this are laid out in no time."""


@dataclass(frozen=True, slots=True, eq=False)
class WithoutIdle:
    """What is left to ask, and what completes the answer.

    Attributes:
        task: with one state for each idle variable.
        idle: of the graph that was asked.
    """

    task: Task[Question[AnyAnswer]]
    idle: Idle


def without_idle(task: Task[Question[AnyAnswer]]) -> WithoutIdle | None:
    """Leave the idle variables out of a question; None where they have few states."""
    graph, evidence = task.graph, task.evidence
    is_idle = np.ones(graph.num_variables, np.bool_)
    for block in graph.factors:
        is_idle[block.scopes.reshape(-1)] = False
    states = num_states(graph).astype(np.int64)
    # The last state of each remains: without it a graph is as small as it can be.
    if int((states[is_idle] - 1).sum()) < STATES_MIN:
        return None
    held = np.where(is_idle & (evidence >= 0), 0, evidence).astype(np.int32)
    rest = task.about(_without_states(graph, np.where(is_idle, 1, states)), held)
    return WithoutIdle(rest, Idle(graph, evidence, states, is_idle))


def _without_states(graph: FactorGraph, states: np.ndarray) -> FactorGraph:
    """Return the graph with other numbers of states, in blocks of variables that are alike."""
    firsts = np.flatnonzero(np.diff(states, prepend=-1))
    stops = np.append(firsts[1:], len(states))
    blocks = tuple(
        VariableBlock(f"#{first}", (int(stop - first),), int(states[first]))
        for first, stop in zip(firsts, stops, strict=True)
    )
    return FactorGraph(blocks, graph.factors)
