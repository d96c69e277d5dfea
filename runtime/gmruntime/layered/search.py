"""Layered search: best assignments where wide factors are functions of sums.

What need be remembered after each variable is enumerated, with all partial sums if they are few:
then the best is known at once. Else passes that keep more and more partial assignments find better
and better answers, and bounds on what they dropped, until nothing had to be dropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gmruntime.answer import Best, Map
from gmruntime.arrays import Float64, Int32
from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph, log_score
from gmruntime.layered.bounds import (
    NUM_PRICES_MAX,
    NUM_STEPS_BELOW,
    NUM_STEPS_FIRST,
    NUM_STEPS_ROOT,
    Relaxation,
    find_prices,
    rest_under,
)
from gmruntime.layered.model import SumModel, sum_model
from gmruntime.layered.order import layered_order
from gmruntime.layered.passes import Passed, Wanted, run_pass
from gmruntime.layered.states import Layers, make_layers
from gmruntime.quality import is_proved, tolerance
from gmruntime.task import Effort, Task

METHOD = "layered search"

# More free variables than this take too long in Python.
_NUM_FREE_MAX = 2_000

# How many times more entries each pass may keep.
_WIDTH_GROWTH = 8

# Bytes that one entry takes, with its copies, beside what it takes for each sum.
_ENTRY_BYTES, MEMORY_SHARE = 200, 0.25

# Of the time left, what finding prices may take.
_PRICES_SHARE = 0.15

# Layers at which a first pass looks for better prices.
_NUM_LOOKS = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is remembered.

    Attributes:
        num_states_one: states of a layer where a single sum is remembered.
        num_states_several: states of a layer where more is.
        num_states_total: states of all layers.
        width_first: entries kept in the first pass.
    """

    num_states_one: int = 1 << 18
    num_states_several: int = 1 << 14
    num_states_total: int = 1 << 22
    width_first: int = 64


