"""How many trials fail before one succeeds."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, chance
from gmlang.families.logs import from_steps


def _log_mass(draw: Draw) -> np.ndarray:
    """Add up, from k - 1 to k, log(1 - p)."""
    (p,) = draw.parameters
    return from_steps(draw, np.log1p(-p) + np.zeros(draw.values.shape))


GEOMETRIC = Family(
    name="Geometric",
    form="Geometric(p)",
    help="how many trials fail before one succeeds; truncated to the domain",
    example="var x : 0..9 ~ Geometric(0.3)\nassert abs(P(x = 5) / P(x = 4) - 0.7) < 1e-12\n",
    domains=Domains.INTEGERS,
    law=_log_mass,
    parameters=(chance("p", above=0),),
    first=0,
)
