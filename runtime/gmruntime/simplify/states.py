"""Removes states that no assignment above zero can have, and puts answers back afterwards.

Source: Mackworth (1977), arc consistency, for tables of any arity.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from gmruntime.simplify.network import Factor, Network


def prune_states(network: Network) -> Network:
    """Remove every state that some factor forbids whatever the others are, until none is left.

    Exact for every question. A contradiction makes the constant -inf.
    """
    alive = {v: np.ones(int(network.num_states[v]), np.bool_) for v in network.free}
    forbids = [factor.table == -np.inf for factor in network.factors]
    hard = [k for k, forbidden in enumerate(forbids) if forbidden.any()]
    if not hard:
        return network
    touching: dict[int, list[int]] = {}
    for k in hard:
        for v in network.factors[k].scope:
            touching.setdefault(v, []).append(k)
    waiting = set(hard)
    while waiting:
        k = waiting.pop()
        scope = network.factors[k].scope
        for v, supported in zip(scope, _supports(forbids[k], scope, alive), strict=True):
            if (alive[v] & ~supported).any():
                alive[v] = alive[v] & supported
                if not alive[v].any():
                    return impossible(network)
                waiting.update(touching[v])
    return _restricted(network, alive)


def impossible(network: Network) -> Network:
    """Return a network of which nothing but the contradiction is left."""
    return replace(network, factors=[], log_constant=-np.inf)


def _supports(
    forbidden: Bool[np.ndarray, "*states"],
    scope: tuple[int, ...],
    alive: dict[int, Bool[np.ndarray, " _states"]],
) -> list[np.ndarray]:
    """Say for each variable which states have a live assignment of the others."""
    open_entries = ~forbidden
    for axis, v in enumerate(scope):
        if not alive[v].all():
            shape = [1] * len(scope)
            shape[axis] = -1
            open_entries = open_entries & alive[v].reshape(shape)
    axes = range(len(scope))
    supports: list[np.ndarray] = []
    for axis in axes:
        others = tuple(a for a in axes if a != axis)
        supports.append(np.asarray(open_entries.any(axis=others)))
    return supports


def _restricted(network: Network, alive: dict[int, np.ndarray]) -> Network:
    kept = {v: np.flatnonzero(mask) for v, mask in alive.items() if not mask.all()}
    if not kept:
        return network
    num_states = network.num_states.copy()
    for v, states in kept.items():
        num_states[v] = len(states)
    merged: dict[tuple[int, ...], np.ndarray] = {}
    log_constant = network.log_constant
    for factor in network.factors:
        table = factor.table
        for axis, v in enumerate(factor.scope):
            if v in kept:
                table = table.take(kept[v], axis=axis)
        open_axes = [axis for axis, v in enumerate(factor.scope) if num_states[v] > 1]
        scope = tuple(factor.scope[axis] for axis in open_axes)
        table = table.reshape([table.shape[axis] for axis in open_axes])
        if not scope:
            log_constant += float(table)
        elif (table == table.reshape(-1)[0]).all():
            log_constant += float(table.reshape(-1)[0])
        else:
            merged[scope] = merged[scope] + table if scope in merged else table
    factors = [Factor(scope, table) for scope, table in merged.items()]
    return Network(network.free, num_states, factors, log_constant, kept)


def label_states(network: Network, assignments: np.ndarray) -> None:
    """Turn the states of pruned variables into the graph's, in place, in every row."""
    for v, labels in network.labels.items():
        if v < assignments.shape[-1]:
            assignments[..., v] = labels[assignments[..., v]]


def spread_row(network: Network, v: int, row: np.ndarray, num_states: int) -> np.ndarray:
    """Return the probabilities of all the graph's states of a variable; pruned ones have 0."""
    if v not in network.labels:
        return row
    full = np.zeros(num_states)
    full[network.labels[v]] = row
    return full
