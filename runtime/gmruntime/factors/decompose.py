"""Writes every kind of factor as tables: one when it is small, else a chain or pairs of them.

Auxiliary variables come after the user's, so an assignment of the result, cut to the graph's
number of variables, is an assignment of the graph.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.factors.automaton import (
    Automaton,
    chain_tables,
    counter,
    disjunction,
    noisy_counter,
    num_entries,
    parity,
)
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
    FactorKind,
    Gated,
    LinearSum,
    Memory,
    NoisyOr,
    Or,
    Potts,
    Table,
    TruncatedLinear,
    TruncatedQuadratic,
    Window,
    Xor,
)
from gmruntime.factors.layers import partial_sums
from gmruntime.factors.support import support
from gmruntime.factors.tables import log_values, num_tables
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, num_states

# 2^24 entries are 128 MiB: what one block of factors may grow to before it is left as it is.
NUM_ENTRIES_MAX = 1 << 24
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
    graph: FactorGraph, *, table_bits_max: float = 10, num_entries_max: int = NUM_ENTRIES_MAX
) -> FactorGraph | None:
    """Write the graph's factors as tables, keeping every sum, maximum and number of solutions.

    Each auxiliary variable is a function of the variables before it. None when a factor has no
    such form, such as a noisy OR of many different causes.

    Args:
        graph: any graph.
        table_bits_max: up to how many bits (log2 of its entries) a factor becomes one table.
        num_entries_max: how many entries the tables of one block of factors may have together.
    """
    tables = _rewrite(graph, _Limits(table_bits_max, num_entries_max))
    return _all_tables(tables)


def to_sum_tables(
    graph: FactorGraph, *, table_bits_max: float = 10, num_entries_max: int = NUM_ENTRIES_MAX
) -> FactorGraph | None:
    """Write the graph's factors as tables, keeping every sum.

    Noisy ORs become chains of ORs over causes that may fail. Summed over the auxiliary variables
    the result is the graph; maximised over them it is not.

    Source: Heckerman and Breese (1996), "Causal independence for probability assessment".
    """
    noisy = [i for i, block in enumerate(graph.factors) if isinstance(block.kind, NoisyOr)]
    limits = _Limits(table_bits_max, num_entries_max)
    if not noisy:
        return _all_tables(_rewrite(graph, limits))
    variables = list(graph.variables)
    factors: list[FactorBlock] = []
    next_index = graph.num_variables
    for position, block in enumerate(graph.factors):
        if not isinstance(block.kind, NoisyOr) or block.scopes.shape[1] <= table_bits_max:
            factors.append(block)
            continue
        tables, widths = _noisy_or_tables(block.kind.log_failures)
        everyone = np.arange(len(block.scopes))
        new, added = _lay_chain(block, everyone, tables, widths, next_index, position)
        variables.extend(new)
        factors.extend(added)
        next_index += len(everyone) * len(widths)
    widened = FactorGraph(tuple(variables), tuple(factors))
    return _all_tables(_rewrite(widened, limits))


def to_support_tables(
    graph: FactorGraph, *, table_bits_max: float = 10, num_entries_max: int = NUM_ENTRIES_MAX
) -> FactorGraph | None:
    """Write down, as tables of 0 and -inf, where each factor of the graph is above zero."""
    return to_tables(support(graph), table_bits_max=table_bits_max, num_entries_max=num_entries_max)


def is_tables(graph: FactorGraph) -> bool:
    """Say whether every factor of the graph is a table."""
    return all(isinstance(block.kind, Table) for block in graph.factors)


def _all_tables(graph: FactorGraph) -> FactorGraph | None:
    return graph if is_tables(graph) else None


def _rewrite(graph: FactorGraph, limits: _Limits) -> FactorGraph:
    states = num_states(graph)
    next_index = graph.num_variables
    variables: list[VariableBlock] = list(graph.variables)
    factors: list[FactorBlock] = []
    if _additions_of_noisy_ors(graph) > _LAST_RESORT_ADDITIONS_MAX:
        limits = replace(limits, last_resort_bits=0.0)
    for position, block in enumerate(graph.factors):
        if isinstance(block.kind, Table):
            factors.append(block)
            continue
        parts = _decompose(block, states, limits, next_index, position)
        variables.extend(parts.variables)
        factors.extend(parts.factors)
        next_index += sum(auxiliary.size for auxiliary in parts.variables)
    return FactorGraph(tuple(variables), tuple(factors))


def _additions_of_noisy_ors(graph: FactorGraph) -> float:
    """Return what writing out every noisy OR takes; of all kinds only they may be no chain."""
    found = 0.0
    for block in graph.factors:
        count, arity = block.scopes.shape
        if count and isinstance(block.kind, NoisyOr) and arity <= _LAST_RESORT_BITS:
            found += num_tables(block.kind) * 2.0**arity * arity
    return found


def _decompose(
    block: FactorBlock,
    states: np.ndarray,
    limits: _Limits,
    next_index: int,
    position: int,
) -> _Parts:
    count, arity = block.scopes.shape
    if count == 0:
        return _Parts((), ())
    shape = states[block.scopes[0]]
    bits = float(np.log2(np.maximum(shape, 1)).sum())
    tables = num_tables(block.kind)
    # In bits: a factor of a thousand booleans has more entries than a float can count.
    fits = bits + math.log2(max(tables, 1)) <= math.log2(NUM_ENTRIES_MAX)
    table_bits_max = limits.table_bits_max
    match block.kind:
        case Table():
            return _Parts((), (block,))
        case Gated() | Potts() | TruncatedLinear() | TruncatedQuadratic() | Window():
            return _Parts((), (_as_table(block, shape) if fits else block,))
        case AllDifferent() if bits > table_bits_max or not fits:
            return _Parts((), _not_equal_pairs(block, int(shape[0])))
        case Memory():
            return _Parts((), _memory_pairs(block, block.kind))
        case _ if bits <= table_bits_max and fits:
            return _Parts((), (_as_table(block, shape),))
        case _ if arity >= 3:
            found = _chain_parts(block, _chains(block, shape), limits, next_index, position)
            if found is not None:
                return found
        case _:
            pass
    if bits <= limits.last_resort_bits and fits:
        return _Parts((), (_as_table(block, shape),))
    return _Parts((), (block,))


def _as_table(block: FactorBlock, shape: Int32[np.ndarray, " arity"]) -> FactorBlock:
    tables = all_tables(block.kind, tuple(int(n) for n in shape))
    if block.scopes.shape[1] <= _AXES_MAX:
        return replace(block, kind=Table(tables.reshape(len(tables), *shape.tolist())))
    wide = shape > 1
    kind = Table(tables.reshape(len(tables), *shape[wide].tolist()))
    return replace(block, kind=kind, scopes=block.scopes[:, wide])


def all_tables(kind: FactorKind, shape: tuple[int, ...]) -> Float64[np.ndarray, "tables entries"]:
    """Write out the tables of all factors of a block at once, each as a row in C order.

    >>> from gmruntime.factors.kinds import Potts
    >>> all_tables(Potts(np.array([0.5])), (2, 2)).tolist()
    [[0.5, 0.0, 0.0, 0.5]]
    """
    tables = num_tables(kind)
    # Only variables with a choice get an axis: arrays have 64 of them, scopes any number.
    wide = [position for position, size in enumerate(shape) if size > 1]
    sizes = [shape[position] for position in wide]
    states = np.zeros((math.prod(sizes), len(shape)), np.int64)
    states[:, wide] = np.indices(sizes).reshape(len(sizes), len(states)).T
    index = np.repeat(np.arange(tables), len(states))
    values = log_values(kind, index, np.tile(states, (tables, 1)))
    return values.reshape(tables, -1)


def _not_equal_pairs(block: FactorBlock, states: int) -> tuple[FactorBlock, ...]:
    first, second = np.triu_indices(block.scopes.shape[1], 1)
    scopes = np.stack([block.scopes[:, first], block.scopes[:, second]], axis=2)
    differs = np.where(np.eye(states, dtype=np.bool_), -np.inf, 0.0)
    return (FactorBlock(Table(differs[None]), scopes.reshape(-1, 2), block.label),)


def _memory_pairs(block: FactorBlock, kind: Memory) -> tuple[FactorBlock, ...]:
    patterns = np.moveaxis(kind.log_patterns, 2, 1)
    count, arity = block.scopes.shape
    if len(patterns) == count:
        pairs = np.stack(
            [np.repeat(block.scopes[:, :1], arity - 1, axis=1), block.scopes[:, 1:]], axis=2
        )
        tables = np.ascontiguousarray(patterns).reshape(-1, *patterns.shape[2:])
        return (FactorBlock(Table(tables), pairs.reshape(-1, 2), block.label),)
    return tuple(
        FactorBlock(Table(patterns[:, k]), block.scopes[:, [0, k + 1]], block.label)
        for k in range(arity - 1)
    )


# --- Chains ------------------------------------------------------------------------------


def _chains(block: FactorBlock, shape: np.ndarray) -> list[tuple[np.ndarray, Automaton]]:
    """Find automata for the factors of a block, and which factors each is for."""
    everyone = np.arange(block.scopes.shape[0])
    match block.kind:
        case Or():
            return [(everyone, disjunction(block.kind.negated))]
        case Xor():
            return [(everyone, parity(block.kind.parities, block.scopes.shape[1]))]
        case Count():
            return [(everyone, counter(block.kind.log_potentials, block.kind.negated))]
        case NoisyOr():
            causes = block.kind.log_failures[:, :-1]
            alike = bool((causes == causes[:, :1]).all())
            return [(everyone, noisy_counter(block.kind.log_failures))] if alike else []
        case LinearSum():
            return _linear_chains(block, block.kind, shape)
        case _:
            return []


def _linear_chains(
    block: FactorBlock, kind: LinearSum, shape: np.ndarray
) -> list[tuple[np.ndarray, Automaton]]:
    """Build one automaton for the factors that add up alike."""
    sums = np.concatenate([kind.coefficients, kind.lowest[:, None]], axis=1)
    if len(sums) == 1:
        groups = [np.arange(block.scopes.shape[0])]
        rows = [np.zeros(1, np.int64)]
    else:
        _, group = np.unique(sums, axis=0, return_inverse=True)
        group = group.reshape(-1)
        groups = [np.flatnonzero(group == g) for g in range(int(group.max()) + 1)]
        rows = groups
    found: list[tuple[np.ndarray, Automaton]] = []
    for members, row in zip(groups, rows, strict=True):
        automaton = partial_sums(
            kind.coefficients[row[0]],
            int(kind.lowest[row[0]]),
            kind.log_potentials[row],
            [int(n) for n in shape],
        )
        if automaton is None:
            return []
        found.append((members, automaton))
    return found


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
        tables, widths = chain_tables(automaton)
        new, added = _lay_chain(block, members, tables, widths, next_index, position)
        variables.extend(new)
        factors.extend(added)
        next_index += len(members) * len(widths)
    return _Parts(tuple(variables), tuple(factors))


def _lay_chain(
    block: FactorBlock,
    members: np.ndarray,
    tables: list[np.ndarray],
    widths: list[int],
    next_index: int,
    position: int,
) -> tuple[list[VariableBlock], list[FactorBlock]]:
    scopes = block.scopes[members]
    size = len(members)
    states = [
        np.arange(next_index + k * size, next_index + (k + 1) * size, dtype=np.int32)
        for k in range(len(widths))
    ]
    variables = [
        VariableBlock(f"(chain {position}.{int(states[k][0])})", (size,), width)
        for k, width in enumerate(widths)
    ]
    laid = [np.stack([scopes[:, 0], scopes[:, 1], states[0]], axis=1)]
    for k in range(1, len(widths)):
        laid.append(np.stack([states[k - 1], scopes[:, k + 1], states[k]], axis=1))
    laid.append(np.stack([states[-1], scopes[:, -1]], axis=1))
    factors = [
        FactorBlock(Table(table), scope.astype(np.int32), block.label)
        for table, scope in zip(tables, laid, strict=True)
    ]
    return variables, factors


def _noisy_or_tables(
    log_failures: Float64[np.ndarray, "tables arity"],
) -> tuple[list[np.ndarray], list[int]]:
    """Write noisy ORs as an OR that grows cause by cause, over "has any cause come through"."""
    failures = np.exp(log_failures)
    num_tables, arity = failures.shape
    steps = [np.stack([np.ones(num_tables), failures[:, k]], axis=1) for k in range(arity - 1)]
    quiet = failures[:, -1, None, None] * steps[0][:, :, None] * steps[1][:, None, :]
    tables = [np.stack([quiet, 1 - quiet], axis=3)]
    for step in steps[2:]:
        table = np.zeros((num_tables, 2, 2, 2))
        table[:, 0, :, 0] = step
        table[:, 0, :, 1] = 1 - step
        table[:, 1, :, 1] = 1.0
        tables.append(table)
    # The last variable in scope, the effect, is the last running OR itself.
    agrees = np.broadcast_to(np.eye(2), (num_tables, 2, 2))
    tables.append(agrees)
    with np.errstate(divide="ignore"):
        return [np.log(table) for table in tables], [2] * (arity - 2)
