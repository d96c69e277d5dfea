"""Moves: some of what is asked is freed, the rest held, and the best states of it found exactly.

A move takes a region of variables that are asked, with all sums next to it; sums first, then maxima
are eliminated, and where a clique becomes too wide a variable that is maximised is held after all.
How large a region, and how wide, is learned from what each gained for its time.

Source: Bidyuk and Dechter (2007), "Cutset sampling for Bayesian networks"; Park and Darwiche
(2004), "Complexity results and approximation strategies for MAP explanations".
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.arrays import component_of
from gmruntime.factors.kinds import Table
from gmruntime.flat import flatten
from gmruntime.graph import FactorBlock, FactorGraph
from gmruntime.marginal_map.components import Standing, Worth
from gmruntime.marginal_map.scoring import Scorer
from gmruntime.task import Effort

if TYPE_CHECKING:
    from gmruntime.primal.compiled import Arrays
    from gmruntime.primal.cutset.moves import Plan, Scratch

METHOD = "exact moves"

_SIZES = (1, 3, 10, 30, 100, 1000)
"""Of regions: variables that are asked."""

_WIDER = (2.0, 5.0, 9.0)
"""Bits beyond the width of the sums alone."""

_BITS_MAX = 26.0
"""Of the largest clique of a move."""

_MEMORY_SHARE = 0.1
"""Of the memory, for the messages of a move."""

_CLIQUE_ROOM = 80
"""Variables of all cliques of a move, for each variable."""

_ENTRIES_PER_SECOND = 2e8
"""That a move combines, as measured."""

_SHARE, _LEAST_S = 0.05, 0.05
"""Of the time that is left a move may take so much, or so many seconds."""

_ORDER_NOISE = 0.1
"""How far from greedy orders of elimination may be, bits."""

_MEMORY, _WIN_MEMORY = 0.5, 0.9
"""How fast an arm's past is forgotten."""


@dataclass(slots=True, eq=False)
class _Arm:
    """A kind of move, and what is known of it: its gain per second, and what one takes."""

    size: int
    bits: float
    rate: float = math.inf
    wins: float = 0.0
    seconds: float = 0.0
    num_tried: int = 0


@dataclass(slots=True, eq=False)
class _Ground:
    """What moves of a component share.

    Attributes:
        arrays: of all its variables, with weights for potentials.
        is_asked: of each variable of the graph.
        place: of each variable that is asked, among those asked; -1 of others.
        near: of each place, others that a factor or a sum joins it with, in any order.
        beside: of each place, the sums next to it: the variables that hang together with one.
        plan: memory for the elimination.
        scratch: what making it needs.
    """

    arrays: "Arrays"
    is_asked: np.ndarray
    variable: np.ndarray
    near: list[np.ndarray]
    beside: list[list[int]]
    sums: list[np.ndarray]
    plan: "Plan"
    scratch: "Scratch"
    arms: list[_Arm] = field(default_factory=list[_Arm])


def moves(one: Standing, scorer: Scorer, effort: Effort) -> Iterator[None]:
    """Move from the best known states until the time is over; yield after each move."""
    if one.log_lower == -np.inf or scorer.program is None:
        return
    ground = _ground_of(scorer)
    states, log_lower = one.states.copy(), one.log_lower
    log_lower = max(log_lower, scorer.worth(states, effort).log_lower)
    while not effort.budget.is_spent():
        arm = _chosen(ground.arms, effort.rng)
        begun_s = effort.budget.spent_s()
        found = _moved(ground, arm, states, effort)
        worth = Worth(-np.inf) if found is None else scorer.worth(found, effort)
        gain = worth.log_lower - log_lower
        if found is not None and gain >= 0.0:
            states, log_lower = found, worth.log_lower
            one.offer(states, worth, METHOD)
        _learn(arm, max(gain, 0.0), effort.budget.spent_s() - begun_s)
        yield


def _learn(arm: _Arm, gain: float, seconds: float) -> None:
    seconds = max(seconds, 1e-6)
    rate = gain / seconds
    arm.rate = rate if not arm.num_tried else _MEMORY * arm.rate + (1.0 - _MEMORY) * rate
    arm.seconds = seconds if not arm.num_tried else 0.5 * (arm.seconds + seconds)
    arm.wins = _WIN_MEMORY * arm.wins + (gain > 0.0)
    arm.num_tried += 1


def _chosen(arms: list[_Arm], rng: np.random.Generator) -> _Arm:
    """Choose the arm that gains fastest, or by turns another: quick, lucky ones more often."""
    untried = [arm for arm in arms if not arm.num_tried]
    if untried:
        return untried[0]
    best = max(arms, key=lambda arm: arm.rate)
    if best.rate > 0.0 and rng.random() < 0.5:
        return best
    odds = np.array([(arm.wins + 0.1) / arm.seconds for arm in arms])
    return arms[int(rng.choice(len(arms), p=odds / odds.sum()))]


