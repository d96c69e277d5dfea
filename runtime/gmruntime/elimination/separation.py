"""Independence that can be read off a graph: no path of factors joins two groups of variables.

What sums to a constant is dropped first, and what is known is taken away. On a directed model that
leaves the moral graph of the ancestors, so this is d-separation.

Source: Lauritzen, Dawid, Larsen and Leimer (1990), "Independence properties of directed Markov
fields".
"""

from gmruntime.answer import LogPartition
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.simplify.barren import drop_barren
from gmruntime.simplify.network import reduce
from gmruntime.simplify.states import prune_states
from gmruntime.task import Task

FACTORS_MAX = 50_000
"""Larger graphs are not looked at: each factor takes some microseconds."""


def are_separated(
    graph: FactorGraph, evidence: Assignment, first: int, second: int, given: frozenset[int]
) -> bool:
    """Say whether the graph proves two variables independent given the evidence and others.

    False says nothing: numbers may still make them independent.

    Args:
        graph: validated.
        evidence: a state for each observed variable, -1 for the others.
        first: a variable.
        second: another.
        given: variables that are known, whatever their states.
    """
    if evidence[first] >= 0 or evidence[second] >= 0:
        return True
    if graph.num_factors > FACTORS_MAX:
        return False
    network = reduce(Task(graph, LogPartition(), evidence))
    if network is None:
        return False
    network = prune_states(network)
    network = drop_barren(network, frozenset({first, second}) | given)
    scopes = [factor.scope for factor in network.factors]
    touching: dict[int, list[int]] = {}
    for number, scope in enumerate(scopes):
        for v in scope:
            touching.setdefault(v, []).append(number)
    seen, waiting = {first}, [first]
    while waiting:
        for number in touching.get(waiting.pop(), []):
            near = {v for v in scopes[number] if v not in seen and v not in given}
            seen |= near
            waiting.extend(near)
    return second not in seen
