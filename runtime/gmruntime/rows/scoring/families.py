"""Booleans of which exactly one is true, as one variable: which of them it is.

    f(x_1, .., x_n, y) with exactly one x_j true  =  g(j, y) = f(0, .., x_j = 1, .., 0, y)

A chain that counts how many are true takes a step for each, and its products leave the range of
floats where each is weighed strongly; the one variable is a single step.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from gmruntime.arrays import Bool, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.factors.kind import allowed
from gmruntime.factors.kinds import Count, Gated, Table
from gmruntime.factors.kinds.window import PlacePair
from gmruntime.graph import FactorBlock, FactorGraph, num_states, table_indices

_ENTRIES_MAX = 1 << 18
"""Of one table that tells which member holds, and what others do."""

_ENTRIES_OF_ALL_MAX = 1 << 24
"""Of all such tables of a block: 128 MiB."""

_FACTORS_MAX = 1 << 14
"""So many factors about members are written anew, one after another."""


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Booleans of which exactly one is true.

    Attributes:
        members: the variables, in the order of the scope.
        block: of the factor that says so.
        factor: its number within the block.
        log_value: what that factor says where one is true.
    """

    members: Int64[np.ndarray, " members"]
    block: int
    factor: int
    log_value: float


def families(graph: FactorGraph, is_open: Bool[np.ndarray, " variables"]) -> list[Family]:
    """Find the families all of whose members are open; a variable is a member of one at most.

    Args:
        graph: validated.
        is_open: whether no row observes a variable.
    """
    taken = np.zeros(graph.num_variables, bool)
    found: list[Family] = []
    for position, block in enumerate(graph.factors):
        for factor, log_value in _one_hot(block):
            members = block.scopes[factor].astype(np.int64)
            if is_open[members].all() and not taken[members].any():
                taken[members] = True
                found.append(Family(members, position, factor, log_value))
    return found


def _one_hot(block: FactorBlock) -> list[tuple[int, float]]:
    """Find the factors of a block that only allow one variable to be true; with their values."""
    count, arity = block.scopes.shape
    kind = block.kind
    if not count or arity < 2:
        return []
    match kind:
        case Count() if not kind.negated.any():
            logs = kind.log_potentials
            holds = np.isfinite(logs[:, 1]) & np.isneginf(np.delete(logs, 1, axis=1)).all(axis=1)
            values = logs[:, 1]
        case Table() if kind.log_potentials.shape[1:] == (2,) * arity:
            flat = kind.log_potentials.reshape(len(kind.log_potentials), -1)
            ones = 1 << np.arange(arity)
            values = flat[:, 1]
            others = np.isneginf(np.delete(flat, ones, axis=1)).all(axis=1)
            holds = others & np.isfinite(values) & (flat[:, ones] == values[:, None]).all(axis=1)
        case _:
            return []
    index = table_indices(block)
    return [(int(f), float(values[index[f]])) for f in np.flatnonzero(holds[index])]


def substituted(
    graph: FactorGraph, found: list[Family], first: int, budget: Budget
) -> tuple[FactorBlock, ...] | None:
    """Write what factors say of members as what they say of which member it is.

    Args:
        graph: without the factors that make the families, and those about single members alone.
        found: the families.
        first: the variable of the first family; those of the others follow.
        budget: asked on the way.

    Returns:
        All factors; None where they would be too many, or too large.

    Raises:
        TimeoutError: when the budget ended first.
    """
    family_of = np.full(graph.num_variables, -1, np.int64)
    for number, family in enumerate(found):
        family_of[family.members] = number
    sizes = num_states(graph)
    widths = np.array([len(family.members) for family in found], np.int64)
    if not all(_fits(block, family_of, widths, sizes) for block in graph.factors):
        return None
    left: list[FactorBlock] = []
    tables: dict[tuple[int, ...], np.ndarray] = {}
    num_written = 0
    for block in graph.factors:
        is_about = np.asarray((family_of[block.scopes] >= 0).any(axis=1))
        if not is_about.all():
            left.append(block.some(~is_about))
        gates, is_done = _gates(block, found, family_of, first)
        left += gates
        is_about &= ~is_done
        num_written += int(is_about.sum())
        if num_written > _FACTORS_MAX or (is_about.any() and not _is_written(block)):
            return None
        index = table_indices(block)
        for factor in np.flatnonzero(is_about).tolist():
            budget.check()
            made = _about_families(block, factor, int(index[factor]), found, family_of, sizes)
            if made is None:
                return None
            scope, table = made
            scope = tuple(first - 1 - v if v < 0 else v for v in scope)
            tables[scope] = table + tables[scope] if scope in tables else table
    for scope, table in tables.items():
        left.append(FactorBlock(Table(table[None]), np.array([scope], np.int32), "families"))
    return tuple(left)


