"""The search of each component: bounds and candidates in turn, until the time is over."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from gmruntime.answer import Improvement, Map
from gmruntime.driver.fronts import ceiling_of
from gmruntime.driver.maximise import improvements
from gmruntime.elimination.bounding import bound_log_partition
from gmruntime.elimination.passes.loading import LOADING_S, is_loaded
from gmruntime.elimination.weighted_mini_buckets import ENTRIES_PER_SECOND
from gmruntime.graph import FactorGraph, no_evidence
from gmruntime.marginal_map.components import NUM_APART_MAX, Standing, Worth, joined
from gmruntime.marginal_map.moving import moves
from gmruntime.marginal_map.ordering import SumOrder, order_sums
from gmruntime.marginal_map.peeling import peel_bound
from gmruntime.marginal_map.scoring import Scorer, scorer_of
from gmruntime.marginal_map.surrogate import ENTRIES_MAX, Surrogate, surrogate_of
from gmruntime.quality import is_proved
from gmruntime.task import Effort, Task

_NARROW_SHARE = 0.25
"""Of the time that is left, for summing out exactly."""

_BITS = (8.0, 12.0, 15.0, 18.0, 20.0)
"""Of the largest table of a surrogate, one after another."""

_GROWTH = 6.0
"""The next takes so many times as long."""

_START_SHARE, _RELAX_SHARE, _BOUND_SHARE, _AGAIN_SHARE = 0.35, 0.15, 0.25, 0.7
"""Of the time that is left: for the best assignment of everything, for making surrogates, for
searching the last; and for a search where nothing can be moved, before what it found is scored.
Moves take what is left."""

_ROUNDING = 1e-12
"""Relative, of the score of an assignment."""


def improve(found: list[Standing], effort: Effort) -> Iterator[None]:
    """Search the components; yield whenever something more is known of one.

    Args:
        found: what is known, one for each component; components that are narrow are joined.
        effort: ends it.
    """
    try:
        yield from _improve(found, effort)
    except TimeoutError:
        return


def _improve(found: list[Standing], effort: Effort) -> Iterator[None]:
    budget = effort.budget
    for one in found:
        one.bound(_trivial_bound(one))
    yield
    orders = [
        order_sums(s.component.network, s.component.summed, frozenset(), budget) for s in found
    ]
    yield from _sorted_out(found, orders, effort)


def _sorted_out(found: list[Standing], orders: list[SumOrder], effort: Effort) -> Iterator[None]:
    """Search what can be summed out exactly together, and the others one by one."""
    budget = effort.budget
    room = _NARROW_SHARE * budget.left_s() * ENTRIES_PER_SECOND / len(found)
    is_narrow = [o.is_whole and 2.0**o.total_bits <= min(room, ENTRIES_MAX) for o in orders]
    narrow = [one for one, fits in zip(found, is_narrow, strict=True) if fits]
    wide = [one for one, fits in zip(found, is_narrow, strict=True) if not fits]
    apart = [Standing(joined([one.component for one in narrow]))] if narrow else []
    few, rest = wide[: NUM_APART_MAX - 1], wide[NUM_APART_MAX - 1 :]
    apart += few + ([Standing(joined([one.component for one in rest]))] if rest else [])
    for one in apart:
        one.bound(_trivial_bound(one))
    found[:] = apart
    for number, one in enumerate(apart):
        part = effort.share(1.0 / (len(apart) - number))
        order = order_sums(one.component.network, one.component.summed, frozenset(), budget)
        if number == 0 and narrow:
            yield from _narrow(one, order, part)
        else:
            yield from _wide(one, order, part)


def _trivial_bound(one: Standing) -> float:
    """Return the sum of the largest entries, and of all states that are summed over."""
    network = one.component.network
    most = sum(float(f.table.max()) for f in network.factors)
    size = sum(abs(float(f.table.max())) for f in network.factors)
    ways = float(np.log(network.num_states[list(one.component.summed)]).sum())
    return most + ways + _ROUNDING * (size + ways) if most > -np.inf else most


# --- Exactly summed out ------------------------------------------------------------------


def _narrow(one: Standing, order: SumOrder, effort: Effort) -> Iterator[None]:
    surrogate = surrogate_of(one.component, order, np.inf, effort.budget)
    if surrogate is None:
        one.bound(-np.inf)
        yield
        return
    yield from _search_surrogate(one, surrogate, None, effort)


def _search_surrogate(
    one: Standing, surrogate: Surrogate, scorer: Scorer | None, effort: Effort
) -> Iterator[None]:
    """Search for the best of a surrogate.

    Args:
        one: learns.
        surrogate: of its component.
        scorer: of candidates; None where the surrogate is exact.
        effort: ends it.
    """
    shift = surrogate.log_constant
    for step in _search(surrogate.graph, effort):
        one.bound(step.log_bound + shift, surrogate.log_margin)
        if step.is_found and scorer is None:
            spare = surrogate.log_margin
            worth = Worth(step.log_score + shift - spare, spare)
            one.offer(surrogate.states(step.assignment), worth, step.engine)
            one.is_proved |= is_proved(step.log_score, step.log_bound)
        elif step.is_found and scorer is not None and step.log_score + shift > one.log_lower:
            states = surrogate.states(step.assignment)
            one.offer(states, scorer.worth(states, effort), step.engine)
        yield


def _search(graph: FactorGraph, effort: Effort) -> Iterator[Improvement]:
    """Yield what a search for the maximum finds; of no variables there is one assignment."""
    if graph.num_variables:
        yield from improvements(Task(graph, Map(), no_evidence(graph)), effort)
        return
    yield Improvement(effort.budget.spent_s(), np.zeros(0, np.int32), 0.0, 0.0, "elimination")


# --- Summed out by mini-buckets ----------------------------------------------------------


def _wide(one: Standing, order: SumOrder, effort: Effort) -> Iterator[None]:
    budget = effort.budget
    with suppress(TimeoutError):
        network, summed = one.component.network, one.component.summed
        part = budget.share(_RELAX_SHARE)
        one.bound(*peel_bound(network.factors, summed, network.num_states, part))
    yield
    scorer = scorer_of(one.component, effort)
    if not one.component.asked:
        yield from _sum_alone(one, scorer, effort)
        return
    phases = (
        _first(one, scorer, effort),
        _bound(one, scorer, order, effort),
        moves(one, scorer, effort),
        _again(one, scorer, effort),
    )
    for phase in phases:
        for _ in phase:
            yield
            if one.is_proved or one.log_upper == -np.inf or budget.is_spent():
                return


def _sum_alone(one: Standing, scorer: Scorer, effort: Effort) -> Iterator[None]:
    """Add up, or bound, a component of which nothing is asked."""
    nothing = np.zeros(0, np.int64)
    worth = scorer.worth(nothing, effort)
    one.offer(nothing, worth, "elimination")
    if worth.is_exact:
        one.bound(worth.log_lower + 2.0 * worth.spare, worth.spare)
        yield
        return
    network, nan = one.component.network, float("nan")
    found = bound_log_partition(network, None, -np.inf, nan, effort.budget, effort.rng)
    if found is not None:
        one.offer(nothing, Worth(found.log_lower), found.quality.method)
        one.bound(found.log_upper)
    yield


def _first(one: Standing, scorer: Scorer, effort: Effort) -> Iterator[None]:
    """Search for a candidate; the first loops of a process take time to load."""
    loading_s = 0.0 if is_loaded() else LOADING_S
    budget = effort.budget
    part = budget.until(_START_SHARE * budget.left_s() + loading_s)
    yield from _start(one, scorer, effort.within(part), effort)


def _again(one: Standing, scorer: Scorer, effort: Effort) -> Iterator[None]:
    """Search on, where no candidate was found, or none can be moved."""
    yield from _start(one, scorer, effort.share(_AGAIN_SHARE), effort)


def _start(one: Standing, scorer: Scorer, part: Effort, effort: Effort) -> Iterator[None]:
    """Search for the best assignment of everything: what is asked of it is a candidate.

    Its score is a part of what its states sum to, and no sum has more parts than there are.

    Args:
        one: learns.
        scorer: of candidates; without a program only of the last.
        part: of the effort, for the search.
        effort: for scoring as well.
    """
    summed = list(one.component.summed)
    ways = float(np.log(one.component.network.num_states[summed]).sum())
    free = np.array(one.component.network.free)[scorer.places]
    places = np.searchsorted(one.component.asked, free)
    is_asked = np.isin(free, one.component.asked)
    last = np.zeros(0, np.int64)
    for step in _search(scorer.graph, part):
        spare = _ROUNDING * (1.0 + abs(step.log_bound))
        one.bound(step.log_bound + ways + spare, spare)
        if step.is_found:
            last = np.zeros(len(one.component.asked), np.int64)
            last[places[is_asked]] = step.assignment[is_asked]
            spare = _ROUNDING * (1.0 + abs(step.log_score))
            one.offer(last, Worth(step.log_score - spare, spare), step.engine)
            if scorer.program is not None:
                one.offer(last, scorer.worth(last, effort), step.engine)
        yield
    if len(last) and scorer.program is None:
        one.offer(last, scorer.worth(last, effort), one.found_by)
        yield


def _bound(one: Standing, scorer: Scorer, order: SumOrder, effort: Effort) -> Iterator[None]:
    """Search the surrogate of the largest tables that there is time for."""
    surrogate = _largest(one, order, effort.share(_RELAX_SHARE))
    if surrogate is None:
        yield
        return
    yield from _search_surrogate(one, surrogate, scorer, effort.share(_BOUND_SHARE))


def _largest(one: Standing, order: SumOrder, effort: Effort) -> Surrogate | None:
    """Make surrogates of ever larger tables; return the last."""
    budget, made = effort.budget, None
    for bits in _BITS:
        begun_s = budget.spent_s()
        try:
            found = surrogate_of(one.component, order, bits, budget)
        except TimeoutError:
            break
        if found is None:
            one.bound(-np.inf)
            return None
        if made is not None and found.num_entries > ENTRIES_MAX:
            break
        made = found
        ceiling = ceiling_of(made.graph) + made.log_constant
        one.bound(ceiling, made.log_margin)
        taken_s = budget.spent_s() - begun_s
        if not made.num_splits or _GROWTH * taken_s > budget.left_s():
            break
    return made
