"""Sets marginals by messages beside weighted samples, which know their own error.

Where both agree the messages stand, and how far they differ is part of the stated error. Where
they do not, loops have misled the messages, and the samples are the answer.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import JointAnswer, MarginalsAnswer, Quality, Query, Status
from gmruntime.arrays import Float64, Int64, row_starts
from gmruntime.budget import Budget
from gmruntime.estimates.ceilings import log_ceiling
from gmruntime.estimates.mechanisms import order_mechanisms
from gmruntime.estimates.tally import Tally
from gmruntime.estimates.weighting import Plan, draw_rows, num_rows, plan_weighting
from gmruntime.graph import FactorGraph, by_block, num_states
from gmruntime.task import Effort, Task

METHOD = "likelihood weighting"

ERROR_ENOUGH = 5e-4
"""No more is drawn once no standard error is above this."""

EFFECTIVE_MIN = 200.0
"""With fewer effective samples their own error is not to be believed."""

UNSEEN_MAX = 0.02
"""Nor when what was never drawn may have twice this share of all."""

_ERRORS_APART = 3.0
"""Messages are given up where they differ from the samples by more standard errors than this."""

_NUM_TRIED = 4096
"""So many draws show whether there will be enough effective ones."""

NUM_DRAWS_MAX = 1 << 22
"""However long the budget, so many draws are enough: their error halves with four times as many."""

NUM_ROUNDS_MAX = 1 << 12
"""Nor are there more rounds of draws, however few of them fit into memory together."""

_S_PER_WEIGHED = 1e-8
"""What a position of a factor that weighs takes in each draw, at best."""

_NUM_FIRST = 256
# Nor where as many draws as there is time for would give less than a quarter of what is needed.
_HOPE = 4.0
_PROMISE_MIN = 1e-3


def weigh(
    task: Task[Query],
    asked: Int64[np.ndarray, " asked"],
    effort: Effort,
    *,
    is_joint: bool = False,
) -> Tally | None:
    """Draw until the error is small or there is no more to spend; None when that says too little.

    Args:
        task: of use where many of the graph's factors are mechanisms.
        asked: whose probabilities are wanted.
        effort: of time, memory and draws.
        is_joint: whether the asked are wanted together, the first one's state the most weighty.
    """
    graph, evidence, budget = task.graph, task.evidence, effort.budget

    def is_over() -> bool:
        return budget.left_s() <= 0.0

    if is_over():
        return None
    num_weighed_max = budget.left_s() / (EFFECTIVE_MIN * _S_PER_WEIGHED)
    owned = order_mechanisms(graph, evidence, is_over, num_weighed_max)
    if owned is None or is_over():
        return None
    try:
        plan = plan_weighting(graph, evidence, owned, asked, is_over)
    except TimeoutError:
        return None
    sizes = num_states(graph)[asked].astype(np.int64)
    widths = np.array([math.prod(sizes.tolist())]) if is_joint else sizes
    starts = row_starts(widths)
    tally = Tally(starts, np.zeros(int(starts[-1])), np.zeros(int(starts[-1])))
    tally.log_ceiling = log_ceiling(plan)
    count_max = num_rows(plan, budget.memory_bytes)
    strides = np.append(np.cumprod(sizes[:0:-1])[::-1], 1) if is_joint else None
    _draw_until(plan, tally, asked, strides, count_max, budget, effort.rng)
    is_steady = tally.effective() >= EFFECTIVE_MIN and tally.unseen() <= UNSEEN_MAX
    return tally if is_steady else None


def _draw_until(
    plan: Plan,
    tally: Tally,
    asked: np.ndarray,
    strides: np.ndarray | None,
    count_max: int,
    budget: Budget,
    rng: np.random.Generator,
) -> None:
    def is_over() -> bool:
        return budget.left_s() <= 0.0

    begun = budget.spent_s()
    count, last_s = min(_NUM_FIRST, count_max), 0.0
    for _ in range(NUM_ROUNDS_MAX):
        if budget.left_s() <= last_s:
            return
        start = budget.spent_s()
        try:
            states, log_weights = draw_rows(plan, count, rng, is_over)
        except TimeoutError:
            return
        chosen = states[asked].astype(np.int64)
        tally.add(chosen if strides is None else (strides @ chosen)[None], log_weights)
        effective = tally.effective()
        growth = 1.0 + budget.left_s() / max(budget.spent_s() - begun, 1e-9)
        is_hopeless = effective < _PROMISE_MIN * tally.num_draws
        is_hopeless |= _HOPE * growth * effective < EFFECTIVE_MIN
        if tally.num_draws >= _NUM_TRIED and is_hopeless:
            return
        if effective >= EFFECTIVE_MIN and tally.errors().max(initial=0.0) <= ERROR_ENOUGH:
            return
        if tally.num_draws >= NUM_DRAWS_MAX:
            return
        last_s = (budget.spent_s() - start) * (2.0 if count < count_max else 1.0)
        count = min(2 * count, count_max)


# --- Answers -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Checked:
    """What remains of an estimate beside samples.

    Attributes:
        probabilities: of all states asked.
        error: the largest.
        num_replaced: rows whose messages were given up.
    """

    probabilities: Float64[np.ndarray, " states"]
    error: float
    num_replaced: int


def check_marginals(
    graph: FactorGraph,
    asked: Int64[np.ndarray, " asked"],
    found: MarginalsAnswer,
    tally: Tally,
    budget: Budget,
    drawn_by: str = METHOD,
) -> MarginalsAnswer:
    """Return marginals by messages with an error, those of samples where they differ too much."""
    sizes = num_states(graph)
    starts = row_starts(sizes)
    row = np.concatenate([np.zeros(0), *(block.reshape(-1) for block in found.probabilities)])
    mine = np.repeat(starts[asked] - tally.starts[:-1], np.diff(tally.starts))
    mine = mine + np.arange(len(mine))
    checked = _check(row[mine], tally)
    row[mine] = checked.probabilities
    quality = _quality(found.quality, checked, tally, budget, drawn_by)
    return replace(found, quality=quality, probabilities=by_block(graph, row))


def check_joint(
    found: JointAnswer, tally: Tally, budget: Budget, drawn_by: str = METHOD
) -> JointAnswer:
    """Return a joint distribution likewise."""
    checked = _check(found.probabilities.reshape(-1), tally)
    quality = _quality(found.quality, checked, tally, budget, drawn_by)
    return JointAnswer(quality, checked.probabilities.reshape(found.probabilities.shape))


def _check(told: Float64[np.ndarray, " states"], tally: Tally) -> _Checked:
    """Keep each row of an estimate, or replace it by what was drawn."""
    errors = tally.errors()
    # One draw's weight is spread as the messages would: no state is lost that was never drawn.
    one = tally.total / tally.effective()
    drawn = (tally.sums + one * told) / (tally.total + one)
    apart = np.abs(told - drawn)
    firsts, widths = tally.starts[:-1], np.diff(tally.starts)
    given_up = np.maximum.reduceat(apart / errors, firsts) > _ERRORS_APART
    replaced = np.repeat(given_up, widths)
    probabilities = np.where(replaced, drawn, told)
    stated = np.where(replaced, errors, np.hypot(apart, errors))
    return _Checked(probabilities, float(stated.max()), int(given_up.sum()))


def _quality(
    found: Quality, checked: _Checked, tally: Tally, budget: Budget, drawn_by: str
) -> Quality:
    """Say where the numbers are from and how far off they may be."""
    samples = f"{tally.num_draws} weighted samples, worth {tally.effective():.0f}"
    if checked.num_replaced == len(tally.starts) - 1:
        method, kind, note = drawn_by, "standard error", samples
    elif checked.num_replaced:
        method, kind = f"{found.method} and {drawn_by}", "error"
        note = f"{samples}, stand where messages differ from them"
    else:
        method, kind, note = found.method, "error", f"checked by {samples}"
    error = checked.error
    return Quality(Status.ESTIMATE, method, budget.spent_s(), error, kind, note)
