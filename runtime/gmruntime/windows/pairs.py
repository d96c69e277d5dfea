"""Components of places with their contexts known: what each place is worth, and what joins two."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64, row_starts
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.factors.kinds import FactorKind, Gated, SoftWindow, Table, Window
from gmruntime.factors.kinds.window import PlacePair
from gmruntime.graph import num_states
from gmruntime.windows.records import OFFSETS, SLOPED, TABLE, WINDOW, Edges
from gmruntime.windows.split import Split, Touching

NUM_ENTRIES_MAX = 1 << 26
"""Entries of the tables of pairs that are no windows."""

_BYTES_PER_ENTRY = 40
"""Of memory, for each of these: joined with others, and as exponentials."""

_NUM_ENTRIES_AT_ONCE = 1 << 20
"""Entries that are evaluated at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Factors of one place and of two.

    Attributes:
        start: where the states of each place begin in `unary`, and last their number.
        unary: log of what each state of each place is worth.
        edges: what joins two places, each two at most once.
    """

    start: Int64[np.ndarray, " places_and_end"]
    unary: Float64[np.ndarray, " states"]
    edges: Edges


@dataclass(slots=True, eq=False)
class _Found:
    """Edges as they are gathered: windows by numbers, all else by values of pairs.

    Of those there may be so many more.
    """

    ends: list[np.ndarray]
    codes: list[np.ndarray]
    ints: list[np.ndarray]
    reals: list[np.ndarray]
    tables: list[list[np.ndarray]]
    num_entries_left: int

    def add(self, ends: np.ndarray, code: int, ints: np.ndarray, reals: np.ndarray) -> None:
        self.ends.append(ends)
        self.codes.append(np.full(len(ends), code, np.int64))
        self.ints.append(ints)
        self.reals.append(reals)
        self.tables.append([_NOTHING] * len(ends))


_NOTHING = np.zeros(0)


class TooLargeError(Exception):
    """Tables of pairs would take more memory than there is."""


def pairs_of(
    split: Split, states: Int64[np.ndarray, "components _digits"], budget: Budget = UNLIMITED
) -> Pairs:
    """Return what is left of all components in one state of each context.

    Args:
        split: the graph.
        states: of each component, the state of each variable of its context; rows are as long as
            the longest.
        budget: ends it.

    Raises:
        TimeoutError: when the budget is spent.
        TooLargeError: where factors of two places are no windows, and too large as tables.
    """
    sizes = num_states(split.graph)[split.places].astype(np.int64)
    start = row_starts(sizes)
    unary = np.zeros(start[-1])
    num_entries_max = min(NUM_ENTRIES_MAX, budget.memory_bytes // _BYTES_PER_ENTRY)
    found = _Found([], [], [], [], [], num_entries_max)
    for one in split.touching:
        budget.check()
        _add(one, split, states, (start, unary), found, budget)
    return Pairs(start, unary, _joined(found, start, budget))


def some_of(pairs: Pairs, keep: Bool[np.ndarray, " places"]) -> Pairs:
    """Return some of the places alone, with all edges between them."""
    sizes = np.diff(pairs.start)
    number, edges = np.cumsum(keep) - 1, pairs.edges
    chosen = keep[edges.first] & keep[edges.second]
    lengths = np.diff(edges.table_start)
    own = Edges(
        *(number[edges.first[chosen]], number[edges.second[chosen]]),
        *(edges.code[chosen], edges.ints[chosen], edges.reals[chosen]),
        row_starts(lengths[chosen]),
        edges.tables[np.repeat(chosen, lengths)],
    )
    return Pairs(row_starts(sizes[keep]), pairs.unary[np.repeat(keep, sizes)], own)


def _add(
    one: Touching,
    split: Split,
    states: np.ndarray,
    places: tuple[np.ndarray, np.ndarray],
    found: _Found,
    budget: Budget,
) -> None:
    """Add the factors of one block, by how many places each still mentions."""
    start, unary = places
    if one.is_place.shape[1] == 1:
        # What every picture has: a table for each place.
        variables = np.searchsorted(split.places, one.block.scopes[:, 0])
        _add_unary(one.block.kind, one.tables, one.seen, 0, (start, unary), variables, budget)
        return
    given = one.seen
    if (one.digit >= 0).any():
        digit = np.maximum(one.digit, 0)
        known = states[one.component[:, None], digit]
        given = np.where(one.digit >= 0, known, one.seen).astype(np.int32)
    is_open = one.is_place
    kind = one.block.kind
    if isinstance(kind, PlacePair) and given.shape[1] == 3:
        # A gate that is a place itself is open to both.
        rows = given[:, 0] != 0
    else:
        rows = np.ones(len(given), np.bool_)
    is_alike = (is_open == is_open[0]).all()
    for pattern in is_open[:1] if is_alike else np.unique(is_open, axis=0):
        chosen = np.flatnonzero(rows & (is_open == pattern).all(axis=1))
        positions = np.flatnonzero(pattern)
        if not len(chosen):
            continue
        ends = np.searchsorted(split.places, one.block.scopes[chosen][:, positions])
        if len(positions) == 1:
            _add_unary(
                *(kind, one.tables[chosen], given[chosen], int(positions[0])),
                *((start, unary), ends[:, 0], budget),
            )
        elif isinstance(kind, PlacePair) and positions[0] == given.shape[1] - 2:
            found.add(ends, *_numbers_of(kind, one.tables[chosen]))
        else:
            own = one.tables[chosen], given[chosen]
            _add_tables(kind, *own, positions, start, ends, found, budget)


def _add_unary(
    kind: FactorKind,
    tables: np.ndarray,
    given: np.ndarray,
    position: int,
    places: tuple[np.ndarray, np.ndarray],
    ends: np.ndarray,
    budget: Budget,
) -> None:
    """Add factors that mention one place to what its states are worth."""
    if isinstance(kind, Gated) and position > 0:
        # Behind a closed gate there is nothing, behind an open one a table.
        is_open = given[:, 0] > 0
        tables, given, ends = tables[is_open], given[is_open, 1:], ends[is_open]
        kind, position = Table(kind.log_potentials), position - 1
    if not len(ends):
        return
    start, unary = places
    size = int(start[ends[0] + 1] - start[ends[0]])
    is_once = np.bincount(ends).max() == 1
    step = max(1, _NUM_ENTRIES_AT_ONCE // size)
    for first in range(0, len(ends), step):
        budget.check()
        some = slice(first, first + step)
        if isinstance(kind, Table):
            index: list[np.ndarray | slice] = [tables[some], *given[some].T]
            index[1 + position] = slice(None)
            values = kind.log_potentials[tuple(index)]
        else:
            values = _evaluated(kind, tables[some], given[some], [position], [size], budget)
        where = start[ends[some]][:, None] + np.arange(size)
        if is_once:
            unary[where] += values
        else:
            np.add.at(unary, where, values)


def _evaluated(
    kind: FactorKind,
    tables: np.ndarray,
    given: np.ndarray,
    positions: list[int],
    sizes: list[int],
    budget: Budget,
) -> np.ndarray:
    """Evaluate factors in all states of some positions, a row for each factor in C order."""
    count = int(np.prod(sizes))
    grid = np.indices(sizes).reshape(len(sizes), count)
    result = np.empty((len(given), count))
    step = max(1, _NUM_ENTRIES_AT_ONCE // count)
    for first in range(0, len(given), step):
        budget.check()
        some = slice(first, first + step)
        states = np.repeat(given[some], count, axis=0)
        for position, values in zip(positions, grid, strict=True):
            states[:, position] = np.tile(values, len(given[some]))
        values = kind.log_values(np.repeat(tables[some], count), states)
        result[some] = values.reshape(-1, count)
    return result


def _numbers_of(kind: PlacePair, tables: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Return windows as the compiled rules read them."""
    sides = np.tile(np.array([kind.rows, kind.columns], np.int64), (len(tables), 1))
    ints, reals = np.zeros((len(tables), 4), np.int64), np.zeros((len(tables), 2))
    ints[:, :2] = sides
    match kind:
        case Window():
            own = np.minimum(tables, len(kind.reach_rows) - 1)
            ints[:, 2], ints[:, 3] = kind.reach_rows[own], kind.reach_columns[own]
            return WINDOW, ints, reals
        case SoftWindow():
            own = np.minimum(tables, len(kind.slopes) - 1)
            reals[:, 0], reals[:, 1] = kind.slopes[own], kind.caps[own]
            return SLOPED, ints, reals
        case _:
            raise AssertionError(kind)


