"""A Gaussian on the integers of a domain."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, number
from gmlang.families.logs import log_normalised


def _log_mass(draw: Draw) -> np.ndarray:
    """Return the logs, which sum to one on the domain.

        log w(x) - log w(m) = -(x - m) (x + m - 2 centre) / (2 width^2)

    where m is the state nearest to the centre.
    """
    centre, width = draw.parameters
    values = draw.values.astype(np.float64)
    nearest = np.clip(np.rint(centre), values.min(), values.max())
    left, right = values - nearest, (values - centre) + (nearest - centre)
    log_weights = -0.5 * (left / width) * (right / width)
    # At the nearest states, an overflow of the other factor must not make 0 times inf of it.
    log_weights = np.where((left == 0) | (right == 0), 0.0, log_weights)
    return log_normalised(np.where(draw.needed, log_weights, 0.0), draw.axis)


AROUND = Family(
    name="Around",
    form="Around(centre, width)",
    help="a Gaussian on the integers of the domain",
    example="var x : 0..9 ~ Around(30, 2)\nassert abs(P(x = 9) - 0.9953738) < 1e-7\n",
    domains=Domains.INTEGERS,
    law=_log_mass,
    parameters=(number("centre"), number("width", 0, above=True)),
)
