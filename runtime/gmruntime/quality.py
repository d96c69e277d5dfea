"""How good several answers are together, and when a score is proved best: said here, and only here.

Whatever puts parts together, a difference of two log Z or the reasons of an answer, is as good as
the worst of them. A bound and a score are sums of many float64 numbers: what is closer than
rounding is the same number.
"""

from collections.abc import Iterable

import numpy as np

from gmruntime.answer import Status

ORDER = (Status.EXACT, Status.BOUNDED, Status.ESTIMATE, Status.IMPOSSIBLE)
"""From the best to the worst; impossible evidence leaves nothing to be said of the whole."""

RELATIVE_TOLERANCE = 1e-9
"""Scores and bounds closer than this, relative to their size, are the same number."""


def worst(statuses: Iterable[Status]) -> Status:
    """Return how good an answer made of several is; of none, exact.

    >>> worst([Status.BOUNDED, Status.EXACT]).value
    'bounded'
    """
    return max(statuses, key=ORDER.index, default=Status.EXACT)


def tolerance(log_score: float) -> float:
    """Return how far a bound may be from a score and still prove it best."""
    return RELATIVE_TOLERANCE * max(1.0, abs(log_score)) if np.isfinite(log_score) else 0.0


def is_proved(log_score: float, log_bound: float) -> bool:
    """Say whether a bound proves that nothing scores higher.

    >>> is_proved(2.0, 2.0), is_proved(2.0, float("inf")), is_proved(float("-inf"), 1.0)
    (True, False, False)
    """
    if not np.isfinite(log_score):
        return False
    return log_bound - log_score <= tolerance(log_score)
