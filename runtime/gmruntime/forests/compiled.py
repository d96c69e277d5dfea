"""Compiled passes over a forest: inwards for sums or maxima, outwards for beliefs and draws.

A message is the log of a sum over the child's states. Where neither what is summed nor the table
spans many powers of ten the sums are taken of plain numbers, and lose nothing; else in logs. Each
is shifted so that its largest entry is 0, and the shifts are added up apart, with what each
addition rounds away: messages of a million steps stay as accurate as that of one.

Source: Pearl (1988), "Probabilistic reasoning in intelligent systems"; for chains Rabiner (1989),
"A tutorial on hidden Markov models"; the sums: Neumaier (1974).
"""

import math

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.compiling import loop
from gmruntime.forests.forest import Forest

_SPREAD_MAX = 200.0
"""Sums of numbers that span more, in nats, are taken in logs."""


@loop
def _link_value(forest: Forest, v: int, above: int, below: int) -> float:
    """Add up the factors between a variable in a state and its parent in one."""
    total = 0.0
    for link in range(forest.link_start[v], forest.link_start[v + 1]):
        form = forest.form[link]
        place = forest.entry[link] + forest.stride[form, 0] * below + forest.stride[form, 1] * above
        total += float(forest.log_potentials[place])
    return total


@loop
def _add(total: Float64[np.ndarray, "2"], value: float) -> None:
    """Add to a sum of two numbers: what is large, and what its rounding lost."""
    new = total[0] + value
    if abs(total[0]) >= abs(value):
        total[1] += (total[0] - new) + value
    else:
        total[1] += (value - new) + total[0]
    total[0] = new


@loop
def _is_plain(forest: Forest, v: int, low: float, high: float) -> bool:
    """Say whether sums over a variable's states lose nothing as plain numbers."""
    return (
        len(forest.potentials) > 0
        and forest.link_start[v + 1] - forest.link_start[v] == 1
        and high - low <= _SPREAD_MAX
    )


@loop
def _span(values: Float64[np.ndarray, " states"], start: int, stop: int) -> tuple[float, float]:
    """Return the smallest number that is not -inf, and the largest."""
    low, high = math.inf, -math.inf
    for k in range(start, stop):
        if values[k] > high:
            high = values[k]
        if -math.inf < values[k] < low:
            low = values[k]
    return low, high


@loop
def sum_inwards(
    forest: Forest,
    scores: Float64[np.ndarray, " states"],
    weights: Float64[np.ndarray, " states_of_one"],
    message: Float64[np.ndarray, " states_of_one"],
    total: Float64[np.ndarray, "2"],
    first: int,
    last: int,
) -> bool:
    """Send the messages of some variables to their parents; False where nothing is possible.

    Args:
        forest: laid out.
        scores: of the states, heard so far; begins as the forest's own.
        weights: room for the states of one variable.
        message: likewise.
        total: log Z so far, as a sum and what it lost.
        first: the variables order[first..last - 1] send, the last one first.
        last: likewise.
    """
    for k in range(last - 1, first - 1, -1):
        v = int(forest.order[k])
        start, stop = forest.state_start[v], forest.state_start[v + 1]
        low, high = _span(scores, start, stop)
        if high == -math.inf:
            return False
        is_plain = _is_plain(forest, v, low, high)
        for i in range(stop - start):
            weights[i] = math.exp(scores[start + i] - high)
        _add(total, high)
        p = int(forest.parent[v])
        if p < 0:
            whole = 0.0
            for i in range(stop - start):
                whole += weights[i]
            _add(total, math.log(whole))
            continue
        heard = forest.state_start[p]
        best = -math.inf
        for j in range(forest.num_states[p]):
            if is_plain:
                link = forest.link_start[v]
                form = forest.form[link]
                place = forest.entry[link] + forest.stride[form, 1] * j
                step = forest.stride[form, 0]
                whole = 0.0
                for i in range(stop - start):
                    whole += weights[i] * forest.potentials[place + step * i]
                value = math.log(whole) if whole > 0.0 else -math.inf
            else:
                value = _log_sum(forest, v, j, scores, high)
            message[j] = value
            best = max(best, value)
        if best == -math.inf:
            return False
        _add(total, best)
        for j in range(forest.num_states[p]):
            scores[heard + j] += message[j] - best
    return True


@loop
def _log_sum(
    forest: Forest, v: int, j: int, scores: Float64[np.ndarray, " states"], high: float
) -> float:
    """Sum over a variable's states, its parent being in state j, in logs; `high` is left out."""
    start, stop = forest.state_start[v], forest.state_start[v + 1]
    top = -math.inf
    for i in range(stop - start):
        top = max(top, float(scores[start + i]) - high + _link_value(forest, v, j, i))
    if top == -math.inf:
        return top
    whole = 0.0
    for i in range(stop - start):
        whole += math.exp(scores[start + i] - high + _link_value(forest, v, j, i) - top)
    return top + math.log(whole)


@loop
def _normalise(values: Float64[np.ndarray, " states"], start: int, stop: int) -> None:
    whole = 0.0
    for k in range(start, stop):
        whole += values[k]
    for k in range(start, stop):
        values[k] /= whole


@loop
def _given(
    forest: Forest,
    v: int,
    j: int,
    scores: Float64[np.ndarray, " states"],
    start: int,
    row: Float64[np.ndarray, " states_of_one"],
) -> None:
    """Fill a row with the probabilities of a variable's states, its parent being in state j.

    Its scores are those from `start` on.
    """
    stop = start + forest.num_states[v]
    top = -math.inf
    for i in range(stop - start):
        row[i] = scores[start + i] + _link_value(forest, v, j, i)
        top = max(top, row[i])
    whole = 0.0
    for i in range(stop - start):
        row[i] = math.exp(row[i] - top)
        whole += row[i]
    for i in range(stop - start):
        row[i] /= whole


