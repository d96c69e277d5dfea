"""Cost functions as factors: a cost of c is a factor of exp(-c), and from the upper bound on, of 0.

A file's upper bound (top) says which totals count as infinite. A single cost is forbidden where it
reaches the bound together with the least of all other functions: then every total with it does.
Totals that reach the bound only by adding up are not excluded; no best assignment is among them
while any total is below the bound.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.factors.kinds import AllDifferent, Count, LinearSum
from gmruntime.formats.graphs.named import Factors
from gmruntime.graph import FactorGraph

SUMS_MAX = 1 << 22
"""A linear function may have so many different sums."""

PATTERNS_FROM = 1 << 16
"""Wider functions of two-valued variables with few exceptions become a factor for each."""

HARD = math.inf
"""The cost of what is forbidden."""


CostOf = Callable[[Int64[np.ndarray, " sums"]], np.ndarray]
"""What says the costs of sums."""


class UnreadError(ValueError):
    """A cost function is none that is read, or would need a table that is too large."""


class Costs:
    """The cost functions of a problem that minimises, as they come.

    Attributes:
        sizes: the number of states of each variable.
        top: totals from here on are forbidden.
        scale: how many units of cost are a nat; costs are whole numbers, so that sums are exact.
    """

    def __init__(self, sizes: Sequence[int], top: float, scale: float = 1.0) -> None:
        """Begin with none."""
        self.sizes, self.top, self.scale = list(sizes), top, scale
        self._factors = Factors(sizes)
        self._tables: list[tuple[tuple[int, ...], Float64[np.ndarray, "*states"]]] = []
        self._least = 0.0

    def empty(self, scope: Sequence[int], default: float) -> Float64[np.ndarray, "*states"]:
        """Return a table of one cost throughout, to be filled and taken.

        Raises:
            UnreadError: when it does not fit.
        """
        shape = self._factors.shape(scope)
        if shape is None:
            raise UnreadError("the table of this cost function is too large")
        return np.full(shape, default)

    def table(self, scope: Sequence[int], costs: Float64[np.ndarray, "*states"]) -> None:
        """Take a table of costs; `HARD` forbids."""
        self._tables.append((tuple(scope), costs))
        least = float(costs.min())
        self._least += least if least < HARD else 0.0

    def is_pattern(self, scope: Sequence[int], num_tuples: int) -> bool:
        """Say whether a function is better taken as patterns than as a table."""
        sizes = [self.sizes[v] for v in scope]
        return math.prod(sizes) > PATTERNS_FROM and set(sizes) == {2} and num_tuples < 1000

    def patterns(
        self, scope: Sequence[int], default: float, tuples: np.ndarray, costs: np.ndarray
    ) -> None:
        """Take a function of two-valued variables that is constant but for some assignments.

        Raises:
            UnreadError: when the constant is forbidden: then it is no sum of exceptions.
        """
        if default >= self.top:
            raise UnreadError("a function this wide cannot forbid all but some tuples")
        self.table((), np.array(default))
        for states, cost in zip(tuples, costs, strict=True):
            logs = np.zeros((1, len(scope) + 1))
            logs[0, -1] = -math.inf if cost >= self.top else (default - cost) / self.scale
            self._least += min(0.0, float(cost) - default)
            kind = Count(logs, np.array(states == 0)[None])
            self._factors.kind(kind, [scope], "a cost of one assignment")

    def all_different(self, scope: Sequence[int]) -> None:
        """Forbid two variables of the scope to be equal.

        Raises:
            UnreadError: when the tables for variables of different sizes do not fit.
        """
        if len({self.sizes[v] for v in scope}) == 1:
            self._factors.kind(AllDifferent(), [scope], "all different")
        else:
            self.pairs(scope, HARD)

    def pairs(self, scope: Sequence[int], cost: float) -> None:
        """Add a cost for every two variables of the scope that are equal.

        Raises:
            UnreadError: when the tables do not fit.
        """
        for k, first in enumerate(scope):
            for second in scope[k + 1 :]:
                costs = self.empty((first, second), 0.0)
                np.fill_diagonal(costs, cost)
                self.table((first, second), costs)

    def linear(self, scope: Sequence[int], coefficients: Sequence[int], cost_of: CostOf) -> None:
        """Add a cost that depends on a linear sum of the states.

        Args:
            scope: variables.
            coefficients: of each.
            cost_of: the costs of an array of sums.

        Raises:
            UnreadError: when there are too many sums.
        """
        reach = [c * (self.sizes[v] - 1) for c, v in zip(coefficients, scope, strict=True)]
        lowest = sum(min(0, r) for r in reach)
        highest = sum(max(0, r) for r in reach)
        if highest - lowest >= SUMS_MAX:
            raise UnreadError(f"this linear function has {highest - lowest + 1} different sums")
        if not self._factors.reserve(highest - lowest + 1):
            raise UnreadError("the cost functions of this file are too large")
        costs = cost_of(np.arange(lowest, highest + 1, dtype=np.int64)).astype(np.float64)
        if len(scope) == 0:
            self.table((), costs.reshape(()))
            return
        self._least += float(costs.min()) if costs.min() < HARD else 0.0
        logs = np.where(costs >= self.top, -np.inf, 0.0 - costs / self.scale)[None]
        kind = LinearSum(np.array([list(coefficients)], np.int64), np.array([lowest]), logs)
        self._factors.kind(kind, [scope], "a cost of a linear sum")

    def graph(self) -> FactorGraph:
        """Return the factor graph, each factor exp(-cost)."""
        for scope, costs in self._tables:
            least = float(costs.min())
            rest = self._least - (least if least < HARD else 0.0)
            forbidden = (costs + rest >= self.top) | (costs == HARD)
            self._factors.table(scope, np.where(forbidden, -np.inf, 0.0 - costs / self.scale))
        return self._factors.graph()
