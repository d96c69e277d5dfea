"""Compiled rules of factors that read their variables one after another.

The same chains as in `numpy.chains`, one factor at a time; see `kinds` for the arguments.
Forward states are kept for every position and rescaled there, which a message does not notice.
"""

import numpy as np

from gmruntime.compiling import loop
from gmruntime.factors.kinds.all_different import NUM_EXACT_VALUES_MAX, NUM_EXACT_VARIABLES_MAX

# Rounds between the variables and "each value at most once", and when they have settled.
_NUM_ROUNDS, _SETTLED = 40, 1e-12

# A message stays within so many nats where variables and values talk.
_LIMIT = 1e6


@loop
def _rescale(values: np.ndarray, is_max: bool) -> None:
    high = -np.inf if is_max else 0.0
    for s in range(len(values)):
        high = max(high, values[s])
    if is_max:
        if high > -np.inf:
            for s in range(len(values)):
                values[s] -= high
    elif high > 0.0:
        for s in range(len(values)):
            values[s] /= high


@loop
def sums_of(
    arity: int,
    states: np.ndarray,
    ints: np.ndarray,
    reals: np.ndarray,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    is_max: bool,
) -> None:
    """Answer for a function of a weighted sum, in O(arity * sums * states).

    ints: the lowest sum that has a value, then the coefficients. reals: the values.
    """
    lowest, coefficients = ints[0], ints[1:]
    zero, one = (-np.inf, 0.0) if is_max else (0.0, 1.0)
    smallest, largest = 0, 0
    for k in range(arity):
        reach = coefficients[k] * (states[k] - 1)
        smallest += min(0, reach)
        largest += max(0, reach)
    width = largest - smallest + 1
    for s in range(width):
        work[s] = zero
    work[-smallest] = one
    for k in range(arity - 1):
        here, ahead = work[k * width : (k + 1) * width], work[(k + 1) * width : (k + 2) * width]
        for s in range(width):
            ahead[s] = zero
        for x in range(states[k]):
            said, shift = told[k, x], coefficients[k] * x
            for s in range(max(0, -shift), min(width, width - shift)):
                if is_max:
                    ahead[s + shift] = max(ahead[s + shift], here[s] + said)
                else:
                    ahead[s + shift] += here[s] * said
        _rescale(ahead, is_max)
    back = work[arity * width : (arity + 1) * width]
    for s in range(width):
        place = s + smallest - lowest
        back[s] = reals[place] if 0 <= place < len(reals) else zero
    before = work[(arity + 1) * width : (arity + 2) * width]
    for k in range(arity - 1, -1, -1):
        here = work[k * width : (k + 1) * width]
        for s in range(width):
            before[s] = zero
        for x in range(states[k]):
            said, shift = told[k, x], coefficients[k] * x
            total = zero
            for s in range(max(0, -shift), min(width, width - shift)):
                if is_max:
                    total = max(total, here[s] + back[s + shift])
                    before[s] = max(before[s], back[s + shift] + said)
                else:
                    total += here[s] * back[s + shift]
                    before[s] += back[s + shift] * said
            fresh[k, x] = total
        _rescale(before, is_max)
        for s in range(width):
            back[s] = before[s]


