"""Certified bounds on what wide sums still allow: each sum replaced by a price for what it gains.

For prices lambda, and sums s_a that are worth g_a(s_a),

    max_x f(x) + sum_a g_a(s_a(x)) <= max_x [f(x) + sum_a lambda_a s_a(x)]
                                      + sum_a max_s [g_a(s) - lambda_a s]

The first maximum is exact by the layers, the second over the sums that can still be reached. Good
prices are found by subgradients, for the whole and for what is left below promising states.

Source: Fisher (1981), "The Lagrangian relaxation method for solving integer programming problems";
Polyak (1969), "Minimization of unsmooth functionals" (the length of a step).
"""

from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget
from gmruntime.layered.model import Listed, Noisy
from gmruntime.layered.states import Layers

# Values with more runs of equal entries than this are bounded by the best before and the best
# after, which is a little weaker.
_NUM_RUNS_MAX = 12

# So many price vectors are kept: each bounds every state.
NUM_PRICES_MAX = 12

# Steps of the search for prices before the first pass, at the root after it, and below a state.
NUM_STEPS_FIRST, NUM_STEPS_ROOT, NUM_STEPS_BELOW = 20, 300, 40

# Doublings and halvings of the search for a single price.
_NUM_HALVINGS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """A price for each wide sum, and what they leave of the rest.

    Attributes:
        prices: nats a unit of each sum.
        rest: for each layer, and at the end, the best that can follow each remembered state.
    """

    prices: Float64[np.ndarray, " wide"]
    rest: tuple[Float64[np.ndarray, " _states"], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Dual:
    """The value of prices from one state on, and where both maxima lie."""

    value: float
    slope: Float64[np.ndarray, " wide"]
    choices: Int64[np.ndarray, " layers_left"]


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Layers of one remembered state each, as arrays: nothing but prices connects them.

    Attributes:
        gains: of each choice, -inf where it is forbidden or there is none.
        steps: what it adds to each wide sum.
    """

    gains: Float64[np.ndarray, "layers choices"]
    steps: Float64[np.ndarray, "layers choices wide"]


@dataclass(slots=True, eq=False)
class Relaxation:
    """The layers with the price vectors found so far."""

    layers: Layers
    pool: list[Prices] = field(default_factory=list[Prices])
    rows: _Rows | None = None

    def __post_init__(self) -> None:
        """Lay the layers out as arrays where that is possible."""
        layers = self.layers.layers
        if layers and all(len(layer.gains) == 1 for layer in layers):
            self.rows = _as_rows(self.layers)


def _as_rows(layers: Layers) -> _Rows:
    widest = max(layer.gains.shape[1] for layer in layers.layers)
    gains = np.full((len(layers.layers), widest), -np.inf)
    steps = np.zeros((*gains.shape, len(layers.wide)))
    for k, layer in enumerate(layers.layers):
        count = layer.gains.shape[1]
        gains[k, :count] = np.where(layer.after[0] >= 0, layer.gains[0], -np.inf)
        for column, amounts in layer.steps:
            steps[k, :count, column] = amounts[0]
    return _Rows(gains, steps)


def rest_under(
    relaxation: Relaxation, prices: Float64[np.ndarray, " wide"], first: int = 0
) -> Prices:
    """Find the best that can follow each remembered state when sums have these prices."""
    layers, rows = relaxation.layers, relaxation.rows
    if rows is not None:
        best = (rows.gains[first:] + rows.steps[first:] @ prices).max(axis=1)
        rest = np.append(np.cumsum(best[::-1])[::-1], 0.0)
        return Prices(prices, tuple(rest[:, None]))
    following: np.ndarray = np.zeros(1)
    found = [following]
    for layer in reversed(layers.layers[first:]):
        following = _values(layer.gains, layer.after, layer.steps, prices, following).max(axis=1)
        found.append(following)
    return Prices(prices, tuple(found[::-1]))


def _values(
    gains: np.ndarray,
    after: np.ndarray,
    steps: tuple[tuple[int, np.ndarray], ...],
    prices: np.ndarray,
    following: np.ndarray,
) -> Float64[np.ndarray, "states choices"]:
    values = gains + following[after]
    for column, amounts in steps:
        values = values + prices[column] * amounts
    return np.where(after < 0, -np.inf, values)


def _reach_bound(
    layers: Layers, column: int, price: float, layer: int, sums: Float64[np.ndarray, " rows"]
) -> tuple[Float64[np.ndarray, " rows"], Float64[np.ndarray, " rows"]]:
    """Bound g(s) - price * (s - sums) over the sums s that can still be reached.

    Args:
        layers: where `low` and `high` are.
        column: of the wide sum.
        price: of it.
        layer: that comes next.
        sums: so far.

    Returns:
        the bound, and a sum at which it is reached.
    """
    one = layers.wide[column]
    low, high = layers.low[layer, column], layers.high[layer, column]
    match one.value:
        case Listed():
            return _listed_bound(one.value, price, sums, sums + low, sums + high)
        case Noisy():
            return _noisy_bound(price, sums, low, high, bool(layers.undecided[layer, column]))


def _listed_bound(
    value: Listed, price: float, sums: np.ndarray, least: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    best = np.full(len(sums), -np.inf)
    place = sums.copy()
    runs = np.flatnonzero(
        (value.run_start == np.arange(len(value.run_start))) & (value.log_potentials > -np.inf)
    )
    if len(runs) <= _NUM_RUNS_MAX:
        for run in runs:
            begin = np.maximum(least, value.lowest + float(run))
            end = np.minimum(most, value.lowest + float(value.run_end[run]))
            at = begin if price > 0 else end
            worth = np.where(begin <= end, value.log_potentials[run] - price * at, -np.inf)
            better = worth > best
            best, place = np.where(better, worth, best), np.where(better, at, place)
        return best + price * sums, place
    reach = value.lowest + np.arange(len(value.log_potentials), dtype=np.float64)
    worth = value.log_potentials - price * reach
    size = len(worth)
    up, down = np.maximum.accumulate(worth), np.maximum.accumulate(worth[::-1])[::-1]
    first = np.rint(least - value.lowest).astype(np.int64)
    last = np.rint(most - value.lowest).astype(np.int64)
    before, behind = up[np.clip(last, 0, size - 1)], down[np.clip(first, 0, size - 1)]
    possible = (last >= 0) & (first < size)
    best = np.where(possible, np.minimum(before, behind), -np.inf)
    top = float(reach[int(np.argmax(worth))])
    return best + price * sums, np.clip(top, least, most)


def _noisy_bound(
    price: float, sums: np.ndarray, low: float, high: float, undecided: bool
) -> tuple[np.ndarray, np.ndarray]:
    least, most = np.minimum(sums + low, 0.0), np.minimum(sums + high, 0.0)
    at = least
    if price < 0.0:
        # Where the slope of log(1 - exp(s)), which is concave, equals the price.
        at = np.clip(np.log(-price) - np.log1p(-price), least, most)
    with np.errstate(divide="ignore"):
        worth = np.log(-np.expm1(at)) - price * (at - sums)
    if undecided:
        quiet = -price * (1.0 - sums)
        return np.maximum(worth, quiet), np.where(quiet > worth, 1.0, at)
    silent = sums > 0.5
    return np.where(silent, 0.0, worth), np.where(silent, sums, at)


def bounds_at(
    relaxation: Relaxation,
    layer: int,
    states: Int64[np.ndarray, " rows"],
    sums: Float64[np.ndarray, "rows wide"],
    values: Float64[np.ndarray, " rows"],
) -> Float64[np.ndarray, " rows"]:
    """Bound what each partial assignment can become, by the best of all price vectors.

    Args:
        relaxation: with one price vector at least.
        layer: that comes next.
        states: remembered states.
        sums: partial sums.
        values: what is decided already.
    """
    found = np.full(len(states), np.inf)
    layers = relaxation.layers
    for one in relaxation.pool:
        bound = values + one.rest[layer][states]
        for column, price in enumerate(one.prices):
            if layer <= layers.ends[column]:
                bound = (
                    bound + _reach_bound(layers, column, float(price), layer, sums[:, column])[0]
                )
        found = np.minimum(found, bound)
    return found


def find_prices(
    relaxation: Relaxation,
    layer: int,
    state: int,
    sums: Float64[np.ndarray, " wide"],
    start: Float64[np.ndarray, " wide"],
    aim: float,
    num_steps: int,
    budget: Budget,
) -> tuple[Float64[np.ndarray, " wide"], float, list[Int64[np.ndarray, " layers_left"]]]:
    """Lower the bound from one state on.

    Args:
        relaxation: its layers.
        layer: that comes next.
        state: that is remembered.
        sums: so far.
        start: the first prices.
        aim: what the state may be worth at least, if it is known; else -inf.
        num_steps: how many prices are tried.
        budget: ends it.

    Returns:
        the best prices, the bound, and the choices that were best under the prices tried.
    """
    scale = _scales(relaxation.layers)
    best = start
    first = _dual(relaxation, layer, state, sums, start)
    lowest, tried = first.value, [first.choices]
    if len(start) == 1 and np.isfinite(first.value):
        return _single_price(relaxation, layer, state, sums, scale, tried, budget)
    prices, found = start, first
    reach = max(1.0, 0.1 * abs(lowest)) if np.isfinite(lowest) else 1.0
    quiet = 0
    for _ in range(num_steps):
        slope = found.slope / scale
        length = float(slope @ slope)
        if length < 1e-18 or not np.isfinite(found.value) or budget.left_s() <= 0.0:
            break
        target = max(aim, lowest - reach)
        step = max(found.value - target, 1e-9) / length
        prices = prices - step * slope / scale
        found = _dual(relaxation, layer, state, sums, prices)
        tried.append(found.choices)
        quiet += 1
        if found.value < lowest - 1e-9 * max(1.0, abs(lowest)):
            quiet = 0 if found.value < lowest - 0.2 * reach else quiet
            lowest, best = found.value, prices
        if quiet >= 6:
            reach, quiet = 0.5 * reach, 0
            prices, found = best, _dual(relaxation, layer, state, sums, best)
    return best, lowest, tried


def _single_price(
    relaxation: Relaxation,
    layer: int,
    state: int,
    sums: np.ndarray,
    scale: np.ndarray,
    tried: list[np.ndarray],
    budget: Budget,
) -> tuple[np.ndarray, float, list[np.ndarray]]:
    """Find the one price at which the slope changes its sign, by halving."""
    best, lowest = np.zeros(1), np.inf
    ends: list[float | None] = [None, None]
    price, width = 0.0, 1.0 / float(scale[0])
    for _ in range(_NUM_HALVINGS):
        found = _dual(relaxation, layer, state, sums, np.array([price]))
        tried.append(found.choices)
        if found.value < lowest:
            best, lowest = np.array([price]), found.value
        slope = float(found.slope[0])
        if slope == 0.0 or budget.left_s() <= 0.0:
            break
        ends[0 if slope < 0.0 else 1] = price
        if ends[0] is None:
            price, width = price - width, 2.0 * width
        elif ends[1] is None:
            price, width = price + width, 2.0 * width
        else:
            price = 0.5 * (ends[0] + ends[1])
            if ends[1] - ends[0] <= 1e-12 * max(abs(ends[0]), abs(ends[1])):
                break
    return best, lowest, tried


def _scales(layers: Layers) -> Float64[np.ndarray, " wide"]:
    scale = np.zeros(len(layers.wide))
    for column, one in enumerate(layers.wide):
        amounts = [float(np.abs(term.amounts).max()) for term in one.terms]
        scale[column] = float(np.mean(amounts))
    return np.maximum(scale, 1e-12)


def _dual(
    relaxation: Relaxation,
    layer: int,
    state: int,
    sums: Float64[np.ndarray, " wide"],
    prices: Float64[np.ndarray, " wide"],
) -> _Dual:
    """Evaluate prices from one state on."""
    layers, rows = relaxation.layers, relaxation.rows
    if rows is not None:
        worth = rows.gains[layer:] + rows.steps[layer:] @ prices
        choices = worth.argmax(axis=1)
        places = np.arange(len(choices))
        value = float(worth[places, choices].sum())
        total = sums + rows.steps[layer + places, choices].sum(axis=0)
    else:
        value, total, choices = _best_way(layers, layer, state, sums, prices, relaxation)
    slope = np.zeros(len(prices))
    if value == -np.inf:
        return _Dual(value, slope, choices)
    for column, price in enumerate(prices):
        if layer > layers.ends[column]:
            continue
        bound, place = _reach_bound(layers, column, float(price), layer, sums[column : column + 1])
        value += float(bound[0])
        slope[column] = total[column] - float(place[0])
    return _Dual(value, slope, choices)


def _best_way(
    layers: Layers,
    layer: int,
    state: int,
    sums: Float64[np.ndarray, " wide"],
    prices: Float64[np.ndarray, " wide"],
    relaxation: Relaxation,
) -> tuple[float, Float64[np.ndarray, " wide"], Int64[np.ndarray, " layers_left"]]:
    """Follow the best choices under prices: what they are worth, the sums they end at, they."""
    rest = rest_under(relaxation, prices, layer).rest
    value, total = float(rest[0][state]), sums.copy()
    choices: np.ndarray = np.zeros(len(layers.layers) - layer, np.int64)
    if value == -np.inf:
        return value, total, choices
    for k, one in enumerate(layers.layers[layer:]):
        steps = tuple((c, a[state if len(a) > 1 else 0][None]) for c, a in one.steps)
        worth = _values(one.gains[state][None], one.after[state][None], steps, prices, rest[k + 1])
        choices[k] = int(np.argmax(worth[0]))
        for column, amounts in steps:
            total[column] += amounts[0, choices[k]]
        state = int(one.after[state, choices[k]])
    return value, total, choices
