"""Which states can still occur: arc consistency on the forbidden entries of tables.

Source: Mackworth (1977), "Consistency in networks of relations"; generalised to any arity.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from gmruntime.flat import FlatGraph

# Entries of all tables with forbidden ones; beyond this a pass over them takes too long.
NUM_ENTRIES_MAX = 20_000_000

# Passes over all tables; deep chains need many, and each one is exact, so it may stop early.
NUM_PASSES_MAX = 500


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Factors whose variables have the same numbers of states, axis by axis."""

    scopes: Int64[np.ndarray, "factors arity"]
    allowed: Bool[np.ndarray, "factors *states"]


def possible_states(flat: FlatGraph) -> Bool[np.ndarray, "variables states"]:
    """Mark for each variable the states that no factor rules out; padded with False.

    A variable without any possible state proves that every assignment is forbidden.
    """
    most = int(flat.num_states.max(initial=1))
    alive = np.arange(most)[None, :] < flat.num_states[:, None]
    groups = _groups(flat)
    for _ in range(NUM_PASSES_MAX):
        before = int(alive.sum())
        for group in groups:
            _filter(group, alive)
        if int(alive.sum()) == before or not alive.any(axis=1).all():
            break
    return alive


def _groups(flat: FlatGraph) -> list[_Group]:
    arity = np.diff(flat.factor_start)
    members: dict[tuple[int, ...], list[int]] = {}
    for factor in np.flatnonzero(arity > 0):
        edges = slice(flat.factor_start[factor], flat.factor_start[factor + 1])
        shape = tuple(flat.num_states[flat.edge_variable[edges]].tolist())
        members.setdefault(shape, []).append(int(factor))
    groups: list[_Group] = []
    total = 0
    for shape, factors in members.items():
        size = int(np.prod(shape, dtype=np.int64))
        total += size * len(factors)
        if total > NUM_ENTRIES_MAX:
            return groups
        edges = flat.factor_start[factors][:, None] + np.arange(len(shape))
        entries = flat.table_start[factors].reshape(-1, *([1] * len(shape)))
        for axis, count in enumerate(shape):
            steps = flat.strides[edges[:, axis]][:, None] * np.arange(count)
            along = [1] * (len(shape) + 1)
            along[0], along[axis + 1] = len(factors), count
            entries = entries + steps.reshape(along)
        allowed = flat.log_potentials[entries] > -np.inf
        hard = ~allowed.reshape(len(factors), -1).all(axis=1)
        if hard.any():
            scopes = flat.edge_variable[edges[hard]].astype(np.int64)
            groups.append(_Group(scopes, allowed[hard]))
    return groups


def _filter(group: _Group, alive: Bool[np.ndarray, "variables states"]) -> None:
    """Remove the states that lost their last support in some factor of the group."""
    shape = group.allowed.shape
    arity = len(shape) - 1
    supported = group.allowed.copy()
    for axis in range(arity):
        along = [1] * (arity + 1)
        along[0], along[axis + 1] = shape[0], shape[axis + 1]
        supported &= alive[group.scopes[:, axis], : shape[axis + 1]].reshape(along)
    for axis in range(arity):
        others = tuple(k + 1 for k in range(arity) if k != axis)
        remains = supported.any(axis=others) if others else supported
        states = np.arange(shape[axis + 1])[None, :]
        np.logical_and.at(alive, (group.scopes[:, axis, None], states), remains)
