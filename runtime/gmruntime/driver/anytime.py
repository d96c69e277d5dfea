"""The anytime search for the best assignment: one clock, one incumbent, one bound.

The driver gives each engine short turns, rescores what they find on the graph that was asked, and
yields whenever the incumbent or the bound has become strictly better. It stops on a proof, when
the budget or the gap is reached, or when no engine has anything left to do.
"""

import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from threading import Event

import numpy as np

from gmruntime.answer import Best, Improvement, Map
from gmruntime.budget import Budget
from gmruntime.constraints.feasible import METHOD, Feasible, satisfy
from gmruntime.driver.board import Exchange, board_of, post
from gmruntime.driver.crew import Crew, Done, dismiss, start_crew, submit, wait
from gmruntime.driver.fronts import (
    Front,
    ceiling_of,
    is_solved,
    learn,
    nothing_known,
    whole_assignment,
    whole_bound,
)
from gmruntime.driver.lanes import Entry, credit, pick
from gmruntime.driver.portfolio import rosters
from gmruntime.engine import Report
from gmruntime.graph import Assignment, FactorGraph, log_score
from gmruntime.layered.answer import improved_by_sums, without_tables
from gmruntime.primal.defined_moves import improved_by_definitions
from gmruntime.primal.guess import first_guess
from gmruntime.quality import is_proved, tolerance
from gmruntime.simplify.working import Working, best_local_states, complete, working_graph
from gmruntime.task import Effort, Task

# Turns start short, so that a first answer comes at once, and grow to a tenth of a second, which
# is also about how long an interrupt may have to wait.
_FIRST_TURN_S = 0.02
_TURN_S_MAX = 0.1
_TURN_GROWTH = 1.2

# So long the hard constraints are worked on before anything else: enough for most puzzles.
_CONSTRAINTS_ALONE_S = 0.25

# Lanes beyond this many would mostly wait for Python's lock; the longest wait for a turn to end.
_NUM_LANES_MAX, POLL_S = 8, 0.05

# Seconds after which a thread must let go of Python's lock, while a search runs.
_SWITCH_S = 0.0003

# Where turns are counted, what others offer is looked at after so many.
EXCHANGE_TURNS = 20

# Of the gap: an engine that would close so much in the time left goes before branch and bound.
WORTH_SHARE = 0.1

# Of the time left: an engine that will be done by then with a proof goes first.
_SURE_SHARE = 0.8

# A bound that has not moved for so long leaves every other turn of its lane to the primal side.
_BOUND_PATIENCE_S = 2.0


@dataclass(slots=True, eq=False)
class _Run:
    """The state of one search."""

    task: Task[Map]
    rng: np.random.Generator
    working: Working
    fronts: list[Front]
    ceiling: float
    budget: Budget
    gap: float
    last: Improvement
    turns: int = 0
    turn_s: float = _FIRST_TURN_S
    exchange: Exchange | None = None


def search(
    asked: Task[Map | Best],
    effort: Effort,
    *,
    num_steps_max: int | None = None,
    gap: float = 0.0,
    start: Assignment | None = None,
    start_by: str = METHOD,
    exchange: Exchange | None = None,
) -> Iterator[Improvement]:
    """Yield ever better assignments and ever tighter bounds.

    Args:
        asked: about a graph of any factor kinds; for `Best` this yields only the best one's
            improvements.
        effort: ends the search.
        num_steps_max: when given, engines take turns one unit of work at a time in a fixed order,
            so that the same seed gives the same answers; it ends after so many turns.
        gap: stop when the bound is at most so many nats above the score.
        start: an assignment to start from.
        start_by: who has found it.
        exchange: where others search the same graph: tells them what is known here now and then,
            and returns what they offer.
    """
    task, ended = asked.asking(Map()), Event()
    budget = effort.budget.ending_with(ended)
    effort = effort.within(budget)
    first = first_guess(task.graph, task.evidence, budget)
    if np.isfinite(first.log_score):
        yield first
    guess = first
    if start is not None and num_steps_max is None:
        begun = _begun(task, start, budget, first, start_by)
        if begun is not first:
            first = begun
            yield first
    by_sums = improved_by_sums(task, effort, first, num_steps_max)
    for first in by_sums:
        yield first
    if start is not None and num_steps_max is None:
        moves = improved_by_definitions(task, effort.drawing(effort.rng.spawn(1)[0]), first)
        for first in moves:
            yield first
    if first.log_bound <= first.log_score + gap:
        return
    try:
        run = _prepare(task, effort, gap, first)
    except TimeoutError:
        yield _capped(task.graph, first)
        return
    if run is None:
        yield from without_tables(task, effort, first, num_steps_max)
        return
    if first is not guess and np.isfinite(first.log_score):
        start = first.assignment
    run.exchange = exchange
    turns = _in_steps(run, num_steps_max) if num_steps_max is not None else _in_time(run)
    try:
        yield from _start(run, start)
        yield from turns
    finally:
        turns.close()
        ended.set()


