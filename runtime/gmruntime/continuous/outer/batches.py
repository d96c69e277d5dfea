"""Rows whose numbers depend on outer parameters, integrated at many settings of these at once.

The settings of a batch are the states of one more finite variable, the last, by which all rows
select whose numbers depend on parameters: so whatever integrates rows in all states of a border
does a batch. What the rows look like is the same at all settings, and found once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gmruntime.arrays import Bool, Float64, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.errors import (
    LayoutTooLargeError,
    NotProperError,
    TooLargeError,
    TooManyBordersError,
)
from gmruntime.continuous.grouping import groups_of
from gmruntime.continuous.mixed import MixedGraph, RealFactorBlock, Rows
from gmruntime.continuous.sites.chosen import moved, site_logs
from gmruntime.continuous.slicing import sliced
from gmruntime.continuous.solver import Solver
from gmruntime.continuous.sparse.structure import Structure, structure_of
from gmruntime.continuous.system import System, system_of
from gmruntime.graph import Assignment, FactorGraph, VariableBlock, log_score, num_states

_ASSIGNMENTS_MAX = 1 << 12
"""Of finite variables that are not observed: they are written out at each setting."""
_BATCH_BYTES = 1 << 26
"""What the numbers of a batch may take: larger ones are cut."""

RowsAt = Callable[[Float64[np.ndarray, "n d"]], tuple[Rows | None, ...]]
"""From settings to the numbers of each block of rows: None where they are as in the graph.

