"""Follow chains whose laws switch, with histories that grow while that matters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.mixed import MixedGraph
from gmruntime.continuous.switching.levels import Chain, NoChainError, chains_of, sliced_graph
from gmruntime.elimination.passes.loading import may_load

if TYPE_CHECKING:
    from gmruntime.continuous.switching.back import Smoothed
    from gmruntime.continuous.switching.kernels import Bench, ChainArrays, Histories

_SAFETY = 3.0
"""Of the differences between windows: an answer was off by less in nine of ten short chains."""

_SETTLED = 1e-7
"""Numbers that differ by less from window to window are not looked for in longer ones."""

_WORK_MIN = 1e5
"""Beliefs that are joined with a level's rows, before it is asked whether numbers have settled: for
a while longer histories may change nothing, as where nothing is seen."""

_HISTORIES_MAX = 1 << 12
"""Histories of one level more that are followed."""

_WORK_MAX = 4e6
"""Beliefs that are joined with a level's rows, in the longest window."""

_AT_ONCE = 1 << 14
"""Levels between two looks at the clock."""

_WINDOWS_MIN = 3
"""That are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What is believed with histories of so many levels.

    Attributes:
        log_z: nats.
        chances: of each finite variable of the chain, its states, one after another.
        parts: for each real of the chain weights, means and standard deviations, (reals, parts);
            parts of weight 0 fill up.
    """

    log_z: float
    chances: tuple[Float64[np.ndarray, " states"], ...]
    parts: tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Switched:
    """A chain, and what is believed of it in three windows, the longest last.

    Attributes:
        is_whole: whether in the longest nothing was merged: it is exact but for rounding.
    """

    chain: Chain
    windows: tuple[Window, ...]
    num_levels: int
    is_whole: bool


@dataclass(frozen=True, slots=True, eq=False)
class AllSwitched:
    """All chains of a graph.

    Attributes:
        log_constant: what is said of nothing, nats.
    """

    chains: tuple[Switched, ...]
    log_constant: float

    @property
    def log_z(self) -> float:
        """Log Z, nats."""
        return self.log_constant + sum(one.windows[-1].log_z for one in self.chains)

    @property
    def log_z_error(self) -> float:
        """By how much it may be off."""
        return sum(error_of([w.log_z for w in one.windows]) for one in self.chains)


def error_of(values: Sequence[float]) -> float:
    """Return what a number may be off by, which windows found, the longest last."""
    finite = [one for one in values if math.isfinite(one)]
    if len(finite) < len(values):
        return 0.0
    return _SAFETY * max((abs(a - b) for a, b in pairwise(values)), default=0)


def switch(
    mixed: MixedGraph,
    evidence: np.ndarray,
    real_evidence: Float64[np.ndarray, " reals"],
    *,
    goes_back: bool,
    budget: Budget,
    memory: int,
) -> AllSwitched:
    """Follow a graph that is a chain, or some.

    Args:
        mixed: validated.
        evidence: a state for each observed finite variable, -1 for the others.
        real_evidence: a value for each observed real, NaN for the others.
        goes_back: whether beliefs are wanted, not log Z alone.
        budget: of time.
        memory: bytes that may be taken.

    Raises:
        NoChainError: where it is none of narrow levels, or nothing holds reals from one end on.
        TimeoutError: when not even short windows were done in time.
    """
    if not may_load(budget):
        raise TimeoutError
    parts = sliced_graph(mixed, evidence, real_evidence)
    found: list[Switched] = []
    for ends in chains_of(parts, evidence, real_evidence, memory):
        found.append(_followed(ends, goes_back, budget, memory))
    return AllSwitched(tuple(found), parts.log_constant)


def _followed(ends: Sequence[Chain], goes_back: bool, budget: Budget, memory: int) -> Switched:
    """Follow a chain from the end from which longer histories matter less."""
    best: list[tuple[float, int]] = []
    short: dict[int, list[Window]] = {}
    for k, chain in enumerate(ends):
        try:
            short[k] = [_window(chain, _laid_out(chain, n), False, budget) for n in (1, 2)]
        except NoChainError:
            continue
        best.append((error_of([one.log_z for one in short[k]]), k))
    if not best:
        raise NoChainError
    chosen = min(best)[1]
    return _grown(ends[chosen], [] if goes_back else short[chosen], goes_back, budget, memory)


