"""Numbers that params may be, none of them special: what holds there of tables holds anywhere."""

import numpy as np

from gmlang.core.parameters import ParameterKind
from gmlang.learning.numbers.coordinates import Layout


def inner_numbers(layout: Layout, rng: np.random.Generator) -> np.ndarray:
    """Draw numbers that are neither 0 nor 1, nor equal to each other."""
    found = np.zeros(layout.size)
    for array in layout.arrays:
        match array.kind:
            case ParameterKind.SIMPLEX:
                drawn = rng.dirichlet(
                    np.full(max(1, array.row), 4.0), array.size // max(1, array.row)
                )
                found[array.part] = drawn.reshape(-1)
            case ParameterKind.PROBABILITY:
                found[array.part] = rng.uniform(0.2, 0.8, array.size)
            case ParameterKind.POSITIVE:
                found[array.part] = rng.uniform(0.5, 1.5, array.size)
            case ParameterKind.REAL:
                found[array.part] = rng.uniform(-0.5, 0.5, array.size)
    return found


def other_numbers(layout: Layout, inside: np.ndarray) -> np.ndarray:
    """Return other numbers that the params may be: each row of a simplex turned round."""
    found = inside.copy()
    for array in layout.arrays:
        if array.kind is ParameterKind.SIMPLEX:
            # Of one state, that is the same again: nothing else sums to one.
            found[array.part] = array.rows(inside)[:, ::-1].reshape(-1)
        else:
            found[array.part] = 0.9 * inside[array.part]
    return found
