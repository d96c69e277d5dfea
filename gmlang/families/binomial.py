"""How many of n trials succeed."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, chance, number
from gmlang.families.logs import from_steps


def _log_mass(draw: Draw) -> np.ndarray:
    """Add up, from k - 1 to k, log((n - k + 1) / k) + log(p / (1 - p))."""
    n, p = draw.parameters
    k = draw.values.astype(np.float64)
    # Below, k may be close to n: their difference is taken before anything is rounded.
    steps = np.log((n - k + 1.0) / k) + (np.log(p) - np.log1p(-p))
    return from_steps(draw, steps, last=n)


BINOMIAL = Family(
    name="Binomial",
    form="Binomial(n, p)",
    help="how many of n trials succeed; truncated to the domain",
    example="var x : 0..3 ~ Binomial(1100, 0.5)\n"
    "assert abs(P(x = 2) / P(x = 3) - 3 / 1098) < 1e-9\n",
    domains=Domains.INTEGERS,
    law=_log_mass,
    parameters=(number("n", 0, whole=True), chance("p")),
    first=0,
    last="n",
)