def _grown(
    chain: Chain, short: Sequence[Window], goes_back: bool, budget: Budget, memory: int
) -> Switched:
    """Let histories grow until that changes nothing, or costs too much."""
    windows, length, is_whole = list(short), 1 + len(short), False
    while True:
        laid_out = _laid_out(chain, length)
        work, num_bytes = _cost(laid_out)
        is_first = len(windows) < _WINDOWS_MIN
        is_wide = laid_out.shape[:, 3].max() * laid_out.shape[:, 0].max() > _HISTORIES_MAX
        if num_bytes > memory // 2 or is_wide or (not is_first and work > _WORK_MAX):
            if is_first:
                raise NoChainError
            break
        start_s = budget.spent_s()
        try:
            windows.append(_window(chain, laid_out, goes_back, budget))
        except TimeoutError:
            if is_first:
                raise
            break
        is_whole = length >= len(chain.num_states)
        took_s = budget.spent_s() - start_s
        growth = float(chain.num_states.max())
        is_late = took_s * growth > 0.25 * budget.left_s()
        is_enough = work > _WORK_MIN and _is_settled(windows)
        if is_whole or (len(windows) >= _WINDOWS_MIN and (is_late or is_enough)):
            break
        length += 1
    return Switched(chain, tuple(windows[-_WINDOWS_MIN:]), length, is_whole)


def _is_settled(windows: Sequence[Window]) -> bool:
    last = windows[-_WINDOWS_MIN:]
    if error_of([one.log_z for one in last]) > _SETTLED:
        return False
    apart = [
        float(np.abs(a - b).max(initial=0.0))
        for one, two in pairwise(last)
        for a, b in zip((*one.chances, *_moments(one)), (*two.chances, *_moments(two)), strict=True)
    ]
    return max(apart, default=0.0) < _SETTLED


def _laid_out(chain: Chain, length: int) -> "ChainArrays":
    """Say where the histories of each level are, of so many levels."""
    from gmruntime.continuous.switching.kernels import ChainArrays

    count = len(chain.num_states)
    logs = np.concatenate([[0.0], np.cumsum(np.log2(chain.num_states))])
    first = np.maximum(np.arange(1, count + 1) - length, 0)
    bits = logs[1:] - logs[first]
    histories = np.round(2.0 ** np.minimum(bits, 40)).astype(np.int64)
    before = np.concatenate([[1], histories[:-1]])
    longer = before * chain.num_states
    shape = np.stack([chain.num_states, chain.num_reals, chain.num_rows, histories], axis=1)
    sizes = np.stack(
        [histories, histories * chain.num_reals, histories * chain.num_reals**2, longer], axis=1
    )
    starts = np.concatenate([np.zeros((1, 4), np.int64), np.cumsum(sizes, axis=0)])
    start = np.concatenate(
        [chain.row_start[:, None], chain.log_start[:, None], starts], axis=1
    ).astype(np.int64)
    return ChainArrays(shape.astype(np.int64), start, chain.rows, chain.logs)


def _cost(arrays: "ChainArrays") -> tuple[float, int]:
    """Return how many beliefs are joined, and the bytes that histories take."""
    ends = arrays.start[-1].astype(float)
    return float(ends[5]), int(8 * min(3 * ends[2:].sum(), 1e17))


def _window(chain: Chain, arrays: "ChainArrays", goes_back: bool, budget: Budget) -> Window:
    from gmruntime.continuous.switching.back import Smoothed, go_back
    from gmruntime.continuous.switching.kernels import Histories, go_forward

    count = len(chain.num_states)
    ends = arrays.start[-1].tolist()
    found = Histories(np.empty(ends[2]), np.empty(ends[5]), np.empty(ends[3]), np.empty(ends[4]))
    bench = _bench(arrays)
    log_z = 0.0
    for first in range(0, count, _AT_ONCE):
        budget.check()
        last = min(count, first + _AT_ONCE)
        gain, reached = go_forward(arrays, found, bench, first, last)
        if reached < last:
            raise NoChainError
        log_z += gain
        if gain == -math.inf:
            break
    nothing = (np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)))
    if not goes_back or log_z == -math.inf:
        return Window(log_z, (), nothing)
    back = Smoothed(np.zeros(ends[2]), np.zeros(ends[3]), np.zeros(ends[4]))
    _begin_back(arrays, found, back)
    for last in range(count - 1, 0, -_AT_ONCE):
        budget.check()
        go_back(arrays, found, bench, back, max(0, last - _AT_ONCE), last)
    return Window(log_z, _chances(chain, arrays, back), _parts(chain, arrays, back))


