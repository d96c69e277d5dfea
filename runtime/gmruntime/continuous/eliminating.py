"""Eliminate the reals of a graph: what is left is a factor graph of finite variables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.errors import (
    ImproperError,
    OutOfTimeError,
    TooLargeError,
    TooManyBordersError,
)
from gmruntime.continuous.grouping import groups_of
from gmruntime.continuous.mixed import MixedGraph
from gmruntime.continuous.patches import Patch
from gmruntime.continuous.slicing import sliced
from gmruntime.continuous.solver import Solver
from gmruntime.continuous.sparse.structure import LayoutTooLargeError, Structure, structure_of
from gmruntime.continuous.system import NotProperError, System, system_of
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states

_BORDER_STATES_MAX = 1 << 16
"""A border of more joint states is refused."""

_ALIKE_MAX = 1 << 12
"""Nobody looks whether a patch of more entries looks like another."""


@dataclass(frozen=True, slots=True, eq=False)
class Eliminated:
    """A graph without reals.

    Attributes:
        graph: the finite factors, and what the reals say of finite variables: its log Z is that of
            the whole. Its variables are those of the mixed graph.
        patches: of the reals that are not observed.
        patch_of: the patch of each real; -1 where it is observed.
    """

    graph: FactorGraph
    patches: tuple[Patch, ...]
    patch_of: Int64[np.ndarray, " reals"]


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
        ImproperError: naming a real that nothing holds in place.
        TooManyBordersError: the border of a patch has more than 2**16 states.
        TooLargeError: a patch needs more memory.
        OutOfTimeError: a TimeoutError; there is no time left for a patch.
    """
    rows = sliced(mixed, evidence, real_evidence)
    is_free = np.isnan(real_evidence)
    finite, states = mixed.finite, num_states(mixed.finite)
    position = np.zeros(len(is_free), np.int64)
    patch_of = np.full(len(is_free), -1, np.int64)
    patches: list[Patch] = []
    factors = list(rows.factors)
    known: dict[bytes, Structure] = {}
    left = memory
    for group in groups_of(rows.pieces, is_free, together):
        reals, border = group.reals, group.border
        sizes = tuple(states[border].tolist())
        if math.prod(sizes) > _BORDER_STATES_MAX:
            raise TooManyBordersError(tuple(border.tolist()), math.prod(sizes))
        position[reals] = np.arange(len(reals))
        system = system_of(group.pieces, border, sizes, position, len(reals))
        try:
            structure = _structure(system, known, budget, left)
            solver = Solver(system, structure)
            logs = _log_values(solver, finite, evidence, border, budget)
        except LayoutTooLargeError as error:
            raise TooLargeError(int(reals[0]), memory - left + error.args[0]) from None
        except NotProperError as error:
            raise ImproperError(int(reals[error.real])) from None
        except TimeoutError:
            around, count = tuple(border.tolist()), system.num_states
            raise OutOfTimeError(int(reals[0]), around, count) from None
        left -= structure.num_bytes + 8 * system.num_states
        patch_of[reals] = len(patches)
        logs = logs.reshape(sizes)
        patches.append(Patch(reals, tuple(border.tolist()), sizes, logs, solver, budget, left))
        scope = border.astype(np.int32)[None]
        factors.append(FactorBlock(Table(logs[None]), scope, "reals"))
    graph = FactorGraph(finite.variables, (*finite.factors, *factors))
    return Eliminated(graph, tuple(patches), patch_of)


def _structure(
    system: System, known: dict[bytes, Structure], budget: Budget, memory: int
) -> Structure:
    """Find the structure of a patch, or that of one that looks alike."""
    if len(system.columns) > _ALIKE_MAX:
        return structure_of(system.num_reals, system.row_start, system.columns, budget, memory)
    key = system.row_start.tobytes() + system.columns.tobytes()
    found = known.get(key)
    if found is None or found.num_reals != system.num_reals or found.num_bytes > memory:
        found = structure_of(system.num_reals, system.row_start, system.columns, budget, memory)
        known[key] = found
    return found


def _log_values(
    solver: Solver,
    finite: FactorGraph,
    evidence: Assignment,
    border: Int64[np.ndarray, " border"],
    budget: Budget,
) -> Float64[np.ndarray, " states"]:
    """Integrate in each state of a border; one that cannot be needs no integral."""
    try:
        return solver.integrate(budget)
    except NotProperError:
        if not len(border):
            raise
        is_forbidden = _forbidden(finite, evidence, border, solver.system.sizes, budget)
        if not is_forbidden.any():
            raise
    return solver.integrate(budget, is_forbidden)


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
