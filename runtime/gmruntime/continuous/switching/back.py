"""Back from the end of a chain: what is believed of merged histories is spread over their parts.

Source: Kim (1994), "Dynamic linear models with Markov-switching".
"""

import math
from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.compiling import loop
from gmruntime.continuous.switching.kernels import Bench, ChainArrays, Histories, invert, join


class Smoothed(NamedTuple):
    """What is believed of each level at the end, by histories."""

    weights: Float64[np.ndarray, " histories"]
    means: Float64[np.ndarray, " reals"]
    covariances: Float64[np.ndarray, " entries"]


@loop
def go_back(
    chain: ChainArrays, found: Histories, bench: Bench, back: Smoothed, first: int, last: int
) -> None:
    """Spread what is believed at the end over the levels before, the last of some first.

    `back` has what is believed at level `last`; that of the levels before is filled in.
    """
    for level in range(last, first, -1):
        num_before = chain.shape[level - 1, 1]
        histories, count = chain.shape[level - 1, 3], chain.shape[level, 3]
        states_before, num_states = chain.shape[level - 1, 0], chain.shape[level, 0]
        weight0, mean0 = chain.start[level - 1, 2], chain.start[level - 1, 3]
        square0 = chain.start[level - 1, 4]
        for h in range(histories):
            whole = 0.0
            for i in range(num_before):
                back.means[mean0 + h * num_before + i] = 0.0
            here = mean0 + h * num_before
            for turn in range(2):
                for state in range(num_states):
                    e = h * num_states + state
                    r = e % count
                    merged = found.log_weights[chain.start[level, 2] + r]
                    own = found.longer[chain.start[level, 5] + e]
                    if own == -math.inf or merged == -math.inf:
                        continue
                    # `longer` is not normalised: its sum over what was merged is `merged`.
                    share = back.weights[chain.start[level, 2] + r] * _part(
                        chain, found, level, e, r
                    )
                    if share == 0.0:
                        continue
                    if turn == 0:
                        whole += share
                        continue
                    join(chain, found, bench, level, h, h % states_before, state)
                    _regress(chain, back, bench, level, r, e)
                    part = share / whole
                    for i in range(num_before):
                        back.means[here + i] += part * bench.means[e, i]
                if turn == 0 and whole == 0.0:
                    break
            back.weights[weight0 + h] = whole
            corner = square0 + h * num_before * num_before
            for i in range(num_before):
                for j in range(num_before):
                    back.covariances[corner + i * num_before + j] = 0.0
            if whole == 0.0:
                continue
            for state in range(num_states):
                e = h * num_states + state
                r = e % count
                own = found.longer[chain.start[level, 5] + e]
                if own == -math.inf:
                    continue
                share = back.weights[chain.start[level, 2] + r] * _part(chain, found, level, e, r)
                if share == 0.0:
                    continue
                part = share / whole
                for i in range(num_before):
                    for j in range(num_before):
                        apart = bench.means[e, i] - back.means[here + i]
                        other = bench.means[e, j] - back.means[here + j]
                        value = bench.covariances[e, i, j] + apart * other
                        back.covariances[corner + i * num_before + j] += part * value


@loop
def _part(chain: ChainArrays, found: Histories, level: int, e: int, r: int) -> float:
    """Return which part of a merged history one of those was that it was merged from."""
    count = chain.shape[level, 3]
    num_longer = count
    if level > 0:
        num_longer = chain.shape[level - 1, 3] * chain.shape[level, 0]
    begin = chain.start[level, 5]
    top = -math.inf
    for k in range(r, num_longer, count):
        top = max(top, found.longer[begin + k])
    total = 0.0
    for k in range(r, num_longer, count):
        total += math.exp(found.longer[begin + k] - top)
    return math.exp(found.longer[begin + e] - top) / total


@loop
def _regress(chain: ChainArrays, back: Smoothed, bench: Bench, level: int, r: int, e: int) -> None:
    """Write what is believed of the reals before, by what is believed of a level's at the end."""
    num_before, num_reals = chain.shape[level - 1, 1], chain.shape[level, 1]
    mean = chain.start[level, 3] + r * num_reals
    square = chain.start[level, 4] + r * num_reals * num_reals
    a, b, gain = bench.triangle, bench.left, bench.inverse
    invert(a, 0, num_before, b, gain)
    for i in range(num_before):
        bench.means[e, i] = bench.mean[i]
        for j in range(num_before):
            bench.covariances[e, i, j] = gain[i, j]
    # The gain is -A^-1 B with A = L L', B = L M' of the triangle [L 0; M N]: -L'^-1 M'.
    for j in range(num_reals):
        for i in range(num_before - 1, -1, -1):
            total = -a[num_before + j, i]
            for k in range(i + 1, num_before):
                total -= a[k, i] * gain[k, num_before + j]
            gain[i, num_before + j] = total / a[i, i]
    for i in range(num_before):
        for k in range(num_reals):
            by = gain[i, num_before + k]
            bench.means[e, i] += by * (back.means[mean + k] - bench.mean[num_before + k])
            for j in range(num_before):
                for m in range(num_reals):
                    value = back.covariances[square + k * num_reals + m]
                    bench.covariances[e, i, j] += by * value * gain[j, num_before + m]
