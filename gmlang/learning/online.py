"""More cases, added to what was learned in one pass: counts are added up, numbers follow.

Each batch of rows is counted by the numbers that those before it have led to. For complete cases
that is the maximum; else it depends on their order, and stays a little behind.

Source: Neal and Hinton (1998), incremental EM, without a way back to earlier rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from gmlang.data.names import shown
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors.learning import cases as case_errors
from gmlang.errors.learning import course as errors
from gmlang.learning.compiled import objective_of
from gmlang.learning.methods.em import maximised
from gmlang.learning.numbers.priors import ONE_CASE
from gmlang.learning.numbers.starts import moved_inside
from gmlang.learning.objective import Point
from gmlang.learning.problem import Problem, pose
from gmlang.learning.results.adding import Counted, Pace
from gmlang.learning.results.by_name import by_name
from gmlang.learning.results.notes import prior_notes, skipped_note, thin_notes
from gmlang.learning.results.result import Learned, Restarts
from gmlang.learning.rows import Rows
from gmlang.learning.telling.possible import possible
from gmlang.queries.settings import checked_settings
from gmruntime.budget import Budget, begin_budget, now_s

M = TypeVar("M")


@dataclass(slots=True, eq=False)
class _Sum:
    """What has been added up.

    Attributes:
        numbers: that were learned from it.
        counts: how often each entry was used, by block of all tables.
        log_likelihood: of the rows added, each as it was told before it was counted.
        num_rows: added, and `weight` theirs together.
    """

    counts: dict[int, np.ndarray]
    numbers: np.ndarray = field(default_factory=lambda: np.zeros(0))
    log_likelihood: float = 0.0
    num_rows: int = 0
    weight: float = 0.0
    num_batches: int = 0


def add(learned: Learned[M], pace: Pace, data: Mapping[str, object]) -> Learned[M]:
    """Add rows to what was learned.

    Raises:
        GmError: when a setting or the rows have mistakes, counts alone do not say what is best, or
            the time was over before any row was added.
    """
    start_s = now_s()
    _check(pace)
    settings = checked_settings(pace.budget_s, learned.seed, memory_bytes=pace.memory_bytes)
    budget = begin_budget(settings.budget_s, settings.memory_bytes)
    model: Any = learned.model
    program, counted = model.checked.program, learned.counted
    if counted is None:
        raise GmError([errors.not_by_counts(program.span)])
    what = counted.learn
    table = next(table for table in program.rows if table.name == what.source)
    if not any(name in data for name in table.outside):
        raise GmError([case_errors.rows_missing(what.span, shown(table))])
    new = model.bind(**data)
    total = _Sum({block: own.copy() for block, own in counted.counts.items()})
    problem: Problem | None = None
    notes: list[str] = []
    try:
        # Tables are taken apart as they were, whatever the rows: by the same draws.
        rng = np.random.default_rng(learned.seed)
        problem = pose(
            program, {**new.values, **learned.bindings}, what, counted.weight, rng, budget
        )
        problem = replace(problem, programs=counted.programs)
        total.numbers = problem.layout.vector(dict(learned.bindings))
        problem, skipped, _ = possible(
            problem, budget, learned.seed, objective_of, skip=pace.skip_impossible
        )
        notes += [skipped_note(skipped)] if skipped else []
        notes += prior_notes(problem.priors, ONE_CASE)
        for first in range(0, len(problem.rows.weights), int(pace.batch)):
            rows = np.arange(first, min(first + int(pace.batch), len(problem.rows.weights)))
            _count(problem, rows, total, pace.half_life, learned.seed, budget)
    except TimeoutError:
        if problem is None or not total.num_rows:
            raise GmError([errors.out_of_time(what.span)]) from None
        notes.append(
            f"the time was over after {total.num_rows} of {len(problem.rows.weights)} rows"
        )
    seconds = learned.seconds + now_s() - start_s
    return _with_more(learned, counted, problem, total, pace, notes, new, seconds)


def _check(pace: Pace) -> None:
    wrong: list[Diagnostic] = []
    if not isinstance(pace.batch, Integral) or not pace.batch >= 1:
        wrong.append(errors.bad_batch(pace.batch))
    half_life = pace.half_life
    if half_life is not None and not (isinstance(half_life, Real) and half_life > 0):
        wrong.append(errors.bad_half_life(half_life))
    if wrong:
        raise GmError(wrong)


def _count(
    problem: Problem,
    chosen: np.ndarray,
    total: _Sum,
    half_life: float | None,
    seed: int,
    budget: Budget,
) -> None:
    """Count some rows by the numbers so far, and find the numbers that are best then.

    Raises:
        GmError: for a row that cannot be by these numbers.
        TimeoutError: when the budget ended before that was done; nothing has changed then.
    """
    rows = problem.rows.chosen(chosen)
    objective = objective_of(problem, rows, budget, seed)
    point = objective.at(total.numbers, budget)
    if _cannot_be(point, rows).any():
        # What has never been seen is at 0 without a prior, and may come all the same.
        point = objective.at(moved_inside(problem.layout, total.numbers), budget)
    bad = _cannot_be(point, rows)
    if bad.any():
        number, cases = int(rows.numbers[bad.argmax()]), problem.cases
        assert cases is not None
        where, row = cases.place(number, 0), cases.row_text(number)
        raise GmError([case_errors.impossible_rows(where, cases.name, row, int(bad.sum()))])
    every = problem.telling.every
    kept = 1.0 if half_life is None else 0.5 ** (rows.total / half_life)
    counts = problem.telling.counts_of_all(point.counts)
    counts = {block: kept * own + counts[block] for block, own in total.counts.items()}
    summed = replace(point, counts=counts, uses=every.uses(counts))
    whole = replace(objective, tables=every)
    total.numbers = maximised(whole, summed, every.direct_only(), budget)
    total.counts = counts
    total.log_likelihood += point.log_likelihood
    total.num_rows += len(chosen)
    total.weight += rows.total
    total.num_batches += 1


def _cannot_be(point: Point, rows: Rows) -> np.ndarray:
    return np.isneginf(point.log_rows) & (rows.weights > 0)


def _with_more(
    learned: Learned[M],
    counted: Counted,
    problem: Problem,
    total: _Sum,
    pace: Pace,
    notes: list[str],
    new: Any,  # noqa: ANN401 - a model
    seconds: float,
) -> Learned[M]:
    layout, every = problem.layout, problem.telling.every
    nothing = np.full(layout.size, np.nan)
    is_direct = every.direct_only()
    is_complete = counted.is_complete and problem.is_complete(problem.rows)
    is_best = bool(
        is_complete and is_direct.all() and learned.status == "converged" and not pace.half_life
    )
    bindings = {name: np.array(value) for name, value in layout.values(total.numbers).items()}
    for value in bindings.values():
        value.setflags(write=False)
    if not is_best:
        notes.append("rows were added in one pass, so that their order matters")
    notes.append("rows added count as they were told before they were learned from")
    notes.append("no standard errors: rows that were added are not kept")
    log_prior = problem.priors.log_density(total.numbers)
    log_likelihood = learned.log_likelihood + total.log_likelihood
    num_rows = learned.num_rows + total.num_rows
    empty = learned.empty * learned.num_rows + problem.rows.empty * total.num_rows
    uses = every.uses(total.counts).sum(axis=0)
    notes += thin_notes(layout, np.ones(layout.size, np.bool_), is_direct, uses)
    return replace(
        learned,
        values=by_name(layout, total.numbers),
        bindings=bindings,
        errors=by_name(layout, nothing),
        counts=by_name(layout, np.where(is_direct, uses, np.nan)),
        objective=log_likelihood + log_prior,
        log_likelihood=log_likelihood,
        log_prior=log_prior,
        held_out=None,
        status="converged" if is_best else "stopped",
        gain_left=0.0 if is_best else np.inf,
        method="em",
        rounds=learned.rounds + total.num_batches,
        restarts=Restarts((log_likelihood + log_prior,)),
        notes=tuple(notes),
        num_rows=num_rows,
        total_weight=learned.total_weight + total.weight,
        empty=empty / max(1, num_rows),
        seconds=seconds,
        model=replace(new, values={**new.values, **bindings}, cache={}),
        layout=layout,
        link_errors=nothing,
        counted=replace(counted, counts=total.counts, is_complete=is_complete),
    )
