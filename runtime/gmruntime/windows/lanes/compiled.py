"""Compiled sums up forests of places, of several rows side by side. Importing it imports numba.

Numbers are plain, each message scaled by its largest; a row for which that would lose what is small
is marked, and left to whoever adds up logs. Sums over windows only add: by blocks of their width,
from both ends (van Herk 1992, "A fast algorithm for local minimum and maximum filters").
"""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.compiling import loop

_LEAST, _MOST = 1e-290, 1e300
"""A smaller number may have lost digits, or be 0 by rounding; sums of larger ones overflow."""


class Grids(NamedTuple):
    """A forest of places whose states are worth one of two numbers, by what is seen at a site.

    Attributes:
        order: all places, parents before children.
        parent: of each place, -1 of roots.
        number: of each root, where its sum is written.
        start: where the states of each place begin, and last their number.
        rows: of the grid of each place.
        columns: likewise.
        reach_rows: of the window between a place and its parent.
        reach_columns: likewise.
        site: of each state.
        if_true: what it is worth where that is seen, less the largest of the place: no logs.
        if_false: what it is worth elsewhere.
        log_scale: of each root, the logs of the largest of all places below, added up.
    """

    order: Int64[np.ndarray, " places"]
    parent: Int64[np.ndarray, " places"]
    number: Int64[np.ndarray, " places"]
    start: Int64[np.ndarray, " places_and_end"]
    rows: Int64[np.ndarray, " places"]
    columns: Int64[np.ndarray, " places"]
    reach_rows: Int64[np.ndarray, " places"]
    reach_columns: Int64[np.ndarray, " places"]
    site: Int64[np.ndarray, " states"]
    if_true: Float64[np.ndarray, " states"]
    if_false: Float64[np.ndarray, " states"]
    log_scale: Float64[np.ndarray, " places"]


class Room(NamedTuple):
    """What the sums are worked out in.

    Attributes:
        values: a piece for each place that has heard of children and not yet spoken.
        is_free: which pieces nobody uses.
        piece: of each place, -1 before it has one.
        work: two pieces more.
        highest: of each lane.
        logs: of each place, what was taken out of the numbers below it.
    """

    values: Float64[np.ndarray, "pieces states_and_lanes"]
    is_free: Bool[np.ndarray, " pieces"]
    piece: Int64[np.ndarray, " places"]
    work: Float64[np.ndarray, "two states_and_lanes"]
    highest: Float64[np.ndarray, " lanes"]
    logs: Float64[np.ndarray, "places lanes"]


@loop
def pieces_needed(
    order: Int64[np.ndarray, " places"],
    parent: Int64[np.ndarray, " places"],
    has: Bool[np.ndarray, " places"],
) -> int:
    """Count the pieces of room that are in use at once, at most.

    Args:
        order: parents before children.
        parent: -1 of roots.
        has: scratch.
    """
    used, most = 0, 0
    for v in range(len(order)):
        has[v] = False
    for k in range(len(order) - 1, -1, -1):
        v = int(order[k])
        p = int(parent[v])
        used += 0 if has[v] else 1
        has[v] = True
        if p >= 0 and not has[p]:
            has[p] = True
            used += 1
        most = max(most, used)
        used -= 1
    return most


