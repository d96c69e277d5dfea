"""Exemplars in groups of those that say much the same, and what a group says together.

A group is taken for the mixture of its members with pixels that are independent of each other,

    told[p, s] = log of the mean over members e of exp(told[e, p, s]),

so that one look at it tells how much its members have to offer, and where.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float32, Float64, Int64

_NUM_COARSE = 32
"""Groups that are looked at whatever the time, or up to twice as many."""

_NUM_FIRST = 256
"""Groups of the first look, or up to twice as many: the work of as many exemplars."""

_NUM_PARTS = 8
"""Parts of a group that are looked at next, and members that stand for all of a larger one."""

_NUM_FEATURES = 128
"""Pixels by which exemplars are compared, drawn once."""

_NUM_STEPS = 4
"""Of the power method: any direction of much variance does."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What exemplars are compared by, before any is looked at: centred, a row each."""

    rows: Float32[np.ndarray, "exemplars features"]

    @staticmethod
    def of(
        told: Float64[np.ndarray, "exemplars pixels symbols"], rng: np.random.Generator
    ) -> "Features":
        """Read them off some pixels."""
        num_pixels = told.shape[1]
        some = np.sort(rng.permutation(num_pixels)[:_NUM_FEATURES])
        rows = (told[:, some, 1:] - told[:, some, :1]).reshape(len(told), -1)
        return Features(rows.astype(np.float32))


def coarse_groups(features: Features) -> list[Int64[np.ndarray, " members"]]:
    """Cut all exemplars into the groups that are looked at before all others."""
    return _pieces(features, np.arange(len(features.rows)), _NUM_COARSE)


def first_parts(
    features: Features, group: Int64[np.ndarray, " members"], num_coarse: int
) -> list[Int64[np.ndarray, " members"]]:
    """Cut one of the coarse groups into groups of the first look."""
    return _pieces(features, group, -(-_NUM_FIRST // num_coarse))


def parts_of(
    features: Features, group: Int64[np.ndarray, " members"]
) -> list[Int64[np.ndarray, " members"]]:
    """Cut a group into what is looked at next: parts of it, or its members one by one."""
    if len(group) <= 2 * _NUM_PARTS:
        return [group[k : k + 1] for k in range(len(group))]
    return _pieces(features, group, _NUM_PARTS)


def _pieces(
    features: Features, group: Int64[np.ndarray, " members"], least: int
) -> list[Int64[np.ndarray, " members"]]:
    """Halve a group until there are so many pieces, or up to twice as many, or single members."""
    pieces = [group]
    while len(pieces) < least and max(map(len, pieces)) > 1:
        pieces = [half for piece in pieces for half in _halves(features, piece)]
    return pieces


def _halves(
    features: Features, group: Int64[np.ndarray, " members"]
) -> list[Int64[np.ndarray, " members"]]:
    """Cut a group in two across the direction in which its members differ most."""
    if len(group) < 2:
        return [group]
    rows = features.rows[group]
    rows -= rows.mean(axis=0)
    along = rows[np.abs(rows).sum(axis=1).argmax()]
    for _ in range(_NUM_STEPS):
        along = (rows @ along) @ rows
        size = float(np.linalg.norm(along))
        if size == 0.0:
            break
        along = along / size
    values = rows @ along
    order = np.argsort(values, kind="stable")
    # Near the middle, where those beside the cut differ most.
    least, most = len(group) // 3, (2 * len(group) + 2) // 3
    gaps = np.diff(values[order])[max(0, least - 1) : most - 1]
    cut = max(1, least) + (int(gaps.argmax()) if len(gaps) else 0)
    return [np.sort(group[order[:cut]]), np.sort(group[order[cut:]])]


def told_by(
    told: Float64[np.ndarray, "exemplars pixels symbols"], group: Int64[np.ndarray, " members"]
) -> Float64[np.ndarray, "pixels symbols"]:
    """Return what a group says together; of a large one some members speak for all."""
    if len(group) == 1:
        return told[group[0]]
    places = np.linspace(0, len(group) - 1, min(len(group), _NUM_PARTS)).round().astype(np.int64)
    some = told[group[places]]
    most = some.max(axis=0)
    return np.log(np.exp(some - most).mean(axis=0)) + most
