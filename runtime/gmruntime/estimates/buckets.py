"""Weighted draws from mini-buckets: what checks messages where no mechanism can be drawn from.

Of a disease that two findings speak for, or of an undirected graph, prior draws say nothing: next
to none agrees with the evidence. Mini-buckets have seen the evidence, and prove a bound on every
weight, so what was never drawn is bounded too.

Source: Liu, Fisher and Ihler (2015), "Probabilistic variational bounds for graphical models".
"""

import math
from dataclasses import replace

import numpy as np

from gmruntime.arrays import Int64, row_starts
from gmruntime.budget import Budget
from gmruntime.elimination.bounding import NUM_ROUNDS_MAX, Proposal, draw_weighted, tightest
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.orders.best import SEARCHABLE
from gmruntime.estimates.checking import ERROR_ENOUGH, NUM_DRAWS_MAX
from gmruntime.estimates.tally import Tally
from gmruntime.graph import Assignment
from gmruntime.simplify.network import Network
from gmruntime.simplify.states import label_states

EFFECTIVE_MIN = 30.0
"""With fewer effective samples their own error is not to be believed, bound or no bound."""

UNSEEN_MAX = 0.1
"""Nor does an estimate say much when what was never drawn may have twice this share of all."""

_NUM_FIRST = 200
_NUM_MAX = 4000
_DRAWS_SHARE = 0.05


def weigh_by_buckets(
    network: Network,
    order: Order | None,
    evidence: Assignment,
    asked: Int64[np.ndarray, " asked"],
    sizes: Int64[np.ndarray, " asked"],
    budget: Budget,
    rng: np.random.Generator,
    *,
    is_joint: bool,
) -> Tally | None:
    """Draw until the error is small or the budget spent; None when the draws say too little.

    Args:
        network: reduced for a question about sums; what is asked and not observed is free.
        order: of elimination; None where none is known.
        evidence: a state for each observed variable, -1 for the others.
        asked: whose probabilities are wanted.
        sizes: how many states each of them has in the graph.
        budget: of time and memory.
        rng: of order and draws.
        is_joint: whether the asked are wanted together, the first one's state the most weighty.
    """
    if len(network.free) > SEARCHABLE or network.log_constant == -np.inf:
        return None
    # A joint question has an empty factor over what it asks, which is for exact passes only.
    network = replace(network, factors=[f for f in network.factors if f.table.any()])
    found = tightest(network, order, budget, rng)
    if found is None:
        return None
    log_upper, buckets = found
    widths = np.array([math.prod(sizes.tolist())]) if is_joint else sizes
    starts = row_starts(widths)
    tally = Tally(starts, np.zeros(int(starts[-1])), np.zeros(int(starts[-1])))
    tally.log_ceiling = log_upper
    strides = np.append(np.cumprod(sizes[:0:-1])[::-1], 1)
    proposal = Proposal.of(network, buckets)
    row_bytes = 8 * max(1, len(network.num_states))
    count_max = max(1, min(_NUM_MAX, int(_DRAWS_SHARE * budget.memory_bytes / row_bytes)))
    count, last_s = min(_NUM_FIRST, count_max), 0.0
    for _ in range(NUM_ROUNDS_MAX):
        if budget.left_s() <= 2.0 * last_s:
            break
        start = budget.spent_s()
        try:
            states, _, log_weights = draw_weighted(network, proposal, count, budget, rng)
        except TimeoutError:
            break
        label_states(network, states)
        # Of what is observed nothing is drawn.
        chosen = np.where(evidence[asked] >= 0, evidence[asked], states[:, asked]).T
        tally.add((strides @ chosen)[None] if is_joint else chosen, log_weights)
        if tally.effective() >= EFFECTIVE_MIN and tally.errors().max(initial=0.0) <= ERROR_ENOUGH:
            break
        if tally.num_draws >= NUM_DRAWS_MAX:
            break
        last_s = budget.spent_s() - start
        count = min(count_max, 2 * count)
    is_steady = tally.effective() >= EFFECTIVE_MIN and tally.unseen() <= UNSEEN_MAX
    return tally if is_steady else None
