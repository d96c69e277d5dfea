"""What an answer about the awake says of everything.

P is a mixture: with probability 1 - δ all sleepers are off, and δ <= ε. So

    (1 - ε) P(q | all off) <= P(q) <= (1 - ε) P(q | all off) + ε
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    AssignmentsAnswer,
    JointAnswer,
    LogPartitionAnswer,
    MarginalMapAnswer,
    MarginalsAnswer,
    Quality,
    Status,
)
from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.graph import FactorGraph, block_starts
from gmruntime.quality import is_proved

_METHOD = "waking"

_ERROR_KIND = "sleepers"
"""What the error of a bounded answer is: the probability that somebody asleep is on, at most."""

_ROUNDING = 1e-12
"""Probabilities that engines call exact are off by less."""


@dataclass(frozen=True, slots=True, eq=False)
class Sleepers:
    """What is known of the activations that were not computed with.

    Attributes:
        graph: of everything.
        variables: asleep or decoupled.
        chances: P that each is on.
        highest: what that is at most; the same of those decoupled, which are exact.
        is_decoupled: which are.
        log_excess: what everything may exceed the awake by, nats: a sum of a sum, else a maximum.
        log_decoupled: what those decoupled add to log Z, nats.
        log_constant: of the factors that were left out, nats.
    """

    graph: FactorGraph
    variables: Int64[np.ndarray, " sleepers"]
    chances: Float64[np.ndarray, " sleepers"]
    highest: Float64[np.ndarray, " sleepers"]
    is_decoupled: Bool[np.ndarray, " sleepers"]
    log_excess: float
    log_decoupled: float
    log_constant: float

    def eps(self) -> float:
        """Return the probability, at most, that somebody asleep is on."""
        return float(-np.expm1(-self.log_excess))


def widened(found: AnyAnswer, sleepers: Sleepers) -> Any:  # noqa: ANN401
    """Return what an answer about the awake says of everything: of the same class."""
    if found.quality.status is Status.IMPOSSIBLE:
        return found
    more = sleepers.log_constant + sleepers.log_decoupled
    excess = sleepers.log_excess
    match found:
        case MarginalsAnswer():
            return _marginals(found, sleepers)
        case JointAnswer():
            return replace(found, quality=_widened(found.quality, sleepers.eps(), sleepers))
        case LogPartitionAnswer() | MarginalMapAnswer():
            upper = found.log_upper + more + excess
            lower, value = found.log_lower + more, found.log_value + more
            quality = _widened(found.quality, excess, sleepers)
            if found.quality.status is Status.EXACT and excess:
                spare = _ROUNDING * max(1.0, abs(value))
                lower, upper = value - spare, value + excess + spare
            return replace(
                found, quality=quality, log_value=value, log_lower=lower, log_upper=upper
            )
        case AssignmentsAnswer():
            return _assignments(found, sleepers)
        case _:
            raise AssertionError(f"{type(found).__name__} says nothing of who sleeps")


def _widened(quality: Quality, error: float, sleepers: Sleepers) -> Quality:
    """Say how good an answer is where sleepers may change it by so much."""
    method = f"{_METHOD}, {quality.method}" if len(sleepers.variables) else quality.method
    if not error:
        return replace(quality, method=method)
    if quality.status is Status.EXACT:
        return replace(
            quality, status=Status.BOUNDED, method=method, error=error, error_kind=_ERROR_KIND
        )
    note = f"sleepers add at most {error:.1g}"
    joined = "; ".join(part for part in (quality.note, note) if part)
    return replace(quality, method=method, note=joined)


def _marginals(found: MarginalsAnswer, sleepers: Sleepers) -> MarginalsAnswer:
    eps = sleepers.eps()
    is_bounded = eps > 0 and (found.quality.status is Status.EXACT or found.lower is not None)
    exact = found.probabilities
    lower = exact if found.lower is None else found.lower
    upper = exact if found.upper is None else found.upper
    value = tuple(block.copy() for block in exact)
    spare = _ROUNDING if eps else 0.0
    lowest = tuple(np.maximum(0.0, (1.0 - eps) * block - spare) for block in lower)
    highest = tuple(np.minimum(1.0, (1.0 - eps) * block + eps + spare) for block in upper)
    starts = block_starts(sleepers.graph)
    owners = np.searchsorted(starts, sleepers.variables, side="right") - 1
    for number in np.unique(owners).tolist():
        chosen = owners == number
        at = sleepers.variables[chosen] - starts[number]
        is_free = sleepers.is_decoupled[chosen]
        chances, most = sleepers.chances[chosen], sleepers.highest[chosen]
        least = np.where(is_free, chances, 0.0)
        for blocks, on in ((value, chances), (lowest, least), (highest, most)):
            rows = blocks[number].reshape(-1, 2)
            asked = ~np.isnan(rows[at, 1])
            rows[at[asked], 1] = on[asked]
        for blocks, on in ((value, chances), (lowest, most), (highest, least)):
            rows = blocks[number].reshape(-1, 2)
            asked = ~np.isnan(rows[at, 0])
            rows[at[asked], 0] = 1.0 - on[asked]
    # Of sums that leave out who sleeps, log Z is not known.
    is_whole = bool(sleepers.is_decoupled.all())
    more = sleepers.log_constant + sleepers.log_decoupled
    return replace(
        found,
        quality=_widened(found.quality, eps, sleepers),
        probabilities=value,
        lower=lowest if is_bounded or found.lower is not None else None,
        upper=highest if is_bounded or found.upper is not None else None,
        log_partition=found.log_partition + more if is_whole else float("nan"),
    )


def _assignments(found: AssignmentsAnswer, sleepers: Sleepers) -> AssignmentsAnswer:
    """Put a constant back: scores are those of the graph that was asked."""
    scores = found.log_scores + sleepers.log_constant
    upper = found.log_upper + sleepers.log_constant + sleepers.log_excess
    quality = _widened(found.quality, 0.0, sleepers)
    is_exact = quality.status is Status.EXACT and len(scores) > 0
    if is_exact and sleepers.log_excess and not is_proved(float(scores[0]), upper):
        quality = _widened(found.quality, sleepers.log_excess, sleepers)
    return replace(found, quality=quality, log_scores=scores, log_upper=upper)
