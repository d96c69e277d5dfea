"""Cost functions as factors: a cost of c is a factor of exp(-c), and from the upper bound on, of 0.

A file's upper bound (top) says which totals count as infinite. A single cost is forbidden where it
reaches the bound together with the least of all other functions: then every total with it does.
So functions become factors only when all of them are known. Totals that reach the bound only by
adding up are not excluded, of which a warning tells; no best assignment is among them while any
total is below the bound.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.factors.kinds import AllDifferent, Count, LinearSum
from gmruntime.formats.graphs.named import Factors
from gmruntime.graph import FactorGraph

_SUMS_MAX = 1 << 22
"""A linear function may have so many different sums."""

_PATTERNS_FROM = 1 << 16
"""Wider functions of two-valued variables with few exceptions become a factor for each."""

HARD = math.inf
"""The cost of what is forbidden."""


CostOf = Callable[[Int64[np.ndarray, " sums"]], np.ndarray]
"""What says the costs of sums."""


class UnreadError(ValueError):
    """A cost function is none that is read, or would need a table that is too large.

    Attributes:
        place: where in the file it stands, where that is known only to `Costs`.
    """

    def __init__(self, message: str, place: int | None = None) -> None:
        """Keep both."""
        super().__init__(message)
        self.place = place


Take = Callable[[float], float]
"""What makes a cost function factors, told the least that all others cost.

It returns the most that the function may still cost.
"""


class Costs:
    """The cost functions of a problem that minimises, as they come.

    Attributes:
        sizes: the number of states of each variable.
        top: totals from here on are forbidden.
        scale: how many units of cost are a nat; costs are whole, so that sums are exact up to 2^53.
        place: where the function that comes next stands in the file.
        may_pass: whether some totals may reach the bound only by adding up, once there is a graph.
    """

    def __init__(self, sizes: Sequence[int], top: float, scale: float = 1.0) -> None:
        """Begin with none."""
        self.sizes, self.top, self.scale = list(sizes), top, scale
        self.place = 0
        self.may_pass = False
        self._factors = Factors(sizes)
        self._later: list[tuple[float, Take, int]] = []

    def _keep(self, least: float, take: Take) -> None:
        """Keep a function, of a least cost, until those of all others are known."""
        self._later.append((least if least < HARD else 0.0, take, self.place))

    def _logs(
        self, costs: Float64[np.ndarray, "*entries"], rest: float
    ) -> tuple[Float64[np.ndarray, "*entries"], float]:
        """Return the logs of costs beside the least of the others, and the largest cost left."""
        is_allowed = costs + rest < self.top
        most = float(np.max(costs, where=is_allowed, initial=-HARD))
        return np.where(is_allowed, 0.0 - costs / self.scale, -np.inf), most

    def empty(self, scope: Sequence[int], default: float) -> Float64[np.ndarray, "*states"]:
        """Return a table of one cost throughout, to be filled and taken.

        Raises:
            UnreadError: when it does not fit.
        """
        shape = self._factors.shape(scope)
        if shape is None:
            raise UnreadError("the table of this cost function is too large")
        return np.full(shape, default)

    def again(self, scope: Sequence[int], costs: Float64[np.ndarray, "*states"]) -> None:
        """Take a table of another function once more.

        Raises:
            UnreadError: when it does not fit.
        """
        if not self._factors.reserve(costs.size):
            raise UnreadError("the cost functions of this file are too large")
        self.table(scope, costs)

    def table(self, scope: Sequence[int], costs: Float64[np.ndarray, "*states"]) -> None:
        """Take a table of costs; `HARD` forbids."""

        def take(rest: float) -> float:
            logs, most = self._logs(costs, rest)
            self._factors.table(scope, logs)
            return most

        self._keep(float(costs.min()), take)

    def is_pattern(self, scope: Sequence[int], num_tuples: int) -> bool:
        """Say whether a function is better taken as patterns than as a table."""
        sizes = [self.sizes[v] for v in scope]
        return math.prod(sizes) > _PATTERNS_FROM and set(sizes) == {2} and num_tuples < 1000

    def patterns(
        self, scope: Sequence[int], default: float, tuples: np.ndarray, costs: np.ndarray
    ) -> None:
        """Take a function of two-valued variables that is constant but for some assignments.

        Where the constant turns out to be forbidden, `graph` raises an `UnreadError`: then the
        function is no sum of exceptions.
        """
        least = float(costs.min(initial=default))

        def take(rest: float) -> float:
            if default + rest >= self.top > least + rest:
                raise UnreadError("a function this wide cannot forbid all but some tuples")
            constant, most = self._logs(np.array(default), rest)
            self._factors.table((), constant)
            changes = np.where(costs + rest < self.top, (default - costs) / self.scale, -np.inf)
            for states, change in zip(tuples, changes, strict=True):
                weights = np.zeros((1, len(scope) + 1))
                weights[0, -1] = change
                kind = Count(weights, np.array(states == 0)[None])
                self._factors.kind(kind, [scope], "a cost of one assignment")
            return max(most, self._logs(costs, rest)[1])

        self._keep(least, take)

    def all_different(self, scope: Sequence[int], cost: float = HARD) -> None:
        """Forbid two variables of the scope to be equal.

        Args:
            scope: variables.
            cost: of two that are equal, from the bound on. Where negative costs of other functions
                bring it below the bound, `graph` raises an `UnreadError`.

        Raises:
            UnreadError: when the tables for variables of different sizes do not fit.
        """

        def take(rest: float) -> float:
            if cost + rest < self.top:
                raise UnreadError("negative costs bring the cost of this function below the bound")
            return 0.0

        self._keep(0.0, take)
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
        if highest - lowest >= _SUMS_MAX:
            raise UnreadError(f"this linear function has {highest - lowest + 1} different sums")
        if not self._factors.reserve(highest - lowest + 1):
            raise UnreadError("the cost functions of this file are too large")
        costs = cost_of(np.arange(lowest, highest + 1, dtype=np.int64)).astype(np.float64)
        if len(scope) == 0:
            self.table((), costs.reshape(()))
            return

        def take(rest: float) -> float:
            logs, most = self._logs(costs, rest)
            kind = LinearSum(
                np.array([list(coefficients)], np.int64), np.array([lowest]), logs[None]
            )
            self._factors.kind(kind, [scope], "a cost of a linear sum")
            return most

        self._keep(float(costs.min()), take)

    def graph(self) -> FactorGraph:
        """Return the factor graph, each factor exp(-cost).

        Raises:
            UnreadError: when costs of others leave a function none that is read.
        """
        total = sum(least for least, _, _ in self._later)
        most = 0.0
        for least, take, place in self._later:
            try:
                most += take(total - least)
            except UnreadError as error:
                raise UnreadError(str(error), place) from None
        self.may_pass = most >= self.top
        return self._factors.graph()

    def warnings(self, file: str) -> tuple[str, ...]:
        """Return what is to be said of the bound of a file, once there is a graph."""
        return (
            f"{file}: totals may reach the upper bound by adding up. These are not excluded: where "
            "the best assignment reaches it, there is no solution; sums count such assignments",
        ) * self.may_pass