def _add_tables(
    kind: FactorKind,
    tables: np.ndarray,
    given: np.ndarray,
    positions: np.ndarray,
    start: np.ndarray,
    ends: np.ndarray,
    found: _Found,
    budget: Budget,
) -> None:
    """Add factors of two places that are no windows, written out."""
    sizes = (start[ends[0] + 1] - start[ends[0]]).tolist()
    found.num_entries_left -= len(ends) * sizes[0] * sizes[1]
    if found.num_entries_left < 0:
        raise TooLargeError
    values = _evaluated(kind, tables, given, positions.tolist(), sizes, budget)
    found.add(ends, TABLE, np.zeros((len(ends), 4), np.int64), np.zeros((len(ends), 2)))
    found.tables[-1] = list(values)


# --- Several factors of the same two places ----------------------------------------------


def _joined(found: _Found, start: np.ndarray, budget: Budget) -> Edges:
    """Give every two places one edge, whatever factors they share."""
    ends = np.concatenate([np.zeros((0, 2), np.int64), *found.ends])
    code = np.concatenate([np.zeros(0, np.int64), *found.codes])
    ints = np.concatenate([np.zeros((0, 4), np.int64), *found.ints])
    reals = np.concatenate([np.zeros((0, 2)), *found.reals])
    tables = [table for block in found.tables for table in block]
    is_turned = ends[:, 0] > ends[:, 1]
    for e in np.flatnonzero(is_turned & (code == TABLE)).tolist():
        sizes = [int(start[v + 1] - start[v]) for v in ends[e]]
        tables[e] = np.ascontiguousarray(tables[e].reshape(sizes).T).reshape(-1)
    ends = np.sort(ends, axis=1)
    key = ends[:, 0] * len(start) + ends[:, 1]
    order = np.argsort(key, kind="stable")
    firsts = np.flatnonzero(np.diff(key[order], prepend=-1))
    if len(firsts) < len(order):
        groups = np.split(order, firsts[1:])
        for members in within(groups, budget):
            if len(members) > 1:
                e = int(members[0])
                own = code[members], ints[members], reals[members]
                sizes = [int(start[v + 1] - start[v]) for v in ends[e]]
                code[e], ints[e], reals[e], tables[e] = _product(
                    *own, [tables[m] for m in members], sizes
                )
        kept = order[firsts]
        ends, code, ints, reals = ends[kept], code[kept], ints[kept], reals[kept]
        tables = [tables[e] for e in kept.tolist()]
    lengths = np.array([len(table) for table in tables], np.int64)
    flat = np.concatenate([np.zeros(0), *tables]) if lengths.any() else _NOTHING
    return Edges(
        *(np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1])),
        *(code, ints, reals, row_starts(lengths), flat),
    )


