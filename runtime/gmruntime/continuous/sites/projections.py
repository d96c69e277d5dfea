"""Many weighted sums of a few reals each, as dense arrays: what they are, and what they weigh."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64

_NARROW = 6
"""Sums of so many reals are scattered pair by pair; wider ones are multiplied as matrices."""


@dataclass(frozen=True, slots=True, eq=False)
class _Alike:
    """Sums of as many reals each.

    Attributes:
        rows: their numbers.
        columns, coefficients: of each; empty where `dense` says it.
        dense: all coefficients, of wide sums.
    """

    rows: Int64[np.ndarray, " some"]
    columns: Int64[np.ndarray, "some width"]
    coefficients: Float64[np.ndarray, "some width"]
    dense: Float64[np.ndarray, "some reals"] | None


@dataclass(frozen=True, slots=True, eq=False)
class Projections:
    """Weighted sums a . x of reals, one a row.

    Attributes:
        count: of the sums.
        num_reals: of the reals.
    """

    count: int
    num_reals: int
    _groups: tuple[_Alike, ...]

    def of(self, values: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " rows"]:
        """Return all sums."""
        found = np.zeros(self.count)
        for one in self._groups:
            if one.dense is not None:
                found[one.rows] = one.dense @ values
            else:
                found[one.rows] = (one.coefficients * values[one.columns]).sum(axis=1)
        return found

    def adjoint(self, weights: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " reals"]:
        """Return the weighted sum of the rows of coefficients."""
        found = np.zeros(self.num_reals)
        for one in self._groups:
            own = weights[one.rows]
            if one.dense is not None:
                found += own @ one.dense
            else:
                each = one.coefficients * own[:, None]
                found += np.bincount(one.columns.ravel(), each.ravel(), self.num_reals)
        return found

    def gram(self, weights: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, "reals reals"]:
        """Return A' W A."""
        size = self.num_reals
        found = np.zeros((size, size))
        for one in self._groups:
            own = weights[one.rows]
            if one.dense is not None:
                found += one.dense.T @ (own[:, None] * one.dense)
                continue
            each = one.coefficients * own[:, None]
            pairs = each[:, :, None] * one.coefficients[:, None, :]
            places = one.columns[:, :, None] * size + one.columns[:, None, :]
            found += np.bincount(places.ravel(), pairs.ravel(), size * size).reshape(size, size)
        return found

    def variances(
        self, covariance: Float64[np.ndarray, "reals reals"]
    ) -> Float64[np.ndarray, " rows"]:
        """Return the variance of each sum."""
        found = np.zeros(self.count)
        for one in self._groups:
            if one.dense is not None:
                found[one.rows] = np.einsum("ij,ij->i", one.dense @ covariance, one.dense)
                continue
            pairs = one.coefficients[:, :, None] * one.coefficients[:, None, :]
            own = covariance[one.columns[:, :, None], one.columns[:, None, :]]
            found[one.rows] = (pairs * own).sum(axis=(1, 2))
        return found


def projections_of(
    row_start: Int64[np.ndarray, " rows_and_end"],
    columns: np.ndarray,
    coefficients: Float64[np.ndarray, " entries"],
    num_reals: int,
    which: Int64[np.ndarray, " some"],
) -> Projections:
    """Lay some rows out.

    Args:
        row_start: where the entries of each row begin.
        columns: the real of each entry.
        coefficients: of the entries.
        num_reals: of the reals.
        which: the rows.
    """
    widths = np.diff(row_start)[which]
    groups: list[_Alike] = []
    for width in np.unique(widths).tolist():
        rows = np.flatnonzero(widths == width)
        entries = row_start[which[rows]][:, None] + np.arange(width)
        own, by = columns[entries].astype(np.int64), coefficients[entries]
        if width <= _NARROW:
            groups.append(_Alike(rows, own, by, None))
            continue
        dense = np.zeros((len(rows), num_reals))
        np.add.at(dense, (np.arange(len(rows))[:, None], own), by)
        groups.append(_Alike(rows, own[:0], by[:0], dense))
    return Projections(len(which), num_reals, tuple(groups))
