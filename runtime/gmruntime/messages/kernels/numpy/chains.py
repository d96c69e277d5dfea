"""Message rules of factors that read their variables one after another, in NumPy.

Each keeps a short state while it reads: whether some literal was true, the parity, the sum so far,
the values taken. Forward and backward passes give every message in O(arity * states of the chain).
"""

from collections.abc import Callable

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.factors.semiring import Messages, join, reduce
from gmruntime.messages.tempering import NUM_EXACT_VALUES_MAX, NUM_EXACT_VARIABLES_MAX

# Entries of the sets of variables that are kept at once.
_NUM_ENTRIES_MAX = 1 << 22

# So many rounds between the variables and "each value at most once" where that is not exact.
_NUM_ROUNDS = 40

# step(position, state, values) moves numbers on chain states past one variable: forwards they are
# added where each state leads; backwards each state collects from where it leads.
_Move = Callable[[int, int, np.ndarray], np.ndarray]


def _messages_of_chain(
    first: np.ndarray,
    last: np.ndarray,
    incoming: Messages,
    ahead: _Move,
    back: _Move,
    is_max: bool,
) -> list[np.ndarray]:
    """Run a chain both ways. `back(k, x, B)` says what follows each state once x_k = x."""
    arity = len(incoming)
    told = [[m[:, :, x : x + 1] for x in range(m.shape[2])] for m in incoming]
    forward = [first]
    for k in range(arity - 1):
        forward.append(
            _join_all([ahead(k, x, forward[k]) + n for x, n in enumerate(told[k])], is_max)
        )
    result: list[np.ndarray] = [np.zeros(0)] * arity
    backward = last
    for k in range(arity - 1, -1, -1):
        follow = [back(k, x, backward) for x in range(len(told[k]))]
        result[k] = np.stack([reduce(forward[k] + b, (2,), is_max) for b in follow], axis=2)
        backward = _join_all([b + n for b, n in zip(follow, told[k], strict=True)], is_max)
    return result


def _join_all(parts: list[np.ndarray], is_max: bool) -> np.ndarray:
    joined = parts[0]
    for part in parts[1:]:
        joined = join(joined, part, is_max)
    return joined


def total(
    coefficients: np.ndarray,
    lowest: np.ndarray,
    log_potentials: np.ndarray,
    incoming: Messages,
    is_max: bool,
) -> list[np.ndarray]:
    """Compute the messages of functions of a weighted sum, in O(arity * sums * states)."""
    sizes = np.array([m.shape[2] - 1 for m in incoming], np.int64)
    smallest = np.minimum(coefficients * sizes, 0).sum(axis=1)
    largest = np.maximum(coefficients * sizes, 0).sum(axis=1)
    width = int((largest - smallest).max()) + 1
    rows, count = incoming[0].shape[:2]
    first = np.full((rows, len(smallest), width), -np.inf)
    first[:, np.arange(len(smallest)), -smallest] = 0.0
    sums = np.arange(width) + (smallest - lowest)[:, None]
    num_sums = log_potentials.shape[1]
    inside = (sums >= 0) & (sums < num_sums)
    values = np.take_along_axis(log_potentials, np.clip(sums, 0, num_sums - 1), axis=1)
    last = np.where(inside, values, -np.inf)[None]

    def shifted(values: np.ndarray, by: np.ndarray) -> np.ndarray:
        places = np.arange(width) + by[:, None]
        inside = (places >= 0) & (places < width)
        places = np.clip(places, 0, width - 1)
        if len(by) == 1:
            return np.where(inside, values[:, :, places[0]], -np.inf)
        values = np.broadcast_to(values, (values.shape[0], len(by), width))
        return np.where(inside, np.take_along_axis(values, places[None], axis=2), -np.inf)

    first = np.broadcast_to(first, (rows, count, width))
    last = np.broadcast_to(last, (rows, count, width))
    return _messages_of_chain(
        first,
        last,
        incoming,
        lambda k, x, values: shifted(values, -coefficients[:, k] * x),
        lambda k, x, values: shifted(values, coefficients[:, k] * x),
        is_max,
    )


