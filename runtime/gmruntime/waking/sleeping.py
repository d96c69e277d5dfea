"""Who may sleep: the largest set whose certificate is small enough, and that certificate.

Sums: what log Z of everything may exceed that of the awake by, `log_excess`; its ε is the
probability that somebody asleep is on, 1 - exp(-log_excess). Maxima: what the best score may exceed
that of the awake by.
"""

from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.waking.ceilings import Ceilings, ceilings_of

_ROUNDS_MAX = 32
"""Activations that others make certain may sleep once these do; so many in a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Asleep:
    """A set of sleepers, with what they may change.

    Attributes:
        known: the ceilings of all activations, before anybody slept.
        asleep: who sleeps.
        excess: what each adds to the certificate, nats; 0 of who is awake. A group's is the first
            of its sleepers'.
        odds: the ceiling by which each sleeps: where others are off already.
        alone: the same where what it makes certain stays on.
    """

    known: Ceilings
    asleep: Bool[np.ndarray, " activations"]
    excess: Float64[np.ndarray, " activations"]
    odds: Float64[np.ndarray, " activations"]
    alone: Float64[np.ndarray, " activations"]

    def log_excess(self) -> float:
        """Return what everything together may exceed what is awake by, nats."""
        return float(self.excess.sum())

    def fixed(self, evidence: Assignment) -> Assignment:
        """Return the evidence with all sleepers off."""
        held = evidence.copy()
        held[self.known.activations[self.asleep]] = 0
        return held


def fall_asleep(
    graph: FactorGraph,
    evidence: Assignment,
    known: Ceilings,
    *,
    log_excess: float,
    at_most: int | None = None,
    is_max: bool = False,
    kept: Bool[np.ndarray, " activations"] | None = None,
    asked: Int64[np.ndarray, " asked"],
    chosen: Int64[np.ndarray, " chosen"],
    budget: Budget,
) -> Asleep:
    """Choose who sleeps.

    Args:
        graph: validated.
        evidence: a state for each observed variable, -1 for the others.
        known: the ceilings of the activations.
        log_excess: what the certificate may come to, nats.
        at_most: so many are to be awake; then the certificate is what it is.
        is_max: whether maxima are asked for.
        kept: who stays awake.
        asked: as for `ceilings_of`.
        chosen: likewise.
        budget: once it is spent, whoever is blocked stays awake.
    """
    never = ~known.coupled if kept is None else ~known.coupled | kept
    found = nobody(known)
    now, left = known, log_excess
    for _ in range(_ROUNDS_MAX):
        open_ = ~never & ~found.asleep
        blocked = open_ & (now.family < 0) & np.isposinf(now.ceilings)
        # Some is left for those who may sleep only once others do.
        part = left / 2 if blocked.any() else left
        fresh, costs = _round(now, open_, part, is_max=is_max)
        if at_most is not None:
            fresh, costs = _forced(now, open_, fresh, costs, at_most, is_max=is_max)
        if not fresh.any():
            break
        found = replace(
            found,
            asleep=found.asleep | fresh,
            excess=found.excess + costs,
            odds=np.where(fresh, now.ceilings, found.odds),
            alone=np.where(fresh, now.alone, found.alone),
        )
        left = max(0.0, left - float(costs.sum()))
        if not blocked.any() or budget.is_spent():
            break
        held = found.fixed(evidence)
        now = ceilings_of(graph, held, known.activations, is_max=is_max, asked=asked, chosen=chosen)
    return found


def nobody(known: Ceilings) -> Asleep:
    """Return the set without anybody."""
    count = len(known.activations)
    unknown = np.full(count, np.nan)
    return Asleep(known, np.zeros(count, np.bool_), np.zeros(count), unknown, unknown)


def costs_of(
    ceilings: Float64[np.ndarray, " activations"], *, is_max: bool
) -> Float64[np.ndarray, " activations"]:
    """Return what each activation asleep adds to a certificate, nats."""
    if is_max:
        return np.maximum(0.0, ceilings)
    return np.logaddexp(0.0, ceilings)


def _round(
    now: Ceilings, open_: np.ndarray, log_excess: float, *, is_max: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Let the largest set sleep that costs no more, of those without a group and of each group."""
    count = len(open_)
    fresh, costs = np.zeros(count, np.bool_), np.zeros(count)
    groups = np.unique(now.family[open_ & (now.family >= 0)])
    single = np.flatnonzero(open_ & (now.family < 0) & (now.ceilings < np.inf))
    own = costs_of(now.ceilings[single], is_max=is_max)
    order = np.argsort(now.ceilings[single], kind="stable")
    part = log_excess / 2 if len(groups) and not is_max else log_excess
    cheap = single[order[: int(np.searchsorted(np.cumsum(own[order]), part, side="right"))]]
    fresh[cheap] = True
    costs[cheap] = costs_of(now.ceilings[cheap], is_max=is_max)
    for group in groups.tolist():
        members = np.flatnonzero(now.family == group)
        asleep, cost = _of_group(now, members, open_, part / len(groups), is_max=is_max)
        if len(asleep):
            fresh[asleep] = True
            costs[asleep[0]] = cost
    return fresh, costs


def _of_group(
    now: Ceilings, members: np.ndarray, open_: np.ndarray, log_excess: float, *, is_max: bool
) -> tuple[np.ndarray, float]:
    """Let states of an exactly-one group sleep: those with the lowest ceilings."""
    free = members[~np.isnan(now.ceilings[members])]
    order = free[np.argsort(now.ceilings[free], kind="stable")]
    # Who may not sleep is awake, wherever it stands.
    able = open_[order]
    asleep, awake = order[able], order[~able]
    if not len(asleep):
        return asleep, 0.0
    lowest = now.lowest[asleep]
    join = np.maximum if is_max else np.logaddexp
    floor = join.reduce(now.lowest[awake], initial=-np.inf)
    # Of the first k asleep: what these may weigh, and what all others weigh at least.
    upper = join.accumulate(now.ceilings[asleep])
    rest = np.append(join.accumulate(lowest[::-1])[::-1][1:], -np.inf)
    lower = join(rest, floor)
    with np.errstate(invalid="ignore"):
        above = upper - lower
    above = np.where(np.isneginf(upper) & np.isfinite(lower), -np.inf, above)
    above = np.where(np.isnan(above), np.inf, above)
    costs = costs_of(above, is_max=is_max)
    fits = np.flatnonzero((costs <= log_excess) & (costs < np.inf))
    if not len(fits):
        return asleep[:0], 0.0
    last = int(fits[-1])
    return asleep[: last + 1], float(costs[last])


def _forced(
    now: Ceilings,
    open_: np.ndarray,
    fresh: np.ndarray,
    costs: np.ndarray,
    at_most: int,
    *,
    is_max: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Send more to sleep until no more than `at_most` are awake, those with the least ceilings."""
    able = open_ & ~fresh & (now.family < 0) & np.isfinite(now.ceilings)
    too_many = int((open_ & ~fresh).sum()) - at_most
    if too_many <= 0 or not able.any():
        return fresh, costs
    places = np.flatnonzero(able)
    order = places[np.argsort(now.ceilings[places], kind="stable")][:too_many]
    fresh, costs = fresh.copy(), costs.copy()
    fresh[order] = True
    costs[order] = costs_of(now.ceilings[order], is_max=is_max)
    return fresh, costs
