"""The compiled rule of covers: is the site still open, and which value does it have?"""

import numpy as np

from gmruntime.compiling import loop


@loop
def covered(
    states: np.ndarray,
    ints: np.ndarray,
    reals: np.ndarray,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    is_max: bool,
) -> None:
    """Answer for a cover in O(coverers * states * values).

    ints: how many states coverers have, and values the site. reals: how each coverer takes each
    value, how it passes, and the weight of what nobody takes. Forward states, for each value
    "open" and "taken", are kept for every coverer; the backward ones stand behind them.
    """
    num_states, num_values = ints[0], ints[1]
    count = len(states) - 1
    first_pass = count * num_states * num_values
    rest = reals[first_pass + count * num_states]
    zero, one = (-np.inf, 0.0) if is_max else (0.0, 1.0)
    width = 2 * num_values
    for v in range(num_values):
        work[v], work[num_values + v] = one, zero
    for k in range(count):
        here, ahead = work[k * width : (k + 1) * width], work[(k + 1) * width : (k + 2) * width]
        for v in range(width):
            ahead[v] = zero
        for x in range(states[k]):
            said = told[k, x]
            passes = reals[first_pass + k * num_states + x]
            takes = reals[(k * num_states + x) * num_values :]
            for v in range(num_values):
                still, taken = here[v], here[num_values + v]
                if is_max:
                    ahead[v] = max(ahead[v], said + passes + still)
                    taking = max(taken, still + takes[v])
                    ahead[num_values + v] = max(ahead[num_values + v], said + taking)
                else:
                    ahead[v] += said * passes * still
                    ahead[num_values + v] += said * (taken + still * takes[v])
        _rescale(ahead, is_max)
    ahead = work[count * width : (count + 1) * width]
    back = work[(count + 1) * width : (count + 2) * width]
    for v in range(num_values):
        said = told[count, v]
        if is_max:
            fresh[count, v] = max(ahead[num_values + v], ahead[v] + rest)
            back[v], back[num_values + v] = said + rest, said
        else:
            fresh[count, v] = ahead[num_values + v] + ahead[v] * rest
            back[v], back[num_values + v] = said * rest, said
    before = ahead
    for k in range(count - 1, -1, -1):
        here = work[k * width : (k + 1) * width]
        for v in range(width):
            before[v] = zero
        for x in range(states[k]):
            said = told[k, x]
            passes = reals[first_pass + k * num_states + x]
            takes = reals[(k * num_states + x) * num_values :]
            total = zero
            for v in range(num_values):
                still, taken = back[v], back[num_values + v]
                if is_max:
                    follows = max(passes + still, takes[v] + taken)
                    total = max(total, here[v] + follows, here[num_values + v] + taken)
                    before[v] = max(before[v], said + follows)
                    before[num_values + v] = max(before[num_values + v], said + taken)
                else:
                    follows = passes * still + takes[v] * taken
                    total += here[v] * follows + here[num_values + v] * taken
                    before[v] += said * follows
                    before[num_values + v] += said * taken
            fresh[k, x] = total
        _rescale(before, is_max)
        for v in range(width):
            back[v] = before[v]


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