def parity(parities: np.ndarray, incoming: Messages, is_max: bool) -> list[np.ndarray]:
    """Compute the messages of exclusive ors in O(arity)."""
    rows, count = incoming[0].shape[:2]
    first = np.broadcast_to(np.array([0.0, -np.inf]), (rows, count, 2))
    wanted = np.stack([~parities, parities], axis=1)
    last = np.broadcast_to(np.where(wanted, 0.0, -np.inf)[None], (rows, count, 2))

    def flip(_: int, x: int, values: np.ndarray) -> np.ndarray:
        return values[:, :, ::-1] if x else values

    return _messages_of_chain(first, last, incoming, flip, flip, is_max)


def weighted_or(
    log_failures: np.ndarray, negated: np.ndarray, incoming: Messages, is_max: bool
) -> list[np.ndarray]:
    """Compute the messages of (noisy) ors in O(arity): has some cause acted so far?

    Source: Pearl (1988), "Probabilistic reasoning in intelligent systems", section 4.3.2.
    """
    rows, count = incoming[0].shape[:2]
    arity = len(incoming)
    with np.errstate(divide="ignore"):
        log_acts = np.log(-np.expm1(log_failures))
    first = np.stack([log_failures[:, -1], log_acts[:, -1]], axis=1)
    first = np.broadcast_to(first[None], (rows, count, 2))

    def literal(k: int, x: int) -> np.ndarray:
        return (negated[:, k] != bool(x))[None, :]

    def ahead(k: int, x: int, values: np.ndarray) -> np.ndarray:
        true = literal(k, x)
        none, some = values[:, :, 0], values[:, :, 1]
        acted = join(some, none + log_acts[None, :, k], is_max)
        return np.stack(
            [np.where(true, none + log_failures[None, :, k], none), np.where(true, acted, some)],
            axis=2,
        )

    def back(k: int, x: int, values: np.ndarray) -> np.ndarray:
        true = literal(k, x)
        none, some = values[:, :, 0], values[:, :, 1]
        if k == arity - 1:
            # The last position is the effect: it must say what happened.
            return np.stack([np.where(true, -np.inf, none), np.where(true, some, -np.inf)], axis=2)
        acted = join(none + log_failures[None, :, k], some + log_acts[None, :, k], is_max)
        return np.stack([np.where(true, acted, none), some], axis=2)

    last = np.zeros((rows, count, 2))
    return _messages_of_chain(first, last, incoming, ahead, back, is_max)


# --- All different -----------------------------------------------------------------------


def different(incoming: Messages, is_max: bool) -> list[np.ndarray]:
    """Compute the messages of all-different factors."""
    if incoming[0].shape[2] < len(incoming):
        return [np.full(m.shape, -np.inf) for m in incoming]
    if incoming[0].shape[2] <= NUM_EXACT_VALUES_MAX:
        return _different_exactly(incoming, is_max)
    if len(incoming) <= NUM_EXACT_VARIABLES_MAX:
        return _different_value_by_value(incoming, is_max)
    return _different_by_values(incoming, is_max)


def _different_exactly(incoming: Messages, is_max: bool) -> list[np.ndarray]:
    rows, count, num_values = incoming[0].shape
    subsets = np.arange(1 << num_values)
    first = np.full((rows, count, len(subsets)), -np.inf)
    first[:, :, 0] = 0.0

    def ahead(_: int, x: int, values: np.ndarray) -> np.ndarray:
        return np.where(subsets & (1 << x), values[:, :, subsets & ~(1 << x)], -np.inf)

    def back(_: int, x: int, values: np.ndarray) -> np.ndarray:
        return np.where(subsets & (1 << x), -np.inf, values[:, :, subsets | (1 << x)])

    last = np.zeros((rows, count, len(subsets)))
    return _messages_of_chain(first, last, incoming, ahead, back, is_max)


