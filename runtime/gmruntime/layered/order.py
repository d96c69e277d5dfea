"""In which order a layered search decides: so that little is remembered, then the certain first.

Where much is certain, what is not comes last, when little is left to be gained by being wrong.
"""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.layered.model import SumModel

_ASK_EVERY = 64
"""Variables between two looks at the clock."""


def layered_order(
    model: SumModel, certainty: Float64[np.ndarray, " variables"], budget: Budget
) -> list[int] | None:
    """Order the free variables greedily; None when gates form a circle, or time ended first.

    Next is always the variable that brings the factors that are begun nearest to their end.

    Args:
        model: its tables and sums.
        certainty: of each variable; the larger, the earlier, where all else is equal.
        budget: ends the work.
    """
    scopes = [scope for scope, _ in model.tables]
    scopes += [tuple(term.variable for term in one.terms) for one in model.sums]
    of: dict[int, list[int]] = {int(v): [] for v in model.free}
    for f, scope in enumerate(scopes):
        for v in scope:
            of[v].append(f)
    left = [len(scope) for scope in scopes]
    begun = [False] * len(scopes)
    ranked = sorted(of, key=lambda v: -float(certainty[v]))
    place = {v: k for k, v in enumerate(ranked)}
    waiting = {v: set(model.first.get(v, ())) for v in of}
    gates: dict[int, list[int]] = {}
    for v, before in waiting.items():
        for gate in before:
            gates.setdefault(gate, []).append(v)
    worth = {v: -sum(1.0 - 1.0 / left[f] for f in of[v]) for v in of}
    order: list[int] = []
    while worth:
        ready = [v for v in worth if not waiting[v]]
        if not ready or (len(order) % _ASK_EVERY == 0 and budget.is_spent()):
            return None
        chosen = max(ready, key=lambda v: (round(worth[v], 9), -place[v]))
        order.append(chosen)
        del worth[chosen]
        for v in gates.get(chosen, []):
            waiting[v].discard(chosen)
        for f in of[chosen]:
            before = 1.0 / left[f] if begun[f] else 1.0 / left[f] - 1.0
            left[f] -= 1
            begun[f] = True
            if left[f]:
                for v in scopes[f]:
                    if v in worth:
                        worth[v] += 1.0 / left[f] - before
    return order
