"""Steps of a Gaussian belief in a compiled loop: data sets the numbers of each step's rows.

Source: Bierman (1977), "Factorization Methods for Discrete Sequential Estimation": the square root
information filter.
"""

import math
from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Bool, Float64
from gmruntime.compiling import loop
from gmruntime.continuous.sparse.steps import triangulate

_LOG_TWO_PI = math.log(2.0 * math.pi)


class StepArrays(NamedTuple):
    """A step, as loops read it: `StepRule` says what each is, few arrays being handed over sooner.

    `coefficients_by_data` is empty where these are the same whatever the data. `rows` has for each
    row its constant, the root of its weight and its log scale, `shown_constants` those of what is
    shown and of what is wanted.
    """

    coefficients: Float64[np.ndarray, "rows reals"]
    coefficients_by_data: Float64[np.ndarray, "rows reals data"]
    rows: Float64[np.ndarray, "three rows"]
    constants_by_data: Float64[np.ndarray, "rows data"]
    known: Float64[np.ndarray, " reals"]
    known_by_data: Float64[np.ndarray, "reals data"]
    spread: Float64[np.ndarray, "reals coordinates"]
    to_before: Float64[np.ndarray, "before coordinates"]
    from_before: Float64[np.ndarray, "coordinates before"]
    shown: Float64[np.ndarray, "shown reals"]
    shown_by_data: Float64[np.ndarray, "shown data"]
    constants: Float64[np.ndarray, " shown_wanted"]
    wanted: Float64[np.ndarray, "wanted shown"]
    wanted_spread: Float64[np.ndarray, "wanted coordinates"]
    is_joint: Bool[np.ndarray, " wanted"]
    log_constant: float
    num_gone: int


class BeliefArrays(NamedTuple):
    """A belief, filled in place.

    Attributes:
        factor: of the coordinates, a triangle.
        ends: what is left of each of its lines, and where they are left from.
        known: of what is handed on, what is added to the coordinates; and then the log scale.
    """

    factor: Float64[np.ndarray, "coordinates coordinates"]
    ends: Float64[np.ndarray, "two coordinates"]
    known: Float64[np.ndarray, " left_and_scale"]


class Room(NamedTuple):
    """Where a step is worked out.

    Attributes:
        lines: of the belief before and of the rows.
        of_lines: the root of each one's weight, its log scale and its offset.
        of_reals: the coefficients of a row, and what is known of each real.
        of_coordinates: where they are looked at from, how far they are moved, and their means.
        shown: what is known of what is shown.
        work: the triangle.
        inverse: of it.
        wide: what is wanted, over independent numbers.
        nothing: an empty belief.
    """

    lines: Float64[np.ndarray, "lines coordinates"]
    of_lines: Float64[np.ndarray, "three lines"]
    of_reals: Float64[np.ndarray, "two reals"]
    of_coordinates: Float64[np.ndarray, "three coordinates"]
    shown: Float64[np.ndarray, " shown"]
    work: Float64[np.ndarray, "lines columns"]
    inverse: Float64[np.ndarray, "coordinates coordinates"]
    wide: Float64[np.ndarray, "wanted coordinates"]
    nothing: Float64[np.ndarray, "none none"]


@loop
def _dot(row: Float64[np.ndarray, " n"], values: Float64[np.ndarray, " n"]) -> float:
    """Add up products; what is multiplied by 0 may be missing."""
    total = 0.0
    for k in range(len(row)):
        if row[k] != 0.0:
            total += row[k] * values[k]
    return total


@loop
def _write_lines(
    step: StepArrays, room: Room, data: Float64[np.ndarray, " data"], belief: BeliefArrays
) -> None:
    """Write the belief before and the rows as lines over the step's coordinates."""
    count, num_before = step.spread.shape[1], belief.factor.shape[0]
    row, known, first = room.of_reals[0], room.of_reals[1], room.of_coordinates[0]
    roots, log_scales, offsets = room.of_lines[0], room.of_lines[1], room.of_lines[2]
    for k in range(count):
        first[k] = _dot(step.from_before[k], belief.ends[1])
    for x in range(len(known)):
        known[x] = step.known[x] + _dot(step.known_by_data[x], data)
        if x < len(belief.known) - 1:
            known[x] += belief.known[x]
    for i in range(num_before):
        for k in range(count):
            total = 0.0
            for j in range(i, num_before):
                total += belief.factor[i, j] * step.to_before[j, k]
            room.lines[i, k] = total
        roots[i], log_scales[i], offsets[i] = 1.0, 0.0, belief.ends[0, i]
    varies = step.coefficients_by_data.shape[2] > 0
    for r in range(step.rows.shape[1]):
        i = num_before + r
        for x in range(len(known)):
            row[x] = step.coefficients[r, x]
            if varies:
                row[x] += _dot(step.coefficients_by_data[r, x], data)
        away = step.rows[0, r] + _dot(step.constants_by_data[r], data) + _dot(row, known)
        for k in range(count):
            total = 0.0
            for x in range(len(known)):
                total += row[x] * step.spread[x, k]
            room.lines[i, k] = total
            away += total * first[k]
        roots[i], log_scales[i], offsets[i] = step.rows[1, r], step.rows[2, r], -away