def _begun(
    task: Task[Map], start: Assignment, budget: Budget, first: Improvement, by: str
) -> Improvement:
    """Return what is known, or what the search is to start from where that is better."""
    score = float(log_score(task.graph, start))
    if score <= first.log_score:
        return first
    return Improvement(budget.spent_s(), start, score, first.log_bound, by)


def _capped(graph: FactorGraph, known: Improvement) -> Improvement:
    """Return what is known when there was no time for more, with the bound that comes for free."""
    ceiling = ceiling_of(graph)
    return known if np.isnan(ceiling) else replace(known, log_bound=min(known.log_bound, ceiling))


def _prepare(task: Task[Map], effort: Effort, gap: float, first: Improvement) -> _Run | None:
    """Split what is to be searched, and list who searches; None where a factor has no table.

    Raises:
        TimeoutError: when the budget ended first.
    """
    budget, rng = effort.budget, effort.rng
    working = effort.once_of(
        Working, (task.graph, task.evidence), lambda own: working_graph(*own, budget)
    )
    if working is None:
        return None
    budget.check()
    fronts = [
        Front(piece, nothing_known(), *rosters(piece.flat, budget, rng, effort.device))
        for piece in working.pieces
    ]
    ceiling = ceiling_of(task.graph)
    return _Run(task, rng.spawn(1)[0], working, fronts, ceiling, budget, gap, first)


def _start(run: _Run, start: Assignment | None) -> Iterator[Improvement]:
    """Answer at once: with the given assignment, or what each variable's own factors like best."""
    if run.working.log_constant == float("-inf"):
        nothing = np.zeros(0, np.int32)
        yield Improvement(run.budget.spent_s(), nothing, float("-inf"), float("-inf"), "evidence")
        run.fronts.clear()
        return
    completed = complete(run.working, start) if start is not None else None
    for front in run.fronts:
        learn(front, Report(best_local_states(front.piece.flat)))
        if completed is not None:
            learn(front, Report(completed[front.piece.variables]))
    yield from _news(run, "local states")


def _news(run: _Run, engine: str) -> Iterator[Improvement]:
    """Yield the present answer when it is strictly better than the one yielded last."""
    last = run.last
    log_bound = min(last.log_bound, whole_bound(run.working, run.fronts, run.ceiling))
    assignment, found = last.assignment, last.log_score
    candidate = whole_assignment(run.working, run.fronts)
    if candidate is not None and run.working.log_constant > float("-inf"):
        rescored = float(log_score(run.task.graph, candidate))
        if rescored > found:
            assignment, found = candidate, rescored
    solved = all(is_solved(front.incumbent) for front in run.fronts)
    if np.isfinite(found) and (solved or is_proved(found, log_bound)):
        log_bound = found
    moved = log_bound < last.log_bound - tolerance(log_bound)
    proved = log_bound == found and last.log_bound != last.log_score
    if found > last.log_score or moved or proved:
        run.last = Improvement(run.budget.spent_s(), assignment, found, log_bound, engine)
        yield run.last


def _is_over(run: _Run) -> bool:
    if run.budget.left_s() <= 0.0 or all(is_solved(front.incumbent) for front in run.fronts):
        return True
    found = run.last.log_score
    return bool(np.isfinite(found)) and run.last.log_bound - found <= run.gap


def _worth(run: _Run, front: Front) -> float:
    """Return the gain, nats a second, that would close a good part of the gap in time."""
    known = front.incumbent
    if not np.isfinite(known.log_score) or not np.isfinite(known.log_bound):
        return float("inf")
    return WORTH_SHARE * (known.log_bound - known.log_score) / max(run.budget.left_s(), 1e-3)


def _next_turn(run: _Run, proof_first: bool) -> tuple[Front, Entry] | None:
    """Choose a piece and one of its engines; the pieces take turns."""
    waiting = [front for front in run.fronts if not is_solved(front.incumbent)]
    for offset in range(len(waiting)):
        front = waiting[(run.turns + offset) % len(waiting)]
        both = (front.proof, front.primal) if proof_first else (front.primal, front.proof)
        for roster in both:
            entry = pick(roster, _worth(run, front), _SURE_SHARE * run.budget.left_s())
            if entry is not None:
                run.turns += 1
                return front, entry
    return None


def _in_steps(run: _Run, num_steps_max: int) -> Generator[Improvement, None, None]:
    """Take turns in a fixed order, one unit of work each."""
    for turn in range(num_steps_max):
        if _is_over(run):
            return
        chosen = _next_turn(run, turn % 2 == 1)
        if chosen is None:
            return
        if turn % EXCHANGE_TURNS == 0:
            yield from _take_offers(run)
        front, entry = chosen
        report = entry.engine.step(front.incumbent, 0.0)
        credit(entry, report, learn(front, report), 1.0)
        yield from _news(run, entry.engine.name)


