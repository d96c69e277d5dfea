"""Factor graphs as Bayesian networks, where they are some."""

from graphlib import CycleError, TopologicalSorter

import numpy as np

from gmruntime.arrays import Float64, num_entries
from gmruntime.estimates.mechanisms import order_mechanisms
from gmruntime.formats.graphs.named import NamedGraph
from gmruntime.formats.networks.network import ENTRIES_MAX, Network
from gmruntime.graph import FactorGraph, no_evidence, num_states

_ROUNDING = 1e-9
"""Sums of the rows of a distribution differ by no more than this."""

Owned = tuple[list[int], Float64[np.ndarray, "*states"]]
"""A factor's scope and table of logs."""


def network_of(named: NamedGraph) -> Network:
    """Return the network that a graph is: every factor a distribution of one of its variables.

    Several factors of one variable are multiplied; a variable without any is uniform.

    Raises:
        ValueError: when some factor is no distribution of any variable, or a table is too large.
    """
    graph = named.graph
    owners = _last_in_scope(graph)
    if owners is None:
        found = order_mechanisms(graph, no_evidence(graph), lambda: False)
        owners = None if found is None else found.owner.tolist()
    owned: dict[int, list[Owned]] = {v: [] for v in range(graph.num_variables)}
    number = 0
    for block in graph.factors:
        shape = [int(k) for k in num_states(graph)[block.scopes[0]]] if len(block.scopes) else []
        if num_entries(shape) > ENTRIES_MAX:
            raise ValueError(f"`{block.label}` has too many entries for a table")
        tables = block.kind.log_tables(shape).reshape(-1, *shape)
        for f, scope in enumerate(block.scopes.tolist()):
            owner = -1 if owners is None else owners[number]
            number += 1
            if not scope:
                # A constant changes no probability.
                continue
            if owner < 0:
                names = ", ".join(named.variables[v] for v in scope)
                raise ValueError(
                    f"`{block.label}` over {names} is no distribution of one of them given the "
                    "others, so this is no Bayesian network; UAI, FG and CFN hold any graph"
                )
            owned[owner].append((scope, tables[f if len(tables) > 1 else 0]))
    parents: dict[str, tuple[str, ...]] = {}
    rows: dict[str, np.ndarray] = {}
    for v, factors in owned.items():
        scope, table = _distribution(named, v, factors)
        parents[named.variables[v]] = tuple(named.variables[p] for p in scope[:-1])
        rows[named.variables[v]] = table
    _refuse_cycles(parents)
    counts = num_states(graph).tolist()
    states = {
        name: own or tuple(map(str, range(count)))
        for name, own, count in zip(named.variables, named.states, counts, strict=True)
    }
    return Network(named.name or "unknown", states, parents, rows)


def _last_in_scope(graph: FactorGraph) -> list[int] | None:
    """Return each factor's last variable where they are all different, as in UAI's BAYES."""
    owners: list[int] = []
    for block in graph.factors:
        last = block.scopes[:, -1].tolist() if block.scopes.shape[1] else [-1] * len(block.scopes)
        shape = [int(k) for k in num_states(graph)[block.scopes[0]]] if len(block.scopes) else []
        if num_entries(shape) > ENTRIES_MAX or not shape:
            return None
        with np.errstate(over="ignore"):
            sums = np.exp(block.kind.log_tables(shape)).sum(axis=-1)
        if (np.abs(sums - 1.0) > _ROUNDING).any():
            return None
        owners += last
    return owners if len(set(owners)) == len(owners) == graph.num_variables else None


def _distribution(named: NamedGraph, variable: int, factors: list[Owned]) -> Owned:
    """Multiply the factors of a variable.

    Raises:
        ValueError: when the product is no distribution, or too large.
    """
    sizes = num_states(named.graph)
    scope = [*dict.fromkeys(v for own, _ in factors for v in own if v != variable), variable]
    name = named.variables[variable]
    if num_entries(sizes[scope].tolist()) > ENTRIES_MAX or len(scope) > 30:
        raise ValueError(f"the distribution of {name} has too many entries for a table")
    total = np.zeros([int(k) for k in sizes[scope]])
    for own, logs in factors:
        order = sorted(range(len(own)), key=lambda k, own=own: scope.index(own[k]))
        shape = [int(sizes[v]) if v in own else 1 for v in scope]
        total = total + logs.transpose(order).reshape(shape)
    peak = total.max(initial=-np.inf)
    with np.errstate(invalid="ignore"):
        table = np.exp(total - (peak if np.isfinite(peak) else 0.0))
    sums = table.sum(axis=-1, keepdims=True)
    if sums.min() <= 0 or sums.max() - sums.min() > _ROUNDING * sums.max():
        raise ValueError(
            f"the factors of {name} are no distribution of it given "
            f"{', '.join(named.variables[v] for v in scope[:-1]) or 'nothing'}"
        )
    if (table[total > -np.inf] == 0).any():
        raise ValueError(f"the distribution of {name} has probabilities that floats take for 0")
    is_one = abs(float(sums.flat[0]) - 1.0) <= _ROUNDING
    return scope, np.exp(total) if is_one and peak <= 0 else table / sums


def _refuse_cycles(parents: dict[str, tuple[str, ...]]) -> None:
    """Refuse what has no order in which causes come first.

    Raises:
        ValueError: when there is none.
    """
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        raise ValueError(f"the distributions go round: {', '.join(cycle[1:][:5])}") from None
