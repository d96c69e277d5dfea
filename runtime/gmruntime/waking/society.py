"""What is asked of whom: a society, and who of it sleeps for an answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, nan

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    Best,
    Joint,
    LogPartition,
    Map,
    MarginalMap,
    Marginals,
    Question,
)
from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.waking.awake import Rest, rest_of
from gmruntime.waking.ceilings import Ceilings, ceilings_of, sources_of
from gmruntime.waking.log import Event, Happening
from gmruntime.waking.sleeping import Asleep, fall_asleep, nobody

Bounded = Marginals | Joint | LogPartition | MarginalMap | Map | Best
"""The questions whose answers a certificate bounds."""

Ask = Callable[[FactorGraph, Question[AnyAnswer], Assignment, Budget], AnyAnswer]
"""Answers a question about a graph with evidence, within a budget."""

_ASKED_MAX = 64
"""So many activations that are asked about stay awake."""


@dataclass(frozen=True, slots=True)
class Waking:
    """How activations are woken.

    Attributes:
        eps: the probability, at most, that somebody asleep is on; waking goes on until then.
        at_most: so many are awake, whatever ε then is; None for as many as it takes.
        spares_few: whether a few stay awake all together where that is answered exactly.
    """

    eps: float = 1e-4
    at_most: int | None = None
    spares_few: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Society:
    """What is asked of whom.

    Attributes:
        evidence: as it was given.
        base: what is left where all that is decoupled is off.
        known: the ceilings before anybody sleeps.
        decoupled: which activations are answered by their ceilings.
        kept: which must stay awake.
        asked: variables that an answer speaks of.
        chosen: those of them that it maximises over.
    """

    evidence: Assignment
    base: Rest
    known: Ceilings
    decoupled: Bool[np.ndarray, " activations"]
    kept: Bool[np.ndarray, " activations"]
    asked: Int64[np.ndarray, " asked"]
    chosen: Int64[np.ndarray, " chosen"]
    how: Waking
    budget: Budget
    ask: Ask

    def held(self, asleep: Bool[np.ndarray, " activations"]) -> Assignment:
        """Return the evidence with sleepers, and who is decoupled, off."""
        fixed = self.base.fixed.copy()
        fixed[self.known.activations[asleep]] = 0
        return fixed

    def open(self) -> Bool[np.ndarray, " activations"]:
        """Say which are neither observed nor decoupled."""
        return ~np.isnan(self.known.ceilings) & ~self.decoupled


@dataclass(frozen=True, slots=True, eq=False)
class Certified:
    """Who sleeps for an answer, with the certificate and what led there."""

    found: Asleep
    log_excess: float
    odds: Float64[np.ndarray, " activations"]
    events: tuple[Event, ...] = ()


def begun(
    graph: FactorGraph,
    query: Bounded,
    activations: Int64[np.ndarray, " activations"],
    how: Waking,
    evidence: Assignment,
    budget: Budget,
    ask: Ask,
) -> Society:
    """Find the ceilings of a society, and who depends on nothing else.

    Args:
        graph: validated.
        query: checked.
        activations: variables with two states, which may sleep.
        how: they are woken.
        evidence: a state for each observed variable, -1 for the others.
        budget: that has begun.
        ask: answers about what is awake.
    """
    is_max = isinstance(query, Map | Best)
    asked = _asked(graph, query)
    chosen = asked if isinstance(query, Best | MarginalMap) else asked[:0]
    known = ceilings_of(graph, evidence, activations, is_max=is_max, asked=asked, chosen=chosen)
    open_ = ~np.isnan(known.ceilings)
    # What must be on cannot be taken to be off.
    decoupled = open_ & ~known.coupled & (known.ceilings < inf)
    if isinstance(query, Joint):
        # Only one by one is it known what these do.
        decoupled &= ~np.isin(activations, asked)
    elif not isinstance(query, Marginals | LogPartition):
        decoupled[:] = False
    known = replace(known, coupled=open_ & ~decoupled)
    kept = known.told & known.coupled
    room = _ASKED_MAX if how.at_most is None else min(how.at_most, _ASKED_MAX)
    # Who asks about most of them asks who matters.
    if int(kept.sum()) > min(room, int(known.coupled.sum()) // 2):
        kept = np.zeros(len(activations), np.bool_)
    fixed = evidence.copy()
    fixed[activations[decoupled]] = 0
    base = rest_of(graph, fixed)
    return Society(evidence, base, known, decoupled, kept, asked, chosen, how, budget, ask)


def _asked(graph: FactorGraph, query: Bounded) -> Int64[np.ndarray, " asked"]:
    """List the variables that an answer speaks of, one by one or together."""
    if isinstance(query, LogPartition | Map):
        return np.zeros(0, np.int64)
    if query.variables is None:
        return np.arange(graph.num_variables)
    return np.unique(query.variables).astype(np.int64)


def all_awake(society: Society) -> Certified:
    """Wake everybody whom anything depends on."""
    found = nobody(society.known)
    return logged(society, Certified(found, 0.0, found.odds), None)


def target_of(how: Waking) -> float:
    """Return what a certificate may come to, nats."""
    return -float(np.log1p(-how.eps))


def asleep_within(
    society: Society, log_excess: float, kept: Bool[np.ndarray, " activations"]
) -> Asleep:
    """Choose who sleeps for a sum, with so many nats for the certificate; some stay awake."""
    return fall_asleep(
        society.base.graph,
        society.base.fixed,
        society.known,
        log_excess=log_excess,
        kept=kept,
        at_most=society.how.at_most,
        asked=society.asked,
        chosen=society.chosen,
        budget=society.budget,
    )


def logged(society: Society, now: Certified, before: Certified | None) -> Certified:
    """Write down who is woken now."""
    known, open_ = society.known, society.open()
    was = np.zeros(len(open_), np.bool_) if before is None else open_ & ~before.found.asleep
    fresh = np.flatnonzero(open_ & ~now.found.asleep & ~was)
    odds = known.ceilings if before is None else before.odds
    order = fresh[np.argsort(-np.nan_to_num(odds[fresh], nan=inf), kind="stable")]
    at_s, eps = society.budget.spent_s(), float(-np.expm1(-now.log_excess))
    rows = [
        Event(
            at_s,
            Happening.WAKE,
            int(known.activations[a]),
            source,
            float(known.ceilings[a]),
            nan,
            eps,
        )
        for a, source in zip(order.tolist(), sources_of(known, order).tolist(), strict=True)
    ]
    return replace(now, events=(*now.events, *rows))
