"""What variables say to factors, and how they take what factors answer, compiled.

For sums, messages are multiples of probabilities, the largest of each is 1, and zero forbids. For
maxima they are logs, the largest of each is 0, and -inf forbids. Importing this file imports numba.
"""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.compiling import loop
from gmruntime.messages.kernels.records import Terms, Variables

# A product of messages whose largest entry falls below this is scaled up before it goes on.
_SMALL = 1e-100
# Below this one over a number is no number any more.
_TINY = 1e-300


@loop
def _keep_up(values: Float64[np.ndarray, " states"], high: float) -> None:
    """Scale up a product of messages whose largest entry has become small."""
    if 0.0 < high < _SMALL:
        for x in range(len(values)):
            values[x] /= high


@loop
def to_factors(
    variables: Variables,
    f2v: Float64[np.ndarray, " message_entries"],
    v2f: Float64[np.ndarray, " message_entries"],
    room: Float64[np.ndarray, " most_states"],
    is_max: bool,
) -> None:
    """Join, for each edge, what the variable hears on its other edges; nothing is taken back."""
    unary, starts, rows, places = variables
    for v in range(len(rows) - 1):
        first, stop = rows[v], rows[v + 1]
        size = starts[v + 1] - starts[v]
        ahead, own = room[:size], unary[starts[v] : starts[v + 1]]
        for x in range(size):
            ahead[x] = own[x]
        for e in range(first, stop):
            heard = f2v[places[e] : places[e] + size]
            said = v2f[places[e] : places[e] + size]
            if is_max:
                for x in range(size):
                    said[x] = ahead[x]
                    ahead[x] += heard[x]
                continue
            high = 0.0
            for x in range(size):
                said[x] = ahead[x]
                ahead[x] *= heard[x]
                high = max(high, ahead[x])
            _keep_up(ahead, high)
        for x in range(size):
            ahead[x] = 0.0 if is_max else 1.0
        for e in range(stop - 1, first - 1, -1):
            heard = f2v[places[e] : places[e] + size]
            said = v2f[places[e] : places[e] + size]
            if is_max:
                for x in range(size):
                    said[x] += ahead[x]
                    ahead[x] += heard[x]
                continue
            high = told = 0.0
            for x in range(size):
                said[x] *= ahead[x]
                told = max(told, said[x])
                ahead[x] *= heard[x]
                high = max(high, ahead[x])
            _keep_up(said, told)
            _keep_up(ahead, high)


@loop
def to_factors_binary(
    variables: Variables,
    f2v: Float64[np.ndarray, " message_entries"],
    v2f: Float64[np.ndarray, " message_entries"],
) -> None:
    """Do the same for sums and variables that all have two states."""
    unary, _, rows, places = variables
    for v in range(len(rows) - 1):
        first, stop = rows[v], rows[v + 1]
        no, yes = unary[2 * v], unary[2 * v + 1]
        for e in range(first, stop):
            place = places[e]
            v2f[place], v2f[place + 1] = no, yes
            no *= f2v[place]
            yes *= f2v[place + 1]
            high = max(no, yes)
            if 0.0 < high < _SMALL:
                no, yes = no / high, yes / high
        no = yes = 1.0
        for e in range(stop - 1, first - 1, -1):
            place = places[e]
            a, b = v2f[place] * no, v2f[place + 1] * yes
            told = max(a, b)
            if 0.0 < told < _SMALL:
                a, b = a / told, b / told
            v2f[place], v2f[place + 1] = a, b
            no *= f2v[place]
            yes *= f2v[place + 1]
            high = max(no, yes)
            if 0.0 < high < _SMALL:
                no, yes = no / high, yes / high


@loop
def listen(
    v: int,
    place: int,
    variables: Variables,
    f2v: Float64[np.ndarray, " message_entries"],
    out: Float64[np.ndarray, " most_states"],
    is_max: bool,
) -> None:
    """Gather what a variable says to the factor whose own message to it lies at `place`."""
    unary, starts, rows, places = variables
    size = starts[v + 1] - starts[v]
    said = out[:size]
    for x in range(size):
        said[x] = unary[starts[v] + x]
    for k in range(rows[v], rows[v + 1]):
        if places[k] == place:
            continue
        heard = f2v[places[k] : places[k] + size]
        if is_max:
            for x in range(size):
                said[x] += heard[x]
            continue
        high = 0.0
        for x in range(size):
            said[x] *= heard[x]
            high = max(high, said[x])
        _keep_up(said, high)


@loop
def _settle_log(
    fresh: Float64[np.ndarray, " states"],
    f2v: Float64[np.ndarray, " message_entries"],
    place: int,
    damping: float,
) -> float:
    """Settle a message of a maximum."""
    held = f2v[place : place + len(fresh)]
    high = -np.inf
    for x in range(len(fresh)):
        high = max(high, fresh[x])
    if high == -np.inf:
        return -1.0
    change = 0.0
    for x in range(len(fresh)):
        value = fresh[x] - high
        old = held[x]
        if damping > 0.0:
            value = damping * old + (1.0 - damping) * value
        # Between two -inf lies NaN, which is not larger than anything.
        moved = abs(value - old)
        change = moved if moved > change else change
        held[x] = value
    return change


@loop
def _settle_probability(
    fresh: Float64[np.ndarray, " states"],
    f2v: Float64[np.ndarray, " message_entries"],
    place: int,
    damping: float,
    in_nats: bool,
) -> float:
    """Settle a message of a sum."""
    size = len(fresh)
    held = f2v[place : place + size]
    high = 0.0
    for x in range(size):
        high = max(high, fresh[x])
    if not high > 0.0:
        return -1.0
    if high < _TINY:
        for x in range(size):
            fresh[x] /= high
        high = 1.0
    scale = 1.0 / high
    change = 0.0
    for x in range(size):
        value = fresh[x] * scale
        old = held[x]
        if damping > 0.0:
            value = old**damping * value ** (1.0 - damping)
        if not in_nats:
            change = max(change, abs(value - old))
        elif value != old:
            small = min(value, old)
            change = max(change, abs(np.log(value / old)) if small > 0.0 else np.inf)
        held[x] = value
    return change


@loop
def settle(
    fresh: Float64[np.ndarray, " states"],
    f2v: Float64[np.ndarray, " message_entries"],
    place: int,
    terms: Terms,
) -> float:
    """Normalise, damp and store one message; return its change, -1 when it rules all out."""
    if terms.is_max:
        return _settle_log(fresh, f2v, place, terms.damping)
    return _settle_probability(fresh, f2v, place, terms.damping, terms.in_nats)
