"""Compiled message rules of single factors, every kind, for sums and for maxima.

Sums are in the probability domain, maxima in logs. `told[k, x]` is what the k-th variable says,
`fresh[k, x]` what the factor answers, not normalised. A factor's parameters are integers and reals
in flat arrays; `gmruntime.messages.compiled.flat_factors` says which. Importing this file imports
numba.

Numba keeps compiled loops on disk until their own file changes: whoever changes a rule in `chains`,
`covers` or `places` changes this file and `schedules` too. (Last: covers, and windows in few
passes, with gates.)
"""

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop, next_digits
from gmruntime.messages.kernels.codes import (
    COVER,
    DIFFERENT,
    GATED,
    OR,
    PARITY,
    PLACES,
    POTTS,
    SUM,
    TABLE,
)
from gmruntime.messages.kernels.compiled.chains import different, sums_of, weighted_or
from gmruntime.messages.kernels.compiled.covers import covered
from gmruntime.messages.kernels.compiled.places import two_places
from gmruntime.messages.kernels.records import Room


@loop
def rule(
    code: int,
    states: Int64[np.ndarray, " arity"],
    ints: Int64[np.ndarray, " integers"],
    reals: Float64[np.ndarray, " reals"],
    room: Room,
    is_max: bool,
) -> None:
    """Write what one factor says to each of its variables."""
    told, fresh, work, digits, _ = room
    arity = len(states)
    if code == TABLE:
        _table(states, reals, told, work, fresh, digits, is_max)
    elif code == GATED:
        _gated(states, reals, told, work, fresh, digits, is_max)
    elif code == POTTS:
        _potts(int(states[0]), reals[0], told, fresh, is_max)
    elif code == SUM:
        sums_of(arity, states, ints, reals, told, work, fresh, is_max)
    elif code == OR:
        weighted_or(arity, ints, reals, told, work, fresh, is_max)
    elif code == PARITY:
        _parity(arity, int(ints[0]), told, work, fresh, is_max)
    elif code == DIFFERENT:
        different(arity, int(states[0]), told, work, fresh, is_max)
    elif code == PLACES:
        two_places(arity, ints, reals, told, work, fresh, is_max)
    elif code == COVER:
        covered(states, ints, reals, told, work, fresh, is_max)
    else:
        _memory(arity, int(ints[0]), int(states[1]), reals, told, work, fresh, is_max)


@loop
def _table(
    states: np.ndarray,
    reals: np.ndarray,
    told: np.ndarray,
    ahead: np.ndarray,
    fresh: np.ndarray,
    digits: np.ndarray,
    is_max: bool,
) -> None:
    """Go through all entries; each adds to what every variable hears, without division."""
    zero = -np.inf if is_max else 0.0
    arity, size = len(states), 1
    for k in range(arity):
        digits[k] = 0
        size *= states[k]
        for x in range(states[k]):
            fresh[k, x] = zero
    for entry in range(size):
        value = reals[entry]
        if value != zero:
            ahead[0] = value
            back = 0.0 if is_max else 1.0
            for k in range(arity - 1):
                said = told[k, digits[k]]
                ahead[k + 1] = ahead[k] + said if is_max else ahead[k] * said
            for k in range(arity - 1, -1, -1):
                x = digits[k]
                if is_max:
                    fresh[k, x] = max(fresh[k, x], ahead[k] + back)
                    back += told[k, x]
                else:
                    fresh[k, x] += ahead[k] * back
                    back *= told[k, x]
        next_digits(digits, states, arity)


@loop
def _gated(
    states: np.ndarray,
    reals: np.ndarray,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    digits: np.ndarray,
    is_max: bool,
) -> None:
    """Apply a table while the gate, the first variable, is true; its last entry is the rest."""
    arity = len(states)
    _table(states[1:], reals, told[1:], work, fresh[1:], digits, is_max)
    on = -np.inf if is_max else 0.0
    for x in range(states[1]):
        if is_max:
            on = max(on, fresh[1, x] + told[1, x])
        else:
            on += fresh[1, x] * told[1, x]
    closed = reals[-1]
    # work[k]: all norms before the k-th inner variable; `back` those after it.
    one = 0.0 if is_max else 1.0
    work[0] = one
    for k in range(1, arity):
        norm = _norm(told[k, : states[k]], is_max)
        work[k] = work[k - 1] + norm if is_max else work[k - 1] * norm
    fresh[0, 0] = work[arity - 1] + closed if is_max else work[arity - 1] * closed
    fresh[0, 1] = on
    back = one
    for k in range(arity - 1, 0, -1):
        norm = _norm(told[k, : states[k]], is_max)
        if is_max:
            off = told[0, 0] + closed + work[k - 1] + back
            for x in range(states[k]):
                fresh[k, x] = max(told[0, 1] + fresh[k, x], off)
            back += norm
        else:
            off = told[0, 0] * closed * work[k - 1] * back
            for x in range(states[k]):
                fresh[k, x] = told[0, 1] * fresh[k, x] + off
            back *= norm