def _bench(arrays: "ChainArrays") -> "Bench":
    from gmruntime.continuous.switching.kernels import Bench

    widest = int(arrays.shape[:, 1].max(initial=0))
    before = np.concatenate([[1], arrays.shape[:-1, 3]])
    longest = int((before * arrays.shape[:, 0]).max())
    both = 2 * widest
    return Bench(
        np.zeros((both, both)),
        np.zeros(both),
        np.zeros(both),
        np.zeros((both, both)),
        np.zeros((longest, widest)),
        np.zeros((longest, widest, widest)),
    )


def _begin_back(arrays: "ChainArrays", found: "Histories", back: "Smoothed") -> None:
    """Write what is believed at the last level."""
    last = len(arrays.shape) - 1
    num_reals, count = int(arrays.shape[last, 1]), int(arrays.shape[last, 3])
    own = slice(int(arrays.start[last, 2]), int(arrays.start[last + 1, 2]))
    back.weights[own] = np.exp(found.log_weights[own])
    own = slice(int(arrays.start[last, 3]), int(arrays.start[last + 1, 3]))
    back.means[own] = found.means[own]
    own = slice(int(arrays.start[last, 4]), int(arrays.start[last + 1, 4]))
    square = found.precisions[own].reshape(count, num_reals, num_reals)
    back.covariances[own] = np.linalg.inv(square).reshape(-1)


def _chances(
    chain: Chain, arrays: "ChainArrays", back: "Smoothed"
) -> tuple[Float64[np.ndarray, " states"], ...]:
    """Return the probability of each state of each finite variable."""
    found: list[np.ndarray | None] = [None] * len(chain.variables)
    shape = np.stack([arrays.shape[chain.variable_level, 3], chain.strides, chain.sizes], axis=1)
    level_states = arrays.shape[chain.variable_level, 0]
    for kind in np.unique(np.column_stack([shape, level_states]), axis=0).tolist():
        histories, stride, size, states = kind
        which = np.flatnonzero(
            (np.column_stack([shape, level_states]) == np.array(kind)).all(axis=1)
        )
        starts = arrays.start[chain.variable_level[which], 2]
        weights = back.weights[starts[:, None] + np.arange(histories)]
        own = np.arange(histories) % states // stride % size
        sums = np.zeros((len(which), size))
        for state in range(size):
            sums[:, state] = weights[:, own == state].sum(axis=1)
        sums /= sums.sum(axis=1, keepdims=True)
        for k, row in zip(which.tolist(), sums, strict=True):
            found[k] = row
    return tuple(one for one in found if one is not None)


def _parts(
    chain: Chain, arrays: "ChainArrays", back: "Smoothed"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the parts of the distribution of each real."""
    count = len(chain.reals)
    widest = int(arrays.shape[:, 3].max(initial=1))
    weights, means, sds = (np.zeros((count, widest)) for _ in range(3))
    kinds = arrays.shape[chain.real_level][:, [1, 3]] if count else np.zeros((0, 2), np.int64)
    for num_reals, histories in np.unique(kinds, axis=0).tolist():
        which = np.flatnonzero((kinds == [num_reals, histories]).all(axis=1))
        level, place = chain.real_level[which], chain.real_place[which]
        each = np.arange(histories)
        own = back.weights[arrays.start[level, 2][:, None] + each]
        at = arrays.start[level, 3][:, None] + each * num_reals + place[:, None]
        corner = arrays.start[level, 4][:, None] + each * num_reals**2
        diagonal = corner + (place * (num_reals + 1))[:, None]
        weights[which, :histories] = own / own.sum(axis=1, keepdims=True)
        means[which, :histories] = back.means[at]
        sds[which, :histories] = np.sqrt(np.maximum(back.covariances[diagonal], 0.0))
    return weights, means, sds


def _moments(window: Window) -> tuple[Float64[np.ndarray, " reals"], Float64[np.ndarray, " reals"]]:
    """Return the mean and the standard deviation of each real."""
    weights, means, sds = window.parts
    mean = (weights * means).sum(axis=1)
    square = (weights * (sds**2 + (means - mean[:, None]) ** 2)).sum(axis=1)
    return mean, np.sqrt(square)