def _product(
    code: np.ndarray,
    ints: np.ndarray,
    reals: np.ndarray,
    tables: list[np.ndarray],
    sizes: list[int],
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Join factors of the same two places into one."""
    is_alike = (code != TABLE).all() and (ints[:, :2] == ints[0, :2]).all()
    if is_alike and (code == WINDOW).all():
        # All are at most so far apart: the least reach along each axis.
        least = np.concatenate([ints[0, :2], ints[:, 2:].min(axis=0)])
        return WINDOW, least, reals[0], _NOTHING
    if is_alike:
        rows, columns = ints[0, :2].tolist()
        down, aside = np.divmod(np.arange(rows * columns), columns)
        table = sum(_apart(*one, down, aside) for one in zip(code, ints, reals, strict=True))
        return OFFSETS, ints[0], reals[0], np.asarray(table)
    one, other = np.divmod(np.arange(sizes[0] * sizes[1]), sizes[1])
    table = np.zeros(len(one))
    for kind, sizes_of, price, own in zip(code, ints, reals, tables, strict=True):
        if kind == TABLE:
            table = table + own
        else:
            columns = int(sizes_of[1])
            down = np.abs(one // columns - other // columns)
            aside = np.abs(one % columns - other % columns)
            table = table + _apart(kind, sizes_of, price, down, aside)
    return TABLE, ints[0], reals[0], table


def _apart(
    code: int, ints: np.ndarray, reals: np.ndarray, down: np.ndarray, aside: np.ndarray
) -> np.ndarray:
    """Evaluate a window, hard or soft, at distances."""
    if code == WINDOW:
        return np.where((down <= ints[2]) & (aside <= ints[3]), 0.0, -np.inf)
    return -np.minimum(reals[0] * (down + aside), reals[1])