USUAL = Limits()


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What is known after a pass.

    Attributes:
        assignments: of the graph that was asked, best first, all of finite score.
        log_scores: of each, on that graph.
        log_bound: certified: nothing scores higher than this.
        is_final: the assignments are the best there are, or all there are.
    """

    assignments: Int32[np.ndarray, "answers variables"]
    log_scores: Float64[np.ndarray, " answers"]
    log_bound: float
    is_final: bool


def layered_search(
    task: Task[Map | Best],
    effort: Effort,
    *,
    is_quick: bool = False,
    limits: Limits = USUAL,
    start: Assignment | None = None,
) -> Iterator[Found]:
    """Yield what each pass brings, until it is final, the budget ends, or nothing can be done.

    Args:
        task: how many of the best answers are wanted, and in what they must differ.
        effort: ends the search; the marks that tell answers apart are drawn.
        is_quick: end where not everything can be remembered.
        limits: how much is remembered.
        start: an assignment that is known already.
    """
    graph, query, evidence = task.graph, task.query, task.evidence
    count, asked = (query.count, query.variables) if isinstance(query, Best) else (1, None)
    if int((evidence < 0).sum()) > _NUM_FREE_MAX:
        return
    try:
        model = sum_model(graph, evidence, effort.budget)
    except TimeoutError:
        return
    if model is None or len(model.free) > _NUM_FREE_MAX:
        return
    if model.log_constant == -np.inf:
        yield _nothing(graph)
        return
    run = _prepare(model, effort.budget, limits, is_quick=is_quick)
    if run is None:
        return
    listed = np.arange(graph.num_variables) if asked is None else asked
    wanted = _wanted(model, run, count, set(int(v) for v in listed), effort.rng)
    yield from _passes(graph, model, run, wanted, limits, effort.budget, start)


def _nothing(graph: FactorGraph) -> Found:
    none = np.zeros((0, graph.num_variables), np.int32)
    return Found(none, np.zeros(0), float("-inf"), is_final=True)


def _prepare(
    model: SumModel, budget: Budget, limits: Limits, *, is_quick: bool
) -> Relaxation | None:
    """Find the order and the layers, with as many sums remembered as are few enough."""
    certainty = np.array([_certainty(scores) for scores in model.scores])
    order = layered_order(model, certainty, budget)
    if order is None:
        return None
    wide: frozenset[int] = frozenset()
    while True:
        num_narrow = len(model.sums) - len(wide)
        several = num_narrow > 1 or bool(model.tables)
        layers = make_layers(
            model,
            order,
            wide,
            budget,
            num_states_max=limits.num_states_several if several else limits.num_states_one,
            num_total_max=limits.num_states_total,
        )
        if isinstance(layers, Layers):
            return Relaxation(layers)
        if layers is None or not layers.sums or is_quick:
            return None
        wide |= layers.sums


def _certainty(scores: np.ndarray) -> float:
    possible = np.sort(scores[scores > -np.inf])
    return float(possible[-1] - possible[-2]) if len(possible) > 1 else np.inf


def _wanted(
    model: SumModel, run: Relaxation, count: int, asked: set[int], rng: np.random.Generator
) -> Wanted:
    if count == 1:
        return Wanted(1, None)
    marks = [
        rng.integers(1, 1 << 63, int(model.num_states[layer.variable]), np.uint64)
        * np.uint64(layer.variable in asked)
        for layer in run.layers.layers
    ]
    return Wanted(count, marks)


def _passes(
    graph: FactorGraph,
    model: SumModel,
    run: Relaxation,
    wanted: Wanted,
    limits: Limits,
    budget: Budget,
    start: Assignment | None,
) -> Iterator[Found]:
    layers = run.layers
    num_wide = len(layers.wide)
    starts = layers.starts
    known = _Known(graph, model, layers, wanted)
    if start is not None:
        known.offer_rows(start[None])
    if num_wide == 0:
        run.pool.append(rest_under(run, starts))
        passed = run_pass(run, wanted, 1 << 62, -np.inf, budget)
        if passed.is_complete:
            known.take(passed)
            yield known.found(float(run.pool[0].rest[0][0]) + model.log_constant, is_final=True)
        return
    prices, bound = np.zeros(num_wide), float("inf")
    for num_steps in (NUM_STEPS_FIRST, NUM_STEPS_ROOT):
        part = budget.share(_PRICES_SHARE)
        aim = known.floor - model.log_constant
        prices, lowest, tried = find_prices(run, 0, 0, starts, prices, aim, num_steps, part)
        run.pool[:] = [rest_under(run, prices)]
        known.offer(np.array(tried))
        bound = min(bound, lowest + model.log_constant)
        if num_steps == NUM_STEPS_FIRST:
            # A first answer comes before anything else is thought about.
            passed = run_pass(run, wanted, limits.width_first, -np.inf, budget)
            known.take(passed)
        yield known.found(bound, is_final=False)
    width = limits.width_first
    entry_bytes = _ENTRY_BYTES + 40 * num_wide
    width_max = int(MEMORY_SHARE * budget.memory_bytes / entry_bytes)
    while budget.left_s() > 0.0:
        passed = run_pass(run, wanted, width, known.floor - model.log_constant, budget)
        if not passed.is_complete:
            return
        known.take(passed)
        top = known.scores[0] if len(known.scores) else -np.inf
        bound = min(bound, max(top, passed.dropped + model.log_constant))
        is_final = passed.dropped + model.log_constant <= known.floor + tolerance(known.floor)
        yield known.found(bound, is_final=is_final)
        if is_final or width >= width_max:
            return
        if len(run.pool) < NUM_PRICES_MAX:
            _look_below(run, passed, known.floor - model.log_constant, budget)
        width = min(width_max, _WIDTH_GROWTH * width)


def _look_below(run: Relaxation, passed: Passed, floor: float, budget: Budget) -> None:
    """Find prices that fit promising entries better than those known."""
    part = budget.share(_PRICES_SHARE)
    num_layers = len(passed.promising)
    looks = np.unique(np.linspace(0, max(0, num_layers - 1), _NUM_LOOKS).astype(int))
    for k in looks.tolist():
        if len(run.pool) >= NUM_PRICES_MAX or part.left_s() <= 0.0 or not num_layers:
            return
        state, sums, value = passed.promising[k]
        prices, _, _ = find_prices(
            run, k + 1, state, sums, run.pool[0].prices, floor - value, NUM_STEPS_BELOW, part
        )
        if all(not np.allclose(prices, one.prices) for one in run.pool):
            run.pool.append(rest_under(run, prices))


@dataclass(slots=True, eq=False)
class _Known:
    """The answers so far, scored on the graph that was asked."""

    graph: FactorGraph
    model: SumModel
    layers: Layers
    wanted: Wanted
    rows: Int32[np.ndarray, "answers variables"]
    scores: Float64[np.ndarray, " answers"]

    def __init__(self, graph: FactorGraph, model: SumModel, layers: Layers, wanted: Wanted) -> None:
        self.graph, self.model, self.layers, self.wanted = graph, model, layers, wanted
        self.rows = np.zeros((0, graph.num_variables), np.int32)
        self.scores = np.zeros(0)

    @property
    def floor(self) -> float:
        """Return what a further answer must be worth more than; -inf while some are wanting."""
        full = len(self.scores) == self.wanted.count
        return float(self.scores[-1]) if full else float("-inf")

    def take(self, passed: Passed) -> None:
        """Take over a pass's answers."""
        self.offer(passed.choices)

    def offer(self, choices: np.ndarray) -> None:
        """Score assignments, given as choices for each layer, and keep the best that differ."""
        if len(choices) == 0 or choices.shape[1] != len(self.layers.layers):
            return
        whole = np.tile(self.model.observed, (len(choices), 1))
        for k, layer in enumerate(self.layers.layers):
            whole[:, layer.variable] = choices[:, k]
        self.offer_rows(whole[:, : self.graph.num_variables].astype(np.int32))

    def offer_rows(self, rows: Int32[np.ndarray, "rows variables"]) -> None:
        """Score assignments of the graph, and keep the best that differ."""
        scores = log_score(self.graph, rows)
        finite = np.isfinite(scores)
        rows = np.concatenate([self.rows, rows[finite]])
        scores = np.concatenate([self.scores, scores[finite]])
        order = np.argsort(-scores, kind="stable")
        if self.wanted.marks is not None:
            order = order[np.sort(np.unique(self._marks(rows[order]), return_index=True)[1])]
        order = order[: self.wanted.count]
        self.rows, self.scores = rows[order], scores[order]

    def _marks(self, rows: np.ndarray) -> np.ndarray:
        """Add up the marks of the states that answers must differ in."""
        assert self.wanted.marks is not None
        total: np.ndarray = np.zeros(len(rows), np.uint64)
        for layer, marks in zip(self.layers.layers, self.wanted.marks, strict=True):
            if layer.variable < rows.shape[1]:
                total += marks[rows[:, layer.variable]]
        return total

    def found(self, bound: float, *, is_final: bool) -> Found:
        """Return what is known."""
        top = float(self.scores[0]) if len(self.scores) else float("-inf")
        if is_final or is_proved(top, bound):
            bound = top
        return Found(self.rows, self.scores, bound, is_final)
