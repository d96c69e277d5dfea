"""Sums over what only a match speaks of: done at once, so that engines meet a small table.

A variable of a match that nobody asks about, and that no other factor joins to anything, is summed
out of the scores where they lie, with what single factors say of it. It stays in the graph as one
that no factor mentions, so the number of its states is taken off again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    Joint,
    LogPartition,
    MarginalMap,
    Marginals,
    Question,
)
from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.factors.kinds.match import Match
from gmruntime.factors.kinds.table import Gated, Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states, table_indices


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """The variables that may be summed out of the matches that they are in.

    Attributes:
        variables: in ascending order.
        said: of each, what single factors say of its states, nats.
        others: the factors of the graph without these and without matches.
    """

    variables: Int64[np.ndarray, " alone"]
    said: dict[int, Float64[np.ndarray, " _states"]]
    others: tuple[FactorBlock, ...]


def alone(graph: FactorGraph, query: Question[AnyAnswer], evidence: Assignment) -> Alone:
    """Find what nobody asks about, and only one match joins to anything; none where all is asked.

    Args:
        graph: validated.
        query: what is asked.
        evidence: a state for each observed variable, -1 for the others.
    """
    match query:
        case LogPartition():
            asked = np.zeros(0, np.int64)
        case Marginals(variables=variables) if variables is not None:
            asked = variables
        case Joint(variables=variables) | MarginalMap(variables=variables):
            asked = variables
        case _:
            asked = np.arange(graph.num_variables)
    num_joined = np.zeros(graph.num_variables, np.int64)
    may = np.zeros(graph.num_variables, np.bool_)
    rest = [block for block in graph.factors if not isinstance(block.kind, Match)]
    for block in graph.factors:
        if isinstance(block.kind, Match):
            np.add.at(num_joined, block.scopes.reshape(-1), 1)
            may[block.scopes[:, block.kind.is_gated :]] = True
        elif not _is_single(block):
            may_not = block.scopes.reshape(-1)
            num_joined[may_not] = 2
    may &= (num_joined == 1) & (evidence < 0)
    may[asked] = False
    for block in graph.factors:
        if isinstance(block.kind, Match):
            # A factor has some variable left.
            may[block.scopes[may[block.scopes].all(axis=1), 0]] = False
    sizes = num_states(graph)
    said = {int(v): np.zeros(sizes[v]) for v in np.flatnonzero(may)}
    others: list[FactorBlock] = []
    for block in rest:
        taken = may[block.scopes[:, 0]] if _is_single(block) else np.zeros(len(block.scopes), bool)
        if taken.any():
            index = table_indices(block)
            assert isinstance(block.kind, Table)
            for f in np.flatnonzero(taken).tolist():
                said[int(block.scopes[f, 0])] += block.kind.log_potentials[index[f]]
        if not taken.all():
            others.append(block.some(~taken))
    return Alone(np.flatnonzero(may), said, tuple(others))


def _is_single(block: FactorBlock) -> bool:
    return isinstance(block.kind, Table) and block.scopes.shape[1] == 1


def summed(
    block: FactorBlock,
    scores: Float64[np.ndarray, "exemplars places"],
    masses: Float64[np.ndarray, " exemplars"] | None,
    apart: Alone,
    *,
    is_kept: bool = False,
) -> tuple[FactorBlock, ...]:
    """Return the factors of a match as tables of scores, those who stand alone summed out.

    Args:
        block: of a match.
        scores: what was found.
        masses: what the scores of each exemplar add up to over all places, in logs.
        apart: who may be summed out.
        is_kept: whether the scores may change: a table must be no view of them.
    """
    assert isinstance(block.kind, Match)
    is_out = np.isin(block.scopes[:, block.kind.is_gated :], apart.variables)
    patterns, which = np.unique(is_out, axis=0, return_inverse=True)
    found: list[FactorBlock] = []
    for number, pattern in enumerate(patterns):
        scopes = block.scopes[which.reshape(-1) == number]
        part = replace(block, scopes=scopes)
        if pattern.any():
            found.append(_without(part, pattern, scores, masses, apart))
        else:
            own = (scores.copy() if is_kept else scores).reshape(1, *block.kind.sizes)
            kind = Gated(own) if block.kind.is_gated else Table(own)
            found.append(replace(part, kind=kind))
    return tuple(found)


def _without(
    block: FactorBlock,
    is_out: Bool[np.ndarray, " inner"],
    scores: Float64[np.ndarray, "exemplars places"],
    masses: Float64[np.ndarray, " exemplars"] | None,
    apart: Alone,
) -> FactorBlock:
    """Sum the same variables out of each factor, once where the same is said of them."""
    gate = len(block.scopes[0]) - len(is_out)
    axes = np.flatnonzero(is_out)
    tables: dict[bytes, np.ndarray] = {}
    keys: list[bytes] = []
    for scope in block.scopes:
        said = {int(axis): apart.said[int(scope[gate + axis])] for axis in axes}
        keys.append(b"".join(own.tobytes() for own in said.values()))
        if keys[-1] not in tables:
            tables[keys[-1]] = _sums_of(block, scores, masses, said)
    own = list(tables.values()) if len(tables) == 1 else [tables[key] for key in keys]
    kept = np.append(np.zeros(gate, np.bool_), is_out)
    return replace(block, kind=Table(np.stack(own)), scopes=block.scopes[:, ~kept])


def _sums_of(
    block: FactorBlock,
    scores: Float64[np.ndarray, "exemplars places"],
    masses: Float64[np.ndarray, " exemplars"] | None,
    said: dict[int, Float64[np.ndarray, " _states"]],
) -> np.ndarray:
    """Return what is left of a table of scores, the gate first: some axes are summed over.

    Args:
        block: of a match.
        scores: what was found.
        masses: what these add up to over all places for each exemplar, in logs.
        said: what else is said of the states of each of these axes.
    """
    kind = block.kind
    assert isinstance(kind, Match)
    table, axes = scores.reshape(kind.sizes), list(said)
    states = float(sum(np.log(len(own)) for own in said.values()))
    off = float(sum(log_sums(own, [0]) for own in said.values())) - states
    places = range(kind.num_said, table.ndim)
    is_even = not any(said[axis].any() for axis in axes if axis in places)
    if masses is not None and is_even and set(places) <= set(axes):
        # They were added up when they were found.
        table = masses.reshape(kind.sizes[: kind.num_said])
        axes = [axis for axis in axes if axis not in places]
    for axis in axes:
        if said[axis].any():
            shape = [-1 if k == axis else 1 for k in range(table.ndim)]
            table = table + said[axis].reshape(shape)
    on = log_sums(table, axes) - states
    return np.stack([np.full(on.shape, off), on]) if kind.is_gated else on


def log_sums(values: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Return the log of the sum of exp over some axes; -inf is legal.

    >>> np.exp(log_sums(np.log([[1.0, 3.0], [0.5, 0.5]]), [1])).round(6).tolist()
    [4.0, 1.0]
    """
    most = values.max(axis=tuple(axes), keepdims=True)
    most = np.where(np.isfinite(most), most, 0.0)
    with np.errstate(divide="ignore"):
        sums = np.log(np.exp(values - most).sum(axis=tuple(axes)))
    return sums + most.reshape(sums.shape)
