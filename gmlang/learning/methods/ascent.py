"""Climbing by the gradient: expected counts with what was seen, less those without."""

from collections.abc import Iterator

import numpy as np

from gmlang.core.parameters import ParameterKind
from gmlang.diagnostics import GmError
from gmlang.learning.methods.climbing import CALM_ROUNDS, LATENT_ROUNDS, WEIGHT_MAX, Round
from gmlang.learning.methods.lbfgs import Height, climb
from gmlang.learning.numbers.coordinates import Layout, ParameterArray, to_coordinates, to_numbers
from gmlang.learning.objective import Aim, Point
from gmruntime.budget import Budget

_EXPECTED_MAX = 1e-5
"""Nats that a full step may promise where the climb ends."""

_GROWN = 5.0
"""What is smaller does not grow without end yet."""

_STEP_LONG = 0.3
"""A step of a number that is longer than this is no last one."""


def ascent(objective: Aim, start: Point, budget: Budget, *, has_latent: bool) -> Iterator[Round]:
    """Yield rounds from a point on, until what is left to gain is too little.

    Raises:
        TimeoutError: when the budget ended within a round.
    """
    layout = objective.layout
    number = 1
    rounds_min = LATENT_ROUNDS if has_latent else 0
    num_calm = 0

    def height(coordinates: np.ndarray) -> Height:
        nonlocal number
        if coordinates is first:
            return Height(start.value, start.gradient, start)
        number += 1
        try:
            point = objective.at(to_numbers(layout, coordinates), budget)
        except GmError:
            return Height(-np.inf, np.zeros(layout.size), None)
        value = point.value if np.isfinite(point.value) else -np.inf
        return Height(value, point.gradient, point)

    first = to_coordinates(layout, start.numbers)
    for step in climb(height, first):
        assert isinstance(step.height.place, Point)
        point = step.height.place
        num_calm = num_calm + 1 if step.expected < _EXPECTED_MAX else 0
        is_calm = num_calm >= CALM_ROUNDS and number >= rounds_min
        loose = _runaways(objective, point.numbers, step.direction)
        is_over = step.is_last or any(abs(point.numbers[k]) > WEIGHT_MAX for k in loose)
        is_done = (is_calm or step.is_last) and not loose
        names = tuple(_named(layout, k) for k in loose) if is_over else ()
        yield Round(number, point, step.expected, is_done, names)
        if is_done or is_over:
            return


def runaways_named(objective: Aim, numbers: np.ndarray, direction: np.ndarray) -> tuple[str, ...]:
    """Name the real numbers without a prior that a whole step would still move far."""
    loose = _runaways(objective, numbers, direction)
    return tuple(_named(objective.layout, k) for k in loose)


def _runaways(objective: Aim, numbers: np.ndarray, direction: np.ndarray) -> list[int]:
    """Return the real numbers without a prior that would still take long steps, where F is flat.

    Where F has a maximum a step towards it gets shorter than anything it promises.
    """
    layout, precision = objective.layout, objective.priors.precision
    found: list[int] = []
    for array in layout.arrays:
        if array.kind is ParameterKind.REAL:
            long = (np.abs(direction) > _STEP_LONG) & (precision == 0)
            grown = np.abs(numbers) > _GROWN
            found += [int(k) for k in np.flatnonzero(long & grown) if _is_in(array, int(k))]
    return found


def _is_in(array: ParameterArray, number: int) -> bool:
    return array.start <= number < array.start + array.size


def _named(layout: Layout, number: int) -> str:
    array = next(array for array in layout.arrays if _is_in(array, number))
    return array.entry(number - array.start)
