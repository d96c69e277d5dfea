"""Answers marginal MAP by its search: ever better states, and an ever tighter bound."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from gmruntime.answer import Map, MarginalMap, MarginalMapAnswer, Quality, Status
from gmruntime.driver.maximise import improvements
from gmruntime.graph import FactorGraph, num_states, shape_of, table_indices
from gmruntime.marginal_map.components import Standing, components_of
from gmruntime.marginal_map.peeling import peel_bound_of
from gmruntime.marginal_map.searching import improve
from gmruntime.quality import is_proved
from gmruntime.questions.marginal_map import no_states
from gmruntime.simplify.network import Network
from gmruntime.simplify.simplified import simplified
from gmruntime.simplify.states import label_states
from gmruntime.task import Effort, Task

METHOD = "marginal MAP search"

_PEEL_SHARE = 0.1
"""Of the time, for a bound without any tables."""

_NOTHING = np.zeros(0, np.int32)

_ROUNDING = 1e-12
"""Relative, of sums of entries."""


def improving(
    task: Task[MarginalMap], network: Network | None, effort: Effort
) -> Iterator[MarginalMapAnswer]:
    """Yield an answer whenever it is better than the last; one at least.

    Args:
        task: a question about a graph that is checked.
        network: what it depends on, as tables; None where nobody has worked that out.
        effort: ends it.
    """
    with suppress(TimeoutError):
        network = simplified(task, effort) if network is None else network
    if network is None:
        yield from _by_assignments(task, effort)
        return
    if network.log_constant == -np.inf:
        yield _impossible(effort)
        return
    asked = frozenset(int(v) for v in task.query.variables)
    components, log_constant = components_of(network, asked)
    found = [Standing(one) for one in components]
    known = _bounded_at_once(task, effort)
    last: MarginalMapAnswer | None = None
    for _ in improve(found, effort) if found else ():
        now = _answer(task, network, found, log_constant, effort)
        now = _under(now, known, found)
        if last is None or _is_news(now, last):
            last = now
            yield now
        if now.quality.status in (Status.EXACT, Status.IMPOSSIBLE):
            return
    if last is None:
        yield _under(_answer(task, network, found, log_constant, effort), known, found)


def _bounded_at_once(task: Task[MarginalMap], effort: Effort) -> tuple[float, float]:
    """Return a bound on the whole that takes no time to speak of, and its part that is rounding."""
    found = None
    with suppress(TimeoutError):
        found = peel_bound_of(task, effort.budget.share(_PEEL_SHARE))
    return (np.inf, 0.0) if found is None else found


def _under(
    answer: MarginalMapAnswer, known: tuple[float, float], found: Sequence[Standing]
) -> MarginalMapAnswer:
    """Return an answer under a bound on the whole, where that is less."""
    log_upper, spare = known
    is_open = answer.quality.status in (Status.BOUNDED, Status.ESTIMATE)
    if not is_open or log_upper >= answer.log_upper:
        return answer
    if not len(answer.states):
        return replace(answer, log_upper=log_upper)
    spare += sum(one.spare[0] for one in found)
    is_met = is_proved(0.0, log_upper - answer.log_lower - spare)
    return answer.under(answer.log_lower if is_met else log_upper)


def _is_news(now: MarginalMapAnswer, last: MarginalMapAnswer) -> bool:
    better = now.log_lower > last.log_lower or now.log_upper < last.log_upper
    return better or now.quality.status is not last.quality.status


def _impossible(effort: Effort) -> MarginalMapAnswer:
    return no_states(Quality(Status.IMPOSSIBLE, METHOD, effort.budget.spent_s()))


def _answer(
    task: Task[MarginalMap],
    network: Network,
    found: Sequence[Standing],
    log_constant: float,
    effort: Effort,
) -> MarginalMapAnswer:
    """Put the components together."""
    upper = log_constant + sum(one.log_upper for one in found)
    if upper == -np.inf:
        return _impossible(effort)
    lower = log_constant + sum(one.log_lower for one in found)
    if lower == -np.inf:
        return _nothing_found(upper, effort)
    assignment = np.zeros(max(len(network.num_states), len(task.evidence)), np.int64)
    assignment[: len(task.evidence)] = np.maximum(task.evidence, 0)
    # A variable that lost all states but one has that; others that are left alone their first.
    assignment[list(network.free)] = 0
    for one in found:
        assignment[list(one.component.asked)] = one.states
    label_states(network, assignment)
    states = assignment[task.query.variables].astype(np.int32)
    found_by = next((one.found_by for one in reversed(found) if one.found_by), "elimination")
    proved = all(one.is_proved for one in found)
    return _graded(states, lower, lower if proved else upper, found_by, effort)


def _graded(
    states: np.ndarray, log_lower: float, log_upper: float, found_by: str, effort: Effort
) -> MarginalMapAnswer:
    """Say how good states are under a bound."""
    method, seconds = f"{METHOD} ({found_by})", effort.budget.spent_s()
    quality = Quality(Status.BOUNDED, method, seconds)
    return MarginalMapAnswer(quality, states, log_lower, log_lower).under(log_upper)


def _nothing_found(log_upper: float, effort: Effort) -> MarginalMapAnswer:
    note = "no states were found that the hard constraints are known to allow"
    unknown = float("nan")
    quality = Quality(Status.ESTIMATE, METHOD, effort.budget.spent_s(), unknown, "", note)
    return MarginalMapAnswer(quality, _NOTHING, -np.inf, -np.inf, log_upper)


def _by_assignments(task: Task[MarginalMap], effort: Effort) -> Iterator[MarginalMapAnswer]:
    """Bound by the best assignment of everything, where factors have no tables to sum."""
    asked, is_free = task.query.variables, task.evidence < 0
    is_free[asked] = False
    ways = float(np.log(num_states(task.graph)[is_free].astype(np.float64)).sum())
    most = _log_most(task.graph)
    last = _nothing_found(most + ways, effort)
    for step in improvements(task.asking(Map()), effort):
        if step.log_bound == -np.inf:
            yield _impossible(effort)
            return
        upper = min(step.log_bound, most) + ways
        if step.is_found and step.log_score > -np.inf:
            states = step.assignment[asked].astype(np.int32)
            last = _graded(states, step.log_score, upper, step.engine, effort)
        else:
            last = _nothing_found(upper, effort)
        yield last
    if last.log_lower == -np.inf:
        yield last


def _log_most(graph: FactorGraph) -> float:
    """Return the sum of the largest entries of all factors, rounded up."""
    states = num_states(graph)
    total, size = 0.0, 0.0
    for block in graph.factors:
        high = block.kind.largest_entries(shape_of(block, states))[table_indices(block)]
        total += float(high.sum())
        size += float(np.abs(high, where=high > -np.inf, out=np.zeros_like(high)).sum())
    return total + _ROUNDING * size
