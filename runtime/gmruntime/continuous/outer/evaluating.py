"""The log density over free numbers: counted, in batches, and never past the deadline for long."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.outer.domains import FREE_MAX, Domain, constrain

_BATCH_FIRST = 1
_BATCH_MAX = 8192
_BATCH_S = 0.05
"""A batch grows while it takes less: so that the clock is looked at often, and loops stay long."""
_GROWTH = 4

LogDensity = Callable[[np.ndarray], np.ndarray]
"""From parameters [n d] to their log densities [n]; -inf where there is none."""


@dataclass(slots=True, eq=False)
class Evaluator:
    """Evaluates a log density over free numbers, its Jacobian included.

    Attributes:
        log_density: of the parameters, up to any constant.
        domain: of the parameters.
        num_points: how many it was asked about.
        num_calls: in how many batches.
        num_undefined: of these points had neither a number nor -inf.
        batch: the size of the next batch.
    """

    log_density: LogDensity
    domain: Domain
    num_points: int = 0
    num_calls: int = 0
    num_undefined: int = 0
    batch: int = _BATCH_FIRST

    def evaluate(
        self, free: Float64[np.ndarray, "n d"], budget: Budget
    ) -> Float64[np.ndarray, " known"]:
        """Return the log densities of the first points: of all, unless the budget ends before.

        The log density may look at the clock as well, and end with a TimeoutError.
        """
        values, done = np.empty(len(free)), 0
        while done < len(free) and not budget.is_spent():
            some = free[done : done + self.batch]
            start_s = budget.clock()
            try:
                values[done : done + len(some)] = self._values(some)
            except TimeoutError:
                break
            seconds = budget.clock() - start_s
            done += len(some)
            if _GROWTH * seconds < _BATCH_S and len(some) == self.batch:
                self.batch = min(_GROWTH * self.batch, _BATCH_MAX)
            elif seconds > _BATCH_S:
                self.batch = max(1, len(some) // 2)
        return values[:done]

    def _values(self, free: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        with np.errstate(all="ignore"):
            theta, log_jacobian = constrain(self.domain, free)
            found = np.asarray(self.log_density(theta), np.float64)
            if found.shape != (len(theta),):
                expected = f"[{len(theta)}]"
                raise ValueError(f"log_density gave an array {found.shape}, expected {expected}")
            values = found + log_jacobian
        # Beyond what floats can tell from the bound there is nothing: no climb runs on for ever.
        values[(np.abs(free[:, self.domain.has_bounds()]) > FREE_MAX).any(axis=1)] = -np.inf
        undefined = np.isnan(values) | np.isposinf(values)
        values[undefined] = -np.inf
        self.num_points += len(theta)
        self.num_calls += 1
        self.num_undefined += int(undefined.sum())
        return values
