"""Compiled max-product between variables of two states: one number for each message.

A message is the log odds of its states. What a variable says is its whole odds less the message
itself, which needs everything to be finite. Importing this file imports numba.
"""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.compiling import loop
from gmruntime.messages.kernels.records import Odds


@loop
def add_up(
    odds: Odds,
    to_first: Float64[np.ndarray, " factors"],
    to_second: Float64[np.ndarray, " factors"],
    total: Float64[np.ndarray, " variables"],
) -> None:
    """Add every message to its variable's odds."""
    first, second = odds.first, odds.second
    for f in range(len(first)):
        total[first[f]] += to_first[f]
        total[second[f]] += to_second[f]


@loop
def flood(
    odds: Odds,
    to_first: Float64[np.ndarray, " factors"],
    to_second: Float64[np.ndarray, " factors"],
    total: Float64[np.ndarray, " variables"],
    fresh: Float64[np.ndarray, " variables"],
    damping: float,
) -> float:
    """Update every message from the odds in `total`; add the new ones to those in `fresh`.

    Returns:
        the largest change of a message's entries, the larger of which is 0, nats.
    """
    tables, table_of, first, second, _, _ = odds
    change = 0.0
    for f in range(len(first)):
        t = table_of[f]
        a, b, c, d = tables[t, 0, 0], tables[t, 0, 1], tables[t, 1, 0], tables[t, 1, 1]
        v, u = first[f], second[f]
        old, other = to_first[f], to_second[f]
        heard = total[u] - other
        new = max(c, d + heard) - max(a, b + heard)
        heard = total[v] - old
        answer = max(b, d + heard) - max(a, c + heard)
        new = damping * old + (1.0 - damping) * new
        answer = damping * other + (1.0 - damping) * answer
        change = max(
            change,
            abs(max(new, 0.0) - max(old, 0.0)),
            abs(min(new, 0.0) - min(old, 0.0)),
            abs(max(answer, 0.0) - max(other, 0.0)),
            abs(min(answer, 0.0) - min(other, 0.0)),
        )
        to_first[f], to_second[f] = new, answer
        fresh[v] += new
        fresh[u] += answer
    return change
