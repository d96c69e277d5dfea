"""Large moves where wide sums meet a graph too wide for layers: a few variables are freed.

The others stay as they are, so that what is freed can be decided best by layers. Where not even one
assignment keeps the rules, the sums are first brought near to what they allow.

Source: Shaw (1998), "Using constraint programming and local search methods to solve vehicle routing
problems" (large neighbourhood search).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gmruntime.answer import Improvement, Map
from gmruntime.arrays import Int32, Int64
from gmruntime.factors.kinds import LinearSum
from gmruntime.graph import Assignment, FactorGraph, num_states, table_indices
from gmruntime.layered.search import Limits, layered_search
from gmruntime.task import Effort, Task

METHOD = "large moves over sums"

# Variables freed at first, at least and at most; they grow and shrink with what a move takes.
_SIZE_FIRST, _SIZE_LEAST, _SIZE_MOST = 16, 6, 400

# Of the time left, what one move may take; and below which share of that the next is larger.
_MOVE_SHARE, _QUICK = 0.05, 0.25

# So much is remembered in one move.
_LIMITS = Limits(num_states_one=1 << 12, num_states_several=1 << 10, num_states_total=1 << 16)

# Variables of wider factors are not near each other.
_NEAR_ARITY_MAX = 24

# A patch of variables that are near each other; several of them can trade what a sum allows.
_PATCH_SIZE = 8

# Changes made to bring sums near to what they allow.
_NUM_REPAIRS_MAX = 3_000


@dataclass(frozen=True, slots=True, eq=False)
class _Reach:
    """One weighted sum and what it may be."""

    scope: Int32[np.ndarray, " arity"]
    coefficients: Int64[np.ndarray, " arity"]
    allowed: Int64[np.ndarray, " sums"]

    def lacks(self, sums: np.ndarray) -> np.ndarray:
        """Say how far sums are from the nearest that is allowed."""
        if not len(self.allowed):
            return np.zeros(np.shape(sums), np.int64)
        place = np.searchsorted(self.allowed, sums)
        above = self.allowed[np.minimum(place, len(self.allowed) - 1)]
        below = self.allowed[np.maximum(place - 1, 0)]
        return np.minimum(np.abs(above - sums), np.abs(below - sums))


def improved_by_moves(task: Task[Map], effort: Effort, first: Improvement) -> Iterator[Improvement]:
    """Yield ever better assignments until the budget ends.

    Args:
        task: about a graph of any factor kinds.
        effort: ends the search; what is freed is drawn.
        first: what is known.
    """
    graph, evidence = task.graph, task.evidence
    budget, rng = effort.budget, effort.rng
    states = num_states(graph)
    free = np.flatnonzero((evidence < 0) & (states > 1))
    reaches = _reaches(graph)
    near = _near(graph)
    known, best = first.assignment.copy(), first.log_score
    if not len(free) or not len(known):
        return
    size = float(min(_SIZE_FIRST, len(free)))
    while budget.left_s() > 0.0:
        if not np.isfinite(best):
            known = _repaired(reaches, known, evidence, states, rng)
        lacking = [] if np.isfinite(best) else _lacking(reaches, known)
        chosen = _freed(free, lacking, near, int(size), rng)
        fixed = known.astype(np.int32)
        fixed[chosen] = -1
        part = budget.share(_MOVE_SHARE)
        begin, whole = budget.spent_s(), part.left_s()
        start = known if np.isfinite(best) else None
        move = task.about(graph, fixed)
        for found in layered_search(move, effort.within(part), limits=_LIMITS, start=start):
            if len(found.log_scores) and found.log_scores[0] > best:
                known, best = found.assignments[0], float(found.log_scores[0])
                yield Improvement(budget.spent_s(), known, best, first.log_bound, METHOD)
        took = budget.spent_s() - begin
        size = size * 1.2 if took < _QUICK * whole else size * 0.8
        size = min(max(size, min(_SIZE_LEAST, len(free))), _SIZE_MOST, len(free))


def _near(graph: FactorGraph) -> dict[int, set[int]]:
    """List for each variable those it shares a factor with that is no weighted sum."""
    near: dict[int, set[int]] = {}
    for block in graph.factors:
        if block.scopes.shape[1] > _NEAR_ARITY_MAX or isinstance(block.kind, LinearSum):
            continue
        for scope in block.scopes.tolist():
            for v in scope:
                near.setdefault(v, set()).update(scope)
    return near


def _reaches(graph: FactorGraph) -> list[_Reach]:
    found: list[_Reach] = []
    for block in graph.factors:
        if not isinstance(block.kind, LinearSum):
            continue
        for scope, t in zip(block.scopes, table_indices(block), strict=True):
            values = block.kind.log_potentials[t]
            allowed = np.flatnonzero(values > -np.inf) + int(block.kind.lowest[t])
            found.append(_Reach(scope, block.kind.coefficients[t], allowed))
    return found


def _sum_of(one: _Reach, assignment: np.ndarray) -> int:
    return int(one.coefficients @ assignment[one.scope].astype(np.int64))


def _repaired(
    reaches: list[_Reach],
    assignment: Assignment,
    evidence: Assignment,
    states: Int32[np.ndarray, " variables"],
    rng: np.random.Generator,
) -> Assignment:
    """Change one variable after the other so that sums come nearer to what they allow."""
    known = assignment.copy()
    for _ in range(_NUM_REPAIRS_MAX):
        lacking = _lacking(reaches, known)
        if not lacking:
            return known
        one = lacking[int(rng.integers(len(lacking)))]
        total = _sum_of(one, known)
        # From some of the variables, so that those that serve best are not always the same.
        some = rng.permutation(len(one.scope))[: max(8, len(one.scope) // 4)]
        best, change = int(one.lacks(np.array(total))), (-1, 0)
        for k in some.tolist():
            v = int(one.scope[k])
            if evidence[v] >= 0:
                continue
            moved = np.arange(int(states[v])) - int(known[v])
            lacks = one.lacks(total + one.coefficients[k] * moved)
            state = int(np.argmin(lacks))
            if lacks[state] < best:
                best, change = int(lacks[state]), (v, state)
        if change[0] < 0:
            return known
        known[change[0]] = change[1]
    return known


def _lacking(reaches: list[_Reach], assignment: Assignment) -> list[_Reach]:
    """List the sums that are not allowed."""
    return [one for one in reaches if one.lacks(np.array(_sum_of(one, assignment))) > 0]


def _freed(
    free: Int64[np.ndarray, " free"],
    lacking: list[_Reach],
    near: dict[int, set[int]],
    size: int,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " freed"]:
    """Choose what to free: some that are near each other, or of a sum that is not allowed."""
    if lacking:
        one = lacking[int(rng.integers(len(lacking)))]
        return rng.permutation(np.intersect1d(one.scope, free))[:size]
    if rng.random() < 0.5:
        return rng.permutation(free)[:size]
    allowed = set(free.tolist())
    chosen: list[int] = []
    seen: set[int] = set()
    while len(chosen) < size:
        left = allowed - seen
        if not left:
            break
        waiting = [int(rng.choice(sorted(left)))]
        seen.add(waiting[0])
        patch = len(chosen) + _PATCH_SIZE
        while waiting and len(chosen) < min(size, patch):
            v = waiting.pop(0)
            chosen.append(v)
            fresh = sorted((near.get(v, set()) & allowed) - seen)
            waiting.extend(fresh)
            seen.update(fresh)
    return np.array(chosen, np.int64)