def _take_feasible(run: _Run, found: Feasible | None) -> Iterator[Improvement]:
    """Take over what the hard constraints alone tell."""
    if found is None:
        return
    if found.assignment is None:
        run.fronts.clear()
        run.last = found.improvement(run.budget)
        yield run.last
        return
    completed = complete(run.working, found.assignment)
    for front in run.fronts:
        learn(front, Report(completed[front.piece.variables]))
    if found.is_final:
        run.ceiling = min(found.log_score, np.nan_to_num(run.ceiling, nan=np.inf))
    yield from _news(run, METHOD)


def _take_offers(run: _Run) -> Iterator[Improvement]:
    """Take over what others found who search the same graph."""
    offers = () if run.exchange is None else run.exchange(run.last)
    for offer in offers:
        last = run.last
        board = post(board_of(last), run.task, offer)
        if board.log_score > last.log_score:
            completed = complete(run.working, board.assignment)
            for front in run.fronts:
                learn(front, Report(completed[front.piece.variables]))
        elif board.log_bound >= last.log_bound:
            continue
        if board.log_bound == float("-inf"):
            run.fronts.clear()
        run.ceiling = min(board.log_bound, np.nan_to_num(run.ceiling, nan=np.inf))
        found = (board.assignment, board.log_score, board.log_bound)
        run.last = Improvement(run.budget.spent_s(), *found, offer.engine)
        yield run.last
    if offers:
        # What was offered for one piece may be better than what is known, and for another worse.
        yield from _news(run, run.last.engine)


def _in_time(run: _Run) -> Generator[Improvement, None, None]:
    """Solve the hard constraints, for a moment alone; then keep every lane busy as well."""
    answers: list[Feasible | None] = []

    def solve() -> Report:
        answers.append(satisfy(run.task.graph, run.task.evidence, run.budget, run.rng))
        return Report()

    logician = start_crew(1, run.budget.clock)
    submit(logician, 0, solve)
    dismiss(logician)
    wait(logician, min(_CONSTRAINTS_ALONE_S, run.budget.left_s()))
    # Compiled loops come back for Python's lock every millisecond or so; with the usual 5 ms before
    # a thread must let go of it, lanes would mostly wait for each other.
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    num_lanes = max(1, min(run.budget.num_cores(), _NUM_LANES_MAX))
    crew = start_crew(num_lanes, run.budget.clock)
    working: dict[int, tuple[Front, Entry]] = {}
    try:
        while True:
            if answers:
                yield from _take_feasible(run, answers.pop())
            yield from _take_offers(run)
            if _is_over(run):
                return
            for lane in range(num_lanes):
                if lane not in working:
                    _employ(run, crew, lane, num_lanes, working)
            if not working:
                return
            done = wait(crew, min(run.budget.left_s(), POLL_S))
            if done is not None:
                yield from _take_done(run, done, *working.pop(done.lane))
    finally:
        sys.setswitchinterval(switch_s)
        dismiss(crew)


def _take_done(run: _Run, done: Done, front: Front, entry: Entry) -> Iterator[Improvement]:
    """Take over what a turn brought; an engine that ran out of memory takes no more turns."""
    if isinstance(done.error, MemoryError):
        credit(entry, Report(finished=True), 0.0, done.seconds)
        return
    if done.error is not None:
        raise done.error
    assert done.report is not None
    bound = front.incumbent.log_bound
    credit(entry, done.report, learn(front, done.report), done.seconds)
    if front.incumbent.log_bound < bound:
        front.bound_s = run.budget.spent_s()
    yield from _news(run, entry.engine.name)


def _employ(
    run: _Run,
    crew: Crew,
    lane: int,
    num_lanes: int,
    working: dict[int, tuple[Front, Entry]],
) -> None:
    proof_first = lane == num_lanes - 1 if num_lanes > 1 else run.turns % 2 == 1
    if proof_first and run.turns % 2 == 0:
        quiet_s = run.budget.spent_s() - max(front.bound_s for front in run.fronts)
        proof_first = quiet_s < _BOUND_PATIENCE_S
    chosen = _next_turn(run, proof_first)
    if chosen is None:
        return
    front, entry = chosen
    working[lane] = chosen
    seconds = min(run.turn_s, max(run.budget.left_s(), 1e-3))
    run.turn_s = min(_TURN_S_MAX, run.turn_s * _TURN_GROWTH)
    incumbent, engine = front.incumbent, entry.engine
    submit(crew, lane, lambda: engine.step(incumbent, seconds))