def place_one(
    told: np.ndarray, x: int, sets: Float64[np.ndarray, "rows factors sets"], is_max: bool
) -> Float64[np.ndarray, "rows factors sets"]:
    """Let one variable at most take value x: from sets of variables placed to larger ones.

    Args:
        told: what the variables say, (rows, factors, values, arity).
        x: the value.
        sets: the log weight of each set of variables placed so far, by its bits.
        is_max: maximise instead of summing.
    """
    members = np.arange(sets.shape[2])
    result = sets
    for k in range(told.shape[3]):
        grown = sets[:, :, members & ~(1 << k)] + told[:, :, x, k, None]
        result = join(result, np.where(members & (1 << k), grown, -np.inf), is_max)
    return result


def _different_value_by_value(incoming: Messages, is_max: bool) -> list[np.ndarray]:
    """Keep the set of variables that have taken a value so far; few of them, of many values."""
    told = np.stack(incoming, axis=3)
    rows, count, num_values, arity = told.shape
    result = [np.empty((rows, count, num_values)) for _ in range(arity)]
    step = max(1, _NUM_ENTRIES_MAX // ((rows * num_values) << arity))
    for first in range(0, count, step):
        piece = told[:, first : first + step]
        for k, values in enumerate(_value_by_value(piece, is_max)):
            result[k][:, first : first + step] = values
    return result


def _value_by_value(told: np.ndarray, is_max: bool) -> np.ndarray:
    """Return the messages, (arity, rows, factors, values), of a slice of factors."""
    rows, count, num_values, arity = told.shape
    members = np.arange(1 << arity)
    nothing = np.full((rows, count, len(members)), -np.inf)
    nothing[:, :, 0] = 0.0
    placed = [nothing]
    for x in range(num_values - 1):
        placed.append(place_one(told, x, placed[x], is_max))
    result = np.empty((arity, rows, count, num_values))
    after = nothing
    for x in range(num_values - 1, -1, -1):
        for k in range(arity):
            others = members[(members & (1 << k)) == 0]
            rest = after[:, :, (len(members) - 1) & ~others & ~(1 << k)]
            result[k, :, :, x] = reduce(placed[x][:, :, others] + rest, (2,), is_max)
        after = place_one(told, x, after, is_max)
    return result


def _different_by_values(incoming: Messages, is_max: bool) -> list[np.ndarray]:
    """Pass messages between variables and values: each value is taken at most once.

    Where there are as many variables as values it is taken exactly once.

    Source: Huang and Jebara (2009), "Approximating the permanent with belief propagation".
    """
    back, _ = assign(np.stack(incoming, axis=3), is_max)
    return [back[:, :, :, k] for k in range(back.shape[3])]


def assign(
    told: Float64[np.ndarray, "rows factors values arity"], is_max: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the log odds that the values leave each variable, and those that it gives them."""
    num_values, arity = told.shape[2:]
    exactly = arity == num_values
    back, odds = np.zeros(told.shape), told
    for _ in range(_NUM_ROUNDS):
        # log odds that variable i takes value u, as i alone sees it
        against = _others(told + back, 2, is_max)
        odds = _minus(told, against)
        rivals = _others(odds, 3, is_max)
        found = -rivals if exactly else -join(rivals, np.zeros(()), is_max)
        found = np.clip(found, -1e6, 1e6)
        settled = np.abs(found - back).max(initial=0.0) < 1e-12
        back = 0.5 * (back + found) if is_max else found
        if settled:
            break
    return back, odds


def _others(values: np.ndarray, axis: int, is_max: bool) -> np.ndarray:
    """Join all but one along an axis."""
    values = np.moveaxis(values, axis, -1)
    add = np.maximum if is_max else np.logaddexp
    result = np.full(values.shape, -np.inf)
    result[..., 1:] = add.accumulate(values[..., :-1], axis=-1)
    tail = add.accumulate(values[..., :0:-1], axis=-1)[..., ::-1]
    result[..., :-1] = add(result[..., :-1], tail)
    return np.moveaxis(result, -1, axis)


def _minus(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Subtract logs; what is impossible stays so, however impossible the rest is."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(a), -np.inf, np.where(np.isneginf(b), np.inf, a - b))
