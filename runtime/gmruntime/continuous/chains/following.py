"""Reals followed step by step, by rules into which data enters linearly.

The reals that a step hands on are affine in coordinates, left = spread u + known, and what is
believed of u is a triangle, as in `stepping.py`. So reals that are known, or that depend on others
exactly, have no density of their own, and beliefs may be flat.

Source: Bierman (1977), "Factorization Methods for Discrete Sequential Estimation".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.arrays import Bool, Float64

if TYPE_CHECKING:
    from gmruntime.continuous.chains.kernels import BeliefArrays, Room, StepArrays

_DEPENDENT = 1e-9
"""What is left of a line, relative to it, where others explain it."""

_ROUNDING = 1e-13
"""By which spreads of one step after another differ where they are the same."""


@dataclass(frozen=True, slots=True, eq=False)
class ByData:
    """Numbers that are affine in the data of a step: value + by_data . data."""

    value: Float64[np.ndarray, "*shape"]
    by_data: Float64[np.ndarray, "*shape data"]


@dataclass(frozen=True, slots=True, eq=False)
class StepRule:
    """What a step says of reals, the `num_before` handed on by the step before and then new ones.

    Attributes:
        num_before: how many were handed on.
        coefficients, constants: of its rows, (rows, reals) and (rows): log f = log_scale
            - weight / 2 * (coefficients . x + constant)**2.
        weights: at least 0.
        log_scales: nats.
        is_free: which new reals are not known.
        known: (new reals), where they are known.
        shown: (shown, reals) and `shown_constants` (shown): sums of reals that are handed on, and
            then others that are asked about.
        num_left: how many are handed on.
        wanted: (wanted, shown) and `wanted_constants`: what is asked for, linear in what is shown.
        is_joint: which of them are asked for with their covariances with all others.
    """

    num_before: int
    coefficients: ByData
    constants: ByData
    weights: Float64[np.ndarray, " rows"]
    log_scales: Float64[np.ndarray, " rows"]
    is_free: Bool[np.ndarray, " new"]
    known: ByData
    shown: Float64[np.ndarray, "shown reals"]
    shown_constants: ByData
    num_left: int
    wanted: Float64[np.ndarray, "wanted shown"]
    wanted_constants: Float64[np.ndarray, " wanted"]
    is_joint: Bool[np.ndarray, " wanted"]

    @property
    def width(self) -> int:
        """How many numbers are found for what is wanted: means, then (co)variances."""
        count = len(self.wanted)
        return count + int(np.where(self.is_joint, count, 1).sum())


@dataclass(frozen=True, slots=True, eq=False)
class FollowedBelief:
    """What is believed of the reals that a step hands on: spread u + known.

    Attributes:
        spread: (left, coordinates).
        arrays: what is believed of u, as loops have it; a log scale at which log Z is 0, once that
            is proper.
        is_proper: whether it can be normalised.
    """

    spread: Float64[np.ndarray, "left coordinates"]
    arrays: "BeliefArrays"
    is_proper: bool


def nothing_followed() -> FollowedBelief:
    """Return what is believed before the first step: of no reals."""
    return FollowedBelief(np.zeros((0, 0)), _belief(0, 0), True)


def _belief(num_coordinates: int, num_left: int) -> "BeliefArrays":
    from gmruntime.continuous.chains.kernels import BeliefArrays

    count = num_coordinates
    return BeliefArrays(np.zeros((count, count)), np.zeros((2, count)), np.zeros(num_left + 1))


@dataclass(frozen=True, slots=True, eq=False)
class FollowedStep:
    """A rule after beliefs of some spread.

    Attributes:
        rule: it.
        arrays: over coordinates of the step: those that are gone after it, then those of what it
            leaves.
        spread: of what it leaves.
        repeats: whether that is the spread before, so that the step may follow itself.
    """

    rule: StepRule
    arrays: "StepArrays"
    spread: Float64[np.ndarray, "left coordinates"]
    repeats: bool
    _room: "Room" = field(repr=False)
    _loop: Callable[..., int] = field(repr=False)

    def take(
        self,
        belief: FollowedBelief,
        data: Float64[np.ndarray, "steps data"],
        gains: Float64[np.ndarray, " steps"],
        found: Float64[np.ndarray, " entries"],
        width: int,
    ) -> FollowedBelief | None:
        """Take one step, or several where it repeats.

        Args:
            belief: of the spread that it was made for; it stays as it is.
            data: of each step.
            gains: filled: by how much log Z grows with each, nats; inf while it is not proper.
            found: filled: what is wanted after each.
            width: how many of these each step has.

        Returns:
            what is believed then; None where nothing says where a real is that is gone.
        """
        left, count = self.spread.shape
        before = belief.arrays
        # Records of arrays are made by their own class, which loading loops brings along.
        after = before.__class__(np.empty((count, count)), np.empty((2, count)), np.empty(left + 1))
        if len(data) > 1:
            before = before.__class__(*(array.copy() for array in before))
        taken = self._loop(self.arrays, data, before, after, self._room, gains, found, width)
        if taken < len(data):
            return None
        return FollowedBelief(self.spread, after, math.isfinite(gains[-1]))


def followed(rule: StepRule, spread: Float64[np.ndarray, "left coordinates"]) -> FollowedStep:
    """Choose the coordinates of a step, and write its rule in these.

    Args:
        rule: any.
        spread: of the belief before it.
    """
    num_before, num_coordinates = spread.shape
    num_new = len(rule.is_free)
    num_reals, free = num_before + num_new, np.flatnonzero(rule.is_free)
    onto = np.zeros((num_reals, num_coordinates + len(free)))
    onto[:num_before, :num_coordinates] = spread
    onto[num_before + free, num_coordinates + np.arange(len(free))] = 1.0
    chosen = _independent(rule.shown[: rule.num_left] @ onto)
    to_new = _completed((rule.shown[: rule.num_left] @ onto)[chosen])
    back = np.linalg.inv(to_new) if len(to_new) else to_new
    back[np.abs(back) < 1e-15 * np.abs(back).max(initial=0.0)] = 0.0
    num_gone = len(to_new) - len(chosen)
    wide = onto @ back
    shown = rule.shown @ wide
    left = shown[: rule.num_left, num_gone:].copy()
    left[chosen] = np.eye(len(chosen))
    repeats = left.shape == spread.shape and np.allclose(left, spread, _ROUNDING, _ROUNDING)
    if repeats:
        left = spread
    log_constant = float(np.linalg.slogdet(back)[1]) if len(back) else 0.0
    from gmruntime.continuous.chains.kernels import follow_steps

    arrays = _arrays(rule, wide, to_new, back, num_coordinates, num_gone, log_constant)
    return FollowedStep(rule, arrays, left, repeats, _room_for(arrays), follow_steps)


def _independent(lines: Float64[np.ndarray, "left coordinates"]) -> list[int]:
    """List lines, the first first, none of which is a sum of those before it."""
    basis = np.zeros((0, lines.shape[1]))
    chosen: list[int] = []
    for k, line in enumerate(lines):
        rest = line - basis.T @ (basis @ line)
        rest -= basis.T @ (basis @ rest)
        length = float(np.linalg.norm(rest))
        if length > _DEPENDENT * float(np.linalg.norm(line)):
            basis = np.vstack([basis, rest / length])
            chosen.append(k)
    return chosen


def _completed(lines: Float64[np.ndarray, "some n"]) -> Float64[np.ndarray, "n n"]:
    """Put lines before some that make them an invertible matrix: of one entry where they can be."""
    count, size = lines.shape
    is_single = bool((np.count_nonzero(lines, axis=1) == 1).all())
    if is_single:
        used = {int(np.flatnonzero(line)[0]) for line in lines}
        rest = np.eye(size)[[k for k in range(size) if k not in used]]
    else:
        rest = np.linalg.qr(lines.T, mode="complete")[0][:, count:].T
    return np.concatenate([rest, lines])


def _arrays(
    rule: StepRule,
    wide: np.ndarray,
    to_new: np.ndarray,
    back: np.ndarray,
    num_coordinates: int,
    num_gone: int,
    log_constant: float,
) -> "StepArrays":
    from gmruntime.continuous.chains.kernels import StepArrays

    num_before, num_data = rule.num_before, rule.constants.by_data.shape[1]
    num_reals = len(wide)
    known, by_data = np.zeros(num_reals), np.zeros((num_reals, num_data))
    known[num_before:], by_data[num_before:] = rule.known.value, rule.known.by_data
    known[num_before:][rule.is_free] = 0.0
    by_data[num_before:][rule.is_free] = 0.0
    varying = rule.coefficients.by_data
    if not varying.any():
        varying = np.zeros((*varying.shape[:2], 0))
    return StepArrays(
        rule.coefficients.value,
        np.ascontiguousarray(varying),
        np.stack([rule.constants.value, np.sqrt(rule.weights), rule.log_scales]),
        rule.constants.by_data,
        known,
        by_data,
        wide,
        np.ascontiguousarray(back[:num_coordinates]),
        np.ascontiguousarray(to_new[:, :num_coordinates]),
        rule.shown,
        rule.shown_constants.by_data,
        np.concatenate([rule.shown_constants.value, rule.wanted_constants]),
        rule.wanted,
        np.ascontiguousarray(rule.wanted @ (rule.shown @ wide)),
        rule.is_joint,
        log_constant,
        num_gone,
    )


def _room_for(step: "StepArrays") -> "Room":
    from gmruntime.continuous.chains.kernels import Room

    num_reals, count = step.spread.shape
    num_lines = len(step.to_before) + step.rows.shape[1]
    return Room(
        np.zeros((num_lines, count)),
        np.zeros((3, num_lines)),
        np.zeros((2, num_reals)),
        np.zeros((3, count)),
        np.zeros(len(step.shown)),
        np.zeros((num_lines + 1, count + 1)),
        np.zeros((count, count)),
        np.zeros((len(step.wanted), count)),
        np.zeros((1, 0)),
    )


def all_shown(rule: StepRule) -> StepRule:
    """Return a rule that wants all its reals, with their covariances."""
    count = rule.shown.shape[1]
    shown = np.concatenate([rule.shown[: rule.num_left], np.eye(count)])
    num_data = rule.constants.by_data.shape[1]
    constants = ByData(
        np.concatenate([rule.shown_constants.value[: rule.num_left], np.zeros(count)]),
        np.concatenate(
            [rule.shown_constants.by_data[: rule.num_left], np.zeros((count, num_data))]
        ),
    )
    wanted = np.concatenate([np.zeros((count, rule.num_left)), np.eye(count)], axis=1)
    return replace(
        rule,
        shown=shown,
        shown_constants=constants,
        wanted=wanted,
        wanted_constants=np.zeros(count),
        is_joint=np.ones(count, np.bool_),
    )
