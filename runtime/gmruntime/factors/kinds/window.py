"""Two places of a grid near each other: forbidden beyond a reach, or paid for by distance."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import Constraint, FactorKind, allowed
from gmruntime.factors.parameters import (
    ParameterError,
    integer,
    integers,
    non_negative,
    shared,
)
from gmruntime.factors.semiring import Messages, join, reduce


@dataclass(frozen=True, slots=True, eq=False)
class PlacePair(FactorKind):
    """Two positions on a `rows` x `columns` grid (state = row * columns + column).

    Before them may stand a gate, a variable of two states: in state 0 the factor is 1.
    """

    rows: int
    columns: int

    is_large = True

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return 2 if arity == 3 and position == 0 else self.rows * self.columns

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        rows, columns = np.divmod(states[:, -2:].astype(np.int64), self.columns)
        apart = np.abs(rows[:, 0] - rows[:, 1]), np.abs(columns[:, 0] - columns[:, 1])
        values = self.log_apart(table_index, *apart)
        return values if states.shape[1] == 2 else np.where(states[:, 0] == 0, 0.0, values)

    @abstractmethod
    def log_apart(
        self,
        table_index: Int64[np.ndarray, " pairs"],
        rows: Int64[np.ndarray, " pairs"],
        columns: Int64[np.ndarray, " pairs"],
    ) -> Float64[np.ndarray, " pairs"]:
        """Evaluate factors of places so many rows and columns apart."""

    @abstractmethod
    def one_way(
        self, told: Float64[np.ndarray, "batch factors states"], is_max: bool, budget: Budget
    ) -> Float64[np.ndarray, "batch factors states"]:
        """Compute what one place says to the other; both ways are alike."""

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says: along rows, then along columns."""
        near = [self.one_way(told, is_max, budget) for told in reversed(incoming[-2:])]
        if len(incoming) == 2:
            return near
        gate, first, second = incoming
        total_first, total_second = reduce(first, (2,), is_max), reduce(second, (2,), is_max)
        closed = gate[:, :, 0] + total_second, gate[:, :, 0] + total_first
        pairs = zip(near, closed, strict=True)
        said = [join(gate[:, :, 1:] + m, off[..., None], is_max) for m, off in pairs]
        to_gate = [total_first + total_second, reduce(first + near[0], (2,), is_max)]
        return [np.stack(to_gate, axis=2), *said]


def _checked_sides(kind: PlacePair, arity: int) -> dict[str, int]:
    if arity not in (2, 3):
        raise ParameterError(
            f"it relates 2 places, and a gate if there is one before; its scopes hold {arity}"
        )
    return {name: integer(name, getattr(kind, name), lowest=1) for name in ("rows", "columns")}


# --- Windows -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Window(PlacePair, Constraint):
    """Two positions on a `rows` x `columns` grid (state = row * columns + column).

    0 where they are at most `reach_rows` rows and `reach_columns` columns apart, else -inf. A gate
    may stand before them: in state 0 everything is allowed.
    """

    reach_rows: Int64[np.ndarray, " tables"]
    reach_columns: Int64[np.ndarray, " tables"]

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        sides = _checked_sides(self, arity)
        found = [_reach(name, getattr(self, name)) for name in ("reach_rows", "reach_columns")]
        reach_rows, reach_columns = shared(reach_rows=found[0], reach_columns=found[1])
        return Window(**sides, reach_rows=reach_rows, reach_columns=reach_columns)

    def log_apart(
        self, table_index: np.ndarray, rows: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        """Do as `PlacePair` says."""
        near_rows = rows <= self.reach_rows[table_index]
        return allowed(near_rows & (columns <= self.reach_columns[table_index]))

    def one_way(self, told: np.ndarray, is_max: bool, budget: Budget) -> np.ndarray:
        """Do as `PlacePair` says: a filter along each axis."""
        grid = told.reshape(*told.shape[:2], self.rows, self.columns)
        grid = _boxes(grid, 2, self.reach_rows, is_max, budget)
        return _boxes(grid, 3, self.reach_columns, is_max, budget).reshape(told.shape)


def _reach(name: str, values: object) -> np.ndarray:
    found = integers(name, values, 1)
    if (found < 0).any():
        raise ParameterError(f"{name} is {found[found < 0][0]}; it must be at least 0")
    return found


def _boxes(
    values: np.ndarray, axis: int, reaches: np.ndarray, is_max: bool, budget: Budget
) -> np.ndarray:
    """Join what lies within each factor's reach along an axis."""
    different = np.unique(reaches)
    if len(different) == 1:
        return _box(values, axis, int(different[0]), is_max)
    result = np.empty(values.shape)
    for reach in different:
        budget.check()
        members = reaches == reach
        result[:, members] = _box(values[:, members], axis, int(reach), is_max)
    return result


def _box(values: np.ndarray, axis: int, reach: int, is_max: bool) -> np.ndarray:
    """Join the 2 * reach + 1 values around each, by powers of two of them joined before.

    Intervals are joined that do not overlap, so that sums count everything once.
    """
    size = values.shape[axis]
    reach = min(reach, size - 1)
    shape = list(values.shape)
    shape[axis] = size + 2 * reach
    # joined[i]: the values i .. i + width - 1, where what is outside adds nothing.
    joined = np.full(shape, -np.inf)
    joined[_along(axis, reach, reach + size)] = values
    result = np.full(values.shape, -np.inf)
    start, width, length = 0, 1, 2 * reach + 1
    while True:
        if length & width:
            result = join(result, joined[_along(axis, start, start + size)], is_max)
            start += width
        width *= 2
        if width > length:
            return result
        step, room = width // 2, joined.shape[axis]
        ahead = np.full(joined.shape, -np.inf)
        ahead[_along(axis, 0, room - step)] = joined[_along(axis, step, room)]
        joined = join(joined, ahead, is_max)


def _along(axis: int, start: int, stop: int) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, slice(start, stop))