@loop
def weighted_or(
    arity: int,
    ints: np.ndarray,
    reals: np.ndarray,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    is_max: bool,
) -> None:
    """Answer for a (noisy) or in O(arity): has some cause acted so far?

    ints: whether each literal is negated. reals: how each cause fails, the leak last, then how
    each acts.
    """
    none, some = reals[arity - 1], reals[2 * arity - 1]
    for k in range(arity - 1):
        work[2 * k], work[2 * k + 1] = none, some
        no, yes = told[k, ints[k]], told[k, 1 - ints[k]]
        fails, acts = reals[k], reals[arity + k]
        if is_max:
            acted = max(some, none + acts)
            none, some = max(none + no, none + fails + yes), max(some + no, acted + yes)
            high = max(none, some)
            if high > -np.inf:
                none, some = none - high, some - high
        else:
            acted = some + none * acts
            none, some = none * (no + fails * yes), some * no + acted * yes
            high = max(none, some)
            if high > 0.0:
                none, some = none / high, some / high
    last = arity - 1
    # The last position is the effect: it must say what happened.
    fresh[last, ints[last]], fresh[last, 1 - ints[last]] = none, some
    none, some = told[last, ints[last]], told[last, 1 - ints[last]]
    for k in range(arity - 2, -1, -1):
        before_none, before_some = work[2 * k], work[2 * k + 1]
        no, yes = told[k, ints[k]], told[k, 1 - ints[k]]
        fails, acts = reals[k], reals[arity + k]
        if is_max:
            acted = max(none + fails, some + acts)
            fresh[k, ints[k]] = max(before_none + none, before_some + some)
            fresh[k, 1 - ints[k]] = max(before_none + acted, before_some + some)
            none, some = max(none + no, acted + yes), some + max(no, yes)
            high = max(none, some)
            if high > -np.inf:
                none, some = none - high, some - high
        else:
            acted = none * fails + some * acts
            fresh[k, ints[k]] = before_none * none + before_some * some
            fresh[k, 1 - ints[k]] = before_none * acted + before_some * some
            none, some = none * no + acted * yes, some * (no + yes)
            high = max(none, some)
            if high > 0.0:
                none, some = none / high, some / high


@loop
def different(
    arity: int,
    num_values: int,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    is_max: bool,
) -> None:
    """Answer for variables no two of which are equal."""
    if num_values < arity:
        for k in range(arity):
            for x in range(num_values):
                fresh[k, x] = -np.inf if is_max else 0.0
    elif num_values <= NUM_EXACT_VALUES_MAX:
        _different_exactly(arity, num_values, told, work, fresh, is_max)
    elif arity <= NUM_EXACT_VARIABLES_MAX:
        _different_value_by_value(arity, num_values, told, work, fresh, is_max)
    else:
        _different_by_values(arity, num_values, told, work, fresh, is_max)


@loop
def _different_exactly(
    arity: int,
    num_values: int,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    is_max: bool,
) -> None:
    """Keep the set of values taken so far."""
    zero, one = (-np.inf, 0.0) if is_max else (0.0, 1.0)
    width = 1 << num_values
    for s in range(width):
        work[s] = zero
    work[0] = one
    for k in range(arity - 1):
        here, ahead = work[k * width : (k + 1) * width], work[(k + 1) * width : (k + 2) * width]
        for s in range(width):
            total = zero
            for x in range(num_values):
                if s & (1 << x):
                    value = here[s & ~(1 << x)]
                    if is_max:
                        total = max(total, value + told[k, x])
                    else:
                        total += value * told[k, x]
            ahead[s] = total
        _rescale(ahead, is_max)
    back = work[arity * width : (arity + 1) * width]
    before = work[(arity + 1) * width : (arity + 2) * width]
    for s in range(width):
        back[s] = one
    for k in range(arity - 1, -1, -1):
        here = work[k * width : (k + 1) * width]
        for x in range(num_values):
            fresh[k, x] = zero
        for s in range(width):
            total = zero
            for x in range(num_values):
                if s & (1 << x):
                    continue
                value = back[s | (1 << x)]
                if is_max:
                    fresh[k, x] = max(fresh[k, x], here[s] + value)
                    total = max(total, value + told[k, x])
                else:
                    fresh[k, x] += here[s] * value
                    total += value * told[k, x]
            before[s] = total
        _rescale(before, is_max)
        for s in range(width):
            back[s] = before[s]


@loop
def _place_one(
    arity: int, told: np.ndarray, x: int, here: np.ndarray, ahead: np.ndarray, is_max: bool
) -> None:
    """Let one variable at most take value x: from sets of variables placed to larger ones."""
    for s in range(len(here)):
        total = here[s]
        for k in range(arity):
            if s & (1 << k):
                value = here[s & ~(1 << k)]
                if is_max:
                    total = max(total, value + told[k, x])
                else:
                    total += value * told[k, x]
        ahead[s] = total


