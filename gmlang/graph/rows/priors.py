"""What parameters are like before anything is seen: densities, draws, and a typical setting."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmlang.families.priors import frozen
from gmlang.graph.world.world import RealArray, World
from gmruntime.arrays import Float64

Law = Callable[[np.ndarray], np.ndarray]
"""From numbers to numbers, one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Priors:
    """The distributions of parameters, one after another.

    Attributes:
        names: of the attributes, one for each parameter.
        lows, highs: the ends of each; infinite where there is none.
        laws: log density, and inverse distribution function between the ends; None where flat.
    """

    names: tuple[str, ...]
    lows: Float64[np.ndarray, " parameters"]
    highs: Float64[np.ndarray, " parameters"]
    laws: tuple[
        tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]] | None, ...
    ]

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Return the log density of settings, (settings, parameters)."""
        total = np.zeros(len(values))
        for k, law in enumerate(self.laws):
            if law is not None:
                total = total + law[0](values[:, k])
        return total

    def draw(self, uniform: np.ndarray) -> np.ndarray:
        """Return settings for uniform numbers; NaN where a prior is not proper."""
        found = np.full(uniform.shape, np.nan)
        for k, law in enumerate(self.laws):
            if law is not None:
                found[:, k] = law[1](uniform[:, k])
            elif np.isfinite([self.lows[k], self.highs[k]]).all():
                found[:, k] = self.lows[k] + uniform[:, k] * (self.highs[k] - self.lows[k])
        return found


def priors_of(world: World) -> Priors:
    """Return what a program's parameters are like where nothing is seen."""
    arrays = [world.reals[entity][name] for entity, name in world.outer_reals]
    each = [array for array in arrays for _ in range(array.values.size)]
    return Priors(
        tuple(array.name for array in each),
        np.array([array.low for array in each]),
        np.array([array.high for array in each]),
        tuple(_law(array) for array in each),
    )


def _law(array: RealArray) -> tuple[Law, Law] | None:
    if array.prior is None or array.log_base is None:
        return None
    law = frozen(*array.prior)
    below, above = float(law.cdf(array.low)), float(law.cdf(array.high))

    def quantile(share: np.ndarray) -> np.ndarray:
        return np.clip(law.ppf(below + share * (above - below)), array.low, array.high)

    return array.log_base, quantile


def typical(world: World) -> Float64[np.ndarray, "1 parameters"]:
    """Return a setting at which rows have a meaning: medians, and 1 from an end where flat."""
    priors = priors_of(world)
    found = priors.draw(np.full((1, len(priors.names)), 0.5))
    flat = np.where(np.isfinite(priors.lows), priors.lows + 1.0, 1.0)
    flat = np.where(np.isfinite(priors.highs) & ~np.isfinite(priors.lows), priors.highs - 1.0, flat)
    return np.where(np.isnan(found), flat, found)
