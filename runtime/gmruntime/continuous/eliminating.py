"""Eliminate the reals of a graph: what is left is a factor graph of finite variables."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.arrays import Bool, Float64, Int, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.dense import DenseSolver, LostError
from gmruntime.continuous.errors import (
    ImproperError,
    LayoutTooLargeError,
    NotProperError,
    OutOfTimeError,
    TooLargeError,
    TooManyBordersError,
)
from gmruntime.continuous.fewer import with_few_rows
from gmruntime.continuous.grouping import groups_of
from gmruntime.continuous.mixed import MixedGraph
from gmruntime.continuous.patches import Patch, StateSolver
from gmruntime.continuous.slicing import sliced
from gmruntime.continuous.system import System, system_of
from gmruntime.elimination.passes.loading import is_loaded, may_load
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states

if TYPE_CHECKING:
    from gmruntime.continuous.sites.solver import Approximate
    from gmruntime.continuous.sparse.structure import Structure

_BORDER_STATES_MAX = 1 << 16
"""A border of more joint states is refused."""

_DENSE_MAX = 400
"""So many reals, in all states of borders and all patches, are solved before loops are loaded."""

_ROWS_A_REAL = 50
"""So many rows take as long as one real more."""


@dataclass(frozen=True, slots=True, eq=False)
class Eliminated:
    """A graph without reals.

    Attributes:
        graph: the finite factors, and what the reals say of finite variables: its log Z is that of
            the whole. Its variables are those of the mixed graph.
        patches: of the reals that are not observed.
        patch_of: the patch of each real; -1 where it is observed.
        approximate: how good the Gaussians are that stand for sites, in each patch that has some.
    """

    graph: FactorGraph
    patches: tuple[Patch, ...]
    patch_of: Int64[np.ndarray, " reals"]
    approximate: "tuple[Approximate, ...]" = ()


def eliminate_reals(
    mixed: MixedGraph,
    evidence: Assignment,
    real_evidence: Float64[np.ndarray, " reals"],
    *,
    together: Sequence[Int[np.ndarray, " some"]] = (),
    budget: Budget,
    memory: int,
) -> Eliminated:
    """Integrate all reals that are not observed out of a graph.

    Args:
        mixed: validated.
        evidence: a state for each observed finite variable, -1 for the others.
        real_evidence: a value for each observed real, NaN for the others.
        together: groups of reals that a question needs in one patch.
        budget: of time.
        memory: bytes that may be taken.

    Raises:
        ValueError: evidence is of another number of variables or reals, or not a finite number.
        ImproperError: naming a real that nothing holds in place.
        TooManyBordersError: the border of a patch has more than 2**16 states.
        TooLargeError: a patch needs more memory.
        TimeoutError: there is no time left; an `OutOfTimeError` where that is for a patch.
    """
    _check_evidence(mixed, evidence, real_evidence)
    rows = sliced(mixed, evidence, real_evidence)
    pieces = tuple(with_few_rows(piece, budget) for piece in rows.pieces)
    is_free = np.isnan(real_evidence)
    finite, states = mixed.finite, num_states(mixed.finite)
    position = np.zeros(len(is_free), np.int64)
    patch_of = np.full(len(is_free), -1, np.int64)
    patches: list[Patch] = []
    known: dict[bytes, Structure] = {}
    left, dense_work = memory, 0
    approximate: list[Approximate] = []
    for group in groups_of(pieces, is_free, together):
        reals, border = group.reals, group.border
        sizes = tuple(states[border].tolist())
        if math.prod(sizes) > _BORDER_STATES_MAX:
            raise TooManyBordersError(tuple(border.tolist()), math.prod(sizes))
        position[reals] = np.arange(len(reals))
        system = system_of(group.pieces, border, sizes, position, len(reals))
        num_rows = len(system.row_start) - 1
        dense_work += system.num_states * (system.num_reals + num_rows // _ROWS_A_REAL)
        try:
            if system.sites:
                solver, logs, num_bytes, how = _with_sites(system, known, budget, left)
                approximate.append(how)
            else:
                solver, logs, num_bytes = _solved(
                    system,
                    known,
                    partial(_forbidden, finite, evidence, border, sizes, budget),
                    budget,
                    left,
                    is_quick=not is_loaded() and dense_work <= _DENSE_MAX,
                )
        except LayoutTooLargeError as error:
            raise TooLargeError(int(reals[0]), memory - left + error.num_bytes) from None
        except NotProperError as error:
            raise ImproperError(int(reals[error.real])) from None
        except TimeoutError:
            around, count = tuple(border.tolist()), system.num_states
            raise OutOfTimeError(int(reals[0]), around, count) from None
        left -= num_bytes
        patch_of[reals] = len(patches)
        around, logs = tuple(border.tolist()), logs.reshape(sizes)
        patches.append(Patch(reals, around, sizes, logs, solver, budget, left))
    factors = (*finite.factors, *rows.factors, *_factors(patches))
    graph = FactorGraph(finite.variables, factors)
    return Eliminated(graph, tuple(patches), patch_of, tuple(approximate))


def _check_evidence(mixed: MixedGraph, evidence: np.ndarray, real_evidence: np.ndarray) -> None:
    for name, array, count in (
        ("evidence", evidence, mixed.finite.num_variables),
        ("real_evidence", real_evidence, mixed.num_reals),
    ):
        if array.shape != (count,):
            raise ValueError(
                f"{name} has shape {array.shape}; it needs one entry for each of {count}"
            )
    if np.isinf(real_evidence).any():
        raise ValueError(f"real {int(np.argmax(np.isinf(real_evidence)))} is observed as infinite")


def _factors(patches: list[Patch]) -> list[FactorBlock]:
    """Return what patches say of their borders, one block for all whose borders are alike."""
    by_sizes: dict[tuple[int, ...], list[Patch]] = {}
    for patch in patches:
        by_sizes.setdefault(patch.sizes, []).append(patch)
    found: list[FactorBlock] = []
    for sizes, some in by_sizes.items():
        scopes = np.array([patch.border for patch in some], np.int32).reshape(len(some), len(sizes))
        found.append(FactorBlock(Table(np.stack([p.log_values for p in some])), scopes, "reals"))
    return found


def _solved(
    system: System,
    known: "dict[bytes, Structure]",
    find_forbidden: Callable[[], Bool[np.ndarray, " states"]],
    budget: Budget,
    memory: int,
    *,
    is_quick: bool,
) -> tuple[StateSolver, Float64[np.ndarray, " states"], int]:
    """Integrate a patch in each state of its border; say how many bytes are kept."""
    if is_quick:
        dense = DenseSolver(system)
        try:
            return dense, dense.integrate(budget), 8 * system.num_states * system.num_reals**2
        except LostError:
            pass
    if not may_load(budget):
        raise TimeoutError
    from gmruntime.continuous.solver import integrated

    return integrated(system, known, find_forbidden, budget, memory)


def _with_sites(
    system: System, known: "dict[bytes, Structure]", budget: Budget, memory: int
) -> "tuple[StateSolver, Float64[np.ndarray, ' states'], int, Approximate]":
    """Do the same where rows are sites; say how good the Gaussians are that stand for them."""
    if not may_load(budget):
        raise TimeoutError
    from gmruntime.continuous.sites.solver import propagated
    from gmruntime.continuous.solver import structure_for

    return propagated(system, lambda: structure_for(system, known, budget, memory), budget)


def _forbidden(
    finite: FactorGraph,
    evidence: Assignment,
    border: Int64[np.ndarray, " border"],
    sizes: tuple[int, ...],
    budget: Budget,
) -> Bool[np.ndarray, " states"]:
    """Say in which states of a border a factor is 0 that speaks of no other variables."""
    digits = np.indices(sizes, np.int32).reshape(len(sizes), -1).T
    is_known = evidence >= 0
    is_known[border] = True
    found = np.zeros(len(digits), np.bool_)
    for block in finite.factors:
        scopes = block.scopes
        for f in np.flatnonzero(is_known[scopes].all(axis=1)).tolist():
            budget.check()
            at = np.tile(evidence[scopes[f]], (len(digits), 1))
            for k, variable in enumerate(scopes[f].tolist()):
                place = int(np.searchsorted(border, variable))
                if place < len(border) and border[place] == variable:
                    at[:, k] = digits[:, place]
            table = np.full(len(digits), f if block.kind.num_tables > 1 else 0)
            found |= block.kind.log_values(table, at) == -np.inf
    return found
