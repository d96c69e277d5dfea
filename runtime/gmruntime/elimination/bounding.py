"""log Z between proven bounds where exact elimination does not fit.

Weighted mini-buckets bound it from above. They are also a distribution to draw from: the mean
weight of the draws estimates Z, and the distinct ones among them, summed, bound it from below.

Source: Liu and Ihler (2011), "Bounding the partition function using Hölder's inequality"; Liu,
Fisher and Ihler (2015), "Probabilistic variational bounds for graphical models".
"""

import math
from dataclasses import dataclass, field

import numpy as np

from gmruntime.answer import LogPartitionAnswer, Quality, Status
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget, within
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.orders.best import SEARCHABLE
from gmruntime.elimination.orders.sweeping import swept_order
from gmruntime.elimination.passes.loading import may_load
from gmruntime.elimination.weighted_mini_buckets import ENTRIES_PER_SECOND, MiniBucket, relax
from gmruntime.simplify.network import Factor, Network

METHOD = "mini-buckets and importance sampling"

DRAWN = "estimated from"
"""How a note begins that says how much was drawn for an estimate."""

_BITS_FIRST = 4.0
_BITS_STEP = 2.0
_BITS_MAX = 24.0
_RELAX_SHARE = 0.4
_GROWTH = 3.0

_NUM_DRAWS_FIRST = 200
_NUM_DRAWS_MAX = 4000
_NUM_DISTINCT_MAX = 200_000

NUM_ROUNDS_MAX = 1 << 12
"""However long the budget, no more rounds of draws are made: sixteen million draws."""

_DRAWS_SHARE = 0.05
_MARGIN = 1e-9

_EFFECTIVE_MIN = 5.0
"""With fewer effective samples the mean weight says too little."""


def bound_log_partition(
    network: Network,
    order: Order | None,
    log_lower: float,
    guess: float,
    budget: Budget,
    rng: np.random.Generator,
) -> LogPartitionAnswer | None:
    """Bound and estimate log Z until the budget is spent; None when the network is too large.

    Args:
        network: reduced for sums.
        order: of elimination; None when none was found.
        log_lower: a proven lower bound, -inf when there is none.
        guess: an estimate to fall back on, such as Bethe's; NaN when there is none.
        budget: of time and memory.
        rng: of order and draws.
    """
    if len(network.free) > SEARCHABLE or network.log_constant == -np.inf:
        return None
    found = tightest(network, order, budget, rng)
    if found is None:
        return None
    log_upper, buckets = found
    draws = _draw_until(network, buckets, budget, rng)
    log_lower = max(log_lower, draws.log_distinct()) - _MARGIN * (1 + abs(log_upper))
    value, how = guess, "the estimate is Bethe's"
    if draws.effective() >= _EFFECTIVE_MIN or (math.isnan(guess) and draws.effective() > 0):
        value = draws.log_mean()
        how = f"{DRAWN} {draws.num_draws} samples, worth {draws.effective():.0f}"
    if math.isnan(value):
        value, how = log_upper, "no estimate: the value is the upper bound"
    value = min(max(value, log_lower), log_upper)
    quality = Quality(Status.BOUNDED, METHOD, budget.spent_s(), note=how)
    return LogPartitionAnswer(quality, value, log_lower, log_upper)


def _any_order(network: Network, rng: np.random.Generator, budget: Budget) -> Order:
    from gmruntime.elimination.orders.restarts import order_by_weight

    greedy = order_by_weight(network, rng, budget)
    swept = swept_order(network, bits_max=greedy.clique_bits, budget=budget)
    return greedy if swept is None or swept.total_bits > greedy.total_bits else swept


def tightest(
    network: Network, order: Order | None, budget: Budget, rng: np.random.Generator
) -> tuple[float, list[MiniBucket]] | None:
    """Relax with ever larger tables while time and memory last; keep the best bound and tables.

    None where there was no time for any.

    Args:
        network: what to bound.
        order: of elimination; None takes one, however wide.
        budget: of time and memory.
        rng: of the order.
    """
    if order is None and (budget.is_spent() or not may_load(budget)):
        return None
    try:
        order = order or _any_order(network, rng, budget)
    except TimeoutError:
        return None
    until = budget.spent_s() + _RELAX_SHARE * budget.left_s()
    best = math.inf
    kept: list[MiniBucket] | None = None
    bits, last_s = _BITS_FIRST, 0.0
    while bits <= min(_BITS_MAX, order.clique_bits + _BITS_STEP):
        start = budget.spent_s()
        if kept is not None and start + _GROWTH * last_s > until:
            break
        if 8.0 * 2.0 * sum(part.table.size for part in kept or ()) * _GROWTH > budget.memory_bytes:
            break
        record: list[MiniBucket] = []
        try:
            found = relax(
                network,
                order.variables,
                bits,
                is_max=lambda _: False,
                record=record,
                given_max=_RELAX_SHARE * ENTRIES_PER_SECOND * budget.left_s(),
                is_over=lambda: budget.left_s() <= 0,
            )
        except TimeoutError:
            break
        last_s = budget.spent_s() - start
        # Larger tables are most often tighter, not always; what is drawn from has its own bound.
        if kept is None or found.log_constant < best:
            best, kept = found.log_constant, record
        bits += _BITS_STEP
    return None if kept is None else (best, kept)


