"""Answers a question with most activations asleep, and says what they may change.

Of sums, ceilings choose who is awake first; the beliefs of what is awake then probe all sleepers,
wake those that still may matter, and let those retire that turn out not to. Of maxima, whoever has
no ceiling above 0 sleeps, and the answer is that of everything.
"""

from dataclasses import dataclass, replace
from math import inf, nan

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    AssignmentsAnswer,
    Best,
    Map,
    MarginalMap,
    Marginals,
    MarginalsAnswer,
    Status,
    at_seconds,
)
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph, num_states, validate
from gmruntime.inference import plan
from gmruntime.waking.awake import Rest, rest_of
from gmruntime.waking.beliefs import Beliefs, with_evidence
from gmruntime.waking.ceilings import Ceilings
from gmruntime.waking.log import Event
from gmruntime.waking.rounds import by_ceilings, certified
from gmruntime.waking.sleeping import Asleep, fall_asleep
from gmruntime.waking.society import (
    Ask,
    Bounded,
    Certified,
    Society,
    Waking,
    all_awake,
    asleep_within,
    begun,
    logged,
)
from gmruntime.waking.widening import Sleepers, widened

FEW = 200
"""So many activations, or fewer, all stay awake where the answer is exact then."""


_LOOSE_LOG_EXCESS = 0.5
"""For an answer that nobody asleep changes, nats: that something is possible is shown as well."""


@dataclass(frozen=True, slots=True, eq=False)
class Woken:
    """An answer with who was awake for it.

    Attributes:
        answer: to the question.
        events: what happened, in order.
        awake: the activations that were computed with; those observed are not among them.
        asleep, decoupled: the others; those decoupled depend on nothing that is not fixed.
        decoupled_log_odds: of these, nats.
        eps: the probability, at most, that somebody asleep is on; of maxima, what they may add.
    """

    answer: AnyAnswer
    events: tuple[Event, ...]
    awake: Int64[np.ndarray, " awake"]
    asleep: Int64[np.ndarray, " asleep"]
    decoupled: Int64[np.ndarray, " decoupled"]
    decoupled_log_odds: Float64[np.ndarray, " decoupled"]
    eps: float


def infer_awake(
    graph: FactorGraph,
    query: Bounded,
    activations: Int64[np.ndarray, " activations"],
    how: Waking,
    *,
    evidence: Assignment,
    budget: Budget,
    ask: Ask,
) -> Woken:
    """Answer a question with some activations awake.

    Args:
        graph: of the whole society.
        query: a question.
        activations: variables with two states, which may sleep.
        how: they are woken.
        evidence: a state for each observed variable, -1 for the others.
        budget: that has begun; all that is asked ends with it.
        ask: answers about what is awake.
    """
    graph = validate(graph)
    query = query.checked(graph)
    society = begun(graph, query, activations, how, evidence, budget, ask)
    if isinstance(query, Map | Best):
        return _of_maxima(society, query)
    if how.spares_few and int(society.open().sum()) <= FEW and _fits(society, query):
        return _answered(society, query, all_awake(society))
    if _asks_decoupled(society, query):
        # What is awake tells only whether anything is possible.
        loose = asleep_within(society, _LOOSE_LOG_EXCESS, society.kept)
        return _answered(society, query, logged(society, Certified(loose, 0.0, loose.odds), None))
    if isinstance(query, MarginalMap):
        # What beliefs say on the whole does not hold in each state that is maximised over.
        return _answered(society, query, by_ceilings(society))
    return _answered(society, query, certified(society))


def _asks_decoupled(society: Society, query: Bounded) -> bool:
    """Say whether only activations are asked about that depend on nothing else, one by one."""
    if not isinstance(query, Marginals) or not society.decoupled.any():
        return False
    apart = society.known.activations[society.decoupled]
    free = society.asked[society.evidence[society.asked] < 0]
    return bool(np.isin(free, apart).all())


def _fits(society: Society, query: Bounded) -> bool:
    """Say whether everything can be answered exactly in the time that is left."""
    base = society.base
    return plan(base.graph, query, evidence=base.fixed, budget=society.budget).fits


# --- Maxima ------------------------------------------------------------------------------


def _of_maxima(society: Society, query: Map | Best) -> Woken:
    """Answer with whoever might raise the score awake; a list, until nobody else can be on it."""
    highest = 0.0
    while True:
        found = _asleep_for_maxima(society, query, highest)
        certified = Certified(found, found.log_excess(), found.odds)
        answered = _answered(society, query, logged(society, certified, None))
        if isinstance(query, Map):
            return answered
        assert isinstance(answered.answer, AssignmentsAnswer)
        gap = _gap(society, query, answered.answer)
        if _is_closed(query, found, gap):
            return answered
        if gap >= highest or society.budget.is_spent():
            return _unproved(answered)
        highest = gap


