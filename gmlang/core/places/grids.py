"""Grids: domains whose values are places, pairs of a row and a column."""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Grid:
    """Places in rows; value k lies in row `row + k // columns`, column `column + k % columns`.

    Attributes:
        rows: how many.
        columns: how many.
        row: the first.
        column: the first.
    """

    rows: int
    columns: int
    row: int = 0
    column: int = 0

    @property
    def num_places(self) -> int:
        """How many places there are."""
        return self.rows * self.columns

    def value_of(self, row: int, column: int) -> int | None:
        """Return the value that is a place; None outside.

        >>> Grid(3, 3, -1, -1).value_of(0, -1)
        3
        """
        down, aside = row - self.row, column - self.column
        if not (0 <= down < self.rows and 0 <= aside < self.columns):
            return None
        return down * self.columns + aside

    def shown(self) -> str:
        """Write the domain as an author would.

        >>> Grid(25, 25, -12, -12).shown(), Grid(2, 3).shown()
        ('shift(12)', 'grid(2, 3)')
        """
        if self.row < 0:
            return f"shift({-self.row})"
        return f"grid({self.rows}, {self.columns})"

    def extent(self) -> str:
        """Say which rows and columns there are."""
        rows = f"{self.row}..{self.row + self.rows - 1}"
        return f"rows {rows}, columns {self.column}..{self.column + self.columns - 1}"


def shown_place(row: int, column: int) -> str:
    """Write a place.

    >>> shown_place(3, -1)
    '(3, -1)'
    """
    return f"({row}, {column})"


@lru_cache(maxsize=16)
def names_of(grid: Grid) -> tuple[str, ...]:
    """Write all places of a grid, in order."""
    return tuple(
        shown_place(grid.row + down, grid.column + aside)
        for down in range(grid.rows)
        for aside in range(grid.columns)
    )