@loop
def _log_norm(work: Float64[np.ndarray, "lines columns"], first: int, last: int) -> float:
    """Return the log of the integral over the last coordinates; inf where it has none."""
    total = 0.0
    for j in range(first, last):
        pivot = abs(work[j, j]) if j < len(work) - 1 else 0.0
        if pivot == 0.0:
            return math.inf
        total += 0.5 * _LOG_TWO_PI - math.log(pivot)
    return total


@loop
def _invert(room: Room, count: int) -> bool:
    """Invert the triangle, and find the mean; False where the belief is not proper."""
    work, inverse = room.work, room.inverse
    for j in range(count):
        if j >= len(work) - 1 or work[j, j] == 0.0:
            return False
    for j in range(count):
        for i in range(j, -1, -1):
            total = 1.0 if i == j else 0.0
            for k in range(i + 1, j + 1):
                total -= work[i, k] * inverse[k, j]
            inverse[i, j] = total / work[i, i]
    for i in range(count):
        total = room.of_coordinates[0, i] + room.of_coordinates[1, i]
        for j in range(i, count):
            total += inverse[i, j] * work[j, count]
        room.of_coordinates[2, i] = total
    return True


@loop
def _write_wanted(
    step: StepArrays, room: Room, found: Float64[np.ndarray, " entries"], at: int
) -> None:
    """Write means, then variances, or covariances with all that are wanted jointly."""
    num_wanted, count = step.wanted_spread.shape
    is_proper = _invert(room, count)
    for q in range(num_wanted):
        for k in range(count):
            total = 0.0
            for j in range(k + 1):
                total += step.wanted_spread[q, j] * room.inverse[j, k]
            room.wide[q, k] = total
    for q in range(num_wanted):
        mean = step.constants[len(room.shown) + q] + _dot(step.wanted[q], room.shown)
        mean += _dot(step.wanted_spread[q], room.of_coordinates[2])
        found[at + q] = mean if is_proper else math.nan
    at += num_wanted
    for q in range(num_wanted):
        for other in range(num_wanted if step.is_joint[q] else 1):
            second = other if step.is_joint[q] else q
            total = 0.0
            for k in range(count):
                total += room.wide[q, k] * room.wide[second, k]
            found[at] = total if is_proper else math.nan
            at += 1


@loop
def _hand_over(after: BeliefArrays, belief: BeliefArrays) -> None:
    """Copy what is believed after a step to where it is before the next."""
    for i in range(len(after.factor)):
        belief.ends[0, i], belief.ends[1, i] = after.ends[0, i], after.ends[1, i]
        for j in range(len(after.factor)):
            belief.factor[i, j] = after.factor[i, j]
    for k in range(len(after.known)):
        belief.known[k] = after.known[k]


@loop
def _leave(step: StepArrays, room: Room, after: BeliefArrays, log_scale: float) -> float:
    """Write what a step leaves, and return by how much log Z grew."""
    count, gone, num_lines = step.spread.shape[1], step.num_gone, len(room.work) - 1
    norm = _log_norm(room.work, gone, count)
    for i in range(count - gone):
        line = gone + i
        for j in range(count - gone):
            after.factor[i, j] = 0.0
            if i <= j and line < num_lines:
                after.factor[i, j] = room.work[line, gone + j]
        after.ends[0, i] = room.work[line, count] if line < num_lines else 0.0
        after.ends[1, i] = room.of_coordinates[0, line] + room.of_coordinates[1, line]
    left = len(after.known) - 1
    for k in range(left):
        after.known[k] = room.shown[k]
    after.known[left] = -norm if math.isfinite(norm) else log_scale
    return log_scale + norm


@loop
def follow_steps(
    step: StepArrays,
    data: Float64[np.ndarray, "steps data"],
    belief: BeliefArrays,
    after: BeliefArrays,
    room: Room,
    gains: Float64[np.ndarray, " steps"],
    found: Float64[np.ndarray, " entries"],
    width: int,
) -> int:
    """Take steps by one rule.

    Args:
        step: the rule.
        data: of each step; NaN is missing, and rows that it is part of say nothing.
        belief: before; as large as `after`, and overwritten, where there are several steps.
        after: filled: what is believed then.
        room: to work in.
        gains: filled: by how much log Z grows with each step, nats; inf while it is not proper.
        found: filled: what is wanted after each step.
        width: how many of these each step has.

    Returns:
        how many steps could be taken: nothing said where a real was that is gone after the others.
    """
    place = room.of_coordinates[1]
    for t in range(len(data)):
        if t > 0:
            _hand_over(after, belief)
        _write_lines(step, room, data[t], belief)
        for k in range(len(place)):
            place[k] = 0.0
        gained = triangulate(
            room.lines,
            room.of_lines[0],
            room.of_lines[1],
            room.of_lines[2],
            (room.nothing, room.nothing[0], place),
            step.num_gone,
            room.work,
        )
        if not math.isfinite(gained):
            return t
        for q in range(len(room.shown)):
            total = step.constants[q] + _dot(step.shown_by_data[q], data[t])
            room.shown[q] = total + _dot(step.shown[q], room.of_reals[1])
        if step.wanted_spread.shape[0] > 0:
            _write_wanted(step, room, found, t * width)
        before = belief.known[len(belief.known) - 1]
        gains[t] = _leave(step, room, after, before + gained + step.log_constant)
    return len(data)
