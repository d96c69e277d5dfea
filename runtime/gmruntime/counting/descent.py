"""Draws a path down the tree of decisions: what its end is worth is then counted exactly.

The tree is one and the same for all draws: which variable is decided depends on what was decided
before, and on nothing that was learned. So two ends that differ are disjoint parts of the sum.
"""

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop
from gmruntime.counting.components import split
from gmruntime.counting.propagation import assign, undo
from gmruntime.counting.records import (
    LEVEL,
    LOG_WEIGHT,
    NARROWED,
    NUM_LISTED,
    NUM_PARTS,
    TRAIL,
    Search,
)
from gmruntime.counting.search import choose, log_sum

_SMALL = 8
"""Components of fewer variables are not cut: they are counted at once."""

_SPREAD = 0.02
"""Of the probability goes to all possible states evenly."""


@loop
def descend(
    search: Search,
    calm: Search,
    uniforms: Float64[np.ndarray, " decisions"],
    path: Int64[np.ndarray, " decisions"],
    scores: Float64[np.ndarray, " states"],
) -> tuple[float, float, int]:
    """Decide one variable after the other, each by what its states leave.

    Args:
        search: with nothing decided.
        calm: the same, without activities.
        uniforms: a draw for each decision.
        path: receives the decisions: 64 times the variable, plus its state.
        scores: scratch, 64 of them.

    Returns:
        log of what is set, log of the probability of the draw, and how many decisions it took.
        The first is -inf where every state of some variable contradicts what was set.
    """
    marks, size = search.state.marks, search.state.value.size
    log_weight, log_drawn = 0.0, 0.0
    for k in range(uniforms.size):
        marks[NUM_LISTED], marks[NUM_PARTS] = size, 0
        split(search, 0, size)
        largest = _largest(search)
        if largest < 0:
            return log_weight, log_drawn, k
        begin, end = search.parts.bounds[largest, 0], search.parts.bounds[largest, 1]
        v = choose(calm, int(begin), int(end))
        log_total = _look_ahead(search, v, scores)
        if log_total == -np.inf:
            return -np.inf, log_drawn, k
        x, log_share = _draw(search, v, scores, log_total, float(uniforms[k]))
        path[k] = 64 * v + x
        log_drawn += log_share
        search.state.numbers[LOG_WEIGHT] = 0.0
        assign(search, v, x)
        log_weight += float(search.state.numbers[LOG_WEIGHT])
    return log_weight, log_drawn, uniforms.size


@loop
def _largest(search: Search) -> int:
    bounds, best, size_best = search.parts.bounds, -1, _SMALL - 1
    for number in range(search.state.marks[NUM_PARTS]):
        size = bounds[number, 1] - bounds[number, 0]
        if size > size_best:
            best, size_best = number, size
    return best


@loop
def _look_ahead(search: Search, v: int, scores: Float64[np.ndarray, " states"]) -> float:
    """Score the states of a variable by an upper bound on what each leaves; return their sum."""
    model, state, marks = search.model, search.state, search.state.marks
    log_total = -np.inf
    marks[LEVEL] = 0
    for x in range(model.num_states[v]):
        scores[x] = -np.inf
        if not (state.domain[v] >> np.uint64(x)) & np.uint64(1):
            continue
        trail, narrowed = int(marks[TRAIL]), int(marks[NARROWED])
        state.numbers[LOG_WEIGHT] = 0.0
        if assign(search, v, x):
            scores[x] = state.numbers[LOG_WEIGHT]
            for at in range(trail, marks[TRAIL]):
                scores[x] -= model.log_states[state.trail[at]]
        undo(search, trail, narrowed)
        log_total = log_sum(log_total, float(scores[x]))
    return log_total


@loop
def _draw(
    search: Search,
    v: int,
    scores: Float64[np.ndarray, " states"],
    log_total: float,
    uniform: float,
) -> tuple[int, float]:
    """Draw a state by its score; return it and the log of its probability."""
    size, count = int(search.model.num_states[v]), 0
    for x in range(size):
        count += scores[x] > -np.inf
    last, share, left = -1, 0.0, uniform
    for x in range(size):
        if scores[x] == -np.inf:
            continue
        last = x
        share = (1.0 - _SPREAD) * np.exp(scores[x] - log_total) + _SPREAD / count
        if left < share:
            break
        left -= share
    return last, np.log(share)
