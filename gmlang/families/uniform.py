"""Every value alike."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family


def _log_mass(draw: Draw) -> np.ndarray:
    return np.full(draw.values.shape, -np.log(draw.values.size))


UNIFORM = Family(
    name="Uniform",
    form="Uniform()",
    help="every value alike",
    example="var x : 3..6 ~ Uniform()\nassert abs(P(x = 4) - 1 / 4) < 1e-12\n",
    domains=Domains.ANY,
    law=_log_mass,
)
