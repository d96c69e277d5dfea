"""Orders the variables of a graph so that each can be drawn given those before it.

A factor is a mechanism of one of its variables, its child, where it is a conditional distribution
of that child given the others, times a constant: summed over the child it is constant, or it is
silent, 1 throughout, whatever the child. Whether it came from a directed model does not matter:
conditional tables, gated ones, disjunctions, parities, sums and Potts factors all are. Variables
are taken away from the last, those whose open factors are all mechanisms of theirs; what stands in
the way of that is set aside. Drawn the other way round, a variable is drawn from the product of the
factors it owned, and its sum weighs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64, corner, num_entries, row_starts
from gmruntime.factors.kind import SUM_TOLERANCE, constant
from gmruntime.factors.kinds.table import Gated, Table
from gmruntime.factors.semiring import reduce
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states, shape_of
from gmruntime.simplify.barren import LOOKED_AT_MAX

# Tables of more entries are not written out to look at their sums; such a block only weighs.
_ENTRIES_MAX = 1 << 20
# Entries looked at between two looks at the clock.
_ENTRIES_AT_ONCE = 1 << 20
# So often something is set aside to break a cycle; graphs without direction need it all the time.
_NUM_DEMOTED_MAX = 200


@dataclass(frozen=True, slots=True, eq=False)
class Owned:
    """Every factor of a graph, and the variable that is drawn by it.

    Attributes:
        starts: the number of the first factor of each block, and how many there are last.
        owner: of each factor; -1 for those that only weigh.
        position: of the owner in the factor's scope.
        log_constant: of the factor summed over its owner; NaN where that is not constant.
        rank: of each variable; higher ones are drawn later, equal ones at once.
    """

    starts: Int64[np.ndarray, " blocks_and_end"]
    owner: Int64[np.ndarray, " factors"]
    position: Int64[np.ndarray, " factors"]
    log_constant: Float64[np.ndarray, " factors"]
    rank: Int64[np.ndarray, " variables"]


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """The (factor, variable) pairs of the factors that may be a mechanism of some variable.

    Attributes:
        factor: number of the factor, over all blocks.
        variable: of the pair.
        position: of the variable in the factor's scope.
        log_constant: of the factor summed over the variable; NaN when it is not constant.
        able: whether the factor may be a mechanism of the variable.
    """

    factor: Int64[np.ndarray, " edges"]
    variable: Int64[np.ndarray, " edges"]
    position: Int64[np.ndarray, " edges"]
    log_constant: Float64[np.ndarray, " edges"]
    able: Bool[np.ndarray, " edges"]


def order_mechanisms(
    graph: FactorGraph,
    evidence: Assignment,
    is_over: Callable[[], bool],
    num_weighed_max: float = math.inf,
) -> Owned | None:
    """Give each factor the variable drawn by it; None when that takes too much setting aside.

    Args:
        graph: of any factor kinds.
        evidence: a state for each observed variable, -1 for the others.
        is_over: asked now and then; None once it is.
        num_weighed_max: positions of factors that are no mechanism of any variable, and so weigh
            every draw; with more of them it is None.
    """
    counts = np.array([len(block.scopes) for block in graph.factors], np.int64)
    starts = row_starts(counts)
    try:
        edges = _edges(graph, evidence, starts, is_over)
    except TimeoutError:
        return None
    if sum(block.scopes.size for block in graph.factors) - len(edges.factor) > num_weighed_max:
        return None
    num_factors = int(starts[-1])
    alive = np.zeros(num_factors, np.bool_)
    alive[edges.factor[edges.able]] = True
    owner, position = np.full((2, num_factors), -1, np.int64)
    constants = np.full(num_factors, np.nan)
    round_of = np.full(graph.num_variables, -1, np.int64)
    number, num_demoted = 0, 0
    while True:
        if is_over():
            return None
        live = np.flatnonzero(alive[edges.factor])
        if not len(live):
            break
        taken = live[_is_last(edges, live, graph.num_variables)]
        if not len(taken):
            num_demoted += 1
            if num_demoted > _NUM_DEMOTED_MAX:
                return None
            alive[_in_the_way(edges, live, graph.num_variables)] = False
            continue
        factors = edges.factor[taken]
        owner[factors], position[factors] = edges.variable[taken], edges.position[taken]
        constants[factors] = edges.log_constant[taken]
        round_of[edges.variable[taken]] = number
        alive[factors] = False
        number += 1
    rank = np.where(round_of < 0, 0, number - round_of)
    _adopt(graph, starts, rank, owner, position)
    return Owned(starts, owner, position, constants, rank)


def _is_last(edges: _Edges, live: np.ndarray, num_variables: int) -> Bool[np.ndarray, " live"]:
    """Mark the pairs of variables that nothing open depends on, no two of one factor."""
    variable, factor = edges.variable[live], edges.factor[live]
    degree = np.bincount(variable, minlength=num_variables)
    able = np.bincount(variable, edges.able[live], minlength=num_variables)
    last = (degree > 0) & (able == degree)
    # What has a single mechanism is surely last; what has several may be a cause of one of them.
    if (last & (degree == 1)).any():
        last &= degree == 1
    free = last[variable]
    first = np.full(int(factor.max()) + 1, num_variables)
    np.minimum.at(first, factor[free], variable[free])
    beaten = np.zeros(num_variables, np.bool_)
    beaten[variable[free & (first[factor] != variable)]] = True
    return free & ~beaten[variable]


def _in_the_way(edges: _Edges, live: np.ndarray, num_variables: int) -> np.ndarray:
    """Choose factors to set aside: all that some variable is no child of, or but one of those.

    Single potentials go first, at once; a mechanism with parents says more.
    """
    variable, factor = edges.variable[live], edges.factor[live]
    degree = np.bincount(variable, minlength=num_variables)
    size = np.bincount(factor)
    single = (size[factor] == 1) & (degree[variable] > 1)
    if single.any():
        return factor[single]
    least = variable[np.argmin(degree[variable])]
    about = np.flatnonzero(variable == least)
    able = about[edges.able[live[about]]]
    kept = able[np.argmax(size[factor[able]])] if len(able) else -1
    return factor[about[about != kept]]


def _adopt(
    graph: FactorGraph,
    starts: np.ndarray,
    rank: np.ndarray,
    owner: np.ndarray,
    position: np.ndarray,
) -> None:
    """Give what was set aside to the variable of its scope that is drawn last, if there is one."""
    for index, block in enumerate(graph.factors):
        rows = np.flatnonzero(owner[starts[index] : starts[index + 1]] < 0)
        if not len(rows) or not block.scopes.shape[1]:
            continue
        ranks = rank[block.scopes[rows]]
        last = ranks.argmax(axis=1)
        highest = ranks.max(axis=1)
        alone = ((ranks == highest[:, None]).sum(axis=1) == 1) & (highest > 0)
        rows, last = rows[alone], last[alone]
        owner[starts[index] + rows] = block.scopes[rows, last]
        position[starts[index] + rows] = last


def _edges(
    graph: FactorGraph, evidence: Assignment, starts: np.ndarray, is_over: Callable[[], bool]
) -> _Edges:
    states = num_states(graph)
    columns: list[tuple[np.ndarray, ...]] = []
    for index, block in enumerate(graph.factors):
        count, arity = block.scopes.shape
        if not count or not arity:
            continue
        constants, able = _mechanisms(block, shape_of(block, states), evidence, is_over)
        rows = np.flatnonzero(np.broadcast_to(able.any(axis=1), (count,)))
        if not len(rows):
            continue
        columns.append(
            (
                np.repeat(starts[index] + rows, arity),
                block.scopes[rows].reshape(-1).astype(np.int64),
                np.tile(np.arange(arity), len(rows)),
                np.broadcast_to(constants, (count, arity))[rows].reshape(-1),
                np.broadcast_to(able, (count, arity))[rows].reshape(-1),
            )
        )
    if not columns:
        nothing = np.zeros(0, np.int64)
        return _Edges(nothing, nothing, nothing, np.zeros(0), np.zeros(0, np.bool_))
    factor, variable, position, constant, able = (
        np.concatenate(column) for column in zip(*columns, strict=True)
    )
    return _Edges(factor, variable, position, constant, able)


# --- Which variables a factor may be a mechanism of --------------------------------------


def _mechanisms(
    block: FactorBlock, shape: tuple[int, ...], evidence: Assignment, is_over: Callable[[], bool]
) -> tuple[Float64[np.ndarray, "factors_or_one arity"], Bool[np.ndarray, "factors_or_one arity"]]:
    """Say for each position what the factors sum to over it, and whether it may be the child.

    Sums that are not constant are NaN.

    Raises:
        TimeoutError: once it is over.
    """
    kind = block.kind
    if isinstance(kind, Table):
        return _of_tables(kind.log_potentials, is_over)
    if isinstance(kind, Gated):
        return _of_gated(block, kind, evidence, is_over)
    constants = kind.log_sums(shape)
    if constants is None:
        if num_entries(shape) * kind.num_tables <= _ENTRIES_MAX:
            return _of_tables(kind.log_tables(shape), is_over)
        constants = np.full((1, len(shape)), np.nan)
    return constants, ~np.isnan(constants)


def _of_tables(
    tables: Float64[np.ndarray, "tables *states"], is_over: Callable[[], bool]
) -> tuple[np.ndarray, np.ndarray]:
    count, *shape = tables.shape
    constants = np.full((count, len(shape)), np.nan)
    able = np.zeros((count, len(shape)), np.bool_)
    step = max(1, _ENTRIES_AT_ONCE // max(1, math.prod(shape)))
    for first in range(0, count, step):
        piece = slice(first, first + step)
        # Side by side: what lies one after another are many short sums, which take much longer.
        some = np.ascontiguousarray(np.moveaxis(tables[piece], 0, -1))
        for axis in range(len(shape)):
            if is_over():
                raise TimeoutError
            # All tables, but little of each: sums that differ there differ.
            few = corner(some, (axis, len(shape)), LOOKED_AT_MAX)
            sums, may_be = _sums(few, axis)
            if few.size < some.size and (may_be | ~np.isnan(sums)).any():
                sums, may_be = _sums(some, axis)
            constants[piece, axis], able[piece, axis] = sums, may_be
    return constants, able


def _sums(
    tables: Float64[np.ndarray, "*states tables"], axis: int
) -> tuple[Float64[np.ndarray, " tables"], Bool[np.ndarray, " tables"]]:
    """Return what tables sum to over an axis, and whether they may be mechanisms of it."""
    count = tables.shape[-1]
    totals = reduce(tables, (axis,), is_max=False).reshape(-1, count)
    silent = (tables == 0.0).all(axis=axis).reshape(-1, count)
    low = np.where(silent, np.inf, totals).min(axis=0)
    high = np.where(silent, -np.inf, totals).max(axis=0)
    with np.errstate(invalid="ignore"):
        able = np.isfinite(low) & (high - low <= SUM_TOLERANCE)
    return constant(totals.T), able


def _of_gated(
    block: FactorBlock, kind: Gated, evidence: Assignment, is_over: Callable[[], bool]
) -> tuple[np.ndarray, np.ndarray]:
    constants, able = _of_tables(kind.log_potentials, is_over)
    gate = evidence[block.scopes[:, 0]]
    # Behind a gate that may be shut the sum is not constant; behind one that is, nothing is said.
    constants = np.where((gate == 1)[:, None], constants, np.nan)
    able = able & (gate != 0)[:, None]
    first = np.full((len(gate), 1), np.nan)
    return (
        np.concatenate([first, constants], axis=1),
        np.concatenate([np.zeros((len(gate), 1), np.bool_), able], axis=1),
    )
