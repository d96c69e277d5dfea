"""Whether what is certain excludes every state in which some statement has no value.

Certain are the evidence and the factors that forbid. First the states that these leave to each
variable are found, by array arithmetic over all instances; a complete search for an assignment
that they allow decides the rest: around the region first, then, before anything is refused, in the
whole graph, since what contradicts itself elsewhere excludes every state. What the search cannot
decide in time is not excluded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gmlang.diagnostics import Diagnostic, GmError
from gmlang.graph.builder import Builder, Region
from gmlang.graph.values.environment import Place, first_place
from gmlang.graph.world.names import named_in, variable_name
from gmlang.graph.world.world import World
from gmruntime.answer import LogPartition, Status
from gmruntime.arrays import num_entries
from gmruntime.budget import Budget, start_budget
from gmruntime.constraints.feasible import Feasible, satisfy
from gmruntime.factors.kinds import (
    Count,
    FactorKind,
    Gated,
    NoisyOr,
    Or,
    Potts,
    Table,
    TruncatedLinear,
    TruncatedQuadratic,
)
from gmruntime.graph import (
    Assignment,
    FactorBlock,
    FactorGraph,
    VariableBlock,
    num_states,
)
from gmruntime.inference import infer

SEARCH_S = 0.4
"""What the searches for one query may take together; most need a few milliseconds."""

QUICK_S = 0.2
"""The part of it after which elimination is tried instead."""

_FEW_VARIABLES = 32
"""So few open variables are searched in milliseconds, whatever forbids."""

_PATIENT_S = 10.0
"""For few variables: what takes long is not the search but the loading of engines, once."""

_PASSES_MAX = 50
"""Passes over all factors: each is exact, so they may stop early."""

ENTRIES_MAX = 1 << 24
"""A block whose tables have more entries together is left to the search."""

_NOISY_OR_ARITY_MAX = 12
"""A noisy-or over more variables than this is taken to forbid nothing."""

STATES_SHOWN = 6
"""A message names the states of at most so many variables."""

MEMORY_BYTES = 1 << 30
"""The search keeps domains and a stack of them, far less than this."""


@dataclass(frozen=True, slots=True)
class Found:
    """A place in a region, and the states of the variables around it in some assignment."""

    place: Place
    around: dict[int, int]


def check_regions(builder: Builder, world: World, evidence: Assignment) -> None:
    """Check that a query meets no state in which a statement has no value.

    Args:
        builder: the query's graph, complete.
        world: names its variables.
        evidence: the state of each observed variable, -1 for the others.

    Raises:
        GmError: with each statement that has no value in some state that nothing excludes.
    """
    if not builder.regions:
        return
    graph = FactorGraph(tuple(builder.variables), tuple(_forbidding(builder)))
    known = _Known(graph, evidence)
    budget = start_budget(SEARCH_S, MEMORY_BYTES)
    found: dict[tuple[object, str], Diagnostic] = {}
    for region in builder.regions:
        there = known.first_in(region, budget)
        if there is None:
            continue
        diagnostic = region.tell(there.place, _states(world, region, there))
        found.setdefault((diagnostic.span, diagnostic.code), diagnostic)
    if found and not known.excludes_everything():
        raise GmError(list(found.values()))


def _states(world: World, region: Region, found: Found) -> list[str]:
    """Write the states of the variables that matter; for auxiliary ones, of those around them."""
    row, *states = found.place
    told: list[str] = []
    for variable, domain, state in zip(region.scopes[row], region.states, states, strict=True):
        name = variable_name(world, int(variable))
        if not name.startswith("#"):
            told.append(f"{name} = {domain.label(state)}")
    if not told:
        named = {int(v): n.states for n in named_in(world) for v in n.variables.reshape(-1)}
        told = [
            f"{variable_name(world, variable)} = {named[variable].label(state)}"
            for variable, state in found.around.items()
            if variable in named
        ]
    return told[:STATES_SHOWN] + ["..."] * (len(told) > STATES_SHOWN)


# --- What forbids ------------------------------------------------------------------------


def _forbidding(builder: Builder) -> Iterator[FactorBlock]:
    """Yield the factors that forbid, without what they make of places that have no value."""
    left_out: set[int] = set()
    for numbers, relaxed in builder.relaxed:
        left_out.update(numbers)
        for block in relaxed:
            yield from _hard_part(block)
    for number, block in enumerate(builder.factors):
        if number not in left_out:
            yield from _hard_part(block)


def _hard_part(block: FactorBlock) -> Iterator[FactorBlock]:
    kind = block.kind
    match kind:
        case Table() | Gated() | Count():
            yield from _hard_rows(block, kind, kind.log_potentials)
        case Potts():
            yield from _hard_rows(block, kind, kind.weights[:, None])
        case TruncatedLinear() | TruncatedQuadratic():
            return
        case NoisyOr():
            arity = block.scopes.shape[1]
            certain = (kind.log_failures == -np.inf).any() or (kind.log_failures[:, -1] == 0).any()
            if certain and arity <= _NOISY_OR_ARITY_MAX:
                table = Table(kind.log_tables([2] * arity))
                yield from _hard_rows(replace(block, kind=table), table, table.log_potentials)
        case _:
            yield block


def _hard_rows(block: FactorBlock, kind: FactorKind, values: np.ndarray) -> Iterator[FactorBlock]:
    forbids = (values == -np.inf).reshape(len(values), -1).any(axis=1)
    if not forbids.any():
        return
    if len(values) == 1 or forbids.all():
        yield block
        return
    match kind:
        case Table() | Gated():
            chosen = replace(kind, log_potentials=kind.log_potentials[forbids])
            yield FactorBlock(chosen, block.scopes[forbids], block.label)
        case _:
            yield block


# --- What is left ------------------------------------------------------------------------


class _Known:
    """The states that certain knowledge leaves to each variable, as far as they are found."""

    def __init__(self, graph: FactorGraph, evidence: Assignment) -> None:
        """Begin with the evidence and with factors of one variable."""
        self.graph = graph
        counts = num_states(graph).astype(np.int64)
        self.starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        self.alive = np.ones(int(self.starts[-1]), np.bool_)
        seen = np.flatnonzero(evidence >= 0)
        owner = np.repeat(np.arange(len(counts)), counts)
        self.alive[np.isin(owner, seen)] = False
        self.alive[self.starts[seen] + evidence[seen]] = True
        self.tables = [pair for block in graph.factors for pair in _allowed(block, counts)]
        for scopes, allowed in self.tables:
            if scopes.shape[1] == 1:
                self._filter(scopes, allowed)
        self.is_filtered = False

    def first_in(self, region: Region, budget: Budget) -> Found | None:
        """Return a place in the region that nothing certain excludes; None where there is none."""
        left = self._left(region)
        if left.any() and not self.is_filtered:
            self._filter_all()
            left = self._left(region)
        rows = np.flatnonzero(left.reshape(len(left), -1).any(axis=1))
        return self._search(region, rows, left[rows], budget) if len(rows) else None

    def excludes_everything(self) -> bool:
        """Say whether no assignment at all is certainly allowed: a contradiction, anywhere."""
        self._filter_all()
        empty = np.add.reduceat(self.alive, self.starts[:-1]) == 0 if len(self.alive) else ()
        if np.any(empty):
            return True
        blocks: list[FactorBlock] = []
        for block in self.graph.factors:
            if block.scopes.shape[1]:
                blocks.append(block)
            elif (block.kind.log_tables([]) == -np.inf).any():
                return True
        if not blocks:
            return False
        graph = replace(self.graph, factors=tuple(blocks))
        found = _feasible(graph, self._decided(), start_budget(SEARCH_S, MEMORY_BYTES))
        return found is not None and found.assignment is None

    def _places(self, scopes: np.ndarray, axis: int, size: int) -> np.ndarray:
        return self.starts[scopes[:, axis]][:, None] + np.arange(size)

    def _both(self, scopes: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Keep the entries of masks whose states are all still possible."""
        for axis, size in enumerate(mask.shape[1:]):
            shape = [len(scopes)] + [1] * (mask.ndim - 1)
            shape[1 + axis] = size
            mask = mask & self.alive[self._places(scopes, axis, size)].reshape(shape)
        return np.broadcast_to(mask, (len(scopes), *mask.shape[1:]))

    def _left(self, region: Region) -> np.ndarray:
        return self._both(region.scopes, region.mask)

    def _filter(self, scopes: np.ndarray, allowed: np.ndarray) -> None:
        both = self._both(scopes, allowed)
        for axis, size in enumerate(allowed.shape[1:]):
            others = tuple(1 + k for k in range(allowed.ndim - 1) if k != axis)
            dead = ~both.any(axis=others)
            self.alive[self._places(scopes, axis, size)[dead]] = False

    def _filter_all(self) -> None:
        self.is_filtered = True
        for _ in range(_PASSES_MAX):
            before = int(self.alive.sum())
            for scopes, allowed in self.tables:
                self._filter(scopes, allowed)
            if int(self.alive.sum()) == before:
                return

    def _search(
        self, region: Region, rows: np.ndarray, left: np.ndarray, budget: Budget
    ) -> Found | None:
        """Look for an assignment in the region that every factor allows."""
        graph, evidence, used = self._question(region, rows, left)
        found = _feasible(graph, evidence, budget)
        if found is None:
            return Found((int(rows[0]), *first_place(left[0])), {})
        if found.assignment is None:
            return None
        row = int(np.flatnonzero(found.assignment[-len(rows) - 1 : -1])[0])
        states = found.assignment[graph.factors[-2].scopes[row, 1:]]
        place = (int(rows[row]), *(int(state) for state in states))
        around = self._neighbours(region.scopes[place[0]])
        return Found(place, {v: int(found.assignment[np.searchsorted(used, v)]) for v in around})

    def _neighbours(self, variables: np.ndarray) -> list[int]:
        """List the variables that share a factor with some of these."""
        found: list[np.ndarray] = []
        for block in self.graph.factors:
            found.append(block.scopes[np.isin(block.scopes, variables).any(axis=1)].reshape(-1))
        return [int(v) for v in np.unique(np.concatenate(found))] if found else []

    def _question(
        self, region: Region, rows: np.ndarray, left: np.ndarray
    ) -> tuple[FactorGraph, Assignment, np.ndarray]:
        """Ask whether any instance is in the region: one more variable for each, and for any."""
        scopes = region.scopes[rows]
        blocks = self._connected(scopes)
        used = np.unique(np.concatenate([b.scopes.reshape(-1) for b in blocks] + [scopes.ravel()]))
        number = np.full(self.graph.num_variables, -1, np.int64)
        number[used] = np.arange(len(used))
        blocks = [replace(b, scopes=number[b.scopes].astype(np.int32)) for b in blocks]
        selectors = len(used) + np.arange(len(rows))
        wanted = np.where(left, 0.0, -np.inf)
        table = Table(np.stack([np.zeros_like(wanted), wanted], axis=1))
        here = np.column_stack([selectors, number[scopes]]).astype(np.int32)
        any_ = np.append(selectors, len(used) + len(rows))[None].astype(np.int32)
        some = Or(np.zeros((1, len(rows) + 1), np.bool_))
        blocks += [FactorBlock(table, here), FactorBlock(some, any_)]
        sizes = [*num_states(self.graph)[used].tolist(), *([2] * (len(rows) + 1))]
        variables = tuple(VariableBlock("", (), int(size)) for size in sizes)
        open_: np.ndarray = np.full(len(rows), -1, np.int32)
        evidence = np.concatenate([self._decided()[used], open_, np.ones(1, np.int32)])
        return FactorGraph(variables, tuple(blocks)), evidence.astype(np.int32), used

    def _decided(self) -> Assignment:
        """Return the state of each variable that has only one left, -1 for the others."""
        left = np.add.reduceat(self.alive.astype(np.int64), self.starts[:-1])
        decided = np.full(len(left), -1, np.int32)
        owner = np.repeat(np.arange(len(left)), np.diff(self.starts))
        places = np.flatnonzero(self.alive & (left == 1)[owner])
        decided[owner[places]] = places - self.starts[owner[places]]
        return decided

    def _connected(self, scopes: np.ndarray) -> list[FactorBlock]:
        """List the factors tied to some variables, directly or through others not yet decided."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count = self.graph.num_variables
        is_open = self._decided() < 0
        ends: list[tuple[np.ndarray, np.ndarray]] = []
        total = count
        for block in self.graph.factors:
            factors, arity = block.scopes.shape
            mine = np.repeat(np.arange(total, total + factors), arity)
            total += factors
            open_ = is_open[block.scopes.reshape(-1)]
            ends.append((mine[open_], block.scopes.reshape(-1)[open_]))
        left = np.concatenate([e[0] for e in ends] or [np.zeros(0, np.int64)])
        right = np.concatenate([e[1] for e in ends] or [np.zeros(0, np.int64)])
        links = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(total, total))
        labels = np.asarray(connected_components(links.tocsr(), directed=False)[1])
        tied = np.isin(labels, labels[np.unique(scopes)])
        blocks: list[FactorBlock] = []
        start = count
        for block in self.graph.factors:
            rows = tied[start : start + len(block.scopes)]
            start += len(block.scopes)
            if rows.any():
                blocks.append(block.some(rows))
        return blocks


def _feasible(graph: FactorGraph, evidence: Assignment, budget: Budget) -> Feasible | None:
    """Find an assignment that is allowed, or a proof that there is none; None without either."""
    quick = start_budget(min(QUICK_S, budget.left_s()), MEMORY_BYTES)
    if (evidence < 0).sum() <= _FEW_VARIABLES:
        # Whether a small program is refused must not depend on how busy the machine is.
        quick = start_budget(_PATIENT_S, MEMORY_BYTES)
    found = satisfy(graph, evidence, quick, np.random.default_rng(0))
    if found is None and _is_impossible(graph, evidence, budget):
        return Feasible(None, -np.inf, is_final=True)
    return found


def _is_impossible(graph: FactorGraph, evidence: Assignment, budget: Budget) -> bool:
    """Say whether elimination proves in time that no assignment is allowed."""
    if budget.left_s() <= 0:
        return False
    found = infer(graph, LogPartition(), evidence=evidence, budget_s=budget.left_s(), seed=0)
    return found.quality.status is Status.IMPOSSIBLE


def _allowed(block: FactorBlock, counts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if not block.scopes.size or not isinstance(block.kind, Table | Gated | Potts):
        return
    sizes = [int(k) for k in counts[block.scopes[0]]]
    if num_entries(sizes) * len(block.scopes) > ENTRIES_MAX:
        return
    yield block.scopes, block.kind.log_tables(sizes) > -np.inf
