"""Marginals leaf by leaf: what a leaf does not depend on is left out while it is asked.

All marginals together need every factor; but without evidence below them, most variables of a
directed model matter only to their own descendants. Several small passes may then be far cheaper
than the one large pass, in time and in memory: they run one after another, and each has to fit the
budget's bytes by itself.

Source: Lin and Druzdzel (1997), "Relevance-based sequential evaluation in large networks".
"""

from collections.abc import Callable

import numpy as np

from gmruntime.answer import Marginals
from gmruntime.elimination.orders.best import best_order
from gmruntime.elimination.plan import Plan, costed
from gmruntime.simplify.barren import drop_barren
from gmruntime.simplify.network import Network
from gmruntime.task import Effort

Read = Callable[[Plan, set[int]], tuple[dict[int, np.ndarray], float]]

WORTH_S = 0.3
"""A pass predicted to be quicker is run as it is."""

_SEARCH_BITS_MAX = 40.0

# Of the time left: where one pass does not fit, something else must still answer.
_PLANNING_SHARE = 0.5


def marginals_by_relevance(
    network: Network,
    asked: frozenset[int],
    seconds_max: float,
    steps_max: float,
    effort: Effort,
    read: Read,
) -> tuple[dict[int, np.ndarray], float] | None:
    """Return the rows of the asked variables and log Z; None when one pass is cheaper.

    Args:
        network: reduced for marginals of `asked`.
        asked: free variables.
        seconds_max: that all the small passes may take together, and planning them.
        steps_max: of the search for the order of each.
        effort: of everything, and of the order search.
        read: answers one small plan for the variables listed.

    Raises:
        TimeoutError: when planning or the passes took too long.
    """
    budget = effort.budget
    # Each leaf's part is found by looking at all factors.
    planning = budget.until(min(seconds_max, _PLANNING_SHARE * budget.left_s()))
    core = drop_barren(network, frozenset(), planning)
    inner = frozenset(core.free)
    leaves = [v for v in network.free if v in asked and v not in inner]
    if not leaves:
        return None
    plans: list[tuple[Plan, set[int]]] = []
    covered: set[int] = set()
    predicted = 0.0
    for goal in (None, *reversed(leaves)):
        if goal in covered:
            continue
        planning.check()
        part = drop_barren(network, frozenset() if goal is None else frozenset([goal]), planning)
        order = best_order(
            part, effort.rng, bits_max=_SEARCH_BITS_MAX, steps_max=steps_max, budget=planning
        )
        if order is None:
            return None
        small = costed(Marginals(), budget, part, order)
        predicted += small.seconds
        if not small.fits or predicted > seconds_max:
            return None
        targets = {v for v in part.free if v in asked and v not in covered}
        covered.update(targets)
        plans.append((small, targets))
    rows: dict[int, np.ndarray] = {}
    log_z = np.nan
    for small, targets in plans:
        found, log_z = read(small, targets)
        rows.update(found)
        budget.check()
    return rows, log_z
