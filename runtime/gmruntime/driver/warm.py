"""Compile the loops ahead of time, so that no first question has to wait for them.

Numba keeps what it compiles beside the source; one call after an installation is enough.
"""

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Map, Marginals, Samples, Solutions
from gmruntime.budget import Budget, start_budget
from gmruntime.engine import Incumbent
from gmruntime.factors.kinds import (
    Count,
    FactorKind,
    Potts,
    Table,
    TruncatedLinear,
    TruncatedQuadratic,
    Window,
    Xor,
)
from gmruntime.flat import FlatGraph, flatten
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.task import Effort, Task
from gmruntime.windows.answer import without_places

# Turns of each engine: enough for the bound's to come to joined factors.
_NUM_TURNS = 40

# Large enough that elimination is compiled.
_SIDE = 18

_NUM_REALS = 400

# A grid of implications, which has billions of solutions, is counted in a fraction of that.
_SEARCHED_S = 20.0

_NUM_ROWS = 2000
_NUM_LINKS = 12


def warm_up() -> None:
    """Run every engine of the search, and message passing, once on small graphs."""
    rng = np.random.default_rng(0)
    budget = start_budget(600.0, 1 << 30)
    for wide in (False, True):
        _turn_all(flatten(_grid(rng, Table(rng.normal(size=(1, 2, 2))), 2, wide=wide)), budget, rng)
    kinds: list[tuple[FactorKind, int]] = [
        (Table(rng.normal(size=(1, 2, 2))), 2),
        (Table(np.array([[[0.0, -np.inf], [0.0, 0.0]]])), 2),
        (Table(rng.normal(size=(1, 3, 3))), 3),
        (Potts(np.ones(1)), 3),
        (TruncatedLinear(np.ones(1), np.ones(1)), 3),
        (TruncatedQuadratic(np.ones(1), np.ones(1)), 3),
        (Xor(np.zeros(1, np.bool_)), 2),
        (Count(np.zeros((1, 3)), np.zeros((1, 2), np.bool_)), 2),
    ]
    for kind, states in kinds:
        _propagate(_grid(rng, kind, states, wide=False), budget)
    _count(_grid(rng, kinds[1][0], 2, wide=False), budget)
    _count_by_search(_grid(rng, kinds[1][0], 2, wide=False), budget)
    _walk_forest(rng, budget)
    _follow_chain()
    _integrate_reals(budget)
    _stand_for_sites(budget)
    _look_through_windows(rng, budget)
    _run_rows(rng, budget)
    _switch_and_follow(budget)


def _look_through_windows(rng: np.random.Generator, budget: Budget) -> None:
    """Answer what windows join, in a tree and around a circle."""
    side, ends = 20, np.array([[0, 1], [1, 2], [2, 0]], np.int32)
    reach = np.array([2], np.int64)
    worth = FactorBlock(Table(rng.normal(size=(3, side**2))), np.arange(3, dtype=np.int32)[:, None])
    for scopes in (ends[:2], ends):
        window = FactorBlock(Window(side, side, reach, reach), scopes)
        graph = FactorGraph((VariableBlock("at", (3,), side**2),), (worth, window))
        effort = Effort(budget, rng)
        for query in (Map(), Marginals()):
            without_places(Task(graph, query, no_evidence(graph)), effort)


def _grid(
    rng: np.random.Generator, kind: FactorKind, num_states: int, *, wide: bool
) -> FactorGraph:
    index = np.arange(_SIDE * _SIDE, dtype=np.int32).reshape(_SIDE, _SIDE)
    across = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1)
    down = np.stack([index[:-1].ravel(), index[1:].ravel()], 1)
    fields = Table(rng.normal(size=(_SIDE * _SIDE, num_states)))
    factors = [
        FactorBlock(kind, np.concatenate([across, down])),
        FactorBlock(fields, index.reshape(-1, 1)),
    ]
    if wide:
        corners = np.stack([index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()])
        factors.append(FactorBlock(Table(rng.normal(size=(1, *(num_states,) * 3))), corners.T))
    return FactorGraph((VariableBlock("x", (_SIDE, _SIDE), num_states),), tuple(factors))


def _turn_all(flat: FlatGraph, budget: Budget, rng: np.random.Generator) -> None:
    """Let every engine take some turns of one unit of work each."""
    from gmruntime.driver.portfolio import rosters
    from gmruntime.simplify.working import best_local_states, flat_score

    states = best_local_states(flat)
    known = Incumbent(states, flat_score(flat, states), float("inf"))
    entries = {
        id(entry): entry for roster in rosters(flat, budget, rng, "cpu") for entry in roster.entries
    }
    for entry in entries.values():
        for _ in range(_NUM_TURNS):
            if entry.engine.step(known, 0.0).finished:
                break


