"""Eliminate the reals of a graph: what is left is a factor graph of finite variables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.mixed import MixedGraph
from gmruntime.continuous.patches import Patch
from gmruntime.continuous.reference import NotProperError, loaded, solved
from gmruntime.continuous.slicing import Piece, sliced
from gmruntime.continuous.system import System, system_of
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states

_BORDER_STATES_MAX = 1 << 16
"""A border of more joint states is refused."""


class ImproperError(Exception):
    """The whole has no integral: nothing says where a real is.

    Attributes:
        real: its index.
    """

    def __init__(self, real: int) -> None:
        """Name the real."""
        super().__init__(f"nothing says where real {real} is")
        self.real = real


class TooManyBordersError(Exception):
    """A patch of reals has too many joint states around it.

    Attributes:
        border: the finite variables.
        count: their joint states.
    """

    def __init__(self, border: tuple[int, ...], count: int) -> None:
        """Name the border."""
        super().__init__(f"{count} states of {len(border)} variables around reals")
        self.border = border
        self.count = count


class TooLargeError(Exception):
    """A patch of reals needs more memory than is allowed.

    Attributes:
        real: the index of one of its reals.
        num_bytes: what it needs.
    """

    def __init__(self, real: int, num_bytes: int) -> None:
        """Name a real of the patch."""
        super().__init__(f"the reals around real {real} need {num_bytes} bytes")
        self.real = real
        self.num_bytes = num_bytes


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
        TimeoutError: when there is no time left.
    """
    rows = sliced(mixed, evidence, real_evidence)
    free = np.isnan(real_evidence)
    component = _components(rows.pieces, free, together)
    patches: list[Patch] = []
    patch_of = np.full(len(free), -1, np.int64)
    factors = list(rows.factors)
    states = num_states(mixed.finite)
    for name in np.unique(component[free]).tolist():
        reals = np.flatnonzero(free & (component == name))
        own = _of_patch(rows.pieces, component, name)
        border = sorted({v for piece in own for v in piece.selectors.ravel().tolist()})
        count = math.prod(int(states[v]) for v in border)
        if count > _BORDER_STATES_MAX:
            raise TooManyBordersError(tuple(border), count)
        num_bytes = 8 * (count + 4 * len(reals) ** 2)
        if num_bytes > memory:
            raise TooLargeError(int(reals[0]), num_bytes)
        position = np.full(len(free), -1, np.int64)
        position[reals] = np.arange(len(reals))
        system = system_of(own, {v: k for k, v in enumerate(border)}, position, len(reals))
        logs = _log_values(system, reals, budget)
        patch_of[reals] = len(patches)
        patches.append(Patch(reals, tuple(border), system.sizes, logs, system, budget))
        scope = np.array([border], np.int32).reshape(1, -1)
        factors.append(FactorBlock(Table(logs[None]), scope, "reals"))
    graph = FactorGraph(mixed.finite.variables, (*mixed.finite.factors, *factors))
    return Eliminated(graph, tuple(patches), patch_of)


def _components(
    pieces: tuple[Piece, ...], free: np.ndarray, together: Sequence[Int[np.ndarray, " some"]]
) -> Int64[np.ndarray, " reals"]:
    """Name the component of each real."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    heads: list[np.ndarray] = [np.zeros(0, np.int64)]
    tails: list[np.ndarray] = [np.zeros(0, np.int64)]
    for piece in pieces:
        is_free = piece.reals >= 0
        first = piece.reals[np.arange(piece.num_rows), np.argmax(is_free, axis=1)]
        heads.append(np.repeat(first, is_free.sum(axis=1)))
        tails.append(piece.reals[is_free])
    for group in together:
        known = np.asarray(group)[free[np.asarray(group)]]
        heads.append(np.full(len(known), known[0] if len(known) else 0))
        tails.append(known)
    rows, columns = np.concatenate(heads), np.concatenate(tails)
    links = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(free),) * 2)
    _, component = connected_components(links, directed=False)
    return component.astype(np.int64)


def _of_patch(pieces: tuple[Piece, ...], component: np.ndarray, name: int) -> list[Piece]:
    found: list[Piece] = []
    for piece in pieces:
        first = piece.reals[np.arange(piece.num_rows), np.argmax(piece.reals >= 0, axis=1)]
        mine = component[first] == name
        if mine.any():
            found.append(piece.some(mine))
    return found


def _log_values(
    system: System, reals: np.ndarray, budget: Budget
) -> Float64[np.ndarray, "*states"]:
    logs = np.full(system.num_states, -np.inf)
    for state in range(system.num_states):
        budget.check()
        numbers, log_scale = loaded(system, state)
        if log_scale > -np.inf:
            try:
                logs[state] = log_scale + solved(system, numbers).log_integral
            except NotProperError as error:
                raise ImproperError(int(reals[error.args[0]])) from None
    return logs.reshape(system.sizes)
