"""Cuts a graph at what every row observes, and gathers components that look alike.

A factor none of whose variables is left is one entry of its table in each row. The others fall
into components. Two components are alike when their variables, numbered by their order in the
graph, have the same numbers of states, and their tables the same axes over them; what stands in
the tables does not matter: each instance of a component points at its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import (
    Bool,
    Int,
    Int32,
    Int64,
    UInt64,
    component_of,
    row_starts,
    rows_by,
    strides_of,
)
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.graph import FactorGraph, num_states, table_indices
from gmruntime.rows.cutting.distinct import distinct, hashes
from gmruntime.rows.cutting.tables import log_potentials


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """What components that look alike have in common.

    Attributes:
        num_states: of each variable, which are numbered from 0.
        scopes: the variables of each table that are not observed in every row.
        strides: of each table, how many entries apart neighbours along those variables are.
        asked: the variables whose beliefs are asked for.
    """

    num_states: Int64[np.ndarray, " variables"]
    scopes: tuple[tuple[int, ...], ...]
    strides: tuple[tuple[int, ...], ...]
    asked: tuple[int, ...]

    def key(self) -> tuple[object, ...]:
        """Return what tells likenesses apart."""
        return tuple(self.num_states.tolist()), self.scopes, self.strides, self.asked


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """The components of one likeness in all rows, equal ones merged.

    Each row is the sum of some instances, each of which may be part of several rows.

    Attributes:
        likeness: what they have in common.
        evidence: the state of each variable, -1 where it is latent.
        pointers: where in the pool of all tables each of their tables begins: what is observed in
            every row has been added.
        tables: which table of the pool that is; -1 where the instance observes it whole.
        rows: for each part of a row, the row.
        which: the instance that it is.
        variables: of the graph that each component's are: the parts of all rows are those of the
            first component, then those of the second, unless rows were split.
    """

    likeness: Likeness
    evidence: Int32[np.ndarray, "instances variables"]
    pointers: Int64[np.ndarray, "instances factors"]
    tables: Int64[np.ndarray, "instances factors"]
    rows: Int64[np.ndarray, " parts"]
    which: Int64[np.ndarray, " parts"]
    variables: Int64[np.ndarray, "components variables"]

    @property
    def count(self) -> int:
        """The number of instances that differ."""
        return len(self.evidence)


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """The factors that rows observe whole: one entry of a table each.

    Attributes:
        rows: of each.
        entries: where each lies in the pool of all tables.
    """

    rows: Int64[np.ndarray, " observed"]
    entries: Int64[np.ndarray, " observed"]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Where each table of a graph lies when all of them stand one after another.

    Attributes:
        block_start: where each block's tables begin, and where the last end.
        table_start: for each block, the number of its first table; last the number of all.
    """

    block_start: Int64[np.ndarray, " blocks_and_end"]
    table_start: Int64[np.ndarray, " blocks_and_end"]


def pool_of(graph: FactorGraph) -> Pool:
    """Lay out the tables of a graph of tables."""
    tables = [log_potentials(block) for block in graph.factors]
    return Pool(row_starts([t.size for t in tables]), row_starts([len(t) for t in tables]))


@dataclass(frozen=True, slots=True, eq=False)
class _Factors:
    """All factors of a graph, cut at what every row observes.

    Attributes:
        scopes: what is left of each scope, filled up with -1.
        forms: a number for the strides of the axes that are left.
        strides: of each form.
        pointers: where each row finds each factor's table.
        tables: of each factor.
    """

    scopes: Int32[np.ndarray, "factors width"]
    forms: Int64[np.ndarray, " factors"]
    strides: tuple[tuple[int, ...], ...]
    pointers: Int64[np.ndarray, "rows factors"]
    tables: Int64[np.ndarray, " factors"]


