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

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.factors.kinds import AllDifferent, Count, LinearSum
from gmruntime.formats.graphs.named import Factors
from gmruntime.graph import FactorGraph

_SUMS_MAX = 1 << 22
"""A linear function may have so many different sums."""

_PATTERNS_FROM = 1 << 16
"""Wider functions of two-valued variables with few exceptions become a factor for each."""

HARD = 1 << 62
"""The cost of what is forbidden, and of all that costs so much."""

_EXACT_MAX = 1 << 53
"""Whole costs up to here keep all digits as logs; larger ones are refused unless forbidden."""


CostOf = Callable[[Int64[np.ndarray, " sums"]], Int64[np.ndarray, " sums"]]
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


Take = Callable[[int], int]
"""What makes a cost function factors, told the least that all others cost.

It returns the most that the function may still cost.
"""


class Costs:
    """The cost functions of a problem that minimises, as they come.

    Attributes:
        sizes: the number of states of each variable.
        top: totals from here on are forbidden.
        scale: how many units of cost are a nat; costs are whole, and compared with all digits.
        place: where the function that comes next stands in the file.
        may_pass: whether some totals may reach the bound only by adding up, once there is a graph.
    """

    def __init__(self, sizes: Sequence[int], top: int, scale: float = 1.0) -> None:
        """Begin with none."""
        self.sizes, self.top, self.scale = list(sizes), top, scale
        self.place = 0
        self.may_pass = False
        self._factors = Factors(sizes)
        self._later: list[tuple[int, Take, int]] = []

    def cost(self, units: int) -> int:
        """Return a cost as tables hold it: `HARD` from there on, where that is above the bound.

        Raises:
            UnreadError: where it is not.
        """
        if abs(units) < HARD:
            return units
        if units < self.top:
            raise UnreadError(f"a cost is beyond {HARD}, and below the bound")
        return HARD

    def times(
        self, cost: int, counts: Int64[np.ndarray, "*entries"]
    ) -> Int64[np.ndarray, "*entries"]:
        """Return a cost as many times as is counted.

        Raises:
            UnreadError: where that is too large to be told from `HARD`, and below the bound.
        """
        is_beyond = np.abs(float(cost) * counts.astype(np.float64)) >= 0.5 * HARD
        if is_beyond.any() and cost * int(counts[is_beyond].min()) < self.top:
            raise UnreadError(f"costs add up beyond {HARD // 2}, and below the bound")
        return np.where(is_beyond, HARD, cost * counts)

    def _keep(self, least: int, take: Take) -> None:
        """Keep a function, of a least cost, until those of all others are known."""
        self._later.append((least if least < HARD else 0, take, self.place))

    def _allowed(
        self, costs: Int64[np.ndarray, "*entries"], rest: int
    ) -> Bool[np.ndarray, "*entries"]:
        """Say which costs are below the bound beside the least of the others.

        Raises:
            UnreadError: where one of these is so large that its log would lose digits.
        """
        is_allowed = np.asarray(costs < max(-HARD, min(HARD, self.top - rest)))
        lost = costs[is_allowed & (np.abs(costs) > _EXACT_MAX)]
        if lost.size:
            raise UnreadError(
                f"a cost of {lost[0]} units of the last decimal is below the bound, and beyond "
                f"{_EXACT_MAX}, up to which costs keep all digits"
            )
        return is_allowed

    def _logs(
        self, costs: Int64[np.ndarray, "*entries"], rest: int
    ) -> tuple[Float64[np.ndarray, "*entries"], int]:
        """Return the logs of costs beside the least of the others, and the largest cost left."""
        is_allowed = self._allowed(costs, rest)
        most = int(np.max(costs, where=is_allowed, initial=-HARD))
        return np.where(is_allowed, 0.0 - costs / self.scale, -np.inf), most

    def empty(self, scope: Sequence[int], default: int) -> Int64[np.ndarray, "*states"]:
        """Return a table of one cost throughout, to be filled and taken.

        Raises:
            UnreadError: when it does not fit.
        """
        shape = self._factors.shape(scope)
        if shape is None:
            raise UnreadError("the table of this cost function is too large")
        return np.full(shape, default, np.int64)

    def again(self, scope: Sequence[int], costs: Int64[np.ndarray, "*states"]) -> None:
        """Take a table of another function once more.

        Raises:
            UnreadError: when it does not fit.
        """
        if not self._factors.reserve(costs.size):
            raise UnreadError("the cost functions of this file are too large")
        self.table(scope, costs)

    def table(self, scope: Sequence[int], costs: Int64[np.ndarray, "*states"]) -> None:
        """Take a table of costs; `HARD` forbids."""

        def take(rest: int) -> int:
            logs, most = self._logs(costs, rest)
            self._factors.table(scope, logs)
            return most

        self._keep(int(costs.min()), take)

    def is_pattern(self, scope: Sequence[int], num_tuples: int) -> bool:
        """Say whether a function is better taken as patterns than as a table."""
        sizes = [self.sizes[v] for v in scope]
        return math.prod(sizes) > _PATTERNS_FROM and set(sizes) == {2} and num_tuples < 1000

    def patterns(
        self,
        scope: Sequence[int],
        default: int,
        tuples: np.ndarray,
        costs: Int64[np.ndarray, " tuples"],
    ) -> None:
        """Take a function of two-valued variables that is constant but for some assignments.

        Where the constant turns out to be forbidden, `graph` raises an `UnreadError`: then the
        function is no sum of exceptions.
        """
        least = int(costs.min(initial=default))

        def take(rest: int) -> int:
            if default + rest >= self.top > least + rest:
                raise UnreadError("a function this wide cannot forbid all but some tuples")
            constant, most = self._logs(np.array(default, np.int64), rest)
            self._factors.table((), constant)
            is_allowed = self._allowed(costs, rest)
            # Of two numbers that are exact the difference may need one digit more.
            self._allowed(np.where(is_allowed, costs - default, HARD), rest)
            changes = np.where(is_allowed, (default - costs) / self.scale, -np.inf)
            for states, change in zip(tuples, changes, strict=True):
                weights = np.zeros((1, len(scope) + 1))
                weights[0, -1] = change
                kind = Count(weights, np.array(states == 0)[None])
                self._factors.kind(kind, [scope], "a cost of one assignment")
            return max(most, self._logs(costs, rest)[1])

        self._keep(least, take)

    def all_different(self, scope: Sequence[int], cost: int = HARD) -> None:
        """Forbid two variables of the scope to be equal.

        Args:
            scope: variables.
            cost: of two that are equal, from the bound on. Where negative costs of other functions
                bring it below the bound, `graph` raises an `UnreadError`.

        Raises:
            UnreadError: when the tables for variables of different sizes do not fit.
        """

        def take(rest: int) -> int:
            if cost < HARD and cost + rest < self.top:
                raise UnreadError("negative costs bring the cost of this function below the bound")
            return 0

        self._keep(0, take)
        if len({self.sizes[v] for v in scope}) == 1:
            self._factors.kind(AllDifferent(), [scope], "all different")
        else:
            self.pairs(scope, HARD)

    def pairs(self, scope: Sequence[int], cost: int) -> None:
        """Add a cost for every two variables of the scope that are equal.

        Raises:
            UnreadError: when the tables do not fit.
        """
        for k, first in enumerate(scope):
            for second in scope[k + 1 :]:
                costs = self.empty((first, second), 0)
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
        costs = cost_of(np.arange(lowest, highest + 1, dtype=np.int64))
        if len(scope) == 0:
            self.table((), costs.reshape(()))
            return

        def take(rest: int) -> int:
            logs, most = self._logs(costs, rest)
            kind = LinearSum(
                np.array([list(coefficients)], np.int64), np.array([lowest]), logs[None]
            )
            self._factors.kind(kind, [scope], "a cost of a linear sum")
            return most

        self._keep(int(costs.min()), take)

    def graph(self) -> FactorGraph:
        """Return the factor graph, each factor exp(-cost).

        Raises:
            UnreadError: when costs of others leave a function none that is read.
        """
        total = sum(least for least, _, _ in self._later)
        most = 0
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
