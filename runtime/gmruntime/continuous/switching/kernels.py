"""Histories of the last levels of a chain, each with a normal belief of the level's reals.

A history that grows older than the window is merged with those that agree on the rest: weights add
up, means and covariances are matched. Back from the end, what is believed of a merged history is
spread over its parts as they were weighed when they were merged.

Source: Bar-Shalom and Li (1993), "Estimation and Tracking", generalised pseudo-Bayes; Kim (1994),
"Dynamic linear models with Markov-switching", the way back.
"""

import math
from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop

_LOG_TWO_PI = math.log(2.0 * math.pi)

_PIVOT_MIN = 1e-13
"""A pivot that is a smaller part of its diagonal says that nothing holds a real."""


class ChainArrays(NamedTuple):
    """A chain, as loops read it, and where the histories of some levels are.

    Attributes:
        shape: (levels, 4): states, reals, rows, histories of the last levels.
        start: (levels + 1, 6): where the rows, logs, histories, their reals, the squares of these
            and longer histories of each begin.
        rows, logs: as a `Chain` has them.
    """

    shape: Int64[np.ndarray, "levels four"]
    start: Int64[np.ndarray, "levels_and_end six"]
    rows: Float64[np.ndarray, " numbers"]
    logs: Float64[np.ndarray, " entries"]


class Histories(NamedTuple):
    """What is believed after each level, filled in.

    Attributes:
        log_weights: of histories, normalised.
        longer: of histories and one level more, log weights before they are merged.
        means: of the level's reals.
        precisions: (reals, reals) of each.
    """

    log_weights: Float64[np.ndarray, " histories"]
    longer: Float64[np.ndarray, " longer"]
    means: Float64[np.ndarray, " reals"]
    precisions: Float64[np.ndarray, " entries"]


class Bench(NamedTuple):
    """Where a level is worked out: a triangle, a mean, what is left, covariances of many."""

    triangle: Float64[np.ndarray, "both both"]
    mean: Float64[np.ndarray, " both"]
    left: Float64[np.ndarray, " both"]
    inverse: Float64[np.ndarray, "both both"]
    means: Float64[np.ndarray, "longer reals"]
    covariances: Float64[np.ndarray, "longer reals reals"]


@loop
def _factorise(a: Float64[np.ndarray, "n n"], count: int) -> float:
    """Make a matrix its Cholesky triangle, and return the log of its determinant; NaN: none."""
    total = 0.0
    for j in range(count):
        whole = a[j, j]
        for k in range(j):
            a[j, j] -= a[j, k] * a[j, k]
        if not a[j, j] > _PIVOT_MIN * whole:
            return math.nan
        a[j, j] = math.sqrt(a[j, j])
        total += 2.0 * math.log(a[j, j])
        for i in range(j + 1, count):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
    return total


@loop
def _solve(
    triangle: Float64[np.ndarray, "n n"], b: Float64[np.ndarray, " n"], first: int, last: int
) -> None:
    """Solve L L' x = b in place, for a part of the triangle."""
    for i in range(first, last):
        for k in range(first, i):
            b[i] -= triangle[i, k] * b[k]
        b[i] /= triangle[i, i]
    for i in range(last - 1, first - 1, -1):
        for k in range(i + 1, last):
            b[i] -= triangle[k, i] * b[k]
        b[i] /= triangle[i, i]


@loop
def invert(
    triangle: Float64[np.ndarray, "n n"],
    first: int,
    last: int,
    b: Float64[np.ndarray, " n"],
    out: Float64[np.ndarray, "n n"],
) -> None:
    """Write the inverse of L L', for a part of the triangle, from the first entry on."""
    for j in range(first, last):
        for i in range(first, last):
            b[i] = 1.0 if i == j else 0.0
        _solve(triangle, b, first, last)
        for i in range(first, last):
            out[i - first, j - first] = b[i]


