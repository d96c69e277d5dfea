"""Two places of a grid near each other."""

from dataclasses import dataclass

import numpy as np

from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import Constraint, FactorKind, allowed
from gmruntime.factors.parameters import integer, needs_two
from gmruntime.factors.semiring import Messages, join


@dataclass(frozen=True, slots=True, eq=False)
class Window(Constraint):
    """Two positions on a `rows` x `columns` grid (state = row * columns + column).

    0 where they are at most `reach_rows` rows and `reach_columns` columns apart, else -inf.
    """

    rows: int
    columns: int
    reach_rows: int
    reach_columns: int

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        needs_two(arity)
        return Window(
            integer("rows", self.rows, lowest=1),
            integer("columns", self.columns, lowest=1),
            integer("reach_rows", self.reach_rows, lowest=0),
            integer("reach_columns", self.reach_columns, lowest=0),
        )

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        rows, columns = np.divmod(states, self.columns)
        near_rows = np.abs(rows[:, 0] - rows[:, 1]) <= self.reach_rows
        near_columns = np.abs(columns[:, 0] - columns[:, 1]) <= self.reach_columns
        return allowed(near_rows & near_columns)

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return self.rows * self.columns

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says: a filter along rows, then along columns."""
        return [self._one_way(told, is_max) for told in reversed(incoming)]

    def _one_way(self, told: np.ndarray, is_max: bool) -> np.ndarray:
        grid = told.reshape(*told.shape[:2], self.rows, self.columns)
        grid = _box(grid, 2, self.reach_rows, is_max)
        return _box(grid, 3, self.reach_columns, is_max).reshape(told.shape)


def _box(values: np.ndarray, axis: int, reach: int, is_max: bool) -> np.ndarray:
    result = values.copy()
    size = values.shape[axis]
    ahead, behind = [slice(None)] * 4, [slice(None)] * 4
    for shift in range(1, min(reach, size - 1) + 1):
        ahead[axis], behind[axis] = slice(shift, None), slice(None, size - shift)
        for to, source in ((ahead, behind), (behind, ahead)):
            result[tuple(to)] = join(result[tuple(to)], values[tuple(source)], is_max)
    return result
