"""What the methods share: a round, and when what is left to gain is too little to matter."""

import math
from dataclasses import dataclass, field

from gmlang.learning.objective import Point

GAIN_MAX = 0.01
"""Nats that may be left to gain: 0.14 standard errors of one number, which nobody would see."""

CALM_ROUNDS = 3
"""So many rounds in a row must say so."""

LATENT_ROUNDS = 20
"""Before so many rounds nothing with latent variables has converged: a saddle looks calm."""

FALL_MAX = 1e-7
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
    """

    number: int
    point: Point
    gain_left: float
    is_converged: bool
    runaways: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Calm:
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
        self.gain_left = _left(gain, self.last_gain)
        self.last_value, self.last_gain = value, gain
        self.num_calm = self.num_calm + 1 if self.gain_left < GAIN_MAX else 0
        return self.num_calm >= CALM_ROUNDS and number >= self.rounds_min


def _left(gain: float, last_gain: float) -> float:
    if not math.isfinite(gain) or not math.isfinite(last_gain):
        return math.inf
    gain = max(gain, 0.0)
    if gain == 0.0:
        return 0.0
    if last_gain > gain:
        return gain * gain / (last_gain - gain)
    # Gains that do not fall say nothing, unless they are rounding.
    return gain if gain < GAIN_MAX * 1e-3 else math.inf