Arrays have one more axis in front, as long as there are settings, or 1 long where nothing depends.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """What is summed and integrated at each setting of the parameters.

    Attributes:
        mixed: validated; numbers that depend on parameters are read from `rows_at` instead.
        rows_at: these numbers.
        evidence: a state for each observed finite variable, -1 for the others.
        real_evidence: a value for each observed real, NaN for the others.
        known: structures of patches that were met before.
        loose: reals that nothing held in place at some setting.
        chosen: reals that are parameters, the last ones; sites speak of no others, if of these.
    """

    mixed: MixedGraph
    rows_at: RowsAt
    evidence: Assignment
    real_evidence: Float64[np.ndarray, " reals"]
    known: dict[bytes, Structure] = field(default_factory=dict[bytes, Structure])
    loose: set[int] = field(default_factory=set[int])
    chosen: Int64[np.ndarray, " chosen"] = field(default_factory=lambda: np.zeros(0, np.int64))

    def own(
        self, theta: Float64[np.ndarray, "n d"]
    ) -> tuple[Float64[np.ndarray, "n own"], Float64[np.ndarray, "n chosen"]]:
        """Take parameters apart: those that `rows_at` knows, and the chosen reals."""
        count = theta.shape[1] - len(self.chosen)
        return theta[:, :count], theta[:, count:]

    def assignments(self) -> Int32[np.ndarray, "assignments variables"]:
        """Write out the states of all finite variables that agree with the evidence.

        Raises:
            TooManyBordersError: there are more than 4096.
        """
        states = num_states(self.mixed.finite)
        free = np.flatnonzero(self.evidence < 0)
        count = int(np.prod(states[free].astype(np.float64)))
        if count > _ASSIGNMENTS_MAX:
            raise TooManyBordersError(tuple(free.tolist()), count)
        found = np.tile(self.evidence, (count, 1))
        found[:, free] = np.indices(tuple(states[free].tolist())).reshape(len(free), count).T
        return found

    def batches(
        self, theta: Float64[np.ndarray, "n d"], budget: Budget, memory: int
    ) -> Iterator["Batch"]:
        """Solve at all settings, as many at once as memory allows.

        Raises:
            TooLargeError: a patch needs more memory.
            TimeoutError: when there is no time left.
        """
        # One setting says how much each takes.
        numbers = self.rows_at(self.own(theta[:1])[0])
        each = sum(
            array.nbytes * (len(block.scopes) // max(1, array.shape[1]) + 1)
            for rows, block in zip(numbers, self.mixed.real_factors, strict=True)
            if rows is not None
            for array in (rows.coefficients, rows.offsets, rows.weights, rows.log_scales)
        )
        count = max(1, min(memory // 8, _BATCH_BYTES) // max(1, 4 * each))
        for first in range(0, len(theta), count):
            budget.check()
            yield _solved(self, theta[first : first + count], budget, memory)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The reals of a patch.

    Attributes:
        reals: their indices, ascending.
        border: the finite variables that select in it, but for the settings.
        sizes: their numbers of states.
        solver: whose states are those of the border, and the settings last.
    """

    reals: Int64[np.ndarray, " reals"]
    border: Int64[np.ndarray, " border"]
    sizes: tuple[int, ...]
    solver: Solver

    def states_of(
        self, assignments: Int32[np.ndarray, "assignments variables"], count: int
    ) -> Int64[np.ndarray, "assignments settings"]:
        """Return the state of the solver for each assignment and setting."""
        flat = np.zeros(len(assignments), np.int64)
        for variable, size in zip(self.border.tolist(), self.sizes, strict=True):
            flat = flat * size + assignments[:, variable]
        if len(self.solver.system.sizes) == len(self.sizes):
            return np.repeat(flat[:, None], count, axis=1)
        return flat[:, None] * count + np.arange(count)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some settings, solved.

    Attributes:
        parts: the patches.
        assignments: of the finite variables.
        logs: log integral over the reals for each assignment and setting, nats.
    """

    parts: tuple[Part, ...]
    assignments: Int32[np.ndarray, "assignments variables"]
    logs: Float64[np.ndarray, "assignments settings"]

    def log_totals(self) -> Float64[np.ndarray, " settings"]:
        """Return the log of the sum over all assignments, nats."""
        return np.logaddexp.reduce(self.logs, axis=0)


def _solved(
    inside: Inside, theta: Float64[np.ndarray, "n d"], budget: Budget, memory: int
) -> Batch:
    count, mixed = len(theta), inside.mixed
    point = mixed.finite.num_variables
    assignments = inside.assignments()
    blocks, is_lost = list[RealFactorBlock](), np.zeros(count, bool)
    own, values = inside.own(theta)
    place, values, known = _chosen(inside, values)
    told = np.zeros((len(assignments), count))
    for rows, block in zip(inside.rows_at(own), mixed.real_factors, strict=True):
        if len(inside.chosen) and (block.site or (place[block.real_scopes] >= 0).any()):
            rows = _with_settings(block.kind) if rows is None else rows
            if block.site is not None:
                told += site_logs(rows, block, place, values, assignments)
                continue
            rows = moved(rows, block, place, values)
        if rows is not None:
            block, is_wrong = _selected(rows, block, point)
            is_lost |= is_wrong
        blocks.append(block)
    variables = (*mixed.finite.variables, VariableBlock("settings", (), count))
    extended = MixedGraph(FactorGraph(variables, mixed.finite.factors), mixed.reals, tuple(blocks))
    evidence = np.append(inside.evidence, np.int32(-1))
    rest = sliced(extended, evidence, known)
    is_free = np.isnan(known)
    states = num_states(extended.finite)
    finite = FactorGraph(variables, (*mixed.finite.factors, *rest.factors))
    every = np.repeat(assignments, count, axis=0)
    every = np.concatenate([every, np.tile(np.arange(count), len(assignments))[:, None]], axis=1)
    logs = log_score(finite, every.astype(np.int32)).reshape(len(assignments), count)
    logs = np.where(np.isnan(told), -np.inf, logs + told)
    logs[:, is_lost] = -np.inf
    parts = list[Part]()
    position = np.zeros(len(is_free), np.int64)
    for group in groups_of(rest.pieces, is_free, ()):
        position[group.reals] = np.arange(len(group.reals))
        sizes = tuple(states[group.border].tolist())
        system = system_of(group.pieces, group.border, sizes, position, len(group.reals))
        part = Part(
            group.reals,
            group.border[group.border != point],
            tuple(states[group.border[group.border != point]].tolist()),
            Solver(system, _structure(inside, system, int(group.reals[0]), budget, memory)),
        )
        which = part.states_of(assignments, count)
        logs += _integrals(part, np.isneginf(logs), which, inside.loose, budget)[which]
        parts.append(part)
    return Batch(tuple(parts), assignments, logs)


def _chosen(
    inside: Inside, values: Float64[np.ndarray, "n chosen"]
) -> tuple[
    Int64[np.ndarray, " reals"], Float64[np.ndarray, "n more"], Float64[np.ndarray, " reals"]
]:
    """Return the places of chosen reals and of those that sites are seen with, and their values.

    What is said of all of them is taken into offsets: the last are what is left to slice out.
    """
    reals, mixed, known = inside.chosen, inside.mixed, inside.real_evidence.copy()
    if len(reals):
        spoken = [block.real_scopes.ravel() for block in mixed.real_factors if block.site]
        seen = np.unique(np.concatenate([np.zeros(0, np.int32), *spoken]))
        seen = seen[~np.isnan(known[seen])]
        values = np.concatenate([values, np.tile(known[seen], (len(values), 1))], axis=1)
        reals = np.concatenate([reals, seen])
    place = np.full(mixed.num_reals, -1, np.int64)
    place[reals] = np.arange(len(reals))
    known[reals] = 0.0
    return place, values, known


def _with_settings(rows: Rows) -> Rows:
    arrays = rows.coefficients, rows.offsets, rows.weights, rows.log_scales
    return Rows(*(array[None] for array in arrays))


def _selected(
    rows: Rows, block: RealFactorBlock, point: int
) -> tuple[RealFactorBlock, Bool[np.ndarray, " n_or_one"]]:
    """Make the settings the first selector of a block; say where its numbers are not finite."""
    arrays = [rows.coefficients, rows.offsets, rows.weights]
    is_wrong = np.zeros(1, bool)
    for k, array in enumerate(arrays):
        is_known = np.isfinite(array)
        if not is_known.all():
            is_wrong = is_wrong | ~is_known.reshape(len(array), -1).all(axis=1)
            arrays[k] = np.where(is_known, array, 0.0)
    scales = np.where(np.isnan(rows.log_scales), -np.inf, rows.log_scales)
    scopes = np.full((len(block.scopes), 1), point, np.int32)
    kind = Rows(*(np.moveaxis(array, 0, 1) for array in (*arrays, scales)))
    scopes = np.concatenate([scopes, block.scopes], axis=1)
    return replace(block, kind=kind, scopes=scopes), is_wrong


def _structure(inside: Inside, system: System, real: int, budget: Budget, memory: int) -> Structure:
    key = system.row_start.tobytes() + system.columns.tobytes()
    if key not in inside.known:
        shape = system.num_reals, system.row_start, system.columns
        try:
            inside.known[key] = structure_of(*shape, budget, memory)
        except LayoutTooLargeError as error:
            raise TooLargeError(real, error.num_bytes) from None
    return inside.known[key]


def _integrals(
    part: Part,
    is_forbidden: Bool[np.ndarray, "assignments settings"],
    which: Int64[np.ndarray, "assignments settings"],
    loose: set[int],
    budget: Budget,
) -> Float64[np.ndarray, " states"]:
    """Integrate in all states; -inf where nothing can be, or where there is no integral.

    Numbers may be absurd at settings that are far out, and leave none for rounding alone: which
    real is then loose is noted.
    """
    try:
        return part.solver.integrate(budget)
    except NotProperError:
        pass
    needed = np.zeros(part.solver.system.num_states, bool)
    needed[which[~is_forbidden]] = True
    logs = np.full(len(needed), -np.inf)
    for state in np.flatnonzero(needed).tolist():
        try:
            part.solver.go_to(state, budget)
        except NotProperError as error:
            loose.add(int(part.reals[error.real]))
            continue
        logs[state] = part.solver.log_value
    return np.where(np.isnan(logs), -np.inf, logs)
