"""All of learning, from a checked program and cases to what was learned."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from gmlang.core.parameters import Learn
from gmlang.core.program import Program
from gmlang.diagnostics import GmError
from gmlang.errors.learning import course as errors
from gmlang.learning.compiled import objective_of
from gmlang.learning.methods.curvature import FREE_MAX, Uncertainty, uncertainty
from gmlang.learning.methods.search import Attempt, Plan, Progress, search
from gmlang.learning.naming import Nameless, in_order, nameless_states
from gmlang.learning.objective import Objective, Point, counted_once
from gmlang.learning.online import add
from gmlang.learning.possible import inside, possible
from gmlang.learning.problem import Problem, pose
from gmlang.learning.results.by_name import by_name
from gmlang.learning.results.notes import notes_of
from gmlang.learning.results.result import Counted, Learned, Restarts, Score
from gmlang.learning.rows import Rows
from gmlang.learning.unheard import at_rest
from gmruntime.budget import Budget, now_s

M = TypeVar("M")

_ATTEMPTS_LATENT = 5
"""So many starts where a variable that nobody has seen has states that only the numbers name."""


@dataclass(frozen=True, slots=True)
class How:
    """How to learn.

    Attributes:
        hold_out: the part of the rows that nothing is learned from, in [0, 1).
        weight: the column of weights; None for one called "weight", if there is one.
        skip_impossible: leave out rows that the program gives no probability.
    """

    hold_out: float = 0.0
    seed: int = 0
    weight: str | None = None
    skip_impossible: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One round of learning.

    Attributes:
        round: of this climb.
        restart: which climb, from 1.
        objective: log-likelihood and log prior, nats.
        nats_a_case: log-likelihood of a row on average.
        gain_left: nats that are expected to be left to gain.
        values: the params by name.
        held_out: nats a case of rows kept apart; None without any.
        seconds: since learning began.
        method: by which F is climbed.
    """

    round: int
    restart: int
    num_restarts: int
    objective: float
    nats_a_case: float
    gain_left: float
    held_out: float | None
    seconds: float
    method: str
    values: Mapping[str, np.ndarray] = field(repr=False)


def learn(
    program: Program,
    values: Mapping[str, object],
    what: Learn,
    how: How,
    budget: Budget,
    make: Callable[[Mapping[str, object]], M],
) -> Generator[Step, None, Learned[M]]:
    """Learn params; whoever asks may leave after any round.

    Args:
        program: checked.
        values: data by core name, cases among them.
        what: is learned.
        how: it is learned.
        budget: that has begun.
        make: makes the model that has the values, by core name.

    Yields:
        Each round.

    Returns:
        What was learned, the best so far where the budget ended.

    Raises:
        GmError: for whatever is wrong with the data, or out of reach.
    """
    start_s = now_s()
    rng = np.random.default_rng(how.seed)
    try:
        problem = pose(program, values, what, how.weight, rng, budget)
        plain = inside(problem)
        problem, skipped, whole = possible(problem, budget, how.seed, skip=how.skip_impossible)
        used, kept = _apart(problem.rows, how, rng)
        is_all = used is problem.rows and not skipped
        objective = whole if is_all else objective_of(problem, used, budget, how.seed)
        if problem.is_complete(used):
            objective = counted_once(objective, inside(problem), budget)
        problem = at_rest(problem, objective, plain, rng, budget)
        held = objective_of(problem, kept, budget, how.seed) if len(kept.weights) else None
        plan = _plan(problem, how)
        climbs = search(problem, objective, plan, budget)
        score: Score | None = None
        while True:
            try:
                progress = next(climbs)
            except StopIteration as end:
                attempts: list[Attempt] = end.value
                break
            score = _score(held, progress.attempt.point, budget) or score
            yield _step(problem, objective, plan, progress, score, now_s() - start_s)
        score = _score(held, attempts[0].point, budget) or score
        nameless, attempts, apart = _named(problem, objective, attempts, rng, budget)
    except TimeoutError:
        raise GmError([errors.out_of_time(what.span)]) from None
    best = attempts[0]
    sure = _sureness(problem, best)
    notes = notes_of(problem, best, sure, nameless, skipped)
    return _learned(
        *(problem, used, how, plan, attempts, apart, sure, score, notes, make, values),
        now_s() - start_s,
    )


# --- Rows --------------------------------------------------------------------------------


