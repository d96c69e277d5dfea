"""What is linear in reals, and rows of it, for many instances at once: arrays alone.

Arrays that vary by instance and state have the axes (tables, states of each selector...), where
there is one table for all instances or one for each; an axis may be 1 long where nothing depends on
its variable.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gmlang.diagnostics import Span
from gmlang.graph.values.environment import TRIED
from gmruntime.arrays import Float64, Int64
from gmruntime.graph import repeats_variable

if TYPE_CHECKING:
    from gmruntime.continuous.sites.families import Site


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """constant + sum of coefficients * reals, where both depend on the states of selectors.

    Attributes:
        scopes: the selectors of each instance.
        sizes: how many states these have.
        reals: the reals of each instance, by number; one may stand there twice.
    """

    scopes: Int64[np.ndarray, "instances selectors"]
    sizes: tuple[int, ...]
    reals: Int64[np.ndarray, "instances reals"]
    coefficients: Float64[np.ndarray, "tables *states reals"]
    constants: Float64[np.ndarray, "tables *states"]

    @property
    def count(self) -> int:
        """The number of instances."""
        return len(self.reals)


def has_settings(linear: Linear) -> bool:
    """Say whether there is an axis for settings of parameters."""
    return bool(linear.count) and bool((linear.scopes[0] == TRIED).any())


@dataclass(frozen=True, slots=True, eq=False)
class RealRows:
    """Factors log_scale - weight / 2 * linear**2.

    Attributes:
        kind: of the statement that says so, as an `Origin` has it; `span` is its place.
        site: what they are where they are not Gaussian: log_scale + weight * log phi(linear).
    """

    linear: Linear
    weights: Float64[np.ndarray, "tables *states"]
    log_scales: Float64[np.ndarray, "tables *states"]
    kind: str
    span: Span
    site: "Site | None" = None


@dataclass(frozen=True, slots=True, eq=False)
class SettingsFirst:
    """The arrays of rows with the axis of settings in front, and their other selectors.

    Attributes:
        coefficients: (settings, tables, *states, reals); the others alike, without reals.
    """

    scopes: Int64[np.ndarray, "instances selectors"]
    coefficients: np.ndarray
    constants: np.ndarray
    weights: np.ndarray
    log_scales: np.ndarray


def settings_first(rows: RealRows) -> SettingsFirst:
    """Put the axis of settings in front."""
    linear = rows.linear
    axis = int(np.argmax(linear.scopes[0] == TRIED))
    arrays = (linear.coefficients, linear.constants, rows.weights, rows.log_scales)
    moved = [np.moveaxis(array, 1 + axis, 0) for array in arrays]
    return SettingsFirst(np.delete(linear.scopes, axis, axis=1), *moved)


@dataclass(frozen=True, slots=True, eq=False)
class RealDefinition:
    """Reals that stand for what is linear in others: one in each instance."""

    targets: Int64[np.ndarray, " instances"]
    linear: Linear
    span: Span


def picked(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return an array of tables for some instances; one for all stays as it is."""
    return array if len(array) == 1 else array[rows]


def some(linear: Linear, rows: np.ndarray) -> Linear:
    """Return some of the instances."""
    return replace(
        linear,
        scopes=linear.scopes[rows],
        reals=linear.reals[rows],
        coefficients=picked(linear.coefficients, rows),
        constants=picked(linear.constants, rows),
    )


def some_rows(rows: RealRows, which: np.ndarray) -> RealRows:
    """Return the rows of some of the instances."""
    return replace(
        rows,
        linear=some(rows.linear, which),
        weights=picked(rows.weights, which),
        log_scales=picked(rows.log_scales, which),
        site=None if rows.site is None else rows.site.some(which),
    )


def each_once(
    linear: Linear, others: Sequence[np.ndarray]
) -> Iterator[tuple[np.ndarray, Linear, list[np.ndarray]]]:
    """Merge the axes of a selector that stands twice in a scope.

    Args:
        linear: any.
        others: further arrays with its axes, (tables, *states).

    Yields:
        Some of the instances, what is linear there, and the other arrays for them.
    """
    scopes = linear.scopes
    if scopes.shape[1] < 2 or not repeats_variable(scopes).any():
        yield np.arange(len(scopes)), linear, list(others)
        return
    patterns = (scopes[:, :, None] == scopes[:, None, :]).argmax(axis=2)
    every = np.arange(scopes.shape[1])
    for pattern in np.unique(patterns, axis=0):
        rows = np.flatnonzero((patterns == pattern).all(axis=1))
        kept = np.flatnonzero(pattern == every)
        places = np.searchsorted(kept, pattern)
        sizes = tuple(linear.sizes[k] for k in kept)
        states = np.indices(sizes).reshape(len(kept), *sizes)
        index = (slice(None), *states[places])

        def merged(
            array: np.ndarray,
            tail: int,
            rows: np.ndarray = rows,
            index: tuple[slice | np.ndarray, ...] = index,
        ) -> np.ndarray:
            own = picked(array, rows)
            end = own.shape[own.ndim - tail :]
            return np.broadcast_to(own, (len(own), *linear.sizes, *end))[index]

        one = Linear(
            scopes[rows][:, kept],
            sizes,
            linear.reals[rows],
            merged(linear.coefficients, 1),
            merged(linear.constants, 0),
        )
        yield rows, one, [merged(other, 0) for other in others]