@loop
def beliefs_outwards(
    forest: Forest,
    beliefs: Float64[np.ndarray, " states"],
    own: Float64[np.ndarray, " states_of_one"],
    weights: Float64[np.ndarray, " states_of_one"],
    row: Float64[np.ndarray, " states_of_one"],
    first: int,
    last: int,
) -> None:
    """Fill in the probabilities of some variables' states, those of their parents being known.

    Args:
        forest: laid out.
        beliefs: the scores of states, as the pass inwards left them; they become probabilities.
        own: room for the states of one variable.
        weights: likewise.
        row: likewise.
        first: of the variables order[first..last - 1], in this order.
        last: likewise.
    """
    for k in range(first, last):
        v = int(forest.order[k])
        start, stop = forest.state_start[v], forest.state_start[v + 1]
        low, high = _span(beliefs, start, stop)
        for i in range(stop - start):
            own[i] = beliefs[start + i]
            weights[i] = math.exp(own[i] - high)
            beliefs[start + i] = 0.0
        p = int(forest.parent[v])
        if p < 0:
            for i in range(stop - start):
                beliefs[start + i] = weights[i]
            _normalise(beliefs, start, stop)
            continue
        above = forest.state_start[p]
        is_plain = _is_plain(forest, v, low, high)
        for j in range(forest.num_states[p]):
            share = beliefs[above + j]
            if share == 0.0:
                continue
            if not is_plain:
                _given(forest, v, j, own, 0, row)
                for i in range(stop - start):
                    beliefs[start + i] += share * row[i]
                continue
            link = forest.link_start[v]
            form = forest.form[link]
            place, step = forest.entry[link] + forest.stride[form, 1] * j, forest.stride[form, 0]
            whole = 0.0
            for i in range(stop - start):
                row[i] = weights[i] * forest.potentials[place + step * i]
                whole += row[i]
            share /= whole
            for i in range(stop - start):
                beliefs[start + i] += share * row[i]
        _normalise(beliefs, start, stop)


@loop
def draw_outwards(
    forest: Forest,
    scores: Float64[np.ndarray, " states"],
    uniform: Float64[np.ndarray, " drawn"],
    states: Int32[np.ndarray, " free"],
    row: Float64[np.ndarray, " states_of_one"],
    first: int,
    last: int,
) -> None:
    """Draw the states of some variables, those of their parents being drawn.

    Args:
        forest: laid out.
        scores: of the states, as the pass inwards left them.
        uniform: a number of 0..1 for each variable that is drawn.
        states: filled.
        row: room for the states of one variable.
        first: of the variables order[first..last - 1], in this order.
        last: likewise.
    """
    for k in range(first, last):
        v = int(forest.order[k])
        start, stop = forest.state_start[v], forest.state_start[v + 1]
        p = int(forest.parent[v])
        if p < 0:
            _, high = _span(scores, start, stop)
            for i in range(stop - start):
                row[i] = math.exp(scores[start + i] - high)
            _normalise(row, 0, stop - start)
        else:
            _given(forest, v, int(states[p]), scores, start, row)
        left = uniform[k - first]
        chosen = -1
        for i in range(stop - start):
            if row[i] > 0.0:
                # The last possible one, where rounding leaves something over.
                chosen = i
                left -= row[i]
                if left < 0.0:
                    break
        states[v] = chosen


@loop
def max_inwards(
    forest: Forest,
    scores: Float64[np.ndarray, " states"],
    best: Int32[np.ndarray, " message_entries"],
    message_start: Int64[np.ndarray, " free_and_end"],
    message: Float64[np.ndarray, " states_of_one"],
    first: int,
    last: int,
) -> bool:
    """Send the messages of some variables for maxima; False where nothing is possible.

    Args:
        forest: laid out.
        scores: of the states, heard so far; begins as the forest's own.
        best: filled with the best state for each of the parent's.
        message_start: where those of each variable begin.
        message: room for the states of one variable.
        first: the variables order[first..last - 1] send, the last one first.
        last: likewise.
    """
    for k in range(last - 1, first - 1, -1):
        v = int(forest.order[k])
        start, stop = forest.state_start[v], forest.state_start[v + 1]
        p = int(forest.parent[v])
        if p < 0:
            _, high = _span(scores, start, stop)
            if high == -math.inf:
                return False
            continue
        heard, said = forest.state_start[p], message_start[v]
        largest = -math.inf
        for j in range(forest.num_states[p]):
            top, chosen = -math.inf, 0
            for i in range(stop - start):
                value = scores[start + i] + _link_value(forest, v, j, i)
                if value > top:
                    top, chosen = value, i
            best[said + j] = chosen
            message[j] = top
            largest = max(largest, top)
        if largest == -math.inf:
            return False
        for j in range(forest.num_states[p]):
            scores[heard + j] += message[j] - largest
    return True


@loop
def trace_outwards(
    forest: Forest,
    scores: Float64[np.ndarray, " states"],
    best: Int32[np.ndarray, " message_entries"],
    message_start: Int64[np.ndarray, " free_and_end"],
    states: Int32[np.ndarray, " free"],
) -> None:
    """Fill in the best state of every free variable, parents first; the first of equals."""
    for k in range(len(forest.order)):
        v = int(forest.order[k])
        p = int(forest.parent[v])
        if p >= 0:
            states[v] = best[message_start[v] + states[p]]
            continue
        start, chosen = forest.state_start[v], 0
        for i in range(forest.num_states[v]):
            if scores[start + i] > scores[start + chosen]:
                chosen = i
        states[v] = chosen
