"""How many of the rare events there are."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, number
from gmlang.families.logs import from_steps


def _log_mass(draw: Draw) -> np.ndarray:
    """Add up, from k - 1 to k, log(mean / k)."""
    (mean,) = draw.parameters
    return from_steps(draw, np.log(mean) - np.log(draw.values.astype(np.float64)))


POISSON = Family(
    name="Poisson",
    form="Poisson(mean)",
    help="how many rare events there are; truncated to the domain",
    example="var x : 0..9 ~ Poisson(2)\nassert abs(P(x = 3) / P(x = 2) - 2 / 3) < 1e-12\n",
    domains=Domains.INTEGERS,
    law=_log_mass,
    parameters=(number("mean", 0),),
    first=0,
)
