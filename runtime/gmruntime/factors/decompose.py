"""Writes every kind of factor as tables: one when it is small, else a chain or pairs of them.

Auxiliary variables come after the user's, so an assignment of the result, cut to the graph's
number of variables, is an assignment of the graph.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Int64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.automaton import Automaton, chain_tables, num_entries
from gmruntime.factors.kind import NUM_ENTRIES_MAX, FactorKind, SumChain
from gmruntime.factors.kinds.table import Table
from gmruntime.factors.support import support
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, num_states, shape_of

# Tables over more variables leave those of one state out of their scopes.
_AXES_MAX = 32
# A factor that is no chain may still be one table of this size, and all of them together may take
# so many additions, a second or two.
_LAST_RESORT_BITS = 20.0
_LAST_RESORT_ADDITIONS_MAX = 1 << 25


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """What a block becomes: tables, and blocks of auxiliary variables they need."""

    variables: tuple[VariableBlock, ...]
    factors: tuple[FactorBlock, ...]


@dataclass(frozen=True, slots=True)
class _Limits:
    """Up to how many bits a factor becomes one table, and how many entries a block may have.

    Attributes:
        last_resort_bits: up to how many bits a factor that is no chain does.
    """

    table_bits_max: float
    num_entries_max: int
    last_resort_bits: float = _LAST_RESORT_BITS


def to_tables(
    graph: FactorGraph,
    *,
    table_bits_max: float = 10,
    num_entries_max: int = NUM_ENTRIES_MAX,
    budget: Budget = UNLIMITED,
) -> FactorGraph | None:
    """Write the graph's factors as tables, keeping every sum, maximum and number of solutions.

    Each auxiliary variable is a function of the variables before it. None when a factor has no
    such form, such as a noisy OR of many different causes.

    Args:
        graph: any graph.
        table_bits_max: up to how many bits (log2 of its entries) a factor becomes one table.
        num_entries_max: how many entries the tables of one block of factors may have together.
        budget: looked at on the way.

    Raises:
        TimeoutError: when the budget ended first.
    """
    tables = _rewrite(graph, _Limits(table_bits_max, num_entries_max), budget)
    return _all_tables(tables)


def to_sum_tables(
    graph: FactorGraph,
    *,
    table_bits_max: float = 10,
    num_entries_max: int = NUM_ENTRIES_MAX,
    budget: Budget = UNLIMITED,
) -> FactorGraph | None:
    """Write the graph's factors as tables, keeping every sum.

    Kinds that have one become their `sum_chain`: noisy ORs a chain of ORs over causes that may
    fail, covers one of "not yet covered". Summed over the auxiliary variables the result is the
    graph; maximised over them it is not.
    """
    limits = _Limits(table_bits_max, num_entries_max)
    variables = list(graph.variables)
    factors: list[FactorBlock] = []
    next_index = graph.num_variables
    states = num_states(graph)
    for position, block in enumerate(graph.factors):
        chain = None
        if block.kind.has_sum_chain and len(block.scopes):
            shape = shape_of(block, states)
            is_wide = np.log2(np.maximum(shape, 1)).sum() > table_bits_max
            chain = block.kind.sum_chain(shape) if is_wide else None
        if chain is None:
            factors.append(block)
            continue
        everyone = np.arange(len(block.scopes))
        new, added = _lay_chain(block, everyone, chain, next_index, position)
        variables.extend(new)
        factors.extend(added)
        next_index += len(everyone) * len(chain.widths)
    widened = FactorGraph(tuple(variables), tuple(factors))
    return _all_tables(_rewrite(widened, limits, budget))


def to_support_tables(
    graph: FactorGraph,
    *,
    table_bits_max: float = 10,
    num_entries_max: int = NUM_ENTRIES_MAX,
    budget: Budget = UNLIMITED,
) -> FactorGraph | None:
    """Write down, as tables of 0 and -inf, where each factor of the graph is above zero."""
    return to_tables(
        support(graph),
        table_bits_max=table_bits_max,
        num_entries_max=num_entries_max,
        budget=budget,
    )


def is_tables(graph: FactorGraph) -> bool:
    """Say whether every factor of the graph is a table."""
    return all(isinstance(block.kind, Table) for block in graph.factors)


def _all_tables(graph: FactorGraph) -> FactorGraph | None:
    return graph if is_tables(graph) else None


def _rewrite(graph: FactorGraph, limits: _Limits, budget: Budget) -> FactorGraph:
    states = num_states(graph)
    next_index = graph.num_variables
    variables: list[VariableBlock] = list(graph.variables)
    factors: list[FactorBlock] = []
    if _additions(graph) > _LAST_RESORT_ADDITIONS_MAX:
        limits = replace(limits, last_resort_bits=0.0)
    for position, block in enumerate(graph.factors):
        if isinstance(block.kind, Table):
            factors.append(block)
            continue
        budget.check()
        parts = _decompose(block, states, limits, next_index, position, budget)
        variables.extend(parts.variables)
        factors.extend(parts.factors)
        next_index += sum(auxiliary.size for auxiliary in parts.variables)
    return FactorGraph(tuple(variables), tuple(factors))


def _additions(graph: FactorGraph) -> float:
    """Return what writing out takes where a factor may be no chain, but for sums."""
    found = 0.0
    for block in graph.factors:
        count, arity = block.scopes.shape
        if count and block.kind.has_sum_chain and arity <= _LAST_RESORT_BITS:
            found += block.kind.num_tables * 2.0**arity * arity
    return found


def _decompose(
    block: FactorBlock,
    states: np.ndarray,
    limits: _Limits,
    next_index: int,
    position: int,
    budget: Budget,
) -> _Parts:
    count, arity = block.scopes.shape
    if count == 0:
        return _Parts((), ())
    kind, shape = block.kind, shape_of(block, states)
    bits = float(np.log2(np.maximum(shape, 1)).sum())
    # In bits: a factor of a thousand booleans has more entries than a float can count.
    fits = bits + math.log2(max(kind.num_tables, 1)) <= math.log2(NUM_ENTRIES_MAX)
    if fits and (bits <= limits.table_bits_max or not kind.is_divisible):
        return _Parts((), (_as_table(block, shape),))
    pieces = kind.pieces(count, shape)
    if pieces:
        return _Parts((), tuple(_piece(block, states, *piece) for piece in pieces))
    if arity >= 3:
        chains = kind.chains(count, shape, budget)
        found = _chain_parts(block, chains, limits, next_index, position)
        if found is not None:
            return found
    if fits and bits <= limits.last_resort_bits:
        return _Parts((), (_as_table(block, shape),))
    return _Parts((), (block,))


def _as_table(block: FactorBlock, shape: tuple[int, ...]) -> FactorBlock:
    tables, wide = block.kind.entries(shape), np.array(shape, np.int64) > 1
    if len(shape) <= _AXES_MAX:
        wide[:] = True
    sizes = [size for size, has_axis in zip(shape, wide, strict=True) if has_axis]
    kind = Table(tables.reshape(len(tables), *sizes))
    return replace(block, kind=kind, scopes=block.scopes[:, wide])


def _piece(
    block: FactorBlock,
    states: np.ndarray,
    kind: FactorKind,
    positions: Int64[np.ndarray, "pieces small_arity"],
) -> FactorBlock:
    scopes = block.scopes[:, positions].reshape(-1, positions.shape[1])
    piece = FactorBlock(kind, scopes, block.label)
    return piece if isinstance(kind, Table) else _as_table(piece, shape_of(piece, states))


# --- Chains ------------------------------------------------------------------------------


def _chain_parts(
    block: FactorBlock,
    chains: list[tuple[np.ndarray, Automaton]],
    limits: _Limits,
    next_index: int,
    position: int,
) -> _Parts | None:
    """Lay the chains of a block over fresh variables; None when there are none, or too large."""
    entries = sum(num_entries(automaton) for _, automaton in chains)
    if not chains or entries > limits.num_entries_max:
        return None
    variables: list[VariableBlock] = []
    factors: list[FactorBlock] = []
    for members, automaton in chains:
        chain = SumChain.in_line(*chain_tables(automaton))
        new, added = _lay_chain(block, members, chain, next_index, position)
        variables.extend(new)
        factors.extend(added)
        next_index += len(members) * len(chain.widths)
    return _Parts(tuple(variables), tuple(factors))


def _lay_chain(
    block: FactorBlock,
    members: np.ndarray,
    chain: SumChain,
    next_index: int,
    position: int,
) -> tuple[list[VariableBlock], list[FactorBlock]]:
    size = len(members)
    starts = [next_index + k * size for k in range(len(chain.widths))]
    variables = [
        VariableBlock(f"(chain {position}.{start})", (size,), width)
        for start, width in zip(starts, chain.widths, strict=True)
    ]
    added = [np.arange(start, start + size, dtype=np.int32) for start in starts]
    columns = np.stack([*block.scopes[members].T, *added], axis=1)
    factors = [
        FactorBlock(Table(table), np.ascontiguousarray(columns[:, list(scope)]), block.label)
        for table, scope in zip(chain.tables, chain.scopes, strict=True)
    ]
    return variables, factors
