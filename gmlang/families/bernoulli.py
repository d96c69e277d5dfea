"""One of two values."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, chance


def _log_mass(draw: Draw) -> np.ndarray:
    (p,) = draw.parameters
    return np.where(draw.values > 0, np.log(p), np.log1p(-p))


BERNOULLI = Family(
    name="Bernoulli",
    form="Bernoulli(p)",
    help="true with probability p",
    example="var rain : bool ~ Bernoulli(0.2)\nassert abs(P(rain = true) - 0.2) < 1e-12\n",
    domains=Domains.TWO_VALUES,
    law=_log_mass,
    parameters=(chance("p"),),
)
