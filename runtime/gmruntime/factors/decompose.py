"""Every kind of factor as tables, wide ones over auxiliary variables.

Auxiliary variables come after the graph's own, so an assignment of the result restricted to the
first `graph.num_variables` is one of the graph.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from gmruntime.factors import chains
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
    FactorKind,
    LinearSum,
    Memory,
    NoisyOr,
    Or,
    Table,
    Xor,
)
from gmruntime.factors.tables import log_tables, num_tables
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, num_states

SUMS_MAX = 1 << 12
"""A weighted sum with more partial sums than this has no chain."""


@dataclass(slots=True, eq=False)
class _Result:
    variables: list[VariableBlock]
    factors: list[FactorBlock]
    count: int
    failed: list[FactorBlock] = field(default_factory=list[FactorBlock])


def to_tables(graph: FactorGraph, *, table_bits_max: int = 10) -> FactorGraph | None:
    """Return the graph with tables only; None when a factor has no decomposition.

    Args:
        graph: a valid graph.
        table_bits_max: a factor with at most 2**table_bits_max joint states becomes one table.
    """
    states = num_states(graph)
    result = _Result(list(graph.variables), [], graph.num_variables)
    for block in graph.factors:
        if isinstance(block.kind, Table):
            result.factors.append(block)
        elif block.scopes.shape[0]:
            _decompose(result, block, [int(k) for k in states[block.scopes[0]]], table_bits_max)
    if result.failed:
        return None
    return FactorGraph(tuple(result.variables), tuple(result.factors))


def _decompose(result: _Result, block: FactorBlock, sizes: list[int], table_bits_max: int) -> None:
    kind = block.kind
    if isinstance(kind, AllDifferent) and len(sizes) > 2:
        _all_different(result, block, sizes[0])
        return
    if isinstance(kind, Memory):
        _memory(result, block, kind)
        return
    bits = sum(math.log2(n) for n in sizes)
    if bits <= table_bits_max or not isinstance(kind, Or | NoisyOr | Xor | Count | LinearSum):
        # Of the other kinds only wide gates remain, whose table is there already.
        tables = Table(np.ascontiguousarray(log_tables(kind, sizes)))
        result.factors.append(FactorBlock(tables, block.scopes, block.label))
        return
    chain = _chain(kind, sizes)
    if chain is None:
        if bits <= 20 and num_tables(kind) * 2.0**bits <= 2**24:
            tables = Table(np.ascontiguousarray(log_tables(kind, sizes)))
            result.factors.append(FactorBlock(tables, block.scopes, block.label))
        else:
            result.failed.append(block)
        return
    _add_chain(result, block, chain)


def _chain(kind: Or | NoisyOr | Xor | Count | LinearSum, sizes: list[int]) -> chains.Chain | None:
    match kind:
        case Or():
            return chains.or_chain(kind, len(sizes))
        case NoisyOr():
            return chains.noisy_or_chain(kind, len(sizes))
        case Xor():
            return chains.xor_chain(kind, len(sizes))
        case Count():
            return chains.count_chain(kind, len(sizes))
        case LinearSum():
            return chains.linear_sum_chain(kind, sizes, SUMS_MAX)


def _add_chain(result: _Result, block: FactorBlock, chain: chains.Chain) -> None:
    count = block.scopes.shape[0]
    before: np.ndarray | None = None
    for k, table in enumerate(chain.tables):
        columns: list[np.ndarray] = []
        shape = list(table.shape)
        if before is None:
            del shape[1]
        else:
            columns.append(before)
        columns.append(block.scopes[:, k].astype(np.int64))
        if k < len(chain.tables) - 1:
            after = _auxiliary(result, count, table.shape[-1])
            columns.append(after)
            before = after
        else:
            del shape[-1]
        scopes = np.stack(columns, axis=1).astype(np.int32)
        kind = Table(np.ascontiguousarray(table.reshape(shape)))
        result.factors.append(FactorBlock(kind, scopes, block.label))


def _auxiliary(result: _Result, count: int, states: int) -> np.ndarray:
    start = result.count
    name = f"#auxiliary {len(result.variables)}"
    result.variables.append(VariableBlock(name, (count,), states))
    result.count += count
    return np.arange(start, start + count, dtype=np.int64)


def _all_different(result: _Result, block: FactorBlock, states: int) -> None:
    different = np.where(np.eye(states, dtype=np.bool_), -np.inf, 0.0)[None]
    left, right = np.triu_indices(block.scopes.shape[1], 1)
    pairs = np.stack([block.scopes[:, left], block.scopes[:, right]], axis=-1).reshape(-1, 2)
    result.factors.append(FactorBlock(Table(different), pairs.astype(np.int32), block.label))


def _memory(result: _Result, block: FactorBlock, kind: Memory) -> None:
    for i in range(kind.log_patterns.shape[2]):
        table: FactorKind = Table(np.ascontiguousarray(kind.log_patterns[:, :, i, :]))
        scopes = np.ascontiguousarray(block.scopes[:, [0, i + 1]])
        result.factors.append(FactorBlock(table, scopes, block.label))
