"""Whether chains have led to a maximum: measured where they ended, with the numbers held.

Where nothing is latent and H is the curvature of F there, half of g'H^-1 g is what is left to gain,
for the true gradient g. That of the chains has a noise besides, whose share is known: chains are
independent of each other.
"""

from dataclasses import dataclass

import numpy as np

from gmlang.learning.methods.ascent import runaways_named
from gmlang.learning.methods.curvature import Curvature
from gmlang.learning.methods.sampled import Sampled
from gmlang.learning.numbers.coordinates import basis
from gmruntime.budget import Budget

_SAMPLES_MIN, _SAMPLES_A_NUMBER = 1000, 10


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """What was found where chains ended.

    Attributes:
        gain_left: nats that are expected to be left to gain; inf where nobody can say.
        loose: real numbers without a prior that grow without end.
        bent: how F bends there; None where that was not measured.
    """

    gain_left: float
    loose: tuple[str, ...]
    bent: Curvature | None = None


def arrival(aim: Sampled, numbers: np.ndarray, sweeps: int, budget: Budget) -> Arrival:
    """Let chains go on where they ended, and measure F there.

    Args:
        aim: in which nothing is latent.
        numbers: where.
        sweeps: between two looks.
        budget: that has begun.

    Raises:
        TimeoutError: when the budget ended before.
    """
    free = basis(aim.layout)
    tables = aim.tables.at(numbers, budget)
    samples = max(_SAMPLES_MIN, _SAMPLES_A_NUMBER * free.shape[1])
    count = len(aim.free.chains.assignments)
    looks = -(-samples // count)
    each = np.full(count, 1.0 / (count * looks))
    expected = {b: np.zeros_like(table) for b, table in enumerate(tables) if table is not None}
    sums, outer = np.zeros((count, free.shape[1])), np.zeros((free.shape[1],) * 2)
    for _ in range(looks):
        entries = aim.free.moved(tables, sweeps, slice(None), budget)
        for block, own in aim.free.counts(entries, each, tables).items():
            expected[block] += own
        found = aim.statistics(numbers, entries, budget) @ free
        sums += found
        outer += found.T @ found
    total = float(aim.weights.sum())
    means = sums / looks
    mean = means.mean(axis=0)
    covariance = outer / (count * looks) - np.outer(mean, mean)
    prior = free.T @ (aim.priors.curvature(numbers) @ free)
    values, vectors = np.linalg.eigh(-(total * covariance + prior))
    bent = Curvature(values, free @ vectors)
    gradient = aim.gradient(numbers, tables, expected, budget)
    inverse, _ = bent.spread()
    direction = inverse @ gradient
    away = total * (means - mean) @ free.T
    noise = away.T @ away / (count * (count - 1))
    gain = 0.5 * float(gradient @ direction - np.trace(inverse @ noise))
    return Arrival(max(0.0, gain), runaways_named(aim, numbers, direction), bent)
