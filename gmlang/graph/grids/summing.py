"""What many instances of a law say of the same variables, added up in one table."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64

_ENTRIES = 1 << 22
"""So many entries are worked out at once, before instances are added up."""


_MANY = 4
"""Instances of a group from which on products of matrices are worth their while."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """The logs of what instances say, apart in where they hold and in what they say there.

    Attributes:
        scopes: the variables of each instance, finite ones before reals.
        num_finite: how many of them are finite.
        sizes: of all, in states.
        holds: (instances or 1, *states of the finite ones or 1).
        logs: (instances or 1, *states or 1); -inf is impossible.
        roundings: by how much the logs may be off, relative to the last digit, likewise.
    """

    scopes: Int64[np.ndarray, "instances axes"]
    num_finite: int
    sizes: tuple[int, ...]
    holds: np.ndarray
    logs: np.ndarray
    roundings: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """The logs of what is said of the same variables, one table for each group of them.

    Attributes:
        scopes: of each group.
        logs: (groups, *states).
        roundings: likewise.
    """

    scopes: Int64[np.ndarray, "groups axes"]
    logs: Float64[np.ndarray, "groups ..."]
    roundings: Float64[np.ndarray, "groups ..."]


def summed(said: Said) -> Summed:
    """Add up what is said of the same variables."""
    scopes, group = np.unique(said.scopes, axis=0, return_inverse=True)
    group, count = group.reshape(-1), len(said.scopes)
    shape = len(scopes), *said.sizes
    logs, roundings = np.zeros(shape), np.zeros(shape)
    counts = np.bincount(group, minlength=len(scopes))
    order = np.argsort(group, kind="stable")
    ends = np.append(0, np.cumsum(counts))
    is_apart = all(n == 1 for n in said.logs.shape[1 : 1 + said.num_finite])
    entries = int(np.prod(said.sizes, dtype=np.int64))
    if is_apart and count >= _MANY * len(scopes):
        for k in range(len(scopes)):
            own = order[ends[k] : ends[k + 1]]
            logs[k], roundings[k] = _by_products(said, own)
        return Summed(scopes, logs, roundings)
    for first, last in _chunks(counts, ends, max(1, _ENTRIES // max(1, entries))):
        own = order[ends[first] : ends[last]]
        starts = ends[first:last] - ends[first]
        for found, array in ((logs, said.logs), (roundings, said.roundings)):
            each = np.where(_expanded(said, own), _taken(array, own), 0.0)
            each = np.broadcast_to(each, (len(own), *said.sizes))
            found[first:last] = np.add.reduceat(each, starts, axis=0)
    return Summed(scopes, logs, roundings)


DEEP = float(1 << 21)
"""Nats below the most of a table: what is further down is nothing, and strong weights are slow."""


def floored(logs: np.ndarray) -> np.ndarray:
    """Raise what is possible, and further down than can matter, to where strong weights begin.

    >>> floored(np.array([0.0, -1e30, -np.inf])).tolist()
    [0.0, -2097152.0, -inf]
    """
    most = logs.max(initial=-np.inf)
    if not np.isfinite(most):
        return logs
    return np.where(np.isneginf(logs), logs, np.maximum(logs, most - DEEP))


def is_about_same(one: Summed, other: Summed) -> bool:
    """Say whether two are about the same variables."""
    return np.array_equal(one.scopes, other.scopes)


def together(one: Summed, other: Summed) -> Summed:
    """Add up two that are about the same variables."""
    return Summed(one.scopes, one.logs + other.logs, one.roundings + other.roundings)


def _chunks(counts: np.ndarray, ends: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Give runs of groups that have few instances together, or are alone."""
    first = 0
    while first < len(counts):
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + most, side="right")) - 1)
        yield first, last
        first = last


def _taken(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return array if len(array) == 1 else array[rows]


def _expanded(said: Said, rows: np.ndarray) -> np.ndarray:
    holds = _taken(said.holds, rows)
    return holds.reshape(*holds.shape, *([1] * (len(said.sizes) - said.num_finite)))


def _by_products(said: Said, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add up one group, whose logs depend on reals alone, by products of matrices."""
    finite, reals = said.sizes[: said.num_finite], said.sizes[said.num_finite :]
    holds = np.broadcast_to(_taken(said.holds, rows), (len(rows), *finite))
    holds = holds.reshape(len(rows), -1).astype(np.float64)

    def along(array: np.ndarray) -> np.ndarray:
        own = _taken(array, rows)
        own = own.reshape(len(own), *own.shape[1 + said.num_finite :])
        return np.broadcast_to(own, (len(rows), *reals)).reshape(len(rows), -1)

    logs, roundings = along(said.logs), along(said.roundings)
    is_none = np.isneginf(logs)
    total = holds.T @ np.where(is_none, 0.0, logs)
    if is_none.any():
        total[holds.T @ is_none > 0] = -np.inf
    rounding = holds.T @ np.where(np.isfinite(roundings), roundings, 0.0)
    return total.reshape(*finite, *reals), rounding.reshape(*finite, *reals)