@loop
def _norm(values: np.ndarray, is_max: bool) -> float:
    total = -np.inf if is_max else 0.0
    for x in range(len(values)):
        total = max(total, values[x]) if is_max else total + values[x]
    return total


@loop
def _potts(size: int, weight: float, told: np.ndarray, fresh: np.ndarray, is_max: bool) -> None:
    """Join what all other states say with the weighted own one."""
    for k in range(2):
        said, out = told[1 - k], fresh[k]
        before = -np.inf if is_max else 0.0
        for x in range(size):
            own = said[x] + weight if is_max else said[x] * weight
            out[x] = max(own, before) if is_max else own + before
            before = max(before, said[x]) if is_max else before + said[x]
        after = -np.inf if is_max else 0.0
        for x in range(size - 1, -1, -1):
            out[x] = max(out[x], after) if is_max else out[x] + after
            after = max(after, said[x]) if is_max else after + said[x]


@loop
def _parity(
    arity: int, wanted: int, told: np.ndarray, work: np.ndarray, fresh: np.ndarray, is_max: bool
) -> None:
    """Keep the parity so far, forwards in `work`, backwards as two numbers."""
    zero, one = (-np.inf, 0.0) if is_max else (0.0, 1.0)
    even, odd = one, zero
    for k in range(arity):
        work[2 * k], work[2 * k + 1] = even, odd
        no, yes = told[k, 0], told[k, 1]
        if is_max:
            even, odd = max(even + no, odd + yes), max(odd + no, even + yes)
        else:
            even, odd = even * no + odd * yes, odd * no + even * yes
    even, odd = (zero, one) if wanted else (one, zero)
    for k in range(arity - 1, -1, -1):
        before, after = work[2 * k], work[2 * k + 1]
        no, yes = told[k, 0], told[k, 1]
        if is_max:
            fresh[k, 0] = max(before + even, after + odd)
            fresh[k, 1] = max(before + odd, after + even)
            even, odd = max(even + no, odd + yes), max(odd + no, even + yes)
        else:
            fresh[k, 0] = before * even + after * odd
            fresh[k, 1] = before * odd + after * even
            even, odd = even * no + odd * yes, odd * no + even * yes


@loop
def _memory(
    arity: int,
    num_patterns: int,
    size: int,
    reals: np.ndarray,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    is_max: bool,
) -> None:
    """Let each position attend over the patterns, weighed by how well the others agree.

    Products over many positions are taken in logs; what is impossible is counted. reals: the
    patterns, each row with its largest entry taken out, then the logs of what was taken out.
    """
    places = arity - 1
    shifts = reals[num_patterns * places * size :]
    agree = work[: num_patterns * places]
    totals = work[num_patterns * places : num_patterns * (places + 1)]
    high = -np.inf
    for m in range(num_patterns):
        totals[m] = 0.0
        num_zeros = 0
        for i in range(places):
            pattern = reals[(m * places + i) * size : (m * places + i + 1) * size]
            value = -np.inf if is_max else 0.0
            for x in range(size):
                if is_max:
                    value = max(value, pattern[x] + told[1 + i, x])
                else:
                    value += pattern[x] * told[1 + i, x]
            if not is_max:
                value = np.log(value) if value > 0.0 else -np.inf
            value += shifts[m * places + i]
            agree[m * places + i] = value
            if value == -np.inf:
                num_zeros += 1
            else:
                totals[m] += value
        fresh[0, m] = totals[m] if num_zeros == 0 else -np.inf
        high = max(high, fresh[0, m])
    if not is_max:
        for m in range(num_patterns):
            fresh[0, m] = np.exp(fresh[0, m] - high) if high > -np.inf else 0.0
    weights = work[num_patterns * (places + 1) : num_patterns * (places + 2)]
    for i in range(places):
        high = -np.inf
        for m in range(num_patterns):
            weights[m] = _others(agree[m * places : (m + 1) * places], totals[m], i)
            said = told[0, m] if is_max else (np.log(told[0, m]) if told[0, m] > 0.0 else -np.inf)
            weights[m] += said + shifts[m * places + i]
            high = max(high, weights[m])
        for x in range(size):
            fresh[1 + i, x] = -np.inf if is_max else 0.0
        for m in range(num_patterns):
            if weights[m] == -np.inf:
                continue
            pattern = reals[(m * places + i) * size : (m * places + i + 1) * size]
            weight = weights[m] if is_max else np.exp(weights[m] - high)
            for x in range(size):
                if is_max:
                    fresh[1 + i, x] = max(fresh[1 + i, x], weight + pattern[x])
                else:
                    fresh[1 + i, x] += weight * pattern[x]


@loop
def _others(agree: np.ndarray, total: float, left_out: int) -> float:
    """Add all but one; `total` is the sum of those that are finite."""
    for i in range(len(agree)):
        if i != left_out and agree[i] == -np.inf:
            return -np.inf
    return total if agree[left_out] == -np.inf else total - agree[left_out]
