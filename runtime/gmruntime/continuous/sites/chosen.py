"""Rows at many settings of some chosen reals, which are parameters there: offsets, and sites.

What is linear in reals keeps its coefficients; chosen reals only move its offsets.
"""

from dataclasses import replace

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.continuous.mixed import RealFactorBlock, Rows

_ENTRIES_AT_ONCE = 1 << 16
"""Of projections: larger arrays leave the caches."""


def moved(
    rows: Rows,
    block: RealFactorBlock,
    place: Int64[np.ndarray, " reals"],
    values: Float64[np.ndarray, "settings chosen"],
) -> Rows:
    """Return rows with the axis of settings in front, chosen reals taken into their offsets.

    Args:
        rows: with that axis, which may be 1 long.
        block: whose they are.
        place: of each real among the chosen ones; -1 for the others.
        values: of the chosen ones at each setting.
    """
    where = place[block.real_scopes]
    known = np.where(where >= 0, values[:, where], 0.0)
    arity = block.scopes.shape[1]
    known = known.reshape(*known.shape[:2], *([1] * arity), known.shape[2])
    offsets = rows.offsets - (rows.coefficients * known).sum(axis=-1)
    return replace(rows, offsets=offsets)


def site_logs(
    rows: Rows,
    block: RealFactorBlock,
    place: Int64[np.ndarray, " reals"],
    values: Float64[np.ndarray, "settings chosen"],
    assignments: Int32[np.ndarray, "assignments variables"],
) -> Float64[np.ndarray, "assignments settings"]:
    """Return what the sites of a block say in all assignments and at all settings, nats.

    Args:
        rows: with the axis of settings in front, which may be 1 long.
        block: the sites; all their reals are chosen.
        place: as in `moved`.
        values: likewise.
        assignments: of the finite variables.
    """
    count, settings = len(block.scopes), len(values)
    found = np.zeros((len(assignments), settings))
    assert block.site is not None
    if not block.scopes.shape[1]:
        step = max(1, _ENTRIES_AT_ONCE // max(1, count))
        dense = _dense(rows, block, place, values.shape[1])
        for first in range(0, settings, step):
            part = slice(first, first + step)
            some = _some_settings(rows, part)
            weights = _rows_of(some.weights, count)
            if dense is None:
                z = -moved(some, block, place, values[part]).offsets
            else:
                z = values[part] @ dense - some.offsets
            sums = block.site.log_sums(z, weights)
            found[:, part] = sums + np.broadcast_to(some.log_scales, (len(weights), count)).sum(1)
        return found
    arrays = moved(rows, block, place, values)
    table = np.arange(count)
    for k, states in enumerate(assignments):
        picked = [states[block.scopes[:, axis]] for axis in range(block.scopes.shape[1])]
        offsets, weights, scales = (
            np.broadcast_to(_entries(array, table, picked), (settings, count))
            for array in (arrays.offsets, arrays.weights, arrays.log_scales)
        )
        logs = np.where(weights > 0.0, weights * block.site.log_density(-offsets), 0.0)
        found[k] = (logs + scales).sum(axis=1)
    return found


def _some_settings(rows: Rows, part: slice) -> Rows:
    arrays = rows.coefficients, rows.offsets, rows.weights, rows.log_scales
    return Rows(*(array if len(array) == 1 else array[part] for array in arrays))


def _rows_of(array: np.ndarray, count: int) -> np.ndarray:
    return np.broadcast_to(array, (len(array), count))


def _dense(
    rows: Rows, block: RealFactorBlock, place: Int64[np.ndarray, " reals"], num_chosen: int
) -> Float64[np.ndarray, "chosen rows"] | None:
    """Return all coefficients of rows without selectors; None where they differ by setting."""
    if len(rows.coefficients) > 1:
        return None
    where = place[block.real_scopes]
    found = np.zeros((len(where), num_chosen))
    coefficients = np.broadcast_to(rows.coefficients[0], where.shape)
    np.add.at(found, (np.arange(len(where))[:, None], where), coefficients)
    return np.ascontiguousarray(found.T)


def _entries(array: np.ndarray, table: np.ndarray, picked: list[np.ndarray]) -> np.ndarray:
    """Return the entries of all rows at their selectors' states, at all settings."""
    index = [k if size > 1 else k * 0 for k, size in zip(picked, array.shape[2:], strict=True)]
    rows = table if array.shape[1] > 1 else table * 0
    return array[(slice(None), rows, *index)]
