"""How far from 0, 1 and a sum of 1 the rounding of numbers may put what is a probability."""

from gmruntime.formats.rows import SUM_DIGITS as SUM_DIGITS
from gmruntime.formats.rows import SUM_ROUNDING as SUM_ROUNDING

PROBABILITY_ROUNDING = 1e-9
"""A number this far below 0 or above 1 is taken for 0 or 1: sums of decimals end there."""


def is_probability(value: float) -> bool:
    """Say whether a number lies in 0..1, but for rounding."""
    return -PROBABILITY_ROUNDING <= value <= 1.0 + PROBABILITY_ROUNDING
