"""What a sum is really about: the factors that some path joins to what is asked.

The rest of a network only multiplies everything by one constant. That constant must be known to be
above zero, since of what is impossible nothing has any probability.
"""

from collections.abc import Iterable

import numpy as np

from gmruntime.simplify.network import Factor, Network


def relevant_factors(network: Network, asked: Iterable[int]) -> list[Factor] | None:
    """List the factors joined to variables, by their scopes; None where the rest may be zero.

    >>> one, other = np.zeros((2, 2)), np.array([0.0, -1.0])
    >>> factors = [Factor((0, 1), one), Factor((2,), other)]
    >>> network = Network((0, 1, 2), np.array([2, 2, 2]), factors, 0.0)
    >>> [factor.scope for factor in relevant_factors(network, [1])]
    [(0, 1)]
    """
    if network.log_constant == -np.inf:
        return None
    touching: dict[int, list[int]] = {}
    for number, factor in enumerate(network.factors):
        for v in factor.scope:
            touching.setdefault(v, []).append(number)
    seen = {int(v) for v in asked}
    waiting = list(seen)
    near: set[int] = set()
    while waiting:
        for number in touching.get(waiting.pop(), []):
            if number not in near:
                near.add(number)
                fresh = [v for v in network.factors[number].scope if v not in seen]
                seen.update(fresh)
                waiting.extend(fresh)
    for number, factor in enumerate(network.factors):
        if number not in near and not np.isfinite(factor.table).all():
            return None
    found = [network.factors[number] for number in sorted(near)]
    return sorted(found, key=lambda factor: factor.scope)
