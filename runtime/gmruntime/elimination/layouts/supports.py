"""Which joint states a clique can have at all: groups of variables with their states listed.

Where factors forbid much (pedigrees, circuits, plans), most entries of a clique's table are zero.
The variables of a clique are cut into groups, each with a list of the joint states that its
factors and messages allow; a table then has one axis for each group, as long as its list.

Source: after Jensen and Andersen (1990), "Approximations in Bayesian belief universes", who drop
zeros from the tables of a junction tree; Larkin and Dechter (2003), "Bayesian inference in the
presence of determinism".
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Int, Int64

Sizes = Int[np.ndarray, " variables"]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Some variables and the joint states they can have.

    Attributes:
        variables: without repetition.
        states: [joint states, variables], without repetition.
    """

    variables: tuple[int, ...]
    states: Int64[np.ndarray, "joint variables"]


def product_size(group: Group, sizes: Sizes) -> int:
    """Count the joint states there would be if none were forbidden."""
    count = 1
    for v in group.variables:
        count *= int(sizes[v])
    return count


def keys(group: Group, variables: tuple[int, ...], sizes: Sizes) -> Int64[np.ndarray, " joint"]:
    """Number the joint states of `variables`, a part of the group's, in C order."""
    found = np.zeros(len(group.states), np.int64)
    for v in variables:
        found = found * int(sizes[v]) + group.states[:, group.variables.index(v)]
    return found


def group_of(table: np.ndarray, scope: tuple[int, ...]) -> Group:
    """List the joint states that a log table allows."""
    return Group(scope, np.argwhere(table > -np.inf).astype(np.int64))


def project(group: Group, kept: frozenset[int], sizes: Sizes) -> Group | None:
    """Forget all variables but `kept`; None when nothing is left."""
    columns = [k for k, v in enumerate(group.variables) if v in kept]
    if len(columns) == len(group.variables):
        return group
    if not columns:
        return None
    variables = tuple(group.variables[k] for k in columns)
    _, rows = np.unique(keys(group, variables, sizes), return_index=True)
    return Group(variables, group.states[rows][:, columns])


def join(one: Group, other: Group, sizes: Sizes, count_max: float) -> Group | None:
    """List the joint states that both allow; None when there are more than `count_max`."""
    shared = tuple(v for v in one.variables if v in other.variables)
    left, right = keys(one, shared, sizes), keys(other, shared, sizes)
    order = np.argsort(right, kind="stable")
    first = np.searchsorted(right[order], left, "left")
    counts = np.searchsorted(right[order], left, "right") - first
    total = int(counts.sum())
    if total > count_max:
        return None
    rows = np.repeat(np.arange(len(left)), counts)
    within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    matched = order[np.repeat(first, counts) + within]
    new = [k for k, v in enumerate(other.variables) if v not in one.variables]
    variables = one.variables + tuple(other.variables[k] for k in new)
    return Group(variables, np.hstack([one.states[rows], other.states[matched][:, new]]))


def partition(groups: list[Group], sizes: Sizes, count_max: int) -> list[Group]:
    """Cut all variables into groups that allow whatever all of `groups` allow together.

    Tight groups are joined first, as long as no list grows beyond `count_max`. Every joint state
    of a result, restricted to what it shares with any one of `groups`, is a restriction of one of
    that group's.
    """
    found: list[Group] = []
    is_cut = False
    for group in sorted(groups, key=lambda g: len(g.states) / product_size(g, sizes)):
        left: Group | None = group
        while left is not None:
            variables = set(left.variables)
            hit = next((k for k, g in enumerate(found) if variables & set(g.variables)), -1)
            if hit < 0:
                found.append(left)
                break
            met = found.pop(hit)
            joined = join(met, left, sizes, count_max)
            if joined is not None:
                left = joined
                continue
            is_cut = True
            shared = variables & set(met.variables)
            seen = project(left, frozenset(shared), sizes)
            assert seen is not None
            narrowed = join(met, seen, sizes, np.inf)
            assert narrowed is not None
            found.append(narrowed)
            left = project(left, frozenset(variables - shared), sizes)
    # What was cut apart may have come together again, without what the cut forgot.
    return [_narrowed(part, groups, sizes) for part in found] if is_cut else found


def _narrowed(part: Group, groups: list[Group], sizes: Sizes) -> Group:
    """Drop the joint states that one of `groups` forbids."""
    for group in groups:
        seen = project(group, frozenset(part.variables), sizes)
        if seen is not None:
            narrowed = join(part, seen, sizes, np.inf)
            assert narrowed is not None
            part = narrowed
    return part
