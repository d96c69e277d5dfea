"""Climbing where log Z is out of reach: what is expected without evidence comes from chains.

Each round moves the numbers by the gradient of F, in which a hundred chains stand for what the
program expects; they persist, so that a few sweeps keep up with small steps. A step is scaled by
how what the chains do varies, which is the curvature of log Z, and gets shorter; the numbers found
are the mean of those on the way. F itself is never known.

Where nothing is latent four groups of chains learn apart: F has one maximum, or is hoped to, so
that how far they end from each other says how far their mean may be off.

Source: Younes (1989), "Parametric inference for imperfectly observed Gibbsian fields"; Tieleman
(2008), "Training restricted Boltzmann machines using approximations to the likelihood gradient";
Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging".
"""

from collections.abc import Iterator

import numpy as np

from gmlang.core.parameters import ParameterKind, sweeps_of
from gmlang.diagnostics import GmError
from gmlang.learning.methods.arrival import Arrival, arrival
from gmlang.learning.methods.climbing import WEIGHT_MAX, Round
from gmlang.learning.methods.curvature import FREE_MAX
from gmlang.learning.methods.sampled import Sampled
from gmlang.learning.numbers.coordinates import basis, to_coordinates, to_numbers
from gmlang.learning.objective import Point
from gmruntime.budget import Budget

_NUM_CHAINS_MAX, _NUM_CHAINS_MIN, _CELLS_MAX = 100, 8, 1 << 21
"""Chains: fewer of many variables, where each tells more."""

_GROUPS = 4

_STEP, _STEP_HALVES, _STEP_POWER = 0.5, 20.0, 0.7
"""A round's step is `_STEP / (1 + round / _STEP_HALVES) ** _STEP_POWER` of a whole one, and so
short enough for chains to follow, and long enough all together to arrive."""

_LONGEST = 0.3
"""No coordinate moves further in a round."""

_ROUNDS_MIN, _ROUNDS_MAX = 150, 2000

_NOISE = 0.2
"""Chains may add this part of the standard error that the rows leave, which costs half its square
for each number, nats."""

_BURN_IN = 1.0 / 3.0
"""Of the rounds, after which the numbers are averaged."""

_SCALE_FIRST, _SCALE_ROUNDS, _REMEMBERED = (1, 2, 4, 8, 16), 25, 0.95
"""After these rounds, and so many again and again, the scale is worked out anew; it remembers so
much of what it was."""

_FULL_MAX = 1000
"""Of more numbers the scale of each is known, and not how they go together."""


def num_chains(num_variables: int) -> int:
    """Return how many chains are worth their time."""
    fitting = _CELLS_MAX // max(1, num_variables) // _GROUPS * _GROUPS
    return int(np.clip(fitting, _NUM_CHAINS_MIN, _NUM_CHAINS_MAX))


def chains(
    aim: Sampled, start: Point, budget: Budget, *, has_latent: bool, method: str
) -> Iterator[Round]:
    """Yield rounds, each with the mean of the numbers so far; the last is called converged.

    Args:
        aim: what is climbed.
        start: where.
        budget: that has begun.
        has_latent: whether anything is.
        method: that says how many sweeps a round has.

    Raises:
        TimeoutError: when the budget ended within a round.
    """
    layout, sweeps = aim.layout, sweeps_of(method)
    assert sweeps is not None
    num_groups = 1 if has_latent else _GROUPS
    groups = [slice(k, None, num_groups) for k in range(num_groups)]
    total, count = float(aim.weights.sum()), len(aim.free.chains.assignments)
    num_rounds = int(np.clip(total / _NOISE**2 / count, _ROUNDS_MIN, _ROUNDS_MAX))
    burn_in = int(_BURN_IN * num_rounds)
    where = np.tile(to_coordinates(layout, start.numbers), (num_groups, 1))
    sums, scale = np.zeros_like(where), _Scale(aim, total)
    yield Round(1, start, np.inf, False)
    for number in range(1, num_rounds + 1):
        step = _STEP / (1.0 + number / _STEP_HALVES) ** _STEP_POWER
        moved = [
            _moved(aim, to_numbers(layout, one), sweeps, group, budget)
            for one, group in zip(where, groups, strict=True)
        ]
        if number in _SCALE_FIRST or number % _SCALE_ROUNDS == 0:
            used = np.concatenate([entries for entries, _ in moved])
            scale.hear(to_numbers(layout, where.mean(axis=0)), used, budget)
        for k, (_, gradient) in enumerate(moved):
            move = np.clip(step * scale.divided(gradient), -_LONGEST, _LONGEST)
            where[k] = _kept(aim, where[k], move, budget)
        if number > burn_in:
            sums += where
        means = sums / (number - burn_in) if number > burn_in else where
        mean = to_numbers(layout, means.mean(axis=0))
        loose = _endless(aim, mean)
        noise, found = None, Arrival(np.inf, loose)
        if num_groups > 1 and number > burn_in:
            each = np.stack([to_numbers(layout, one) for one in means])
            noise = each.std(axis=0, ddof=1) / np.sqrt(num_groups)
        is_last = number == num_rounds or bool(loose)
        if is_last and not has_latent and not loose and layout.size <= FREE_MAX:
            found = arrival(aim, mean, sweeps, budget)
        point = aim.at(mean, budget)
        is_over = is_last and not found.loose
        yield Round(number + 1, point, found.gain_left, is_over, found.loose, noise, found.bent)
        if is_last:
            return