@loop
def _leave(
    chain: ChainArrays, found: Histories, bench: Bench, level: int, history: int, pair: int
) -> float:
    """Write what belief and rows leave at the mean, as a slope; return the weighted squares."""
    num_before = int(chain.shape[level - 1, 1]) if level > 0 else 0
    states_before = chain.shape[level - 1, 0] if level > 0 else 1
    count = num_before + chain.shape[level, 1]
    place = chain.start[level - 1, 3] + history * num_before if level > 0 else 0
    square = chain.start[level - 1, 4] + history * num_before * num_before if level > 0 else 0
    width, num_pairs = count + 3, states_before * chain.shape[level, 0]
    mean, left, squares = bench.mean, bench.left, 0.0
    for i in range(count):
        left[i] = 0.0
    for i in range(num_before):
        for j in range(num_before):
            away = found.means[place + j] - mean[j]
            left[i] += found.precisions[square + i * num_before + j] * away
        squares += left[i] * (found.means[place + i] - mean[i])
    for r in range(chain.shape[level, 2]):
        at = chain.start[level, 0] + (r * num_pairs + pair) * width
        weight = chain.rows[at + count + 1]
        if weight == 0.0:
            continue
        off = chain.rows[at + count]
        for i in range(count):
            off -= chain.rows[at + i] * mean[i]
        squares += weight * off * off
        for i in range(count):
            left[i] += weight * off * chain.rows[at + i]
    return float(squares)


@loop
def join(
    chain: ChainArrays,
    found: Histories,
    bench: Bench,
    level: int,
    history: int,
    before: int,
    state: int,
) -> float:
    """Put a history's belief and the rows of a level together.

    The bench has the triangle of both levels' reals, and their means.

    Returns:
        the log of the integral, nats; NaN where there is none.
    """
    num_before = chain.shape[level - 1, 1] if level > 0 else 0
    count, num_states = num_before + chain.shape[level, 1], chain.shape[level, 0]
    states_before = chain.shape[level - 1, 0] if level > 0 else 1
    a, mean, left = bench.triangle, bench.mean, bench.left
    place = chain.start[level - 1, 3] + history * num_before if level > 0 else 0
    square = chain.start[level - 1, 4] + history * num_before * num_before if level > 0 else 0
    for i in range(count):
        mean[i] = found.means[place + i] if i < num_before else 0.0
        for j in range(count):
            a[i, j] = 0.0
            if i < num_before and j < num_before:
                a[i, j] = found.precisions[square + i * num_before + j]
    log_before = 0.0
    if num_before > 0:
        log_before = _factorise(a, num_before)
        for i in range(num_before):
            for j in range(num_before):
                a[i, j] = found.precisions[square + i * num_before + j]
    width, num_pairs = count + 3, states_before * num_states
    pair = before * num_states + state
    total = chain.logs[chain.start[level, 1] + pair]
    first = chain.start[level, 0] + pair * width
    for r in range(chain.shape[level, 2]):
        at = first + r * num_pairs * width
        weight = chain.rows[at + count + 1]
        total += chain.rows[at + count + 2]
        if weight == 0.0:
            continue
        for i in range(count):
            by = weight * chain.rows[at + i]
            if by != 0.0:
                for j in range(count):
                    a[i, j] += by * chain.rows[at + j]
    if total == -math.inf:
        # Forbidden: it counts for nothing, but the bench must have something that can be read.
        for i in range(count):
            for j in range(count):
                a[i, j] = 1.0 if i == j else 0.0
        return -math.inf
    log_determinant = _factorise(a, count)
    if math.isnan(log_determinant):
        return math.nan
    for turn in range(3):
        squares = _leave(chain, found, bench, level, history, pair)
        if turn == 2:
            total -= 0.5 * squares
            break
        _solve(a, left, 0, count)
        for i in range(count):
            mean[i] += left[i]
    return float(total + 0.5 * (log_before - log_determinant + (count - num_before) * _LOG_TWO_PI))