def _asleep_for_maxima(society: Society, query: Map | Best, highest: float) -> Asleep:
    known, kept = society.known, society.kept
    if isinstance(query, Best):
        with np.errstate(invalid="ignore"):
            kept = kept | (known.ceilings > highest) | (known.family >= 0)
    return fall_asleep(
        society.base.graph,
        society.base.fixed,
        known,
        log_excess=0.0,
        is_max=True,
        kept=kept,
        at_most=society.how.at_most,
        asked=society.asked,
        chosen=society.chosen,
        budget=society.budget,
    )


def _gap(society: Society, query: Best, answer: AssignmentsAnswer) -> float:
    """Return how far the last of a list is below its first; -inf where there is room on it."""
    scores, fixed = answer.log_scores, society.base.fixed
    asked = np.arange(len(fixed)) if query.variables is None else np.unique(query.variables)
    states = num_states(society.base.graph)[asked[fixed[asked] < 0]]
    if len(scores) == query.count:
        return float(scores[-1] - scores[0])
    # Where every state of what is asked is listed, there is no room for another.
    is_full = len(states) < 60 and len(scores) == np.prod(states, dtype=np.float64)
    return inf if is_full else -inf


def _is_closed(query: Best, found: Asleep, gap: float) -> bool:
    """Say whether an assignment with a sleeper on scores no more than the last of the list.

    Where the sleeper is not asked about, the same assignment with it off is on the list.
    """
    asleep = found.asleep
    if query.variables is not None:
        asleep = asleep & np.isin(found.known.activations, query.variables)
    return not asleep.any() or float(found.odds[asleep].max()) <= gap


def _unproved(answered: Woken) -> Woken:
    quality = answered.answer.quality
    if quality.status is Status.EXACT:
        note = "who sleeps might be on the list"
        quality = replace(quality, status=Status.ESTIMATE, error=nan, error_kind="", note=note)
    return replace(answered, answer=replace(answered.answer, quality=quality))


# --- Answers -----------------------------------------------------------------------------


def _answered(society: Society, query: Bounded, now: Certified) -> Woken:
    """Ask about what is awake, and say what that says of everything."""
    known, asleep = society.known, now.found.asleep
    fixed = society.held(asleep)
    rest = rest_of(society.base.graph, fixed)
    said = society.ask(rest.graph, query, fixed, society.budget)
    sleepers = _sleepers(society, now, rest)
    answer = at_seconds(widened(said, sleepers), society.budget.spent_s())
    awake = society.open() & ~asleep
    activations = known.activations
    events = now.events
    if isinstance(said, MarginalsAnswer) and said.quality.status is not Status.IMPOSSIBLE:
        events = with_evidence(known, events, Beliefs(rest.graph, said, fixed))
    return Woken(
        answer,
        events,
        activations[awake],
        activations[asleep],
        activations[society.decoupled],
        _sums(known)[society.decoupled],
        -float(np.expm1(-now.log_excess)),
    )


def _sleepers(society: Society, now: Certified, rest: Rest) -> Sleepers:
    known, asleep = society.known, now.found.asleep
    eps = -float(np.expm1(-now.log_excess))
    log_odds = np.where(asleep, now.odds, _sums(known))
    out, is_state = asleep | society.decoupled, known.family >= 0
    # Of one of a group only all others tell.
    chances = np.where(is_state, 0.0, _logistic(log_odds))[out]
    most = np.where(is_state, eps, np.minimum(eps, _logistic(known.ceilings)))[out]
    is_decoupled = society.decoupled[out]
    highest = np.where(is_decoupled, chances, most)
    decoupled = log_odds[society.decoupled]
    return Sleepers(
        society.base.graph,
        known.activations[out],
        np.minimum(chances, highest),
        highest,
        is_decoupled,
        now.log_excess,
        float(np.logaddexp(0.0, decoupled).sum()),
        society.base.log_constant + rest.log_constant,
    )


def _sums(known: Ceilings) -> Float64[np.ndarray, " activations"]:
    """Return the log-odds of activations that depend on nothing: the sums of their terms."""
    # Rounding is added to a ceiling and taken from what is lowest: between them is the sum.
    with np.errstate(invalid="ignore"):
        between = (known.ceilings + known.lowest) / 2
    return np.where(np.isfinite(between), between, known.ceilings)


def _logistic(log_odds: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-log_odds))