def _moved(
    aim: Sampled, numbers: np.ndarray, sweeps: int, group: slice, budget: Budget
) -> tuple[np.ndarray, np.ndarray]:
    """Let a group of chains sweep; return what they use, and the gradient that they tell."""
    tables = aim.tables.at(numbers, budget)
    entries = aim.free.moved(tables, sweeps, group, budget)
    each = np.full(len(entries), 1.0 / len(entries))
    expected = aim.free.counts(entries, each, tables)
    return entries, aim.gradient(numbers, tables, expected, budget)


def _kept(aim: Sampled, where: np.ndarray, move: np.ndarray, budget: Budget) -> np.ndarray:
    """Return where a step leads; where a statement has no value there, a shorter one."""
    for _ in range(10):
        try:
            aim.tables.at(to_numbers(aim.layout, where + move), budget)
        except GmError:
            move = 0.5 * move
        else:
            return where + move
    return where


def _endless(aim: Sampled, numbers: np.ndarray) -> tuple[str, ...]:
    """Name the real numbers without a prior that have grown without end."""
    return tuple(
        array.entry(k)
        for array in aim.layout.arrays
        if array.kind is ParameterKind.REAL
        for k in range(array.size)
        if abs(numbers[array.start + k]) > WEIGHT_MAX and not aim.priors.precision[array.start + k]
    )


# --- How far a whole step is -------------------------------------------------------------


class _Scale:
    """The curvature of rows times log Z, and of the prior, from what the chains did lately."""

    def __init__(self, aim: Sampled, total: float) -> None:
        """Begin knowing nothing."""
        self.aim, self.total = aim, total
        self.is_full = aim.layout.size <= _FULL_MAX
        self.free = basis(aim.layout) if self.is_full else np.zeros((0, 0))
        self.num_heard = 0.0
        self.covariance = self.prior = self.inverse = np.zeros(0)

    def hear(self, numbers: np.ndarray, entries: np.ndarray, budget: Budget) -> None:
        """Hear what some chains use at some numbers."""
        aim = self.aim
        found = aim.statistics(numbers, entries, budget)
        found = found @ self.free if self.is_full else found
        keep = _REMEMBERED if self.num_heard else 0.0
        self.num_heard = keep * self.num_heard + len(found)
        away = found - found.mean(axis=0)
        own = away.T @ away if self.is_full else (away**2).sum(axis=0)
        own = own / max(1, len(found) - 1)
        share = len(found) / self.num_heard
        self.covariance = own if not keep else (1.0 - share) * self.covariance + share * own
        bent = aim.priors.curvature(numbers)
        # What hardly varies says little of itself: it is given one case in a thousand.
        least = 1e-3 * max(1.0, self.total)
        if self.is_full:
            self.prior = self.free.T @ (bent @ self.free)
            self.inverse = np.linalg.inv(self.matrix() + least * np.eye(len(self.covariance)))
        else:
            self.prior = np.asarray(bent.diagonal())
            self.inverse = 1.0 / (self.matrix() + least)

    def matrix(self) -> np.ndarray:
        """Return the curvature by free directions, drawn towards its diagonal while noisy."""
        if not self.is_full:
            return self.total * self.covariance + self.prior
        size = len(self.covariance)
        drawn = size / (size + self.num_heard)
        diagonal = np.diag(np.diag(self.covariance))
        found = (1.0 - drawn) * self.covariance + drawn * diagonal
        return self.total * found + self.prior

    def divided(self, gradient: np.ndarray) -> np.ndarray:
        """Return the whole step of a gradient by coordinates."""
        if not self.is_full:
            return self.inverse * gradient
        return self.free @ (self.inverse @ (self.free.T @ gradient))