@loop
def _merge(
    chain: ChainArrays, found: Histories, bench: Bench, level: int, num_longer: int
) -> float:
    """Merge the histories of a level, and return by how much log Z grows; NaN: no covariance."""
    count, num_reals = chain.shape[level, 3], chain.shape[level, 1]
    begin = chain.start[level, 5]
    top = -math.inf
    for e in range(num_longer):
        top = max(top, found.longer[begin + e])
    if top == -math.inf:
        return -math.inf
    whole = 0.0
    for e in range(num_longer):
        whole += math.exp(found.longer[begin + e] - top)
    gain = top + math.log(whole)
    for h in range(count):
        share, mean = 0.0, chain.start[level, 3] + h * num_reals
        square = chain.start[level, 4] + h * num_reals * num_reals
        for e in range(h, num_longer, count):
            share += math.exp(found.longer[begin + e] - gain)
        found.log_weights[chain.start[level, 2] + h] = math.log(share) if share > 0 else -math.inf
        for i in range(num_reals):
            found.means[mean + i] = 0.0
            for j in range(num_reals):
                bench.triangle[i, j] = 0.0
        for e in range(h, num_longer, count):
            part = 1.0 if num_longer == count else 0.0
            if share > 0.0:
                part = math.exp(found.longer[begin + e] - gain) / share
            elif e == h:
                part = 1.0
            for i in range(num_reals):
                found.means[mean + i] += part * bench.means[e, i]
            for i in range(num_reals):
                for j in range(num_reals):
                    bench.triangle[i, j] += part * bench.covariances[e, i, j]
        for e in range(h, num_longer, count):
            part = 0.0
            if share > 0.0:
                part = math.exp(found.longer[begin + e] - gain) / share
            for i in range(num_reals):
                for j in range(num_reals):
                    apart = bench.means[e, i] - found.means[mean + i]
                    other = bench.means[e, j] - found.means[mean + j]
                    bench.triangle[i, j] += part * apart * other
        if math.isnan(_factorise(bench.triangle, num_reals)):
            return math.nan
        invert(bench.triangle, 0, num_reals, bench.left, bench.inverse)
        for i in range(num_reals):
            for j in range(num_reals):
                found.precisions[square + i * num_reals + j] = bench.inverse[i, j]
    return float(gain)


@loop
def go_forward(
    chain: ChainArrays, found: Histories, bench: Bench, first: int, last: int
) -> tuple[float, int]:
    """Follow histories through some levels.

    Returns:
        by how much log Z grows, nats, and at which level nothing holds a real; `last`: at none.
    """
    log_z, lost = 0.0, 0.0
    for level in range(first, last):
        num_before = chain.shape[level - 1, 1] if level > 0 else 0
        histories = chain.shape[level - 1, 3] if level > 0 else 1
        states_before = chain.shape[level - 1, 0] if level > 0 else 1
        num_states, num_reals = chain.shape[level, 0], chain.shape[level, 1]
        for h in range(histories):
            log_weight = 0.0
            if level > 0:
                log_weight = found.log_weights[chain.start[level - 1, 2] + h]
            for state in range(num_states):
                e = h * num_states + state
                value = -math.inf
                if log_weight > -math.inf:
                    value = join(chain, found, bench, level, h, h % states_before, state)
                    if math.isnan(value):
                        return log_z, level
                found.longer[chain.start[level, 5] + e] = log_weight + value
                for i in range(num_reals):
                    bench.means[e, i] = 0.0
                    for j in range(num_reals):
                        bench.covariances[e, i, j] = 1.0 if i == j else 0.0
                if value == -math.inf:
                    continue
                both = num_before + num_reals
                invert(bench.triangle, num_before, both, bench.left, bench.inverse)
                for i in range(num_reals):
                    bench.means[e, i] = bench.mean[num_before + i]
                    for j in range(num_reals):
                        bench.covariances[e, i, j] = bench.inverse[i, j]
        gain = _merge(chain, found, bench, level, histories * num_states)
        if math.isnan(gain):
            return log_z, level
        if gain == -math.inf:
            return gain, last
        more = gain - lost
        total = log_z + more
        lost = (total - log_z) - more
        log_z = total
    return log_z, last
