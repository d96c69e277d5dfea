"""How far two variables are from being independent, as the list of worlds says."""

import math
from collections.abc import Iterator

import numpy as np

from tests.support.numbers import log_sum


def dependence(joint: dict[tuple[str, ...], np.ndarray]) -> Iterator[float | None]:
    """Yield how far each P(a, b | c) is from P(a | c) P(b | c), relative to the larger.

    None where both are so rare that their digits are not asked for.
    """
    for rest in {key[2:] for key in joint}:
        sums = {key[:2]: log_sum(s) for key, s in joint.items() if key[2:] == rest}
        whole = log_sum(np.array([*sums.values()]))
        chances = {key: math.exp(s - whole) for key, s in sums.items()}
        for a in {key[0] for key in sums}:
            for b in {key[1] for key in sums}:
                left = sum(p for key, p in chances.items() if key[0] == a)
                right = sum(p for key, p in chances.items() if key[1] == b)
                both = chances.get((a, b), 0.0)
                top = max(both, left * right)
                yield abs(both - left * right) / top if top > 1e-200 else None