def _count(graph: FactorGraph, budget: Budget) -> None:
    from gmruntime.elimination.answer import answer

    task = Task(graph, Solutions(), no_evidence(graph))
    answer(task, Effort(budget, np.random.default_rng(0)))


def _count_by_search(graph: FactorGraph, budget: Budget) -> None:
    """Search for a number of solutions and for probabilities."""
    from gmruntime.counting.answer import begun
    from gmruntime.counting.engine import begin
    from gmruntime.counting.sampling import sampler_of
    from gmruntime.simplify.network import reduce

    for query in (Solutions(), Marginals()):
        task = Task(graph, query, no_evidence(graph))
        network = reduce(task)
        assert network is not None
        counting = begun(task, network, Effort(budget, np.random.default_rng(0)))
        assert counting is not None
        counting.go_on(budget.until(_SEARCHED_S))
        drawn = begin(counting.counter.laid_out, 1 << 24, is_traced=False)
        sampler_of(drawn, np.random.default_rng(0)).go_on(budget.until(_SEARCHED_S))


def _walk_forest(rng: np.random.Generator, budget: Budget) -> None:
    from gmruntime.forests.answer import answer
    from gmruntime.forests.rooted import NUM_EDGES_MIN

    ends = np.arange(NUM_EDGES_MIN, dtype=np.int32)
    pairs = FactorBlock(Table(rng.normal(size=(1, 2, 2))), np.stack([ends, ends + 1], 1))
    graph = FactorGraph((VariableBlock("z", (NUM_EDGES_MIN + 1,), 2),), (pairs,))
    for query in (Marginals(), Map(), Samples(1)):
        answer(Task(graph, query, no_evidence(graph)), Effort(budget, rng))


def _follow_chain() -> None:
    """Take a step, whose table spans too much for plain numbers."""
    from gmruntime.filtering.planning import planned
    from gmruntime.filtering.running import NOTHING, run_once
    from gmruntime.filtering.step import Potential, Step

    step = Step((2,), (), (0,), (Potential((0,), np.array([0.0, -1000.0])),))
    run_once(planned(step), NOTHING, (), 0)


def _integrate_reals(budget: Budget) -> None:
    """Integrate reals around a switch: with few digits, and where these are lost with many."""
    from gmruntime.continuous.eliminating import eliminate_reals
    from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows

    ends = np.arange(_NUM_REALS - 1, dtype=np.int32)
    # Neither a chain nor a tree, so that an order is looked for.
    across = np.stack([ends, (7 * ends + 3) % _NUM_REALS], 1)
    rows = [(across, [1.0, 0.5]), (np.stack([ends, ends + 1], 1), [1.0, -1.0])]
    rows.append((ends[:, None], [1.0]))
    one, none = np.ones(1), np.zeros((_NUM_REALS - 1, 0), np.int32)
    ties = [RealFactorBlock(Rows(np.array([c]), one, one, one), none, s) for s, c in rows]
    steep = Rows(np.array([[1.0, 1.0]]), one, np.array([1e18]), one)
    ties.append(RealFactorBlock(steep, none[:1], np.array([[0, 1]], np.int32)))
    offsets = np.array([[0.0, 1.0]])
    chosen = Rows(np.ones((1, 2, 1)), offsets, np.ones((1, 2)), np.zeros((1, 2)))
    switch = RealFactorBlock(chosen, np.zeros((1, 1), np.int32), np.zeros((1, 1), np.int32))
    finite = FactorGraph((VariableBlock("z", (1,), 2),), ())
    for factors in ((*ties[:3], switch), (*ties, switch)):
        mixed = MixedGraph(finite, (RealBlock("x", (_NUM_REALS,)),), factors)
        known = no_evidence(finite), np.full(_NUM_REALS, np.nan)
        found = eliminate_reals(mixed, *known, budget=budget, memory=1 << 28)
        (patch,) = found.patches
        even = np.full(2, 0.5)
        patch.belief(even, np.ones(2), np.zeros(2), reals=np.arange(2))
        patch.moments(even, np.arange(2))
        patch.all_beliefs(even)
        patch.samples(np.random.default_rng(0), np.array([[0], [1]]))


