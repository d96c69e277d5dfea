"""All of learning, from a checked program and cases to what was learned."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from gmlang.core.parameters import Learn, sweeps_of
from gmlang.core.program import Program
from gmlang.diagnostics import GmError
from gmlang.errors.learning import course as errors
from gmlang.learning.aims import aim_of, checked_rows, compiler_of, fitted, tells_rows
from gmlang.learning.compiled import objective_of
from gmlang.learning.methods.curvature import FREE_MAX, Uncertainty, uncertainty
from gmlang.learning.methods.pseudo import Pseudo
from gmlang.learning.methods.search import Attempt, Plan, Progress, search
from gmlang.learning.methods.variational import Bound, totals
from gmlang.learning.numbers.coordinates import Layout, num_free
from gmlang.learning.objective import Aim, Objective, Point
from gmlang.learning.problem import Problem, pose
from gmlang.learning.results.notes import ROWS_A_NUMBER, notes_on
from gmlang.learning.results.result import Learned, Posterior, Restarts, Score
from gmlang.learning.rows import Rows
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
        wants_errors: whether standard errors are of use.
    """

    hold_out: float = 0.0
    seed: int = 0
    weight: str | None = None
    skip_impossible: bool = False
    wants_errors: bool = True


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
    scatter: np.ndarray | None = None
    rng = np.random.default_rng(how.seed)
    try:
        problem = pose(program, values, what, how.weight, rng, budget)
        plan = _plan(problem, how)
        problem = fitted(problem, plan.method)
        problem, skipped, whole = checked_rows(
            problem, plan.method, budget, how.seed, skip=how.skip_impossible
        )
        used, kept = _apart(problem.rows, how, rng)
        plain = whole
        if whole is not None and (used is not problem.rows or skipped):
            plain = compiler_of(plan.method)(problem, used, budget, how.seed)
        objective = aim_of(problem, used, plain, plan.method, budget, how.seed, rng.spawn(1)[0])
        held = _held(problem, kept, plan.method, budget, how.seed)
        is_told = tells_rows(plan.method)
        climbs = search(problem, objective, plan, budget)
        score: Score | None = None
        while True:
            try:
                progress = next(climbs)
            except StopIteration as end:
                attempts: list[Attempt] = end.value
                break
            if is_told:
                score = _score(held, progress.attempt.point, budget) or score
            yield _step(problem, used, plan, progress, score, now_s() - start_s)
        score = _score(held, attempts[0].point, budget) or score
        if isinstance(objective, Pseudo):
            attempts[0], scatter = _scattered(objective, used, attempts[0], budget)
        log_likelihood = _told(plain, plan.method, attempts[0].point, budget)
    except TimeoutError:
        raise GmError([errors.out_of_time(what.span)]) from None
    found = _Found(problem, used, plan, attempts, log_likelihood, scatter, score)
    posterior = _posterior(objective, attempts[0])
    notes = list(notes_on(problem, plan, attempts[0], posterior, skipped))
    if len(kept.weights) and held is None:
        notes.append("no held-out score: log Z is out of reach")
    seconds = now_s() - start_s
    return _learned(found, posterior, notes, make, values, how.seed, seconds)


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
    is_em = not problem.normaliser and not problem.targets.size
    plain = "em" if is_em else "gradient"
    method = plain if what.method in ("", "em") else what.method
    default = _ATTEMPTS_LATENT if problem.is_rough().any() else 1
    wants_errors = how.wants_errors and num_free(problem.layout) <= FREE_MAX
    wants_errors = wants_errors and method != "variational" and sweeps_of(method) is None
    attempts = 1 if sweeps_of(method) is not None else what.restarts or default
    return Plan(method, attempts, how.seed, wants_errors)


def _held(problem: Problem, kept: Rows, method: str, budget: Budget, seed: int) -> Objective | None:
    """Compile what rows kept apart are scored by; None without any, or out of reach."""
    if not len(kept.weights):
        return None
    try:
        return objective_of(problem, kept, budget, seed)
    except GmError:
        if tells_rows(method):
            raise
        return None


