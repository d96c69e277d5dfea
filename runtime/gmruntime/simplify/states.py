"""Removes states that no assignment above zero can have, and puts answers back afterwards.

Source: Mackworth (1977), arc consistency, for tables of any arity.
"""

from dataclasses import replace
from itertools import count

import numpy as np

from gmruntime.arrays import Bool, Float64
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.simplify.network import Factor, Network, zero_counts
from gmruntime.simplify.products import parts_of


def prune_states(network: Network, budget: Budget = UNLIMITED) -> Network:
    """Remove every state that some factor forbids whatever the others are, until none is left.

    Exact for every question. A contradiction makes the constant -inf.

    Raises:
        TimeoutError: when the budget ended first.
    """
    alive = {v: np.ones(int(network.num_states[v]), np.bool_) for v in network.free}
    hard = [k for k, zeros in enumerate(zero_counts(network.factors)) if zeros]
    if not hard:
        return network
    forbids = {k: network.factors[k].table == -np.inf for k in hard}
    touching: dict[int, list[int]] = {}
    for k in hard:
        for v in network.factors[k].scope:
            touching.setdefault(v, []).append(k)
    waiting = set(hard)
    for _ in within(count(), budget):
        if not waiting:
            break
        k = waiting.pop()
        scope = network.factors[k].scope
        for v, supported in zip(scope, _supports(forbids[k], scope, alive), strict=True):
            if (alive[v] & ~supported).any():
                alive[v] = alive[v] & supported
                if not alive[v].any():
                    return impossible(network)
                waiting.update(touching[v])
    return _restricted(network, alive)


def drop_dominated(
    network: Network, entries_max: float = 2e7, budget: Budget = UNLIMITED
) -> Network:
    """Remove states that another state of the same variable can always replace at no loss.

    Exact for the best score and one best assignment, for nothing else. Best effort: it stops after
    `entries_max` table entries, and passes over what would take it further.

    Source: Goldstein (1994), dead-end elimination.
    """
    touching: dict[int, list[tuple[Factor, int]]] = {}
    for factor in network.factors:
        for axis, v in enumerate(factor.scope):
            touching.setdefault(v, []).append((factor, axis))
    alive = {v: np.ones(int(network.num_states[v]), np.bool_) for v in network.free}
    waiting = [v for v in network.free if network.num_states[v] > 1]
    spent = 0.0
    while waiting and spent < entries_max and not budget.is_spent():
        v = waiting.pop()
        cost = sum(factor.table.size for factor, _ in touching.get(v, [])) * int(alive[v].sum())
        if spent + cost > entries_max:
            continue
        spent += cost
        tables = [_live_rows(factor, axis, alive) for factor, axis in touching.get(v, [])]
        lost = _dominated(tables, alive[v])
        if lost.any():
            alive[v] &= ~lost
            near = {u for factor, _ in touching.get(v, []) for u in factor.scope} - {v}
            waiting.extend(u for u in near if alive[u].sum() > 1 and u not in waiting)
    return _restricted(network, alive)


def _live_rows(
    factor: Factor, axis: int, alive: dict[int, Bool[np.ndarray, " _states"]]
) -> Float64[np.ndarray, "states others"]:
    """Return a factor's table with one row for each state of one of its variables.

    Only columns that all the others can have are kept.
    """
    table = factor.table
    for other, u in enumerate(factor.scope):
        if other != axis and not alive[u].all():
            table = table.compress(alive[u], axis=other)
    moved = np.moveaxis(table, axis, 0)
    return moved.reshape(len(moved), -1)


def _dominated(
    tables: list[Float64[np.ndarray, "states _others"]], alive: Bool[np.ndarray, " states"]
) -> Bool[np.ndarray, " states"]:
    """Say which live states lose against another that stays, whatever the neighbours are."""
    lost = np.zeros(len(alive), np.bool_)
    for b in np.flatnonzero(alive):
        gains = np.zeros(len(alive))
        for table in tables:
            with np.errstate(invalid="ignore"):
                change = table - table[b]
                # Where neither is possible, nothing is lost.
                gains += np.where(np.isnan(change), np.inf, change).min(axis=1, initial=np.inf)
        better = alive & ~lost & (gains >= 0)
        better[b] = False
        lost[b] = better.any()
    return lost


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
            is_cut = any(v in kept for v in factor.scope)
            for own, part in parts_of(scope, table) if is_cut else [(scope, table)]:
                merged[own] = merged[own] + part if own in merged else part
    factors = [Factor(scope, table) for scope, table in merged.items()]
    labels = dict(network.labels)
    for v, states in kept.items():
        labels[v] = labels[v][states] if v in labels else states
    return Network(network.free, num_states, factors, log_constant, labels, network.leaves)


def label_states(network: Network, assignments: np.ndarray) -> None:
    """Turn the states of pruned variables into the graph's, in place, in every row.

    Leaves that were maximised out get their best states.
    """
    for v, labels in network.labels.items():
        if v < assignments.shape[-1]:
            assignments[..., v] = labels[assignments[..., v]]
    for some in network.leaves:
        around = tuple(assignments[..., v] for v in some.around)
        assignments[..., some.variables] = np.moveaxis(some.best[(slice(None), *around)], 0, -1)


def spread_row(network: Network, v: int, row: np.ndarray, num_states: int) -> np.ndarray:
    """Return the probabilities of all the graph's states of a variable; pruned ones have 0."""
    if v not in network.labels:
        return row
    full = np.zeros(num_states)
    full[network.labels[v]] = row
    return full
