"""Many states of a border, one after another, in compiled loops.

Each stops before a state in which a pivot is lost in rounding, or not above 0: that needs more
digits, or is not proper.
"""

import math

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop
from gmruntime.continuous.sparse.kernels import (
    begin,
    factor,
    find_mean,
    forget,
    invert,
    load,
    set_digits,
)
from gmruntime.continuous.sparse.records import Laid


@loop
def _solve_state(laid: Laid, state: int) -> float:
    """Solve in a state; return the log of the integral, -inf where forbidden, NaN where lost."""
    set_digits(laid.sizes, state, laid.room)
    log_scale = load(laid.moving, laid.incidence.row_start, laid.numbers, laid.room)
    if log_scale == -math.inf:
        return log_scale
    count = len(laid.room.mean)
    if factor(laid.incidence, laid.lower, laid.numbers, laid.room, 0, count) >= 0:
        forget(laid.room)
        return math.nan
    return log_scale + find_mean(laid.incidence, laid.lower, laid.numbers, laid.room)


@loop
def integrate_states(
    laid: Laid, states: Int64[np.ndarray, " states"], log_values: Float64[np.ndarray, " states"]
) -> int:
    """Integrate in some states.

    Args:
        laid: rows and room.
        states: of the border.
        log_values: filled; -inf where the states are forbidden.

    Returns:
        how many states were solved.
    """
    for k in range(len(states)):
        value = _solve_state(laid, states[k])
        if math.isnan(value):
            return k
        log_values[k] = value
    return len(states)


@loop
def look_along(
    laid: Laid,
    states: Int64[np.ndarray, " states"],
    directions: Float64[np.ndarray, "directions reals"],
    found: Float64[np.ndarray, "states 2"],
    scratch: Float64[np.ndarray, " reals"],
) -> int:
    """Find mean and variance of a weighted sum of the reals in some states.

    Args:
        laid: rows and room.
        states: not forbidden.
        directions: the weights, in the order of elimination, of each state or of all.
        found: filled.
        scratch: room to work.

    Returns:
        how many states were solved.
    """
    count = len(scratch)
    for k in range(len(states)):
        if math.isnan(_solve_state(laid, states[k])):
            return k
        d = k if len(directions) > 1 else 0
        mean = 0.0
        for j in range(count):
            scratch[j] = directions[d, j]
            mean += scratch[j] * laid.room.mean[j]
        begin(laid.lower, laid.room, scratch)
        variance = 0.0
        for j in range(count):
            variance += scratch[j] * scratch[j] / laid.room.diagonal[j]
        found[k, 0], found[k, 1] = mean, variance
    return len(states)


@loop
def look_at_all(
    laid: Laid,
    states: Int64[np.ndarray, " states"],
    means: Float64[np.ndarray, "states reals"],
    variances: Float64[np.ndarray, "states reals"],
    inverse: Float64[np.ndarray, " lower"],
    scratch: Float64[np.ndarray, " reals"],
    places: Int64[np.ndarray, " reals"],
) -> int:
    """Find means and variances of all reals in some states.

    Args:
        laid: rows and room.
        states: not forbidden.
        means: filled, in the order of elimination.
        variances: likewise.
        inverse: room to work.
        scratch: likewise.
        places: all -1, and again afterwards.

    Returns:
        how many states were solved.
    """
    count = len(scratch)
    for k in range(len(states)):
        if math.isnan(_solve_state(laid, states[k])):
            return k
        if invert(laid.lower, laid.room, inverse, scratch, places, 0, count):
            return k
        for j in range(count):
            means[k, j], variances[k, j] = laid.room.mean[j], scratch[j]
    return len(states)


@loop
def look_jointly(
    laid: Laid,
    states: Int64[np.ndarray, " states"],
    weights: Float64[np.ndarray, " states"],
    where: Int64[np.ndarray, " some"],
    means: Float64[np.ndarray, "states some"],
    inside: Float64[np.ndarray, "some some"],
    halves: Float64[np.ndarray, "some reals"],
) -> int:
    """Find the means of some reals in some states, and add up their weighted covariances.

    Args:
        laid: rows and room.
        states: not forbidden.
        weights: of the states.
        where: the reals, as they stand in the order of elimination.
        means: filled.
        inside: added to.
        halves: room to work.

    Returns:
        how many states were solved.
    """
    count = halves.shape[1]
    for k in range(len(states)):
        if math.isnan(_solve_state(laid, states[k])):
            return k
        for i in range(len(where)):
            means[k, i] = laid.room.mean[where[i]]
            for j in range(count):
                halves[i, j] = 0.0
            halves[i, where[i]] = 1.0
            begin(laid.lower, laid.room, halves[i])
            for j in range(count):
                halves[i, j] /= math.sqrt(laid.room.diagonal[j])
        for i in range(len(where)):
            for other in range(i + 1):
                total = 0.0
                for j in range(count):
                    total += halves[i, j] * halves[other, j]
                inside[i, other] += weights[k] * total
                inside[other, i] = inside[i, other]
    return len(states)
