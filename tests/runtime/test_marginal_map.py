"""Marginal MAP as a search: every candidate is worth what is said, and no bound is too low."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from gmruntime.answer import Map, MarginalMap, MarginalMapAnswer, Status
from gmruntime.budget import UNLIMITED, start_budget
from gmruntime.factors.kinds import Table
from gmruntime.flat import flatten
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence
from gmruntime.inference import infer, search
from gmruntime.marginal_map import searching
from gmruntime.marginal_map.answer import improving
from gmruntime.marginal_map.components import Component, components_of, graph_of
from gmruntime.marginal_map.ordering import order_held, order_sums
from gmruntime.marginal_map.peeling import peel_bound, peel_bound_of
from gmruntime.marginal_map.scoring import scorer_of
from gmruntime.marginal_map.surrogate import surrogate_of
from gmruntime.simplify.network import Factor, Network, sliced_out, whole
from gmruntime.task import Effort, Task

LOOSE = 1e-9


def tangle(seed: int, zeros: float = 0.2, count: int = 7) -> FactorGraph:
    """A few variables with factors of one to three of them."""
    rng = np.random.default_rng(seed)
    sizes = np.sort(rng.integers(1, 4, count))
    factors: list[FactorBlock] = []
    for _ in range(count + 3):
        scope = rng.permutation(count)[: int(rng.integers(1, 4))].astype(np.int32)
        table = rng.normal(0.0, 2.0, (1, *sizes[scope]))
        table[rng.random(table.shape) < zeros] = -np.inf
        factors.append(FactorBlock(Table(table), scope[None]))
    variables = tuple(VariableBlock(f"v{k}", (), int(n)) for k, n in enumerate(sizes))
    return FactorGraph(variables, tuple(factors))


def asked_of(seed: int, count: int = 7) -> np.ndarray:
    rng = np.random.default_rng((seed, 1))
    return rng.choice(count, int(rng.integers(1, count)), replace=False).astype(np.int32)


def sums_of(
    graph: FactorGraph, asked: np.ndarray, evidence: np.ndarray
) -> dict[tuple[int, ...], float]:
    """Add up the scores of all assignments that agree on what is asked."""
    sizes = [block.num_states for block in graph.variables]
    rows = np.array(list(itertools.product(*map(range, sizes))), np.int32)
    rows = rows[((evidence < 0) | (rows == evidence)).all(axis=1)]
    found: dict[tuple[int, ...], float] = {}
    for row, score in zip(rows[:, asked].tolist(), log_score(graph, rows).tolist(), strict=True):
        found[tuple(row)] = float(np.logaddexp(found.get(tuple(row), -np.inf), score))
    return found


def assert_true(found: MarginalMapAnswer, sums: dict[tuple[int, ...], float]) -> None:
    best = max(sums.values())
    if best == -np.inf:
        assert found.quality.status is Status.IMPOSSIBLE or not len(found.states)
        return
    assert found.quality.status is not Status.IMPOSSIBLE
    assert found.log_lower - LOOSE <= best <= found.log_upper + LOOSE
    if not len(found.states):
        return
    worth = sums[tuple(found.states.tolist())]
    assert -np.inf < found.log_lower <= worth + LOOSE
    if found.quality.status is Status.EXACT:
        assert worth == pytest.approx(best, abs=LOOSE)
        assert found.log_value == pytest.approx(best, abs=LOOSE)


@pytest.fixture
def splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have mini-buckets split whatever they can, and moves end soon."""

    def few(*given: object) -> Iterator[None]:
        moves = searching_moves(*given)  # pyright: ignore[reportArgumentType]
        yield from itertools.islice(moves, 20)

    searching_moves = searching.moves
    monkeypatch.setattr(searching, "_NARROW_SHARE", 0.0)
    monkeypatch.setattr(searching, "_BITS", (1.0, 2.0))
    monkeypatch.setattr(searching, "moves", few)


@pytest.mark.usefixtures("splits")
@pytest.mark.parametrize("seed", range(12))
def test_no_step_of_a_search_that_has_to_split_is_wrong(seed: int):
    graph, asked = tangle(seed, zeros=0.25 * (seed % 3)), asked_of(seed)
    evidence = no_evidence(graph)
    if seed % 2:
        evidence[int(asked[0])] = 0
    sums = sums_of(graph, asked, evidence)
    effort = Effort(start_budget(60.0, 1 << 30), np.random.default_rng(seed))
    last: MarginalMapAnswer | None = None
    for found in improving(Task(graph, MarginalMap(asked), evidence), None, effort):
        assert_true(found, sums)
        if last is not None and found.quality.status is Status.BOUNDED:
            assert found.log_lower >= last.log_lower
            assert found.log_upper <= last.log_upper
        last = found
    assert last is not None
    # So few states are all found in twenty moves.
    if max(sums.values()) > -np.inf:
        assert sums[tuple(last.states.tolist())] == pytest.approx(max(sums.values()), abs=LOOSE)