def _step(
    problem: Problem,
    used: Rows,
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
        point.log_likelihood / max(used.total, 1e-300),
        progress.attempt.gain_left,
        None if score is None else score.mean,
        seconds,
        plan.method,
        _by_name(problem.layout, point.numbers),
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


# --- What was found ----------------------------------------------------------------------


def _by_name(layout: Layout, numbers: np.ndarray) -> dict[str, np.ndarray]:
    found = layout.values(numbers)
    return {array.shown: np.array(found[array.name]) for array in layout.arrays}


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Where a search ended.

    Attributes:
        used: the rows that it learned from.
        attempts: the best first.
        log_likelihood: of these rows; NaN where it is not known.
        scatter: how the gradient varies with the rows, where that is not how F bends.
        score: of rows kept apart.
    """

    problem: Problem
    used: Rows
    plan: Plan
    attempts: list[Attempt]
    log_likelihood: float
    scatter: np.ndarray | None
    score: Score | None


def _learned(
    found: _Found,
    posterior: Posterior | None,
    notes: list[str],
    make: Callable[[Mapping[str, object]], M],
    values: Mapping[str, object],
    seed: int,
    seconds: float,
) -> Learned[M]:
    problem, used, plan, best = found.problem, found.used, found.plan, found.attempts[0]
    layout = problem.layout
    point = best.point
    nothing = np.full(layout.size, np.nan)
    sure = Uncertainty(nothing, nothing)
    if posterior is not None:
        sure = Uncertainty(posterior.errors(), nothing)
    elif best.bent is not None:
        sure = uncertainty(layout, point.numbers, best.bent, found.scatter, best.noise)
    is_direct = problem.tables.direct_only()
    counts = np.where(is_direct, point.seen.sum(axis=0), np.nan)
    own = layout.values(point.numbers)
    bound = {name: np.array(value) for name, value in own.items()}
    for value in bound.values():
        value.setflags(write=False)
    num_cells = used.num_cells
    return Learned(
        text=problem.learn.text,
        values=_by_name(layout, point.numbers),
        bindings=bound,
        errors=_by_name(layout, sure.errors),
        counts=_by_name(layout, counts),
        log_likelihood=found.log_likelihood,
        log_prior=problem.priors.log_density(point.numbers),
        posterior=posterior,
        held_out=found.score,
        objective=point.value,
        status=_status(plan, best),
        noise=None if best.noise is None else float(best.noise.max(initial=0.0)),
        gain_left=best.gain_left,
        method=plan.method,
        rounds=best.rounds,
        restarts=Restarts(tuple(one.point.value for one in found.attempts)),
        notes=tuple(notes),
        num_rows=len(used.weights),
        total_weight=used.total,
        empty=used.num_empty / num_cells if num_cells else 0.0,
        seconds=seconds,
        seed=seed,
        model=make({**values, **bound}),
        layout=layout,
        link_errors=sure.link_errors,
    )


def _posterior(aim: Aim, best: Attempt) -> Posterior | None:
    cases = best.point.cases
    if cases is None or not isinstance(aim, Bound):
        return None
    is_exact = best.is_converged and aim.is_evidence
    return Posterior(cases, totals(aim.layout, cases), best.point.value, is_exact)


def _scattered(
    aim: Pseudo, used: Rows, best: Attempt, budget: Budget
) -> tuple[Attempt, np.ndarray | None]:
    """Return how the gradient varies with the rows; without, the attempt has no curvature."""
    if best.bent is None:
        return best, None
    try:
        if len(used.weights) >= ROWS_A_NUMBER * len(best.bent.values):
            return best, aim.scatter(best.point.numbers, budget)
    except TimeoutError:
        pass
    return replace(best, bent=None), None


def _told(plain: Objective | None, method: str, point: Point, budget: Budget) -> float:
    """Return the log-likelihood of the cases at the numbers found; NaN where there is no time."""
    if not tells_rows(method):
        return float("nan")
    if point.cases is None or plain is None:
        return point.log_likelihood
    try:
        return plain.at(point.numbers, budget).log_likelihood
    except TimeoutError:
        return float("nan")


def _status(plan: Plan, best: Attempt) -> str:
    if not best.is_converged:
        return "stopped"
    return "estimate" if sweeps_of(plan.method) is not None else "converged"


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
