"""The distribution of a real: mean, standard deviation, quantiles, density.

The density at the nodes of a panel is that of the one polynomial through them, whose integral is
known: so quantiles are as good as sums over nodes are, and not as coarse as the nodes.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gmlang.graph.reals.nodes import panel_order, series_through
from gmlang.graph.world.world import HiddenReals, World
from gmruntime.arrays import Float64

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of these probabilities a summary has the quantiles."""

_HALVINGS = 60
"""So often a panel is halved where a quantile is looked for: then it is as short as a rounding."""


class Belief(Protocol):
    """The distribution of one real."""

    def mean(self) -> float:
        """Return the mean."""
        ...

    def sd(self) -> float:
        """Return the standard deviation."""
        ...

    def density(self, value: float) -> float:
        """Return the density at a value."""
        ...

    def cdf(self, value: float) -> float:
        """Return the probability of at most a value."""
        ...

    def quantile(self, share: float) -> float:
        """Return where the probability of at most that reaches a share."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RealBelief:
    """The distribution of one real, by its probability at nodes.

    Attributes:
        masses: of each node, in 0..1; a row for each panel.
        points: the nodes, ascending.
        weights: theirs.
    """

    masses: Float64[np.ndarray, "panels order"]
    points: Float64[np.ndarray, "panels order"]
    weights: Float64[np.ndarray, "panels order"]

    def mean(self) -> float:
        """Return the mean."""
        return float((self.masses * self.points).sum())

    def sd(self) -> float:
        """Return the standard deviation."""
        away = self.points - self.mean()
        return float(np.sqrt((self.masses * away**2).sum()))

    def density(self, value: float) -> float:
        """Return the density at a value; 0 outside the range."""
        panel, place = self._place(value)
        if not -1.0 <= place <= 1.0:
            return 0.0
        return max(0.0, float(np.polynomial.legendre.legval(place, self._series(panel))))

    def cdf(self, value: float) -> float:
        """Return the probability of at most a value."""
        panel, place = self._place(value)
        half = float(self.weights[panel].sum()) / 2
        series = np.polynomial.legendre.legint(self._series(panel), lbnd=-1)
        inside = half * float(np.polynomial.legendre.legval(np.clip(place, -1.0, 1.0), series))
        return float(np.clip(self.masses[:panel].sum() + inside, 0.0, 1.0))

    def quantile(self, share: float) -> float:
        """Return where the probability of at most that reaches a share."""
        below = np.cumsum(self.masses.sum(axis=1))
        panel = min(int(np.searchsorted(below, share * below[-1])), len(below) - 1)
        series = np.polynomial.legendre.legint(self._series(panel), lbnd=-1)
        half = float(self.weights[panel].sum()) / 2
        left = (share * below[-1] - (below[panel - 1] if panel else 0.0)) / half
        low, high = -1.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (
                (middle, high)
                if np.polynomial.legendre.legval(middle, series) < left
                else (low, middle)
            )
        return self._middle(panel) + half * (low + high) / 2

    def summary(self) -> dict[str, object]:
        """Return the numbers that an answer writes."""
        quantiles = {f"{share:g}": self.quantile(share) for share in QUANTILES}
        return {"mean": self.mean(), "sd": self.sd(), "quantiles": quantiles}

    def _middle(self, panel: int) -> float:
        return float(self.points[panel, [0, -1]].mean())

    def _place(self, value: float) -> tuple[int, float]:
        """Return the panel of a value, and where it is there, from -1 to 1."""
        ends = (
            self._middle(0) - float(self.weights[0].sum()) / 2 + np.cumsum(self.weights.sum(axis=1))
        )
        panel = min(int(np.searchsorted(ends, value)), len(ends) - 1)
        half = float(self.weights[panel].sum()) / 2
        return panel, (value - self._middle(panel)) / half

    def _series(self, panel: int) -> np.ndarray:
        """Return the Legendre series of a panel's density."""
        return series_through(self.points.shape[1]) @ (self.masses[panel] / self.weights[panel])


def belief_of(world: World, hidden: HiddenReals, masses: np.ndarray) -> RealBelief:
    """Return the distribution of a real by the probabilities of its states."""
    order = panel_order(is_coarse=world.quadrature.is_coarse)
    columns = masses, np.array(hidden.states.points), np.exp(hidden.log_weights)
    return RealBelief(*(column.reshape(-1, order) for column in columns))