@pytest.mark.parametrize("method", ["", "search"])
@pytest.mark.parametrize("seed", range(8))
def test_what_is_summed_out_exactly_is_proved(seed: int, method: str):
    graph, asked = tangle(seed), asked_of(seed)
    sums = sums_of(graph, asked, no_evidence(graph))
    found = infer(graph, MarginalMap(asked), method=method, budget_s=60.0)
    assert_true(found, sums)
    assert found.quality.status in (Status.EXACT, Status.IMPOSSIBLE)


def test_the_steps_of_a_search_end_in_its_answer():
    graph, asked = tangle(3, zeros=0.0), asked_of(3)
    steps = list(search(graph, MarginalMap(asked), budget_s=60.0))
    found = infer(graph, MarginalMap(asked), budget_s=60.0)
    assert steps[-1].assignment[asked].tolist() == found.states.tolist()
    assert steps[-1].log_score == pytest.approx(found.log_value)
    rest = np.setdiff1d(np.arange(graph.num_variables), asked)
    assert (steps[-1].assignment[rest] == -1).all()


def test_without_tables_the_best_assignment_bounds_what_its_states_sum_to(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("gmruntime.marginal_map.answer.simplified", lambda *_: None)
    for seed in range(4):
        graph, asked = tangle(seed), asked_of(seed)
        sums = sums_of(graph, asked, no_evidence(graph))
        found = infer(graph, MarginalMap(asked), method="search", budget_s=60.0)
        assert_true(found, sums)
        assert np.isfinite(found.log_upper) or found.log_upper == -np.inf


def test_no_time_leaves_a_finite_bound():
    graph, asked = tangle(0, zeros=0.0), asked_of(0)
    found = infer(graph, MarginalMap(asked), method="search", budget_s=1e-9)
    assert_true(found, sums_of(graph, asked, no_evidence(graph)))
    assert np.isfinite(found.log_upper)


# --- Parts -------------------------------------------------------------------------------


def component(seed: int, zeros: float = 0.2) -> Component:
    """The largest component of a tangle."""
    graph, asked = tangle(seed, zeros), asked_of(seed)
    part = whole(graph, Map())
    assert part is not None
    network = sliced_out(part, no_evidence(graph))
    return components_of(network, frozenset(asked.tolist()))[0][0]


def sums_in(one: Component) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the states of what is asked, and what each sums to."""
    graph, places = graph_of(one.network.factors, one.network.free, one.network.num_states)
    free = np.array(one.network.free)[places]
    asked = np.array([free.tolist().index(v) for v in one.asked], np.int64)
    sizes = one.network.num_states[free]
    rows = np.array(list(itertools.product(*map(range, sizes.tolist()))), np.int32)
    scores = log_score(graph, rows)
    keys, place = np.unique(rows[:, asked], axis=0, return_inverse=True)
    totals = np.full(len(keys), -np.inf)
    np.logaddexp.at(totals, place.reshape(-1), scores)
    yield from zip(keys.astype(np.int64), totals.tolist(), strict=True)


@pytest.mark.parametrize("seed", range(8))
def test_a_program_filled_anew_sums_as_from_the_start(seed: int):
    one = component(seed, zeros=0.3 * (seed % 2))
    effort = Effort(start_budget(60.0, 1 << 30), np.random.default_rng(0))
    scorer = scorer_of(one, effort)
    assert scorer.program is not None
    every = list(sums_in(one))
    rng = np.random.default_rng(seed)
    for k in rng.permutation(len(every)).tolist()[:40]:
        states, wanted = every[k]
        value = scorer.program.log_value(states)
        # Where nothing is left a linear pass does not know whether that was too small for it.
        assert np.isnan(value) if wanted == -np.inf and np.isnan(value) else True
        if not np.isnan(value):
            assert value == pytest.approx(wanted, abs=LOOSE)
        worth = scorer.worth(states, effort)
        assert worth.log_lower <= wanted
        assert worth.log_lower == pytest.approx(wanted, abs=LOOSE)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bits", [1.0, 3.0, 60.0])
def test_a_surrogate_is_nowhere_below_the_sums(seed: int, bits: float):
    one = component(seed)
    order = order_sums(one.network, one.summed, frozenset(), UNLIMITED)
    found = surrogate_of(one, order, bits, UNLIMITED)
    for states, wanted in sums_in(one):
        if found is None:
            assert wanted == -np.inf
            continue
        score = float(log_score(found.graph, found.assignment(states))) + found.log_constant
        assert score >= wanted
        if not found.num_splits:
            assert score == pytest.approx(wanted, abs=LOOSE)


@pytest.mark.parametrize("seed", range(8))
def test_peeled_bounds_are_not_too_low(seed: int):
    one = component(seed)
    best = max(worth for _, worth in sums_in(one))
    factors, sizes = one.network.factors, one.network.num_states
    assert peel_bound(factors, one.summed, sizes, UNLIMITED)[0] >= best
    graph, asked = tangle(seed), asked_of(seed)
    found = peel_bound_of(Task(graph, MarginalMap(asked), no_evidence(graph)), UNLIMITED)
    assert found is not None
    assert found[0] >= max(sums_of(graph, asked, no_evidence(graph)).values())


def test_a_plan_reaches_its_goal_with_a_probability_of_at_most_one():
    """A chain of mechanisms under actions: each is drawn given the one before."""
    rng = np.random.default_rng(0)
    length, states, actions = 12, 5, 3
    moves = rng.dirichlet(np.ones(states), (1, states, actions))
    begin = np.log(np.array([[1.0, 0.0, 0.0, 0.0, 0.0]]) + 1e-300)
    s, a = np.arange(length + 1), length + 1 + np.arange(length)
    scopes = np.stack([s[:-1], a, s[1:]], axis=1).astype(np.int32)
    graph = FactorGraph(
        (VariableBlock("s", (length + 1,), states), VariableBlock("a", (length,), actions)),
        (
            FactorBlock(Table(begin), np.zeros((1, 1), np.int32)),
            FactorBlock(Table(np.log(moves)), scopes),
        ),
    )
    evidence = no_evidence(graph)
    evidence[length] = 0
    found = peel_bound_of(Task(graph, MarginalMap(a.astype(np.int32)), evidence), UNLIMITED)
    assert found is not None
    assert found[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_a_move_finds_the_best_states_of_its_region(seed: int):
    from gmruntime.marginal_map.kernels import run_mixed
    from gmruntime.primal.compiled import arrays_of, random_state
    from gmruntime.primal.cutset.moves import empty_plan, make_plan

    one = component(seed, zeros=0.0)
    graph, places = graph_of(one.network.factors, one.network.free, one.network.num_states)
    flat = flatten(graph)
    arrays = arrays_of(flat, np.exp(flat.log_potentials))
    plan, scratch = empty_plan(arrays, 2000)
    free = np.array(one.network.free)[places]
    order = order_held(one, Effort(UNLIMITED, np.random.default_rng(0)))
    for rank, v in enumerate(order.variables):
        scratch.rank[free.tolist().index(v)] = rank
    asked = [free.tolist().index(v) for v in one.asked]
    held, moved = asked[: len(asked) // 2], asked[len(asked) // 2 :]
    candidates = np.setdiff1d(np.arange(len(free)), held).astype(np.int32)
    state = random_state(np.random.default_rng(seed))
    assignment = np.zeros(len(free), np.int32)
    made = make_plan(arrays, candidates, 30.0, 1 << 20, 0.0, state, plan, scratch)
    assert made == len(candidates)
    assert run_mixed(arrays, plan, made, scratch.rank, assignment, state)
    worth = {tuple(states.tolist()): value for states, value in sums_in(one)}
    agree = [value for states, value in worth.items() if not any(states[: len(held)])]
    assert worth[tuple(assignment[asked].tolist())] == pytest.approx(max(agree), abs=LOOSE)
    assert len(moved) + len(held) == len(one.asked)


def test_components_share_no_factor_and_lose_nothing():
    factors = [Factor((0, 1), np.zeros((2, 3))), Factor((3,), np.zeros(2))]
    network = Network((0, 1, 2, 3, 4), np.array([2, 3, 4, 2, 5]), factors, 1.5)
    found, log_constant = components_of(network, frozenset([0, 4]))
    assert [one.network.free for one in found] == [(0, 1), (3,)]
    assert [one.asked for one in found] == [(0,), ()]
    # Nobody asks about variable 2, which no factor mentions.
    assert log_constant == pytest.approx(1.5 + np.log(4.0))