@loop
def climb_lanes(
    grids: Grids,
    seen: np.ndarray,
    room: Room,
    out: Float64[np.ndarray, "numbers lanes"],
    is_lost: Bool[np.ndarray, " lanes"],
) -> None:
    """Add up all that hangs from each root, row by row.

    Args:
        grids: the forest.
        seen: uint8[sites, lanes], what each row shows at each site.
        room: scratch.
        out: is filled with logs.
        is_lost: lanes for which that would lose digits become true.
    """
    lanes = seen.shape[1]
    for v in range(len(grids.order)):
        room.piece[v] = -1
    for k in range(len(room.is_free)):
        room.is_free[k] = True
    for k in range(len(grids.order) - 1, -1, -1):
        v = int(grids.order[k])
        if room.piece[v] < 0:
            _begin(grids, v, seen, room)
        own, p = room.piece[v], int(grids.parent[v])
        count = int(grids.start[v + 1] - grids.start[v])
        said = room.values[own, : count * lanes]
        _scale(said, count, lanes, room.highest, room.logs[v], is_lost)
        if p < 0:
            for lane in range(lanes):
                room.highest[lane] = 0.0
            for x in range(count):
                for lane in range(lanes):
                    room.highest[lane] += said[x * lanes + lane]
            for lane in range(lanes):
                total = np.log(room.highest[lane]) + room.logs[v, lane] + grids.log_scale[v]
                out[grids.number[v], lane] = total
        else:
            if room.piece[p] < 0:
                _begin(grids, p, seen, room)
            rows, columns = int(grids.rows[v]), int(grids.columns[v])
            one, other = room.work[0, : count * lanes], room.work[1, : count * lanes]
            for r in range(rows):
                a, b, aside = r * columns * lanes, (r + 1) * columns * lanes, grids.reach_columns[v]
                _windows(said[a:b], one[a:b], other[a:b], columns, lanes, int(aside))
            _windows(one, said, other, rows, columns * lanes, int(grids.reach_rows[v]))
            heard = room.values[room.piece[p], : count * lanes]
            is_outside = False
            for x in range(count * lanes):
                heard[x] *= said[x]
                is_outside |= not _LEAST <= heard[x] <= _MOST
            if is_outside:
                for x in range(count):
                    for lane in range(lanes):
                        is_lost[lane] |= not _LEAST <= heard[x * lanes + lane] <= _MOST
            for lane in range(lanes):
                room.logs[p, lane] += room.logs[v, lane]
        room.is_free[own] = True


@loop
def _begin(grids: Grids, v: int, seen: np.ndarray, room: Room) -> None:
    """Give a place room, and write what its states are worth by themselves."""
    lanes = seen.shape[1]
    free = 0
    while not room.is_free[free]:
        free += 1
    room.is_free[free] = False
    room.piece[v] = free
    values, first = room.values[free], grids.start[v]
    for x in range(grids.start[v + 1] - first):
        if_true, if_false = grids.if_true[first + x], grids.if_false[first + x]
        site = grids.site[first + x]
        for lane in range(lanes):
            values[x * lanes + lane] = if_true if seen[site, lane] else if_false
    for lane in range(lanes):
        room.logs[v, lane] = 0.0


@loop
def _scale(
    said: np.ndarray,
    count: int,
    lanes: int,
    highest: np.ndarray,
    logs: np.ndarray,
    is_lost: np.ndarray,
) -> None:
    """Divide each lane by its largest number, and look whether some are too small."""
    for lane in range(lanes):
        highest[lane] = 0.0
    for x in range(count):
        for lane in range(lanes):
            highest[lane] = max(highest[lane], said[x * lanes + lane])
    for lane in range(lanes):
        if not highest[lane] > _LEAST:
            is_lost[lane] = True
            highest[lane] = 1.0
        logs[lane] += np.log(highest[lane])
        highest[lane] = 1.0 / highest[lane]
    for x in range(count):
        for lane in range(lanes):
            is_lost[lane] |= said[x * lanes + lane] < _LEAST
            said[x * lanes + lane] *= highest[lane]


@loop
def _windows(
    said: np.ndarray, out: np.ndarray, ahead: np.ndarray, count: int, width: int, reach: int
) -> None:
    """Add up what is at most `reach` away along one axis, of `count` pieces of so many numbers.

    Every window is the end of one block and the beginning of the next.
    """
    reach = min(reach, count - 1)
    if reach == 0:
        for x in range(count * width):
            out[x] = said[x]
        return
    block = 2 * reach + 1
    # Sums from each piece to the end of its block.
    for i in range(count - 1, -1, -1):
        here = i * width
        if i % block == block - 1 or i == count - 1:
            for x in range(width):
                ahead[here + x] = said[here + x]
        else:
            for x in range(width):
                ahead[here + x] = said[here + x] + ahead[here + width + x]
    # And from the beginning of its block to each piece, `reach` further on, as far as there are.
    for i in range(-reach, count):
        j = i + reach
        here, there = i * width, j * width
        if j < count and j % block != 0:
            # Sums up to j are kept in `said`, which nobody needs any more.
            for x in range(width):
                said[there + x] += said[there - width + x]
        if i < 0:
            continue
        first, last = max(0, i - reach), min(j, count - 1)
        if first % block == 0:
            for x in range(width):
                out[here + x] = said[last * width + x]
        elif first // block == last // block:
            # The border cuts the last block short: from here to its end.
            for x in range(width):
                out[here + x] = ahead[first * width + x]
        else:
            for x in range(width):
                out[here + x] = ahead[first * width + x] + said[last * width + x]
