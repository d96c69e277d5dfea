"""The most probable joint state of some variables: argmax over y of log sum over z of exp score."""

from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.graph import FactorGraph
from gmruntime.quality import Quality, Status, is_proved
from gmruntime.questions.checks import asked_variables
from gmruntime.questions.enumerate import Enumeration
from gmruntime.questions.idle import Idle
from gmruntime.questions.question import AnyAnswer, Question, Way
from gmruntime.questions.rounding import Lost, loss_of_sum
from gmruntime.workspace import digest_of


@dataclass(frozen=True, slots=True, eq=False)
class MarginalMapAnswer(AnyAnswer):
    """Answers `MarginalMap`.

    Attributes:
        states: of the variables asked, in the order asked; empty when impossible.
        log_value: log of the sum of all scores that agree with `states`, nats, or its estimate.
        log_lower: certified lower bound on the best value there is; -inf when none.
        log_upper: certified upper bound on the best value there is; +inf when none.
    """

    states: Int32[np.ndarray, " asked"]
    log_value: float
    log_lower: float = float("-inf")
    log_upper: float = float("inf")

    def log_whole(self) -> float:
        """Return the value."""
        return self.log_value

    def under(self, log_upper: float) -> Self:
        """Return the same states under an upper bound, and how good they are there."""
        gap, kind = log_upper - self.log_lower, ""
        if log_upper == -np.inf:
            quality = replace(self.quality, status=Status.IMPOSSIBLE, error=0.0, error_kind="")
            nothing = no_states(quality)
            return replace(self, **{f.name: getattr(nothing, f.name) for f in fields(nothing)})
        # Of their difference: what two sums of this size cannot tell apart, others have taken out.
        if is_proved(0.0, gap):
            status, gap = Status.EXACT, 0.0
        elif np.isfinite(gap):
            status, kind = Status.BOUNDED, "gap to the bound"
        else:
            status, gap = Status.ESTIMATE, float("nan")
        quality = replace(self.quality, status=status, error=gap, error_kind=kind)
        return replace(self, quality=quality, log_upper=log_upper)

    def rounded(self, log_constant: float, lost: Lost) -> Self:
        """Put a constant factor back; what may be lost widens the bounds."""
        value = self.log_value + log_constant
        lost = lost.at_least(loss_of_sum(value))
        return replace(
            self,
            quality=lost.said(self.quality, Status.BOUNDED),
            log_value=value,
            log_lower=self.log_lower + log_constant - lost.if_lossy(),
            log_upper=self.log_upper + log_constant + lost.if_lossy(),
        )


def no_states(quality: Quality) -> MarginalMapAnswer:
    """Return the answer where nothing is possible."""
    nowhere = float("-inf")
    return MarginalMapAnswer(quality, np.zeros(0, np.int32), nowhere, nowhere, nowhere)


@dataclass(frozen=True, slots=True, eq=False)
class MarginalMap(Question[MarginalMapAnswer]):
    """The most probable states of `variables`, the rest summed out."""

    variables: Int32[np.ndarray, " asked"]

    WAYS: ClassVar[tuple[Way, ...]] = (
        Way.IDLE,
        Way.MEMORIES,
        Way.WINDOWS,
        Way.ELIMINATION,
        Way.SEARCH,
    )

    def checked(self, graph: FactorGraph) -> Self:
        """Return the question with the variables as the graph has them."""
        return replace(self, variables=asked_variables(graph, "MarginalMap", self.variables))

    def with_idle(
        self, found: MarginalMapAnswer, idle: Idle, rng: np.random.Generator
    ) -> MarginalMapAnswer:
        """Give idle variables that are asked for a state; sum the others out."""
        del rng
        among = np.ones(len(idle.states), np.bool_)
        among[self.variables] = False
        more = idle.log_ways(among)
        seen = np.maximum(idle.evidence[self.variables], 0)
        states = found.states
        if len(states):
            states = np.where(idle.is_idle[self.variables], seen, states).astype(np.int32)
        return replace(
            found,
            states=states,
            log_value=found.log_value + more,
            log_lower=found.log_lower + more,
            log_upper=found.log_upper + more,
        )

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> MarginalMapAnswer:
        """Add up the scores of each joint state; take the first of the best."""
        del rng
        if every.quality().status is Status.IMPOSSIBLE:
            return no_states(every.quality())
        rows = every.assignments[:, self.variables]
        states, place = np.unique(rows, axis=0, return_inverse=True)
        totals = np.full(len(states), -np.inf)
        np.logaddexp.at(totals, place.reshape(-1), every.log_scores)
        best = int(totals.argmax())
        value = float(totals[best])
        return MarginalMapAnswer(every.quality(), states[best], value, value, value)

    def merged(self, one: MarginalMapAnswer, other: MarginalMapAnswer) -> MarginalMapAnswer:
        """Keep the states that are proved to sum to more, and the lower bound."""

        def rank(found: MarginalMapAnswer) -> tuple[float, float, float, str, str, bytes]:
            quality, states = found.quality, digest_of((found.states, found.log_value))
            later = -quality.seconds, quality.method, quality.note
            return -found.log_lower, -found.log_value, *later, states

        return min(one, other, key=rank).under(min(one.log_upper, other.log_upper))
