"""How good several answers are together, and when a score is proved best: said here, and only here.

Whatever puts parts together, a difference of two log Z or the reasons of an answer, is as good as
the worst of them. A bound and a score are sums of many float64 numbers: what is closer than
rounding is the same number.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Status(StrEnum):
    """How good an answer is."""

    EXACT = "exact"
    BOUNDED = "bounded"
    ESTIMATE = "estimate"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Quality:
    """How good an answer is, and how it was found.

    Attributes:
        status: impossible means that no assignment agrees with the evidence (Z = 0).
        method: the engine in words, such as "elimination" or "belief propagation".
        error: for an estimate its error measure: the largest change of a message in the last
            sweep, or a standard error; nats. 0 when exact. NaN when none is known.
        error_kind: what `error` is, such as "residual" or "standard error"; "" when exact.
        seconds: wall-clock time spent.
        note: a sentence for the user, such as "not converged after 200 sweeps"; may be empty.
        workers: how many took part in finding it, the process that was asked among them.
    """

    status: Status
    method: str
    seconds: float
    error: float = 0.0
    error_kind: str = ""
    note: str = ""
    workers: int = 1


ORDER = (Status.EXACT, Status.BOUNDED, Status.ESTIMATE, Status.IMPOSSIBLE)
"""From the best to the worst; impossible evidence leaves nothing to be said of the whole."""

_RELATIVE_TOLERANCE = 1e-9
"""Scores and bounds closer than this, relative to their size, are the same number."""


def worst(statuses: Iterable[Status]) -> Status:
    """Return how good an answer made of several is; of none, exact.

    >>> worst([Status.BOUNDED, Status.EXACT]).value
    'bounded'
    """
    return max(statuses, key=ORDER.index, default=Status.EXACT)


def tolerance(log_score: float) -> float:
    """Return how far a bound may be from a score and still prove it best."""
    return _RELATIVE_TOLERANCE * max(1.0, abs(log_score)) if np.isfinite(log_score) else 0.0


def is_proved(log_score: float, log_bound: float) -> bool:
    """Say whether a bound proves that nothing scores higher.

    >>> is_proved(2.0, 2.0), is_proved(2.0, float("inf")), is_proved(float("-inf"), 1.0)
    (True, False, False)
    """
    if not np.isfinite(log_score):
        return False
    return log_bound - log_score <= tolerance(log_score)
