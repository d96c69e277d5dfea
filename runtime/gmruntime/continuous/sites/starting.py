"""Where to look for chosen reals: maxima of rows and sites, found by their slopes.

Of a concave log density the maximum is the only one, and that it was found proves that there is an
integral; so each assignment of finite variables has one.
"""

from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.errors import ImproperError, NotProperError
from gmruntime.continuous.grouping import Group
from gmruntime.continuous.mixed import MixedGraph, Rows
from gmruntime.continuous.outer.maxima.polishing import Modes
from gmruntime.continuous.sites.fields import dense_field
from gmruntime.continuous.sites.laplace import climb
from gmruntime.continuous.slicing import sliced
from gmruntime.continuous.system import system_of
from gmruntime.graph import log_score

_LOOKED_AT_MAX = 64
"""Assignments: of more some are looked at, and none is called proven."""
_MODES_MAX = 24
_SAME = 0.1
"""Standard deviations between two maxima that are taken for one."""
_WIDER = 2.0
"""Draws are spread so much wider than the curvature says: who climbs from there sees more."""


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Maxima of rows and sites over chosen reals.

    Attributes:
        modes: one for each assignment that was looked at, the heaviest first.
        is_all: whether these are proven to be all there are.
    """

    modes: Modes
    is_all: bool

    def draw(self, uniform: Float64[np.ndarray, "n chosen"]) -> Float64[np.ndarray, "n chosen"]:
        """Return draws around the maxima, in turn."""
        from scipy.special import ndtri

        noise = _WIDER * ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
        which = np.arange(len(uniform)) % len(self.modes.values)
        return self.modes.free[which] + np.einsum("nij,nj->ni", self.modes.roots[which], noise)


def start_at(
    mixed: MixedGraph,
    numbers: tuple[Rows | None, ...],
    assignments: Int32[np.ndarray, "assignments variables"],
    real_evidence: Float64[np.ndarray, " reals"],
    chosen: Int64[np.ndarray, " chosen"],
    budget: Budget,
) -> Start:
    """Climb in the assignments of finite variables.

    Args:
        mixed: validated.
        numbers: of blocks at one setting of what they depend on else; None where they are known.
        assignments: of the finite variables.
        real_evidence: NaN where a real is not observed.
        chosen: the reals that are looked at; all others are integrated out.
        budget: of time.

    Raises:
        ImproperError: nothing says where a real is.
        TimeoutError: when there is no time left.
    """
    blocks = tuple(
        block if rows is None else replace(block, kind=_first(rows))
        for rows, block in zip(numbers, mixed.real_factors, strict=True)
    )
    whole = MixedGraph(mixed.finite, mixed.reals, blocks)
    scores = np.asarray(log_score(mixed.finite, assignments))
    possible = np.flatnonzero(scores > -np.inf)
    some = possible[np.argsort(-scores[possible], kind="stable")][:_LOOKED_AT_MAX]
    found: list[tuple[np.ndarray, np.ndarray, float]] = []
    is_all = len(some) == len(possible) and all(rows is None for rows in numbers)
    for k in some.tolist():
        one = _climbed(whole, assignments[k], real_evidence, chosen, budget)
        if one is None:
            continue
        mean, root, log_value, is_only = one
        is_all = is_all and is_only
        _add(found, mean, root, float(scores[k]) + log_value)
    if not found:
        size = len(chosen)
        none = Modes(np.zeros((1, size)), np.zeros(1), np.eye(size)[None])
        return Start(none, is_all=False)
    order = np.argsort([-value for _, _, value in found], kind="stable")[:_MODES_MAX]
    roots = np.stack([found[k][1] for k in order])
    masses = np.array([found[k][2] for k in order])
    heights = masses - np.linalg.slogdet(roots)[1] - 0.5 * len(chosen) * np.log(2 * np.pi)
    return Start(Modes(np.stack([found[k][0] for k in order]), heights, roots), is_all)


def _add(
    found: list[tuple[np.ndarray, np.ndarray, float]],
    mean: Float64[np.ndarray, " chosen"],
    root: Float64[np.ndarray, "chosen chosen"],
    log_value: float,
) -> None:
    """Add a maximum, to one that is nearly the same where there is one."""
    for k, (other, own, value) in enumerate(found):
        apart = np.linalg.solve(own, mean - other)
        if apart @ apart < _SAME**2:
            found[k] = other, own, float(np.logaddexp(value, log_value))
            return
    found.append((mean, root, log_value))


def _first(rows: Rows) -> Rows:
    arrays = rows.coefficients, rows.offsets, rows.weights, rows.log_scales
    return Rows(*(array[0] for array in arrays))


def _climbed(
    mixed: MixedGraph,
    assignment: Int32[np.ndarray, " variables"],
    real_evidence: Float64[np.ndarray, " reals"],
    chosen: Int64[np.ndarray, " chosen"],
    budget: Budget,
) -> tuple[np.ndarray, np.ndarray, float, bool] | None:
    """Return mean and root of the chosen reals, the log integral, and whether all is proven."""
    rest = sliced(mixed, assignment, real_evidence)
    reals = np.flatnonzero(np.isnan(real_evidence))
    position = np.zeros(len(real_evidence), np.int64)
    position[reals] = np.arange(len(reals))
    group = Group(reals, list(rest.pieces), np.zeros(0, np.int64))
    system = system_of(group.pieces, group.border, (), position, len(reals))
    field = dense_field(system, 0)
    if field is None:
        return None
    try:
        top = climb(field, 0, budget)
    except NotProperError as error:
        raise ImproperError(int(reals[error.real])) from None
    half = field.solution(0.0).half[:, position[chosen]]
    _, triangle = np.linalg.qr(half)
    root = triangle.T
    is_only = top.is_found and field.seen.is_concave and field.seen.is_smooth
    return top.x[position[chosen]], root, top.log_value, is_only