def _moved(ground: _Ground, arm: _Arm, states: np.ndarray, effort: Effort) -> np.ndarray | None:
    """Return better states than these, or as good; None where the move takes too much."""
    from gmruntime.marginal_map.kernels import run_mixed
    from gmruntime.primal.compiled import random_state
    from gmruntime.primal.cutset.moves import make_plan

    rng = effort.rng
    region = _region(ground, arm.size, rng)
    beside = {k for place in region for k in ground.beside[place]}
    parts = [ground.variable[np.array(region)], *(ground.sums[k] for k in beside)]
    free = np.concatenate(parts).astype(np.int32)
    state, arrays, plan = random_state(rng), ground.arrays, ground.plan
    entries_max = int(_MEMORY_SHARE * effort.budget.memory_bytes / 8.0)
    made = make_plan(arrays, free, arm.bits, entries_max, _ORDER_NOISE, state, plan, ground.scratch)
    order = plan.order[:made]
    entries = np.diff(plan.message_start[: made + 1]) * arrays.num_states[order]
    seconds = float(entries.sum()) / _ENTRIES_PER_SECOND
    if not made or seconds > max(_LEAST_S, _SHARE * effort.budget.left_s()):
        return None
    assignment = np.zeros(len(arrays.num_states), np.int32)
    assignment[ground.variable] = states
    if not run_mixed(arrays, plan, made, ground.scratch.rank, assignment, state):
        return None
    return assignment[ground.variable].astype(np.int64)


def _region(ground: _Ground, size: int, rng: np.random.Generator) -> list[int]:
    """Choose a variable at random and those nearest to it, with gaps."""
    start = int(rng.integers(len(ground.near)))
    if size >= len(ground.near):
        return list(range(len(ground.near)))
    region, seen, first = [start], {start}, 0
    while first < len(region) and len(region) < size:
        others = ground.near[region[first]]
        first += 1
        for other in rng.permutation(others).tolist():
            if other not in seen and len(region) < size:
                seen.add(other)
                region.append(other)
    return region


# --- What moves share --------------------------------------------------------------------


def _ground_of(scorer: Scorer) -> _Ground:
    from gmruntime.primal.compiled import arrays_of
    from gmruntime.primal.cutset.moves import empty_plan

    component = scorer.component
    flat = flatten(_without_largest(scorer.graph))
    arrays = arrays_of(flat, np.exp(flat.log_potentials))
    free = np.array(component.network.free)[scorer.places]
    is_asked = np.isin(free, component.asked)
    variable = np.zeros(len(component.asked), np.int64)
    where = np.searchsorted(component.asked, free[is_asked])
    variable[where] = np.flatnonzero(is_asked)
    place = np.full(len(free), -1, np.int64)
    place[variable] = np.arange(len(variable))
    plan, scratch = empty_plan(arrays, _CLIQUE_ROOM * len(free) + 64)
    of_variable = {v: k for k, v in enumerate(free.tolist())}
    summed = [of_variable[v] for v in scorer.order.variables]
    scratch.rank[summed] = np.arange(len(summed))
    labels, sums = _sums_of(flat.edge_variable, flat.factor_start, is_asked)
    near, beside = _neighbours(flat.edge_variable, flat.factor_start, place, labels, len(sums))
    base = min(scorer.order.clique_bits, _BITS_MAX - _WIDER[0])
    sizes = [size for size in _SIZES if size < len(variable)] + [len(variable)]
    bits = [min(base + more, _BITS_MAX) for more in _WIDER]
    arms = [_Arm(size, width) for width in bits for size in sizes]
    return _Ground(arrays, is_asked, variable, near, beside, sums, plan, scratch, arms)


def _without_largest(graph: FactorGraph) -> FactorGraph:
    """Take the largest entry out of each table, so that weights are at most 1."""
    blocks: list[FactorBlock] = []
    for block in graph.factors:
        assert isinstance(block.kind, Table)
        logs = block.kind.log_potentials
        largest = logs.max(axis=tuple(range(1, logs.ndim)), keepdims=True)
        blocks.append(FactorBlock(Table(logs - largest), block.scopes))
    return FactorGraph(graph.variables, tuple(blocks))


def _sums_of(
    edge_variable: np.ndarray, factor_start: np.ndarray, is_asked: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Group the variables that are summed by what joins them with those asked held.

    Returns:
        the group of each variable, -1 for those asked; and the members of each.
    """
    pairs: list[tuple[int, int]] = []
    for first, last in zip(factor_start[:-1].tolist(), factor_start[1:].tolist(), strict=True):
        scope = edge_variable[first:last]
        summed = scope[~is_asked[scope]].tolist()
        pairs += [(summed[0], other) for other in summed[1:]]
    joined = component_of(np.array(pairs, np.int64).reshape(-1, 2), len(is_asked))
    labels = np.full(len(is_asked), -1, np.int64)
    summed = np.flatnonzero(~is_asked)
    _, labels[summed] = np.unique(joined[summed], return_inverse=True)
    count = int(labels.max(initial=-1)) + 1
    return labels, [np.flatnonzero(labels == k).astype(np.int32) for k in range(count)]


def _neighbours(
    edge_variable: np.ndarray,
    factor_start: np.ndarray,
    place: np.ndarray,
    labels: np.ndarray,
    num_sums: int,
) -> tuple[list[np.ndarray], list[list[int]]]:
    """Find for each place those that share a factor or a sum with it, and the sums beside it."""
    count = int(place.max(initial=-1)) + 1
    near: list[set[int]] = [set() for _ in range(count)]
    beside: list[set[int]] = [set() for _ in range(count)]
    around: list[set[int]] = [set() for _ in range(num_sums)]
    for first, last in zip(factor_start[:-1].tolist(), factor_start[1:].tolist(), strict=True):
        scope = edge_variable[first:last]
        asked = place[scope][place[scope] >= 0].tolist()
        sums = {int(k) for k in labels[scope] if k >= 0}
        for one in asked:
            near[one].update(asked)
            beside[one].update(sums)
        for k in sums:
            around[k].update(asked)
    for k in range(num_sums):
        for one in around[k]:
            near[one].update(around[k])
    found = [np.array(sorted(others - {one}), np.int64) for one, others in enumerate(near)]
    return found, [sorted(own) for own in beside]
