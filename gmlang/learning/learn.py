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
from gmlang.learning.methods.curvature import FREE_MAX
from gmlang.learning.methods.pseudo import Pseudo
from gmlang.learning.methods.search import Attempt, Plan, Progress, search
from gmlang.learning.methods.variational import Bound
from gmlang.learning.naming import Nameless, in_order, is_of_mechanisms, nameless_states
from gmlang.learning.objective import Aim, Objective, Point
from gmlang.learning.online import add
from gmlang.learning.problem import Problem, pose
from gmlang.learning.results.by_name import by_name
from gmlang.learning.results.making import Ended, made_of
from gmlang.learning.results.notes import ROWS_A_NUMBER
from gmlang.learning.results.result import Learned, Score
from gmlang.learning.rows import Rows
from gmlang.learning.telling.possible import inside
from gmlang.learning.telling.reals import refuse_reals
from gmlang.learning.telling.unheard import at_rest
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
        refuse_reals(problem.grounding.world, what.span)
        method, resting = _method(problem), inside(problem)
        problem = fitted(problem, method)
        problem, skipped, whole = checked_rows(
            problem, method, budget, how.seed, skip=how.skip_impossible
        )
        used, kept = _apart(problem.rows, how, rng)
        plain = whole
        if whole is not None and (used is not problem.rows or skipped):
            plain = compiler_of(method)(problem, used, budget, how.seed)
        aim = aim_of(problem, used, plain, method, budget, how.seed, rng.spawn(1)[0])
        problem = at_rest(problem, aim, resting, rng, budget)
        held = _held(problem, kept, method, budget, how.seed)
        plan = _plan(problem, method, how)
        climbs = search(problem, aim, plan, budget)
        score: Score | None = None
        while True:
            try:
                progress = next(climbs)
            except StopIteration as end:
                attempts: list[Attempt] = end.value
                break
            if tells_rows(method):
                score = _score(held, progress.attempt.point, budget) or score
            yield _step(problem, used, plan, progress, score, now_s() - start_s)
        score = _score(held, attempts[0].point, budget) or score
        nameless, attempts, apart = _named(problem, aim, attempts, rng, budget)
        scatter: np.ndarray | None = None
        if isinstance(aim, Pseudo):
            attempts[0], scatter = _scattered(aim, used, attempts[0], budget)
        log_likelihood = _told(plain, method, attempts[0].point, budget)
    except TimeoutError:
        raise GmError([errors.out_of_time(what.span)]) from None
    ended = Ended(
        *(problem, aim, used, how.weight, plan, attempts, log_likelihood, scatter, score),
        *(nameless, apart, skipped, bool(len(kept.weights) and held is None)),
    )
    return made_of(ended, make, values, add, now_s() - start_s)


# --- Rows --------------------------------------------------------------------------------


def _apart(rows: Rows, how: How, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return the rows to learn from, and those kept apart: the last of a permutation."""
    count = len(rows.weights)
    number = min(round(how.hold_out * count), count - 1)
    order = rng.permutation(count)
    used, kept = np.sort(order[: count - number]), np.sort(order[count - number :])
    return (rows, rows.chosen(kept)) if not number else (rows.chosen(used), rows.chosen(kept))


def _method(problem: Problem) -> str:
    """Return how to climb, by the word that `using` takes."""
    method = problem.learn.method
    if method not in ("", "em"):
        return method
    return "gradient" if problem.normaliser or problem.targets.size else "em"


def _plan(problem: Problem, method: str, how: How) -> Plan:
    default = _ATTEMPTS_LATENT if problem.is_rough().any() else 1
    wants_errors = problem.layout.num_free <= FREE_MAX
    if sweeps_of(method) is not None:
        return Plan(method, 1, how.seed, wants_errors=False)
    wants_errors = wants_errors and method != "variational"
    return Plan(method, problem.learn.restarts or default, how.seed, wants_errors)


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


# --- After the climbs --------------------------------------------------------------------


def _named(
    problem: Problem,
    aim: Aim,
    attempts: list[Attempt],
    rng: np.random.Generator,
    budget: Budget,
) -> tuple[tuple[Nameless, ...], list[Attempt], float]:
    """Put the states that nobody names in order, and return which are, where there is time."""
    if not isinstance(aim, Objective | Bound):
        return (), attempts, 0.0
    try:
        nameless = nameless_states(problem, rng, budget)
        attempts, apart = in_order(problem, aim, nameless, attempts, budget)
    except TimeoutError:
        return (), attempts, float("nan")
    return nameless if is_of_mechanisms(aim) else (), attempts, apart


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
        refuse_reals(problem.grounding.world, span)
        objective = objective_of(problem, problem.rows, budget, seed)
        return objective.at(np.zeros(0), budget).log_rows
    except TimeoutError:
        raise GmError([errors.out_of_time(span)]) from None