def _fits(
    block: FactorBlock,
    family_of: Int64[np.ndarray, " variables"],
    widths: Int64[np.ndarray, " families"],
    sizes: Int32[np.ndarray, " variables"],
) -> bool:
    """Say whether what a block says of members is small enough about their families."""
    numbers = family_of[block.scopes]
    is_about = np.asarray((numbers >= 0).any(axis=1))
    if not is_about.any():
        return True
    if isinstance(block.kind, PlacePair):
        # As a table a window would be none.
        return False
    numbers, scopes = numbers[is_about], block.scopes[is_about]
    shape = np.where(numbers < 0, sizes[scopes], widths[np.maximum(numbers, 0)])
    # A family that a scope names twice has one axis.
    for k in range(1, shape.shape[1]):
        shape[
            ((numbers[:, :k] == numbers[:, k : k + 1]) & (numbers[:, :k] >= 0)).any(axis=1), k
        ] = 1
    entries = shape.prod(axis=1, dtype=np.float64)
    return bool((entries <= _ENTRIES_MAX).all()) and entries.sum() <= _ENTRIES_OF_ALL_MAX


def linked(found: list[Family], first: int) -> tuple[FactorBlock, ...]:
    """Say that each member is true where it is the one that its family's variable names.

    Args:
        found: the families.
        first: the variable of the first family; those of the others follow.
    """
    blocks: list[FactorBlock] = []
    for number, family in enumerate(found):
        count = len(family.members)
        is_own = np.eye(count, dtype=np.bool_)[:, :, None] == np.array([False, True])
        scopes = np.stack([np.full(count, first + number), family.members], axis=1)
        blocks.append(FactorBlock(Table(allowed(is_own)), scopes.astype(np.int32), "families"))
    return tuple(blocks)


def _gates(
    block: FactorBlock, found: list[Family], family_of: Int64[np.ndarray, " variables"], first: int
) -> tuple[list[FactorBlock], Bool[np.ndarray, " factors"]]:
    """Add up what members, as gates, say of single variables; return which factors those were."""
    numbers = family_of[block.scopes]
    nothing = np.zeros(len(numbers), bool)
    if not isinstance(block.kind, Gated) or block.scopes.shape[1] != 2:
        return [], nothing
    is_done = (numbers[:, 0] >= 0) & (numbers[:, 1] < 0)
    index = table_indices(block)
    blocks: list[FactorBlock] = []
    for n in np.unique(numbers[is_done, 0]).tolist():
        mine = np.flatnonzero(is_done & (numbers[:, 0] == n))
        targets, which = np.unique(block.scopes[mine, 1], return_inverse=True)
        order = np.argsort(found[n].members)
        member = order[np.searchsorted(found[n].members[order], block.scopes[mine, 0])]
        said = block.kind.log_potentials[index[mine]]
        logs = np.zeros((len(targets), len(order), said.shape[1]))
        np.add.at(logs, (which.reshape(-1), member), said)
        scopes = np.stack([np.full(len(targets), first + n), targets], axis=1).astype(np.int32)
        blocks.append(FactorBlock(Table(logs), scopes, "families"))
    return blocks, is_done


def _is_written(block: FactorBlock) -> bool:
    """Say whether a block's factors are evaluated state by state at little cost."""
    return isinstance(block.kind, Table | Gated) or block.kind.is_large


def _about_families(
    block: FactorBlock,
    factor: int,
    table: int,
    found: list[Family],
    family_of: Int64[np.ndarray, " variables"],
    sizes: Int32[np.ndarray, " variables"],
) -> tuple[tuple[int, ...], np.ndarray] | None:
    """Write one factor: its scope, families as -1 less their number, and its table."""
    own = block.scopes[factor].astype(np.int64)
    numbers = family_of[own]
    mine = np.unique(numbers[numbers >= 0]).tolist()
    others = own[numbers < 0].tolist()
    shape = [len(found[n].members) for n in mine] + [int(sizes[v]) for v in others]
    if prod(shape) > _ENTRIES_MAX:
        return None
    places = np.indices(shape).reshape(len(shape), -1)
    states = np.zeros((places.shape[1], len(own)), np.int64)
    for axis, n in enumerate(mine):
        states[:, numbers == n] = found[n].members[places[axis]][:, None] == own[numbers == n]
    states[:, numbers < 0] = places[len(mine) :].T
    index = np.full(len(states), table, np.int64)
    log_values = block.kind.log_values(index, states).reshape(shape)
    return (*(-1 - n for n in mine), *others), log_values


def chances_of_members(chances: np.ndarray) -> np.ndarray:
    """Return the probabilities of false and true of each member, by those of which it is.

    >>> chances_of_members(np.array([0.25, 0.75])).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    ends = np.zeros(1)
    before = np.concatenate([ends, np.cumsum(chances)[:-1]])
    after = np.concatenate([np.cumsum(chances[::-1])[::-1][1:], ends])
    return np.stack([before + after, chances], axis=1)