@loop
def _different_value_by_value(
    arity: int,
    num_values: int,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    is_max: bool,
) -> None:
    """Keep the set of variables that have taken a value so far; few of them, of many values."""
    zero, one = (-np.inf, 0.0) if is_max else (0.0, 1.0)
    width = 1 << arity
    after = work[(num_values + 1) * width : (num_values + 2) * width]
    before = work[(num_values + 2) * width : (num_values + 3) * width]
    for s in range(width):
        work[s] = zero
        after[s] = zero
    work[0] = one
    after[0] = one
    for x in range(num_values):
        here = work[x * width : (x + 1) * width]
        _place_one(arity, told, x, here, work[(x + 1) * width : (x + 2) * width], is_max)
    for x in range(num_values - 1, -1, -1):
        for k in range(arity):
            total = zero
            for s in range(width):
                if s & (1 << k):
                    continue
                value, rest = work[x * width + s], after[(width - 1) & ~s & ~(1 << k)]
                total = max(total, value + rest) if is_max else total + value * rest
            fresh[k, x] = total
        _place_one(arity, told, x, after, before, is_max)
        for s in range(width):
            after[s] = before[s]


@loop
def _join(a: float, b: float, is_max: bool) -> float:
    """Take the larger, or the log of the sum of exponentials."""
    high, low = max(a, b), min(a, b)
    if is_max or low == -np.inf or high == np.inf:
        return high
    return high + np.log1p(np.exp(low - high))


@loop
def _different_by_values(
    arity: int,
    num_values: int,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    is_max: bool,
) -> None:
    """Pass messages between variables and values: each value is taken at most once.

    Source: Huang and Jebara (2009), "Approximating the permanent with belief propagation".
    """
    exactly = arity == num_values
    total = arity * num_values
    logs, odds, back = work[:total], work[total : 2 * total], work[2 * total : 3 * total]
    ahead = work[3 * total : 3 * total + max(arity, num_values) + 1]
    for k in range(arity):
        for x in range(num_values):
            value = told[k, x]
            if not is_max:
                value = np.log(value) if value > 0.0 else -np.inf
            logs[k * num_values + x] = value
            back[k * num_values + x] = 0.0
    for _ in range(_NUM_ROUNDS):
        for k in range(arity):
            row = k * num_values
            ahead[0] = -np.inf
            for x in range(num_values):
                ahead[x + 1] = _join(ahead[x], logs[row + x] + back[row + x], is_max)
            after = -np.inf
            for x in range(num_values - 1, -1, -1):
                against = _join(ahead[x], after, is_max)
                value = logs[row + x]
                if value > -np.inf:
                    value = np.inf if against == -np.inf else value - against
                odds[row + x] = value
                after = _join(after, logs[row + x] + back[row + x], is_max)
        moved = 0.0
        for x in range(num_values):
            ahead[0] = -np.inf
            for k in range(arity):
                ahead[k + 1] = _join(ahead[k], odds[k * num_values + x], is_max)
            after = -np.inf
            for k in range(arity - 1, -1, -1):
                rivals = _join(ahead[k], after, is_max)
                found = -rivals if exactly else -_join(rivals, 0.0, is_max)
                found = min(_LIMIT, max(-_LIMIT, found))
                place = k * num_values + x
                moved = max(moved, abs(found - back[place]))
                after = _join(after, odds[place], is_max)
                # What was just read is not read again in this round: the old value may go.
                back[place] = 0.5 * (back[place] + found) if is_max else found
        if moved < _SETTLED:
            break
    for k in range(arity):
        high = -np.inf
        for x in range(num_values):
            high = max(high, back[k * num_values + x])
        for x in range(num_values):
            value = back[k * num_values + x]
            fresh[k, x] = value if is_max else np.exp(value - high)
