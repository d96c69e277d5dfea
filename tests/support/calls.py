"""Calls of distributions with parameters from their ranges."""

import random

from gmlang.families.family import Family, Parameter, Taken


def call(family: Family, rng: random.Random) -> str:
    """Write a call of a family whose parameters are numbers and probabilities."""
    return f"{family.name}({', '.join(_parameter(one, rng) for one in family.parameters)})"


def _parameter(parameter: Parameter, rng: random.Random) -> str:
    if parameter.taken is Taken.PROBABILITY:
        return str(round(rng.uniform(0.05, 0.95), 2))
    assert parameter.range is not None
    low = max(parameter.range.low, 0.0)
    return str(
        rng.randint(1, 3) if parameter.range.is_whole else round(rng.uniform(low + 0.1, 2), 2)
    )
