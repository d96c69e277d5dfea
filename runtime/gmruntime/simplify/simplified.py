"""What is left of a graph once the question and what is observed are known."""

import math
from dataclasses import replace

import numpy as np

from gmruntime.answer import Best, Joint, Map, Query
from gmruntime.graph import Assignment
from gmruntime.simplify.barren import drop_barren, maximise_leaves, sum_leaves
from gmruntime.simplify.lumping import lump_states
from gmruntime.simplify.network import Factor, Network, sliced_out, whole
from gmruntime.simplify.relevant import asked_by, part_for
from gmruntime.simplify.states import drop_dominated, impossible, prune_states
from gmruntime.task import Effort, Task


def simplified(task: Task[Query], effort: Effort) -> Network | None:
    """Drop what a question does not depend on, once for all who ask it.

    None when some factor has no table. What is made is kept in the workspace.

    Raises:
        TimeoutError: when the budget ended first.
    """
    return effort.once_of(Network, task, lambda own: _simplified(own, effort))


def _simplified(task: Task[Query], effort: Effort) -> Network | None:
    query, budget = task.query, effort.budget
    budget.check()
    asked = asked_by(task.graph, query)
    part = whole(task.graph, query, budget) if asked is None else part_for(task, asked, effort)
    budget.check()
    if part is None:
        return None
    network = sliced_out(part, task.evidence, budget)
    if network.log_constant == -np.inf:
        network = impossible(network)
    if isinstance(query, Map):
        # Before states are removed: what is kept of leaves has all of them.
        network = maximise_leaves(network, task.graph.num_variables, budget)
    if not isinstance(query, Best):
        network = prune_states(network, budget)
    if isinstance(query, Map):
        network = drop_dominated(network, budget=budget)
    if asked is not None:
        network = sum_leaves(drop_barren(network, asked, budget), asked, budget)
        network = lump_states(network, asked, budget)
    if isinstance(query, Joint):
        network = _joined(network, query.variables, task.evidence)
    return network


def _joined(network: Network, variables: np.ndarray, evidence: Assignment) -> Network:
    """Add an empty factor over the variables asked, so that one clique holds them all."""
    scope = tuple(sorted({int(v) for v in variables if evidence[v] < 0}))
    if not scope:
        return network
    shape = tuple(int(network.num_states[v]) for v in scope)
    if math.prod(shape) > 1 << 24:
        return network
    factors = [*network.factors, Factor(scope, np.zeros(shape))]
    return replace(network, factors=factors)