def _apart(rows: Rows, how: How, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return the rows to learn from, and those kept apart: the last of a permutation."""
    count = len(rows.weights)
    number = min(round(how.hold_out * count), count - 1)
    order = rng.permutation(count)
    used, kept = np.sort(order[: count - number]), np.sort(order[count - number :])
    return (rows, rows.chosen(kept)) if not number else (rows.chosen(used), rows.chosen(kept))


def _plan(problem: Problem, how: How) -> Plan:
    what = problem.learn
    is_em = not problem.normaliser and not problem.targets.size and what.method != "gradient"
    default = _ATTEMPTS_LATENT if problem.is_rough().any() else 1
    wants_errors = problem.layout.num_free <= FREE_MAX
    method = "em" if is_em else "gradient"
    return Plan(method, what.restarts or default, how.seed, wants_errors)


def _step(
    problem: Problem,
    objective: Objective,
    plan: Plan,
    progress: Progress,
    score: Score | None,
    seconds: float,
) -> Step:
    point = progress.attempt.point
    return Step(
        progress.attempt.rounds,
        progress.number,
        plan.attempts,
        point.value,
        point.log_likelihood / max(float(objective.weights.sum()), 1e-300),
        progress.attempt.gain_left,
        None if score is None else score.mean,
        seconds,
        plan.method,
        by_name(problem.layout, point.numbers),
    )


def _mean(objective: Objective, point: Point) -> tuple[float, float]:
    """Return the weighted mean of the rows' log-likelihoods, and its standard error."""
    weights, rows = objective.weights, point.log_rows
    total = float(weights.sum())
    if not total > 0:
        return 0.0, 0.0
    mean = float((weights * rows).sum() / total)
    if not np.isfinite(mean) or len(rows) < 2:
        return mean, float("nan")
    variance = float((weights * (rows - mean) ** 2).sum() / total)
    return mean, float(np.sqrt(variance / len(rows)))


def _score(held: Objective | None, point: Point, budget: Budget) -> Score | None:
    """Return how well rows kept apart are told; None without any, or without time."""
    if held is None or budget.is_spent():
        return None
    try:
        mean, error = _mean(held, held.at(point.numbers, budget))
    except TimeoutError:
        return None
    return Score(mean, error, len(held.weights))


def _named(
    problem: Problem,
    objective: Objective,
    attempts: list[Attempt],
    rng: np.random.Generator,
    budget: Budget,
) -> tuple[tuple[Nameless, ...], list[Attempt], float]:
    """Put the states that nobody names in order, and return which are, where there is time."""
    try:
        nameless = nameless_states(problem, rng, budget)
        attempts, apart = in_order(problem, objective, nameless, attempts, budget)
    except TimeoutError:
        return (), attempts, float("nan")
    return nameless if objective.rest is None else (), attempts, apart


# --- What was found ----------------------------------------------------------------------


def _learned(
    problem: Problem,
    used: Rows,
    how: How,
    plan: Plan,
    attempts: list[Attempt],
    apart: float,
    sure: Uncertainty,
    score: Score | None,
    notes: list[str],
    make: Callable[[Mapping[str, object]], M],
    values: Mapping[str, object],
    seconds: float,
) -> Learned[M]:
    best, layout = attempts[0], problem.layout
    point = best.point
    is_direct = problem.tables.direct_only()
    counts = np.where(is_direct, point.seen.sum(axis=0), np.nan)
    own = layout.values(point.numbers)
    bound = {name: np.array(value) for name, value in own.items()}
    for value in bound.values():
        value.setflags(write=False)
    return Learned(
        text=problem.learn.text,
        values=by_name(layout, point.numbers),
        bound=bound,
        errors=by_name(layout, sure.errors),
        counts=by_name(layout, counts),
        log_likelihood=point.log_likelihood,
        log_prior=point.log_prior,
        held_out=score,
        status="converged" if best.is_converged else "stopped",
        gain_left=best.gain_left,
        method=plan.method,
        rounds=best.rounds,
        restarts=Restarts(tuple(one.point.value for one in attempts), apart),
        notes=tuple(notes),
        num_rows=len(used.weights),
        total_weight=used.total,
        empty=used.empty,
        seconds=seconds,
        seed=how.seed,
        model=make({**values, **bound}),
        layout=layout,
        link_errors=sure.link_errors,
        counted=_counted(problem, used, how, point),
        adding=add,
    )


def _counted(problem: Problem, used: Rows, how: How, point: Point) -> Counted | None:
    """Return what more cases may be added to."""
    if problem.normaliser or problem.targets.size or not problem.learn.source:
        return None
    counts = problem.telling.counts_of_all(point.counts)
    return Counted(counts, problem.is_complete(used), problem.learn, how.weight)


def _sureness(problem: Problem, best: Attempt) -> Uncertainty:
    """Return how sure each number is; NaN where that is not known, or no row says anything."""
    nothing = np.full(problem.layout.size, np.nan)
    if best.bent is None:
        return Uncertainty(nothing, nothing)
    sure = uncertainty(problem.layout, best.point.numbers, best.bent)
    errors, links = (
        np.where(problem.heard, each, nothing) for each in (sure.errors, sure.link_errors)
    )
    return Uncertainty(errors, links)


# --- Without learning --------------------------------------------------------------------


def log_likelihoods(
    program: Program,
    values: Mapping[str, object],
    source: str,
    weight: str | None,
    budget: Budget,
    seed: int,
) -> np.ndarray:
    """Return the log-likelihood of each row of a table, what it does not have summed out.

    Args:
        program: whose params all have values.
        values: data by core name, the table among them.
        source: the table, by core name.
        weight: a column that is none of what was seen.
        budget: that has begun.
        seed: of the search for orders.

    Raises:
        GmError: for whatever is wrong with the data, out of reach, or not done in time.
    """
    span = next(table.span for table in program.rows if table.name == source)
    nothing = Learn(span, "", (), source, (), 0)
    rng = np.random.default_rng(seed)
    try:
        problem = pose(program, values, nothing, weight, rng, budget)
        objective = objective_of(problem, problem.rows, budget, seed)
        return objective.at(np.zeros(0), budget).log_rows
    except TimeoutError:
        raise GmError([errors.out_of_time(span)]) from None
