"""Expectation and maximisation: counts for the numbers, numbers for the counts.

Where a number stands directly in tables its maximum is (used + imaginary cases) / sum. For others
the maximum is climbed to with the counts held fixed, which needs no inference.

Source: Dempster, Laird and Rubin (1977).
"""

from collections.abc import Iterator

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.learning.methods.climbing import RisingMap, Round, rounding_of, strides
from gmlang.learning.methods.lbfgs import Height, Steps, climb, no_steps
from gmlang.learning.numbers.coordinates import pulled_back, to_coordinates, to_numbers
from gmlang.learning.objective import Objective, Point, direct_gradient
from gmruntime.budget import Budget

_INNER_STEPS_MAX = 30
"""So many steps a maximisation takes at most: the next round goes on."""

_INNER_GAIN = 1e-6
"""Nats below which what is left of one is nothing."""


def em(objective: Objective, start: Point, budget: Budget, *, has_latent: bool) -> Iterator[Round]:
    """Yield rounds from a point on, until what is left to gain is too little.

    Raises:
        TimeoutError: when the budget ended within a round.
    """
    layout, is_direct = objective.layout, objective.tables.direct_only()
    # From round to round counts change little, and how what is climbed bends.
    steps = no_steps()
    mapping = RisingMap(
        lambda point: maximised(objective, point, is_direct, budget, steps),
        lambda numbers: objective.at(numbers, budget),
        lambda numbers: to_coordinates(layout, numbers),
        lambda coordinates: to_numbers(layout, coordinates),
        lambda point: point.numbers,
        rounding_of(objective),
    )
    yield from strides(mapping, start, has_latent=has_latent)


def maximised(
    objective: Objective,
    point: Point,
    is_direct: np.ndarray,
    budget: Budget,
    steps: Steps | None = None,
) -> np.ndarray:
    """Return the numbers that are best for a point's counts.

    Args:
        objective: whose tables and priors these are.
        point: with the counts.
        is_direct: which numbers stand directly in tables.
        budget: ends it.
        steps: on the way to what was best for counts much like these; it grows.

    Raises:
        TimeoutError: when the budget ended before they were found.
    """
    numbers = objective.priors.best(np.maximum(point.uses, 0.0), point.numbers)
    if is_direct.all():
        return numbers
    numbers = np.where(is_direct, numbers, point.numbers)
    return _climbed(objective, point, numbers, is_direct, budget, steps)


def _climbed(
    objective: Objective,
    point: Point,
    start: np.ndarray,
    is_direct: np.ndarray,
    budget: Budget,
    steps: Steps | None,
) -> np.ndarray:
    """Maximise sum N log table + log prior over the numbers that are not direct."""
    layout, tables, priors = objective.layout, objective.tables, objective.priors
    is_free = ~is_direct

    def height(coordinates: np.ndarray) -> Height:
        numbers = to_numbers(layout, coordinates)
        nothing = Height(-np.inf, np.zeros(layout.size), numbers)
        try:
            found = tables.at(numbers, budget)
            slopes = tables.slopes(point.counts, numbers, budget)
        except GmError:
            return nothing
        value = priors.log_density(numbers)
        for block, own in point.counts.items():
            table = found[block]
            assert table is not None
            value += float(np.where(own > 0, own * np.where(own > 0, table, 0.0), 0.0).sum())
        if not np.isfinite(value):
            return nothing
        gradient = direct_gradient(layout, numbers, point.uses) + priors.gradient(numbers)
        gradient = gradient + pulled_back(layout, numbers, slopes)
        return Height(value, np.where(is_free, gradient, 0.0), numbers)

    numbers = start
    for number, step in enumerate(climb(height, to_coordinates(layout, start), steps)):
        assert isinstance(step.height.place, np.ndarray)
        numbers = step.height.place
        if step.is_last or step.expected < _INNER_GAIN or number >= _INNER_STEPS_MAX:
            break
    return numbers