def _switch_and_follow(budget: Budget) -> None:
    """Follow a real whose law switches, over histories, and one step of a real alone."""
    from gmruntime.continuous.chains.following import ByData, StepRule, followed, nothing_followed
    from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows
    from gmruntime.continuous.switching.engine import switch

    states = np.arange(3, dtype=np.int32)[:, None]
    links = np.stack([states[:-1, 0], states[1:, 0]], axis=1)
    weights, nothing = np.array([[1.0, 4.0]]), np.zeros((1, 1))
    alone = Rows(np.ones((1, 1, 1)), nothing, weights, nothing)
    pairs = Rows(np.array([[[-1.0, 1.0]]]), nothing, weights, nothing)
    rows = (RealFactorBlock(alone, states, states), RealFactorBlock(pairs, states[1:], links))
    finite = FactorGraph((VariableBlock("s", (3,), 2),), ())
    mixed = MixedGraph(finite, (RealBlock("x", (3,)),), rows)
    unseen, open_ = np.full(3, -1, np.int32), np.full(3, np.nan)
    switch(mixed, unseen, open_, goes_back=True, budget=budget, memory=1 << 26)
    one = np.ones((1, 1))
    rule = StepRule(
        0,
        ByData(one, np.zeros((1, 1, 1))),
        ByData(np.zeros(1), one),
        np.ones(1),
        np.zeros(1),
        np.ones(1, np.bool_),
        ByData(np.zeros(1), one),
        one,
        ByData(np.zeros(1), np.zeros((1, 1))),
        1,
        one,
        np.zeros(1),
        np.zeros(1, np.bool_),
    )
    step = followed(rule, np.zeros((0, 0)))
    step.take(nothing_followed(), np.zeros((1, 1)), np.zeros(1), np.zeros(rule.width), rule.width)


def _stand_for_sites(budget: Budget) -> None:
    """Sweep over a random walk that sites see, by its elimination and by messages."""
    from gmruntime.continuous.grouping import groups_of
    from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows
    from gmruntime.continuous.sites.edges import send
    from gmruntime.continuous.sites.expectation import propagate
    from gmruntime.continuous.sites.families import Site
    from gmruntime.continuous.sites.laplace import climb
    from gmruntime.continuous.sites.sparse_field import sparse_field
    from gmruntime.continuous.slicing import sliced
    from gmruntime.continuous.sparse.structure import structure_of
    from gmruntime.continuous.system import system_of

    places, count = np.arange(_NUM_REALS, dtype=np.int32), _NUM_REALS
    one, none = np.ones(1), np.zeros((count, 0), np.int32)
    alone = Rows(np.ones((1, 1)), one, one, one)
    walk = Rows(np.array([[1.0, -1.0]]), one, one, one)
    seen = Site("logit", np.ones((count, 2)))
    steps = np.stack([places[1:], places[:-1]], 1)
    factors = (
        RealFactorBlock(alone, none, places[:, None]),
        RealFactorBlock(walk, none[1:], steps),
        RealFactorBlock(alone, none, places[:, None], "", seen),
    )
    mixed = MixedGraph(FactorGraph((), ()), (RealBlock("x", (count,)),), factors)
    free = np.full(count, np.nan)
    (group,) = groups_of(sliced(mixed, np.zeros(0, np.int32), free).pieces, np.isnan(free), ())
    system = system_of(group.pieces, group.border, (), np.arange(count), count)
    structure = structure_of(count, system.row_start, system.columns, budget, 1 << 28)
    field = sparse_field(system, structure, 0, budget)
    assert field is not None
    top = climb(field, 0, budget)
    propagate(field, top.tau, top.nu, budget)
    send(system, 0, budget)


def _run_rows(rng: np.random.Generator, budget: Budget) -> None:
    """Run rows one by one and side by side: some that observe alike, some that do not."""
    from gmruntime.rows.asking import Case, answer_rows
    from gmruntime.rows.expectations import expectations

    ends = np.arange(_NUM_LINKS, dtype=np.int32)
    pairs = FactorBlock(Table(rng.normal(size=(1, 3, 3))), np.stack([ends, ends + 1], 1))
    graph = FactorGraph((VariableBlock("x", (_NUM_LINKS + 1,), 3),), (pairs,))
    rows = rng.integers(0, 3, (_NUM_ROWS, graph.num_variables))
    scattered = np.where(rng.random(rows.shape) < 0.5, rows, -1)
    for given in (scattered, np.where(np.arange(graph.num_variables) % 4, -1, rows)):
        expectations(graph, given, budget=budget)

    def alone(r: int) -> AssignmentsAnswer:
        raise AssertionError(f"row {r} was left out")

    case = Case(graph, scattered.astype(np.int32), budget, rng)
    list(answer_rows(case, Map(), alone))


def _propagate(graph: FactorGraph, budget: Budget) -> None:
    from gmruntime.messages.compiled.rows import propagate_compiled
    from gmruntime.messages.layout import build_layout, unary_with_evidence
    from gmruntime.messages.options import BpOptions

    for temperature in (0.0, 1.0):
        layout = build_layout(graph, temperature)
        unary = unary_with_evidence(layout, no_evidence(graph)[None])
        for schedule in ("auto", "sequential", "residual"):
            options = BpOptions(num_sweeps_max=60, schedule=schedule)
            start = np.zeros((1, len(layout.entry)))
            propagate_compiled(layout, unary, budget, options, start)
