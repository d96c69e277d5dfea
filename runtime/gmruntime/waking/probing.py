"""Tighter certificates from the beliefs of what is awake.

Let R_s(x) be the largest odds of sleeper s in a state x of everything that does not sleep; it is at
most exp(ceiling), and where one factor of s depends on a single variable v, it is at most
exp(ceiling - max of the term) times exp(term at v). Switching the sleepers off one after the other
in each x gives

    Z / Z(S off) <= E[product over S of (1 + R_s)] <= 1 + (exp(B) - 1) / B * sum over S of E[R_s],

the expectation under what is awake, B = sum over S of exp(ceiling): exp(u) - 1 is convex, so at
most u (exp(B) - 1) / B in [0, B]. E[R_s] needs the belief of v alone: all sleepers are probed by
one pass over their terms.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.waking.ceilings import CLOSURES_MAX
from gmruntime.waking.sleeping import Asleep

_ROUNDING = 1e-9
"""Beliefs have at least so many digits, relative to their size."""

_MASS_MAX = 30.0
"""Where sleepers might have more odds together, nothing is gained."""


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """What the awake say of the sleepers.

    Attributes:
        odds: log E[R], at most, of each sleeper; NaN of who is awake.
        log_excess: what everything together may exceed what is awake by, nats.
    """

    odds: Float64[np.ndarray, " activations"]
    log_excess: float


def neighbours(found: Asleep) -> Int64[np.ndarray, " variables"]:
    """List the variables whose beliefs tell something about a sleeper."""
    sleeps = found.asleep
    parts = [part.variable[sleeps[part.owner]] for part in found.known.depending]
    asleep = found.known.activations[sleeps]
    every = np.unique(np.concatenate([np.zeros(0, np.int64), *parts]))
    return np.setdiff1d(every, asleep)


def probe(
    found: Asleep,
    belief: Callable[[np.ndarray, int], Float64[np.ndarray, "variables states"]],
) -> Probed:
    """Bound the odds of all sleepers by the beliefs of what is awake.

    Args:
        found: who sleeps.
        belief: the exact beliefs of variables with so many states, all sleepers off.
    """
    known, sleeps = found.known, found.asleep
    single = sleeps & (known.family < 0)
    ratio = np.zeros(len(sleeps))
    asleep = np.zeros(int(known.activations.max(initial=-1)) + 1, np.bool_)
    asleep[known.activations[sleeps]] = True
    for part in known.depending:
        rows = single[part.owner]
        within = part.variable < len(asleep)
        rows &= ~(within & asleep[np.where(within, part.variable, 0)])
        if not rows.any():
            continue
        owner, tables = part.owner[rows], part.tables[rows]
        largest = tables.max(axis=1)
        chances = belief(part.variable[rows], tables.shape[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = np.log((chances * np.exp(tables - largest[:, None])).sum(axis=1))
        np.minimum.at(ratio, owner, np.where(np.isnan(expected), 0.0, expected))
    ceilings = np.where(_go_together(found), found.odds, found.alone)
    odds = np.where(sleeps, np.minimum(found.odds, ceilings + ratio), np.nan)
    return Probed(odds, _log_excess(found, single, ceilings, ceilings + ratio))


def _go_together(found: Asleep) -> Bool[np.ndarray, " activations"]:
    """Say whether all that an activation makes certain sleeps too: then it is off in every x."""
    links, sleeps = found.known.links, found.asleep
    together = np.ones(len(sleeps), np.bool_)
    for _ in range(CLOSURES_MAX):
        together[links.user[~(sleeps & together)[links.used]]] = False
    return together


def _log_excess(
    found: Asleep,
    single: Bool[np.ndarray, " activations"],
    ceilings: Float64[np.ndarray, " activations"],
    odds: Float64[np.ndarray, " activations"],
) -> float:
    """Return the better of the two certificates; groups keep theirs."""
    groups = float(found.excess[found.asleep & ~single].sum())
    plain = float(found.excess[single].sum())
    with np.errstate(over="ignore"):
        mass = float(np.exp(ceilings[single]).sum())
    if not mass or mass > _MASS_MAX:
        return groups + plain
    expected = float(np.exp(odds[single]).sum()) * (1.0 + _ROUNDING)
    return groups + min(plain, float(np.log1p(np.expm1(mass) / mass * expected)))
