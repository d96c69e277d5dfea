"""Which models a learned one may be made of, and how likely each choice is beforehand."""

from collections.abc import Iterable
from itertools import combinations
from math import comb, lgamma, log

import numpy as np

from gmruntime.arrays import Bool

ENUMERATED_MAX = 5000
"""So many choices are all scored; of more the best few of each size are extended."""

KEPT = 50
"""So many of each size are extended."""

Choice = tuple[int, ...]
"""The numbers of some parts, ascending."""


def log_prior(num_parts: int, num_chosen: int) -> float:
    """Return the log-probability of a choice before anything is seen, nats.

        -(k + 1) log 2 - log C(M, k)

    Half of all choices are of no part, half of the others of one, and so on; choices of a size are
    equally likely.

    >>> log_prior(4, 1) == -2 * log(2) - log(4)
    True
    """
    if num_parts <= 1000:
        return -(num_chosen + 1) * log(2.0) - log(comb(num_parts, num_chosen))
    ways = lgamma(num_parts + 1) - lgamma(num_chosen + 1) - lgamma(num_parts - num_chosen + 1)
    return -(num_chosen + 1) * log(2.0) - ways


def are_few(num_parts: int, size: int) -> bool:
    """Say whether all choices of up to `size` parts can be scored."""
    total = 0
    for k in range(1, min(size, num_parts) + 1):
        total += comb(num_parts, k)
        if total > ENUMERATED_MAX:
            return False
    return True


def every_choice(num_parts: int, size: int) -> list[Choice]:
    """List all choices of one part or more, the smaller first.

    >>> every_choice(3, 2)
    [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    """
    sizes = range(1, min(size, num_parts) + 1)
    return [choice for k in sizes for choice in combinations(range(num_parts), k)]


def extended(kept: Iterable[Choice], num_parts: int) -> list[Choice]:
    """List what comes of some choices with one part more, each once.

    >>> extended([(0,), (1,)], 3)
    [(0, 1), (0, 2), (1, 2)]
    """
    found = {tuple(sorted((*c, p))) for c in kept for p in range(num_parts) if p not in c}
    return sorted(found)


def as_masks(choices: list[Choice], num_parts: int) -> Bool[np.ndarray, "choices parts"]:
    """Say for each choice which parts it has."""
    found = np.zeros((len(choices), num_parts), np.bool_)
    for number, choice in enumerate(choices):
        found[number, list(choice)] = True
    return found
