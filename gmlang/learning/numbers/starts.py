"""Where a climb begins: at what is written, at the means of the priors, or anywhere at all.

What speaks of variables that nobody has seen begins at a draw from the flat Dirichlet. Never near
the point where all their states are alike: that is a saddle, where a climb seems to have arrived.
"""

import numpy as np

from gmlang.core.parameters import ParameterKind
from gmlang.learning.numbers.coordinates import Layout
from gmlang.learning.numbers.priors import Priors
from gmruntime.arrays import Bool, Float64

_NOISE = 0.5
"""The spread of starts of real numbers and of logs of positive ones, in units of one."""

LEAST = 1e-3
"""No probability starts below this where it is drawn: what starts at 0 stays there."""

_INSIDE = 1e-6
"""What is written as a start is moved inside by so much."""


def rough_start(
    layout: Layout, priors: Priors, is_rough: Bool[np.ndarray, " numbers"], rng: np.random.Generator
) -> Float64[np.ndarray, " numbers"]:
    """Draw a start.

    Args:
        layout: what is learned.
        priors: whose means stand where the start need not be rough.
        is_rough: where it must be.
        rng: of the draw.
    """
    found = priors.means()
    for array in layout.arrays:
        rough = is_rough[array.part]
        match array.kind:
            case ParameterKind.SIMPLEX:
                k = max(1, array.row)
                drawn = rng.dirichlet(np.ones(k), array.size // k).reshape(-1)
                drawn = (1.0 - k * LEAST) * drawn + LEAST if k * LEAST < 0.5 else drawn
            case ParameterKind.PROBABILITY:
                drawn = LEAST + (1.0 - 2.0 * LEAST) * rng.uniform(size=array.size)
            case ParameterKind.POSITIVE:
                drawn = found[array.part] * np.exp(_NOISE * rng.normal(size=array.size))
            case ParameterKind.REAL:
                drawn = found[array.part] + _NOISE * rng.normal(size=array.size)
        found[array.part] = np.where(rough, drawn, found[array.part])
    return found


def moved_inside(layout: Layout, numbers: np.ndarray) -> Float64[np.ndarray, " numbers"]:
    """Move probabilities that are 0 or 1, from where no climb leads away, a little inside."""
    found = np.array(numbers, np.float64)
    for array in layout.arrays:
        own = found[array.part]
        match array.kind:
            case ParameterKind.PROBABILITY:
                found[array.part] = np.clip(own, _INSIDE, 1.0 - _INSIDE)
            case ParameterKind.SIMPLEX:
                rows = np.maximum(array.rows(found), _INSIDE)
                found[array.part] = (rows / rows.sum(axis=1, keepdims=True)).reshape(-1)
            case ParameterKind.POSITIVE | ParameterKind.REAL:
                pass
    return found
