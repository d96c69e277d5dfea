"""Wakes for sums: by ceilings first, then by what the beliefs of the awake say of the sleepers."""

from dataclasses import replace
from math import inf

import numpy as np

from gmruntime.answer import Marginals, MarginalsAnswer, Status
from gmruntime.arrays import Bool
from gmruntime.waking.awake import rest_of
from gmruntime.waking.beliefs import Beliefs, with_evidence
from gmruntime.waking.ceilings import sources_of
from gmruntime.waking.log import Event, Happening
from gmruntime.waking.probing import Probed, neighbours, probe
from gmruntime.waking.sleeping import costs_of
from gmruntime.waking.society import Certified, Society, asleep_within, logged, target_of

_FIRST_LOG_EXCESS = 0.02
"""Before anybody is probed so much is left to probing, nats: ceilings are loose."""

_ROUNDS_MAX = 8
_ROUND_SHARE = 0.5
"""Of the time that is left, for each round of waking."""

_RETIRED_SHARE = 0.1
"""Of ε, for those who turn out not to matter."""

_PROBES_SHOWN = 32
"""So many probes of a round are written down, the largest ceilings first."""


def certified(society: Society) -> Certified:
    """Wake until the certificate is small enough, or nobody more may be woken, or time is over."""
    target, kept = target_of(society.how), society.kept
    found = asleep_within(society, max(target, _FIRST_LOG_EXCESS), kept)
    now = logged(society, Certified(found, found.log_excess(), found.odds), None)
    for _ in range(_ROUNDS_MAX):
        if society.budget.is_spent() or not now.found.asleep.any():
            break
        probed, beliefs = _probe(society, now)
        if probed is None or beliefs is None:
            # What is awake has no exact answer: only ceilings are certain.
            return by_ceilings(society, now)
        now = _with_probe(society, now, probed, beliefs)
        if now.log_excess <= target or not now.found.asleep.any():
            return _retired(society, now, beliefs, target)
        woken = _worth_waking(society, now, target)
        if not woken.any():
            break
        found = asleep_within(society, inf, kept | ~now.found.asleep | woken)
        now = logged(society, replace(now, found=found, odds=found.odds), now)
    return now


def by_ceilings(society: Society, before: Certified | None = None) -> Certified:
    """Let everybody sleep whose ceiling allows it, whatever the awake say.

    Args:
        society: to be certified.
        before: who slept so far; what happened until then is kept.
    """
    found = asleep_within(society, target_of(society.how), society.kept)
    events = () if before is None else before.events
    return logged(society, Certified(found, found.log_excess(), found.odds, events), before)


def _probe(society: Society, now: Certified) -> tuple[Probed | None, "Beliefs | None"]:
    """Ask what the awake say of the sleepers."""
    found = now.found
    free = society.open() & ~found.asleep
    asked = np.union1d(neighbours(found), society.known.activations[free])
    fixed = society.held(found.asleep)
    asked = asked[fixed[asked] < 0]
    rest = rest_of(society.base.graph, fixed)
    if not len(asked):
        beliefs = Beliefs(society.base.graph, None, fixed)
        return probe(found, beliefs.of), beliefs
    part = society.budget.share(_ROUND_SHARE)
    said = society.ask(rest.graph, Marginals(asked.astype(np.int32)), fixed, part)
    assert isinstance(said, MarginalsAnswer)
    if said.quality.status is not Status.EXACT:
        return None, None
    beliefs = Beliefs(society.base.graph, said, fixed)
    return probe(found, beliefs.of), beliefs


def _with_probe(society: Society, now: Certified, probed: Probed, beliefs: Beliefs) -> Certified:
    """Take the certificate of a probe, and write down what it found."""
    found, known = now.found, society.known
    at_s, eps = society.budget.spent_s(), float(-np.expm1(-probed.log_excess))
    with np.errstate(invalid="ignore"):
        tighter = np.flatnonzero(found.asleep & (probed.odds < found.odds))
    shown = tighter[np.argsort(-found.odds[tighter], kind="stable")][:_PROBES_SHOWN]
    rows = [
        Event(
            at_s,
            Happening.PROBE,
            int(known.activations[a]),
            source,
            float(found.odds[a]),
            float(probed.odds[a] - known.prior[a]),
            eps,
        )
        for a, source in zip(shown.tolist(), sources_of(known, shown).tolist(), strict=True)
    ]
    events = with_evidence(society.known, now.events, beliefs)
    return replace(now, log_excess=probed.log_excess, odds=probed.odds, events=(*events, *rows))


def _worth_waking(
    society: Society, now: Certified, target: float
) -> Bool[np.ndarray, " activations"]:
    """Choose the sleepers to wake next: those that may matter most, as far as there is room."""
    found, known = now.found, society.known
    woken = np.zeros(len(found.asleep), np.bool_)
    single = np.flatnonzero(found.asleep & (known.family < 0))
    order = single[np.argsort(-now.odds[single], kind="stable")]
    left = float(found.excess[found.asleep & (known.family >= 0)].sum())
    tail = np.cumsum(costs_of(now.odds[order], is_max=False)[::-1])[::-1]
    # Some is left for how much the certificate of a probe exceeds the sum.
    needed = int(np.searchsorted(-tail, -max(0.0, target - left) / 2))
    room = int(found.asleep.sum())
    if society.how.at_most is not None:
        room = society.how.at_most - int((society.open() & ~found.asleep).sum())
    woken[order[: max(0, min(needed, room))]] = True
    grouped = np.flatnonzero(found.asleep & (known.family >= 0))
    if left > target / 2 and len(grouped) and room - needed > 0:
        best = grouped[np.argsort(-now.odds[grouped], kind="stable")]
        woken[best[: min(room - max(0, needed), max(8, len(best) // 4))]] = True
    return woken


def _retired(society: Society, now: Certified, beliefs: Beliefs, target: float) -> Certified:
    """Let those sleep again whose beliefs say that they hardly matter: P(on) is what that costs."""
    found, known = now.found, society.known
    awake = np.flatnonzero(society.open() & ~found.asleep & ~society.kept & (known.family < 0))
    # As a probability: what they add together is -log(1 - P(some is on)) at most.
    spare = -float(np.expm1(-min(target - now.log_excess, _RETIRED_SHARE * target)))
    if not len(awake) or spare <= 0 or not found.asleep.any():
        return now
    chances = beliefs.of(known.activations[awake], 2)[:, 1]
    order = np.argsort(chances, kind="stable")
    number = int(np.searchsorted(np.cumsum(chances[order]) * (1 + 1e-9), spare, side="right"))
    gone = awake[order[:number]]
    if not number:
        return now
    excess = now.log_excess - float(np.log1p(-chances[order[:number]].sum() * (1 + 1e-9)))
    asleep, odds = found.asleep.copy(), now.odds.copy()
    asleep[gone] = True
    with np.errstate(divide="ignore"):
        odds[gone] = np.log(chances[order[:number]])
    at_s, eps = society.budget.spent_s(), float(-np.expm1(-excess))
    rows = [
        Event(
            at_s,
            Happening.RETIRE,
            int(known.activations[a]),
            source,
            float(known.ceilings[a]),
            float(odds[a] - known.prior[a]),
            eps,
            f"on with a probability of {np.exp(odds[a]):.1g} only",
        )
        for a, source in zip(gone.tolist(), sources_of(known, gone).tolist(), strict=True)
    ]
    return Certified(replace(found, asleep=asleep), excess, odds, (*now.events, *rows))