def cut(
    graph: FactorGraph,
    pool: Pool,
    rows: Int32[np.ndarray, "rows variables"],
    is_asked: Bool[np.ndarray, " variables"],
    budget: Budget = UNLIMITED,
) -> tuple[Observed, list[Instances]]:
    """Cut a graph of tables at what all of some rows observe, and gather what is alike.

    Variables that no factor mentions are in no component.

    Args:
        graph: of tables.
        pool: of the graph.
        rows: at least one; -1 where a variable is latent.
        is_asked: whether the beliefs of each variable are asked for.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    factors = _cut_factors(graph, pool, rows, np.min(rows, axis=0) >= 0)
    budget.check()
    left = np.flatnonzero(factors.scopes[:, 0] >= 0)
    observed = _observed(factors, rows)
    return observed, list(within(_gathered(graph, factors, left, rows, is_asked), budget, every=1))


def _observed(factors: _Factors, rows: np.ndarray) -> Observed:
    """Find the factors that each row observes whole."""
    entries = factors.pointers.copy()
    is_whole = np.ones(entries.shape, bool)
    for k, scope in enumerate(factors.scopes.T):
        there = np.flatnonzero(scope >= 0)
        states = rows[:, scope[there]]
        apart = np.array([(*own, *[0] * (k + 1))[k] for own in factors.strides], np.int64)
        entries[:, there] += states * apart[factors.forms[there]]
        is_whole[:, there] &= states >= 0
    row, factor = np.nonzero(is_whole)
    return Observed(row, entries[row, factor])


def _cut_factors(
    graph: FactorGraph, pool: Pool, rows: np.ndarray, is_cut: Bool[np.ndarray, " variables"]
) -> _Factors:
    count = graph.num_factors
    width = max([1, *(block.scopes.shape[1] for block in graph.factors)])
    scopes = np.full((count, width), -1, np.int32)
    forms = np.zeros(count, np.int64)
    tables = np.zeros(count, np.int64)
    pointers = np.zeros((len(rows), count), np.int64)
    numbers: dict[tuple[int, ...], int] = {}
    first = 0
    for position, block in enumerate(graph.factors):
        num, arity = block.scopes.shape
        if not num:
            continue
        table = log_potentials(block)
        strides = strides_of(table.shape[1:])
        size = table.size // len(table)
        here = slice(first, first + num)
        index = table_indices(block)
        tables[here] = pool.table_start[position] + index
        pointers[:, here] = pool.block_start[position] + index * size
        is_seen = is_cut[block.scopes]
        for k in range(arity):
            columns = np.flatnonzero(is_seen[:, k])
            if len(columns):
                states = rows[:, block.scopes[columns, k]].astype(np.int64)
                pointers[:, first + columns] += states * strides[k]
        for pattern, members in _patterns(is_seen):
            left = np.flatnonzero(~pattern)
            scopes[first + members[:, None], np.arange(len(left))] = block.scopes[members][:, left]
            form = tuple(strides[left].tolist())
            forms[first + members] = numbers.setdefault(form, len(numbers))
        first += num
    return _Factors(scopes, forms, tuple(numbers), pointers, tables)


def _patterns(
    is_seen: Bool[np.ndarray, "factors arity"],
) -> Iterator[tuple[Bool[np.ndarray, " arity"], Int64[np.ndarray, " members"]]]:
    """Yield each pattern of what is seen with the rows that have it."""
    if is_seen.shape[1] == 0 or (is_seen == is_seen[0]).all():
        yield is_seen[0], np.arange(len(is_seen))
        return
    patterns, which = np.unique(is_seen, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        yield pattern, np.flatnonzero(which.reshape(-1) == number)


@dataclass(frozen=True, slots=True, eq=False)
class _Numbered:
    """The components of a graph, one after another, their variables numbered in each.

    Attributes:
        variables: of each component, in the order of the graph.
        start: where those of each component begin, and where the last end.
        factors: of each component, in the order of their forms and of what they are about.
        factor_start: where those of each component begin, and where the last end.
        forms: of each of those factors.
        scopes: what each of them is about, by number; -1 fills up.
    """

    variables: Int64[np.ndarray, " mentioned"]
    start: Int64[np.ndarray, " components_and_end"]
    factors: Int64[np.ndarray, " factors"]
    factor_start: Int64[np.ndarray, " components_and_end"]
    forms: Int64[np.ndarray, " factors"]
    scopes: Int64[np.ndarray, "factors width"]

    @property
    def ranks(self) -> Int64[np.ndarray, " mentioned"]:
        """The number of each variable in its component."""
        return np.arange(len(self.variables)) - np.repeat(self.start[:-1], np.diff(self.start))


def _numbered(factors: _Factors, left: Int64[np.ndarray, " left"], num_variables: int) -> _Numbered:
    scopes = factors.scopes[left]
    name = component_of(scopes, num_variables)
    mentioned = np.unique(scopes[scopes >= 0]).astype(np.int64)
    names, own = np.unique(name[mentioned], return_inverse=True)
    start, order = rows_by(own, len(names))
    variables = mentioned[order]
    number = np.full(num_variables + 1, -1, np.int64)
    number[variables] = np.arange(len(variables)) - np.repeat(start[:-1], np.diff(start))
    component = np.searchsorted(names, name[scopes[:, 0]])
    renamed, forms = number[scopes], factors.forms[left]
    order = np.lexsort((*renamed.T[::-1], forms, component))
    factor_start = row_starts(np.bincount(component, minlength=len(names)))
    return _Numbered(variables, start, left[order], factor_start, forms[order], renamed[order])


def _gathered(
    graph: FactorGraph,
    factors: _Factors,
    left: Int64[np.ndarray, " left"],
    rows: np.ndarray,
    is_asked: Bool[np.ndarray, " variables"],
) -> Iterator[Instances]:
    """Yield the instances of each likeness."""
    if not len(left):
        return
    numbered = _numbered(factors, left, graph.num_variables)
    states = num_states(graph).astype(np.int64)
    # A variable is alike another that is asked about as well.
    looks = 2 * states + is_asked
    sizes, factor_sizes = np.diff(numbered.start), np.diff(numbered.factor_start)
    owner = np.arange(len(sizes))
    signs = _signatures(
        np.repeat(owner, sizes), np.column_stack([numbered.ranks, looks[numbered.variables]])
    ) + _signatures(
        np.repeat(owner, factor_sizes), np.column_stack([numbered.forms, numbered.scopes])
    )
    for members in _same_rows(np.column_stack([signs.view(np.int64), sizes, factor_sizes])):
        some = _ranges(numbered.start[members], int(sizes[members[0]]))
        mine = _ranges(numbered.factor_start[members], int(factor_sizes[members[0]]))
        variables, scopes = numbered.variables[some], numbered.scopes[mine]
        shown = np.hstack(
            [looks[variables], numbered.forms[mine], scopes.reshape(len(members), -1)]
        )
        for same in _same_rows(shown):
            likeness = Likeness(
                states[variables[same[0]]],
                tuple(tuple(int(v) for v in scope if v >= 0) for scope in scopes[same[0]]),
                tuple(factors.strides[form] for form in numbered.forms[mine[same[0]]]),
                tuple(np.flatnonzero(is_asked[variables[same[0]]]).tolist()),
            )
            yield _merged(likeness, rows, variables[same], factors, numbered.factors[mine[same]])


def _ranges(start: Int64[np.ndarray, " ranges"], size: int) -> Int64[np.ndarray, "ranges size"]:
    return start[:, None] + np.arange(size)


def _signatures(
    owner: Int64[np.ndarray, " items"], items: Int64[np.ndarray, "items numbers"]
) -> UInt64[np.ndarray, " owners"]:
    """Add up for each owner a hash of each of its items: the same in whatever order they come."""
    sums = np.zeros(int(owner.max(initial=-1)) + 1, np.uint64)
    np.add.at(sums, owner, hashes(items))
    return sums


def _same_rows(table: Int[np.ndarray, "rows numbers"]) -> Iterator[Int64[np.ndarray, " members"]]:
    """Yield the places of each distinct row, those of the first row first."""
    if (table == table[0]).all():
        yield np.arange(len(table))
        return
    _, first, which = np.unique(table, axis=0, return_index=True, return_inverse=True)
    members = np.split(
        np.argsort(which.reshape(-1), kind="stable"), np.cumsum(np.bincount(which.reshape(-1)))[:-1]
    )
    for number in np.argsort(first):
        yield members[number]


def _merged(
    likeness: Likeness,
    rows: Int32[np.ndarray, "rows variables"],
    variables: Int[np.ndarray, "components own_variables"],
    factors: _Factors,
    own: Int64[np.ndarray, "components own_factors"],
) -> Instances:
    """Write down each component in each row, equal ones once."""
    num_components, num_rows = len(variables), len(rows)
    count = num_components * num_rows
    evidence = rows[:, variables].transpose(1, 0, 2).reshape(count, -1)
    pointers = factors.pointers[:, own].transpose(1, 0, 2).reshape(count, -1)
    first, index = distinct(evidence, pointers)
    is_live = np.column_stack([(evidence[:, scope] < 0).any(axis=1) for scope in likeness.scopes])
    return Instances(
        likeness,
        np.ascontiguousarray(evidence[first]),
        np.ascontiguousarray(pointers[first]),
        np.where(is_live[first], factors.tables[own][first // num_rows], -1),
        np.tile(np.arange(num_rows), num_components),
        index,
        variables.astype(np.int64),
    )
