"""What the methods share: a round, strides, and when what is left to gain is too little to matter.

Source of the strides: Varadhan and Roland (2008), SQUAREM.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.learning.methods.curvature import Curvature
from gmlang.learning.objective import Objective, Point

GAIN_MAX = 0.01
"""Nats that may be left to gain: 0.14 standard errors of one number, which nobody would see."""

CALM_ROUNDS = 3
"""So many rounds in a row must say so."""

LATENT_ROUNDS = 20
"""Before so many rounds nothing with latent variables has converged: a saddle looks calm."""

WEIGHT_MAX = 30.0
"""A real number without a prior that reaches this grows without end: e^30 is certain enough."""

_ROUNDING = 1e-12
"""So far apart equal values of what is maximised may come out, as a part of themselves."""

_ROW_ROUNDING = 1e-13
"""Of log Z of a row, nats."""

_FALL_MAX = 1e-7
"""F may fall by this part of itself, or of a hundredth of a nat, for rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Where a climb has come.

    Attributes:
        number: of evaluations of F so far.
        point: the best.
        gain_left: nats that are expected to be left; inf while nobody can tell.
        is_converged: whether that is too little, and has been for a while.
        runaways: numbers that grow without end.
        noise: how far chances may have put each number off; None where none are taken, or nobody
            can say.
        bent: how F bends, where that was found on the way.
    """

    number: int
    point: Point
    gain_left: float
    is_converged: bool
    runaways: tuple[str, ...] = ()
    noise: np.ndarray | None = None
    bent: Curvature | None = None


@dataclass(slots=True, eq=False)
class _Calm:
    """Estimates what is left to gain from what rounds gained.

    If gains fall by a factor each round, what is left is D^2 / (D_old - D), D the last gain.

    Source: Aitken's extrapolation; Dempster, Laird and Rubin (1977), section 3, on its rate.
    """

    rounds_min: int
    last_value: float = -math.inf
    last_gain: float = math.inf
    num_calm: int = 0
    gain_left: float = field(default=math.inf)

    def hear(self, value: float, number: int) -> bool:
        """Hear F after a round; say whether it has converged."""
        gain = value - self.last_value
        self.gain_left = gain_left_after(gain, self.last_gain)
        self.last_value, self.last_gain = value, gain
        self.num_calm = self.num_calm + 1 if self.gain_left < GAIN_MAX else 0
        return self.num_calm >= CALM_ROUNDS and number >= self.rounds_min


def gain_left_after(gain: float, last_gain: float) -> float:
    """Return the nats that are left to gain after a round, by what it and the last have gained."""
    if not math.isfinite(gain) or not math.isfinite(last_gain):
        return math.inf
    gain = max(gain, 0.0)
    if gain == 0.0:
        return 0.0
    if last_gain > gain:
        return gain * gain / (last_gain - gain)
    # Gains that do not fall say nothing, unless they are rounding.
    return gain if gain < GAIN_MAX * 1e-3 else math.inf


@dataclass(frozen=True, slots=True, eq=False)
class RisingMap:
    """A map of which each step rises, as rounds of expectation and maximisation do.

    Attributes:
        step: from where a point is to where the next is to be.
        at: evaluates there.
        coordinates: of a place, in which any number may stand; and `place` the way back.
        of: the place of a point.
        rounding: so many nats may equal heights differ by, besides a part of themselves.
    """

    step: Callable[[Point], np.ndarray]
    at: Callable[[np.ndarray], Point]
    coordinates: Callable[[np.ndarray], np.ndarray]
    place: Callable[[np.ndarray], np.ndarray]
    of: Callable[[Point], np.ndarray]
    rounding: float


def rounding_of(objective: Objective) -> float:
    """Return how far apart, in nats, equal log-likelihoods may come out.

    Rows that say nothing count by the rounding of their log Z, times their weight.
    """
    return _ROW_ROUNDING * float(objective.weights.sum())


def strides(mapping: RisingMap, start: Point, *, has_latent: bool) -> Iterator[Round]:
    """Yield rounds of a map, every second one a longer stride where that does not lose.

    Raises:
        TimeoutError: when the budget ended within a round.
    """
    calm = _Calm(LATENT_ROUNDS if has_latent else 0)
    number, point = 1, start
    while True:
        is_done = calm.hear(point.value, number)
        yield Round(number, point, calm.gain_left, is_done)
        if is_done:
            return
        first = mapping.at(mapping.step(point))
        _assert_risen(mapping, point, first)
        if not has_latent:
            number, point = number + 1, first
            continue
        second = mapping.step(first)
        number += 2
        stride = _stride(mapping, point, first, second)
        leapt = _tried(mapping, stride) if stride is not None else None
        if leapt is None or not leapt.value >= first.value - _ROUNDING * abs(first.value):
            leapt = mapping.at(second)
            number += stride is not None
            _assert_risen(mapping, first, leapt)
        point = leapt


def _assert_risen(mapping: RisingMap, before: Point, after: Point) -> None:
    margin = _FALL_MAX * max(abs(before.value), GAIN_MAX) + mapping.rounding
    assert after.value >= before.value - margin, "what is maximised fell in a round"


def _tried(mapping: RisingMap, place: np.ndarray) -> Point | None:
    try:
        return mapping.at(place)
    except GmError:
        return None


def _stride(
    mapping: RisingMap, point: Point, first: Point, second: np.ndarray
) -> np.ndarray | None:
    """Return where two rounds lead when they are gone on with; None where they agree."""
    places = mapping.of(point), mapping.of(first), second
    zero, one, two = (mapping.coordinates(place) for place in places)
    step = one - zero
    bend = (two - one) - step
    size, bent = float(np.linalg.norm(step)), float(np.linalg.norm(bend))
    if not bent > 0.0 or not np.isfinite(size):
        return None
    length = min(-1.0, -size / bent)
    return mapping.place(zero - 2.0 * length * step + length * length * bend)
