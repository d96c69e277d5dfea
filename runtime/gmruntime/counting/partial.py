"""What is left of a table in each of its partial states, worked out once."""

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop, next_digits, part
from gmruntime.counting.records import Rests

# Logs closer than this are the same number: rounding in products of a few dozen terms.
_SAME = 2e-14

# Entries are hashed by their logs in units of 2^-40.
_UNITS = 2.0**40
_SMALL = -1e6
_NONE = 0x5BF0_3635_DEAD_5A5A


@part
def mix(a: np.uint64, b: np.uint64) -> np.uint64:
    """Hash two words to one (the finaliser of SplitMix64)."""
    x = (a ^ (b * np.uint64(0x9E3779B97F4A7C15))) + np.uint64(0xD1B54A32D192ED03)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@loop
def _word(log_entry: float) -> np.uint64:
    """Return an entry as a word: the same for what differs by rounding only, nearly always."""
    if log_entry == -np.inf:
        return np.uint64(_NONE)
    if log_entry < _SMALL:
        return np.uint64(np.int64(log_entry)) ^ np.uint64(1 << 62)
    return np.uint64(np.int64(np.round(log_entry * _UNITS)))


@loop
def _differ(a: float, b: float) -> bool:
    if a == -np.inf or b == -np.inf:
        return a != b
    return abs(a - b) > _SAME * (1.0 + abs(a) + abs(b))


@loop
def fill_rests(
    table: Float64[np.ndarray, " entries"],
    sizes: Int64[np.ndarray, " arity"],
    rests: Rests,
    first_state: int,
    first_place: int,
    scratch: Int64[np.ndarray, "six arity"],
) -> None:
    """Work out what is left of a log table in each of its partial states.

    Args:
        table: C order.
        sizes: of its axes.
        rests: receives it from `first_state`, and `first_place`, on.
        first_state: of this table.
        first_place: likewise.
        scratch: lines for strides, digits and the open positions.
    """
    arity = sizes.size
    strides, digits, is_free, sizes_free, wide = (
        scratch[0],
        scratch[1],
        scratch[2],
        scratch[3],
        scratch[5],
    )
    stride = 1
    num_partial = 1
    for j in range(arity - 1, -1, -1):
        strides[j] = stride
        stride *= sizes[j]
        num_partial *= sizes[j] + 1
        wide[j] = sizes[j] + 1
        digits[j] = 0
    for s in range(num_partial):
        base, num_free = 0, 0
        for j in range(arity):
            if digits[j] > 0:
                base += (digits[j] - 1) * strides[j]
            else:
                is_free[num_free] = j
                sizes_free[num_free] = sizes[j]
                num_free += 1
        _fill_one(
            table,
            sizes,
            rests,
            first_state + s,
            first_place + s * arity,
            base,
            num_free,
            scratch,
        )
        next_digits(digits, wide, arity)


@loop
def _fill_one(
    table: Float64[np.ndarray, " entries"],
    sizes: Int64[np.ndarray, " arity"],
    rests: Rests,
    state: int,
    place: int,
    base: int,
    num_free: int,
    scratch: Int64[np.ndarray, "six arity"],
) -> None:
    strides, is_free, sizes_free, at = scratch[0], scratch[2], scratch[3], scratch[4]
    best, best_at, needs = -np.inf, base, 0
    for i in range(num_free):
        at[i] = 0
    k = 0
    while k >= 0:
        entry = base
        for i in range(num_free):
            entry += at[i] * strides[is_free[i]]
        value = float(table[entry])
        if value > best:
            best, best_at = value, entry
        for i in range(num_free):
            j = is_free[i]
            if value > -np.inf:
                rests.allowed[place + j] |= np.uint64(1) << np.uint64(at[i])
            if at[i] > 0 and _differ(value, float(table[entry - at[i] * strides[j]])):
                needs |= 1 << j
        k = next_digits(at, sizes_free, num_free)
    rests.scale[state] = best
    if best == -np.inf or needs == 0:
        return
    rests.needs[state] = needs
    rests.is_joint[state] = _hash_joint(table, rests, state, base, num_free, best_at, scratch)
    if rests.is_joint[state]:
        return
    for i in range(num_free):
        j = is_free[i]
        if not (needs >> j) & 1:
            continue
        digit = best_at // strides[j] % sizes[j]
        word = np.uint64(12345)
        for x in range(sizes[j]):
            word = mix(word, _word(float(table[best_at + (x - digit) * strides[j]] - best)))
        rests.unary[place + j] = word


@loop
def _hash_joint(
    table: Float64[np.ndarray, " entries"],
    rests: Rests,
    state: int,
    base: int,
    num_free: int,
    best_at: int,
    scratch: Int64[np.ndarray, "six arity"],
) -> bool:
    """Hash what is left; return whether it is no product of unary terms."""
    strides, is_free, sizes_free, at = scratch[0], scratch[2], scratch[3], scratch[4]
    best, needs = table[best_at], rests.needs[state]
    is_product, num_needed = True, 0
    for i in range(num_free):
        at[i] = 0
        num_needed += (needs >> is_free[i]) & 1
    one, two = np.uint64(88172645463325252), np.uint64(1181783497276652981)
    k = 0
    while k >= 0:
        entry, is_needed = base, True
        for i in range(num_free):
            entry += at[i] * strides[is_free[i]]
            if at[i] > 0 and not (needs >> is_free[i]) & 1:
                is_needed = False
        if is_needed:
            value = table[entry] - best
            word = _word(value)
            one, two = mix(one, word), mix(two, word ^ np.uint64(0xABCDEF))
            if is_product:
                product = 0.0
                for i in range(num_free):
                    j = is_free[i]
                    digit = best_at // strides[j] % sizes_free[i]
                    product += table[best_at + (at[i] - digit) * strides[j]] - best
                is_product = not _differ(product, value)
        k = next_digits(at, sizes_free, num_free)
    rests.hashes[state, 0] = mix(one, np.uint64(needs))
    rests.hashes[state, 1] = mix(two, np.uint64(needs))
    return num_needed > 1 and not is_product