# --- Sampling ----------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Draws:
    """What a number of weighted draws said.

    Attributes:
        num_draws: in all.
        log_sum: of the weights.
        log_sum_squares: of the weights squared.
        scores: of the distinct assignments above zero, by hash. Two with one hash count as one,
            which only lowers the bound.
    """

    num_draws: int = 0
    log_sum: float = -math.inf
    log_sum_squares: float = -math.inf
    scores: dict[int, float] = field(default_factory=dict[int, float])

    def log_mean(self) -> float:
        """Return the estimate of log Z."""
        return self.log_sum - math.log(self.num_draws) if self.num_draws else math.nan

    def effective(self) -> float:
        """Return the effective sample size."""
        if self.log_sum == -math.inf:
            return 0.0
        return math.exp(2 * self.log_sum - self.log_sum_squares)

    def log_distinct(self) -> float:
        """Return the log of the sum of all distinct assignments seen."""
        if not self.scores:
            return -math.inf
        return float(np.logaddexp.reduce(np.array(list(self.scores.values()))))


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """Mini-buckets as a distribution to draw from.

    Attributes:
        by_variable: the mini-buckets of each variable, in the order of elimination.
        lonely: variables of no factor.
    """

    by_variable: dict[int, list[MiniBucket]]
    lonely: list[int]

    @classmethod
    def of(cls, network: Network, buckets: list[MiniBucket]) -> "Proposal":
        """Gather what a relaxation of a network recorded."""
        by_variable: dict[int, list[MiniBucket]] = {}
        for part in buckets:
            by_variable.setdefault(part.variable, []).append(part)
        return cls(by_variable, [v for v in network.free if v not in by_variable])


def draw_weighted(
    network: Network, proposal: Proposal, count: int, budget: Budget, rng: np.random.Generator
) -> tuple[
    Int64[np.ndarray, "draws variables"],
    Float64[np.ndarray, " draws"],
    Float64[np.ndarray, " draws"],
]:
    """Draw assignments; return them, their log scores, and the logs of their weights.

    No weight is above the bound that the mini-buckets prove.

    Raises:
        TimeoutError: when the budget ended first.
    """
    states, log_q = _draw(network, proposal.by_variable, proposal.lonely, count, budget, rng)
    scores = _network_scores(network, states)
    with np.errstate(invalid="ignore"):
        return states, scores, np.where(log_q > -np.inf, scores - log_q, -np.inf)


def _draw_until(
    network: Network, buckets: list[MiniBucket], budget: Budget, rng: np.random.Generator
) -> Draws:
    draws = Draws()
    row_bytes = 8 * max(1, len(network.num_states))
    count_max = max(1, min(_NUM_DRAWS_MAX, int(_DRAWS_SHARE * budget.memory_bytes / row_bytes)))
    count, last_s = min(_NUM_DRAWS_FIRST, count_max), 0.0
    proposal = Proposal.of(network, buckets)
    for _ in range(NUM_ROUNDS_MAX):
        if budget.left_s() <= 2.0 * last_s:
            break
        start = budget.spent_s()
        try:
            states, scores, log_weights = draw_weighted(network, proposal, count, budget, rng)
        except TimeoutError:
            break
        draws.num_draws += count
        draws.log_sum = float(np.logaddexp(draws.log_sum, np.logaddexp.reduce(log_weights)))
        squares = float(np.logaddexp.reduce(2 * log_weights))
        draws.log_sum_squares = float(np.logaddexp(draws.log_sum_squares, squares))
        if len(draws.scores) < _NUM_DISTINCT_MAX:
            rows = np.ascontiguousarray(states[:, list(network.free)].astype(np.int16))
            for k in np.flatnonzero(log_weights > -np.inf):
                draws.scores[hash(rows[k].tobytes())] = float(scores[k])
        last_s = budget.spent_s() - start
        count = min(count_max, 2 * count)
    return draws


def _draw(
    network: Network,
    by_variable: dict[int, list[MiniBucket]],
    lonely: list[int],
    count: int,
    budget: Budget,
    rng: np.random.Generator,
) -> tuple[Int64[np.ndarray, "draws variables"], Float64[np.ndarray, " draws"]]:
    """Draw the variables, last eliminated first, each from a mixture of its mini-buckets.

    Raises:
        TimeoutError: when the budget ended first.
    """
    states = np.zeros((count, len(network.num_states)), np.int64)
    log_q = np.zeros(count)
    for v in lonely:
        size = int(network.num_states[v])
        states[:, v] = rng.integers(size, size=count)
        log_q -= math.log(size)
    for v in within(reversed(by_variable), budget, every=8):
        mixture = np.zeros((count, int(network.num_states[v])))
        for part in by_variable[v]:
            index = tuple(states[:, u] for u in part.scope)
            table = np.moveaxis(part.table, 0, -1)[index].reshape(-1, mixture.shape[1])
            message = np.asarray(part.message[index]).reshape(-1, 1)
            with np.errstate(invalid="ignore"):
                shares = np.exp((table - message) / part.weight)
            mixture += part.weight * np.where(message > -np.inf, shares, 0.0)
        cumulated = np.cumsum(mixture, axis=1)
        total = cumulated[:, -1]
        drawn = (rng.random(count) * total)[:, None] >= cumulated
        states[:, v] = np.minimum(drawn.sum(axis=1), mixture.shape[1] - 1)
        with np.errstate(divide="ignore"):
            log_q += np.log(mixture[np.arange(count), states[:, v]])
    return states, log_q


def _network_scores(
    network: Network, states: Int64[np.ndarray, "draws variables"]
) -> Float64[np.ndarray, " draws"]:
    """Return the log score of every row."""
    total = np.full(len(states), network.log_constant)
    for factor in network.factors:
        total += _entries(factor, states)
    return total


def _entries(factor: Factor, states: Int64[np.ndarray, "draws variables"]) -> np.ndarray:
    return factor.table[tuple(states[:, v] for v in factor.scope)]
