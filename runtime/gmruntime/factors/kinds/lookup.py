"""Tables of which each entry depends on what a row of data shows at one site."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.factors.kind import FactorKind, allowed, least_finite
from gmruntime.factors.kinds.table import Gated, Table
from gmruntime.factors.parameters import ParameterError, flags, floats, integers


@dataclass(frozen=True, slots=True, eq=False)
class Lookup(FactorKind):
    """A table whose numbers are looked up in data; which row of the data is the first variable.

    log f(r, x) = log_if_true[x] if seen[r, site[x]] else log_if_false[x]

    Behind a gate, which is then the second variable, it applies only while that is true, as of
    `Gated`. Where the row is observed it is a `Table`, or a `Gated` one.

    Attributes:
        seen: what each row of data shows at each site.
        site: where each entry of each table is looked up.
        log_if_true: what it is where that is true.
        log_if_false: what it is elsewhere.
        is_gated: whether there is a gate.
    """

    seen: Bool[np.ndarray, "rows sites"]
    site: Int64[np.ndarray, "tables *states"]
    log_if_true: Float64[np.ndarray, "tables *states"]
    log_if_false: Float64[np.ndarray, "tables *states"]
    is_gated: bool = False

    is_large = True

    @property
    def num_tables(self) -> int:
        """For how many factors there are sites; 1 means shared by all."""
        return max(len(self.site), len(self.log_if_true), len(self.log_if_false))

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        axes = arity - 1 - self.is_gated
        if axes < 0:
            raise ParameterError("it needs a row, and its gate where it has one, first in scope")
        seen = flags("seen", self.seen, 2)
        site = integers("site", self.site, 1 + axes)
        values = tuple(floats(name, getattr(self, name), 1 + axes) for name in _VALUES)
        if site.size and not 0 <= int(site.min()) <= int(site.max()) < seen.shape[1]:
            raise ParameterError(f"site must be in 0..{seen.shape[1] - 1}, the columns of seen")
        lengths = {len(one) for one in (site, *values)} - {1}
        if len(lengths) > 1 or any(one.shape[1:] != site.shape[1:] for one in values):
            raise ParameterError(
                f"site has shape {site.shape}, and {' and '.join(_VALUES)} have "
                f"{values[0].shape} and {values[1].shape}; only their first axes may differ, of "
                "which each is the number of factors, or 1"
            )
        return Lookup(seen, site, values[0], values[1], bool(self.is_gated))

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        inner = tuple(states[:, 1 + self.is_gated :].T)
        site, if_true, if_false = (
            own[(table_index if len(own) > 1 else 0, *inner)]
            for own in (self.site, self.log_if_true, self.log_if_false)
        )
        values = np.where(self.seen[states[:, 0], site], if_true, if_false)
        return np.where(states[:, 1] > 0, values, 0.0) if self.is_gated else values

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        if position == 0:
            return len(self.seen)
        if self.is_gated and position == 1:
            return 2
        return self.site.shape[position - self.is_gated]

    def some(self, keep: Bool[np.ndarray, " factors"]) -> Self:
        """Do as `FactorKind` says."""
        several = {
            name: getattr(self, name)[keep]
            for name in ("site", *_VALUES)
            if len(getattr(self, name)) == len(keep) > 1
        }
        return replace(self, **several) if several else self

    def of_row(self, row: int) -> Table | Gated:
        """Return what it is where the row is known."""
        values = np.where(self.seen[row][self.site], self.log_if_true, self.log_if_false)
        return Gated(values) if self.is_gated else Table(values)

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        both = np.maximum(self.log_if_true, self.log_if_false)
        least = 0.0 if self.is_gated else -np.inf
        return both.reshape(len(both), -1).max(axis=1, initial=least)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        both = np.minimum(least_finite(self.log_if_true), least_finite(self.log_if_false))
        return np.minimum(both, 0.0) if self.is_gated else both

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        may = {name: getattr(self, name) > -np.inf for name in _VALUES}
        if all(one.all() for one in may.values()):
            return ()
        kept = replace(self, **{name: allowed(one) for name, one in may.items()})
        return (kept,) if np.isneginf(kept.log_tables(shape)).any() else ()

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        by = temperature or 1.0
        return replace(self, **{name: getattr(self, name) / by for name in _VALUES})


_VALUES = ("log_if_true", "log_if_false")