# --- Soft windows ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class SoftWindow(PlacePair):
    """Two positions on a `rows` x `columns` grid (state = row * columns + column).

    log f = -min(slopes * distance, caps), where the distance is rows plus columns apart; slopes
    and caps are at least 0. A gate may stand before them: in state 0 this is 0.
    """

    slopes: Float64[np.ndarray, " tables"]
    caps: Float64[np.ndarray, " tables"]

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        sides = _checked_sides(self, arity)
        slopes, caps = non_negative("slopes", self.slopes, 1), non_negative("caps", self.caps, 1)
        slopes, caps = shared(slopes=slopes, caps=caps)
        return SoftWindow(**sides, slopes=slopes, caps=caps)

    def log_apart(
        self, table_index: np.ndarray, rows: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        """Do as `PlacePair` says."""
        return -np.minimum(self.slopes[table_index] * (rows + columns), self.caps[table_index])

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.zeros(1)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return -np.minimum(self.caps, self.slopes * (self.rows + self.columns - 2))

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        return ()

    def tempered(self, shape: Sequence[int], temperature: float) -> Self:
        """Do as `FactorKind` says."""
        scale = temperature or 1.0
        return replace(self, slopes=self.slopes / scale, caps=self.caps / scale)

    def one_way(self, told: np.ndarray, is_max: bool, budget: Budget) -> np.ndarray:
        """Do as `PlacePair` says; maxima by two passes along each axis, and the cap.

        Source: Felzenszwalb and Huttenlocher (2006), "Efficient belief propagation for early
        vision", section 4.1.
        """
        if not is_max:
            return self._sums(told, budget)
        grid = told.reshape(*told.shape[:2], self.rows, self.columns)
        grid = _ramps(_ramps(grid, 2, self.slopes), 3, self.slopes)
        capped = told.max(axis=2, keepdims=True) - self.caps[None, :, None]
        return np.maximum(grid.reshape(told.shape), capped)

    def _sums(self, told: np.ndarray, budget: Budget) -> np.ndarray:
        """Add up what is nearer than the cap place by place, and all the rest at once.

        exp(-min(s d, c)) = exp(-c) + (exp(-s d) - exp(-c) where s d < c): nothing is subtracted
        from what is added up.
        """
        grid = told.reshape(*told.shape[:2], self.rows, self.columns)
        far = reduce(told, (2,), is_max=False) - self.caps[None, :]
        result = np.broadcast_to(far[..., None, None], grid.shape).copy()
        for row, column in product(range(self.rows), range(self.columns)):
            nats = self.slopes * (row + column)
            if not (nats < self.caps).any():
                continue
            budget.check()
            spare = np.minimum(nats - self.caps, 0.0)
            with np.errstate(divide="ignore"):
                extra = (np.log(-np.expm1(spare)) - nats)[None, :, None, None]
            for down, aside in {(row, column), (row, -column), (-row, column), (-row, -column)}:
                to, source = _moved(self.rows, down), _moved(self.columns, aside)
                here = (slice(None), slice(None), to[0], source[0])
                there = (slice(None), slice(None), to[1], source[1])
                result[here] = join(result[here], grid[there] + extra, is_max=False)
        return result.reshape(told.shape)


def _moved(size: int, by: int) -> tuple[slice, slice]:
    """Return where something arrives that is moved along an axis, and where it was."""
    return slice(max(by, 0), size + min(by, 0)), slice(max(-by, 0), size - max(by, 0))


def _ramps(values: np.ndarray, axis: int, slopes: np.ndarray) -> np.ndarray:
    """Take the largest value less the way to it, along an axis."""
    lines = np.moveaxis(values, axis, -1)
    ramp = slopes[None, :, None, None] * np.arange(lines.shape[-1])
    forward = np.maximum.accumulate(lines + ramp, axis=-1) - ramp
    backward = np.maximum.accumulate((lines - ramp)[..., ::-1], axis=-1)[..., ::-1] + ramp
    # What is on the spot is not moved, nor rounded.
    return np.moveaxis(np.maximum(lines, np.maximum(forward, backward)), -1, axis)
