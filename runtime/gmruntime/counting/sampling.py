"""Where a search cannot end: draws of decisions whose ends are counted exactly.

    Z = mean of  weight(decisions) * Z(what they leave) / probability(decisions)

The distinct ends among them are disjoint parts of the sum: together a certain lower bound.

Source: Bidyuk and Dechter (2007), "Cutset sampling for Bayesian networks"; Gogate and Dechter
(2011), "SampleSearch", for draws that look at what is possible.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from gmruntime.budget import Budget
from gmruntime.counting.engine import Counter
from gmruntime.counting.records import ADDED, IS_LEARNING, IS_TRACED, NUM_LISTED, NUM_PARTS

_END_SHARE, _END_S = 0.03, 0.03
"""Of the time for draws that the end of one may take, and seconds at least."""

_STEPS_AT_ONCE = 1000
"""Steps between two looks at the clock."""

_DEPTH_FIRST, _DEPTH_GROWTH = 6, 1.5
_DRAWS_MAX = 100_000


@dataclass(slots=True, eq=False)
class Sampler:
    """Draws from one network.

    Attributes:
        counter: a search of its own, which does not learn: clauses would change the tree.
        rng: of the draws.
        depth: decisions of a draw.
        log_weights: of the draws of that depth.
        log_ends: what each distinct end of that depth is worth, by its decisions.
        log_lower: of the ends of any one depth together, the most.
    """

    counter: Counter
    rng: np.random.Generator
    depth: int = _DEPTH_FIRST
    log_weights: list[float] = field(default_factory=list[float])
    log_ends: dict[bytes, float] = field(default_factory=dict[bytes, float])
    log_lower: float = -math.inf

    def go_on(self, budget: Budget) -> None:
        """Draw until the budget is spent; where an end is too large, decide more."""
        seconds = max(_END_S, _END_SHARE * budget.left_s())
        while not budget.is_spent() and len(self.log_weights) < _DRAWS_MAX:
            path, log_weight, log_drawn = self._descend()
            log_end = (
                -math.inf
                if log_weight == -math.inf
                else self._count(log_weight, budget.until(seconds))
            )
            if log_end is None:
                if budget.is_spent() or self.depth > len(self.counter.laid_out.variables):
                    return
                self.depth = int(_DEPTH_GROWTH * self.depth) + 1
                self.log_weights, self.log_ends = [], {}
                continue
            self.log_weights.append(log_end - log_drawn)
            if log_end > -math.inf:
                self.log_ends[path] = log_end
                together = float(np.logaddexp.reduce(list(self.log_ends.values())))
                self.log_lower = max(self.log_lower, together)

    def _descend(self) -> tuple[bytes, float, float]:
        from gmruntime.counting.descent import descend
        from gmruntime.counting.propagation import undo

        search = self.counter.search
        undo(search, *self.counter.base)
        size = len(self.counter.laid_out.variables)
        search.parts.variables[:size] = np.arange(size)
        calm = search._replace(state=search.state._replace(activity=np.zeros(size)))
        path = np.zeros(self.depth, np.int64)
        log_weight, log_drawn, count = descend(
            search, calm, self.rng.random(self.depth), path, np.zeros(64)
        )
        return path[:count].tobytes(), float(log_weight), float(log_drawn)

    def _count(self, log_weight: float, budget: Budget) -> float | None:
        """Count what the decisions leave; None where that takes too long."""
        from gmruntime.counting.search import COMPLETE, NEEDS_ROOM, open_root, run

        search = self.counter.search
        marks, size = search.state.marks, len(self.counter.laid_out.variables)
        marks[NUM_LISTED], marks[NUM_PARTS] = size, 0
        open_root(search, 0, self.counter.log_settled + log_weight)
        while True:
            status = run(search, _STEPS_AT_ONCE)
            if status == COMPLETE:
                return self.counter.laid_out.log_constant + float(search.frames.sums[0, ADDED])
            if status == NEEDS_ROOM or budget.is_spent():
                return None

    def effective(self) -> float:
        """Return the effective number of draws."""
        weights = np.array(self.log_weights)
        if not len(weights) or weights.max() == -np.inf:
            return 0.0
        shares = np.exp(weights - weights.max())
        return float(shares.sum() ** 2 / (shares**2).sum())

    def described(self) -> str:
        """Say how much was drawn."""
        number = len(self.log_weights)
        return f"{number} draws whose ends were counted, worth {self.effective():.0f}"

    def log_mean(self) -> float:
        """Return the log of the mean weight, an estimate of log Z; -inf of no draws."""
        if not self.log_weights:
            return -math.inf
        return float(np.logaddexp.reduce(self.log_weights)) - math.log(len(self.log_weights))


def sampler_of(counter: Counter, rng: np.random.Generator) -> Sampler:
    """Draw with a search that has only been begun."""
    marks = counter.search.state.marks
    marks[IS_LEARNING] = marks[IS_TRACED] = 0
    return Sampler(counter, rng)
