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
from gmruntime.arrays import Float64, Int64
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
            inner = block.scopes[:, block.kind.is_gated :]
            np.add.at(num_joined, block.scopes.reshape(-1), 1)
            if len(block.scopes) == 1:
                # A factor has some variable left.
                may[inner if block.kind.is_gated else inner[:, 1:]] = True
        elif not _is_single(block):
            may_not = block.scopes.reshape(-1)
            num_joined[may_not] = 2
    may &= (num_joined == 1) & (evidence < 0)
    may[asked] = False
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
) -> FactorBlock:
    """Return the factors of a match as tables of scores, those who stand alone summed out.

    Args:
        block: of a match.
        scores: what was found.
        masses: what the scores of each exemplar add up to over all places, in logs.
        apart: who may be summed out.
    """
    kind = block.kind
    assert isinstance(kind, Match)
    table, gate = scores.reshape(kind.sizes), int(kind.is_gated)
    is_out = np.isin(block.scopes[:, gate:], apart.variables)
    if not is_out.any():
        own = table[None]
        return replace(block, kind=Gated(own) if kind.is_gated else Table(own))
    axes = np.flatnonzero(is_out[0]).tolist()
    said = [apart.said[int(block.scopes[0, gate + axis])] for axis in axes]
    states = float(sum(np.log(len(own)) for own in said))
    off = float(sum(log_sums(own, [0]) for own in said)) - states
    places = range(kind.num_said, table.ndim)
    is_even = not any(own.any() for axis, own in zip(axes, said, strict=True) if axis in places)
    if masses is not None and is_even and set(places) <= set(axes):
        # They were added up when they were found.
        table = masses.reshape(kind.sizes[: kind.num_said])
        said = [own for axis, own in zip(axes, said, strict=True) if axis not in places]
        axes = [axis for axis in axes if axis not in places]
    for axis, own in zip(axes, said, strict=True):
        if own.any():
            table = table + own.reshape([-1 if k == axis else 1 for k in range(table.ndim)])
    on = log_sums(table, axes) - states
    if kind.is_gated:
        on = np.stack([np.full(on.shape, off), on])
    kept = np.append(np.zeros(gate, np.bool_), is_out[0])
    return replace(block, kind=Table(on[None]), scopes=block.scopes[:, ~kept])


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
