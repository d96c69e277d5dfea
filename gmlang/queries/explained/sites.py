"""How much better each site is explained than by its base."""

import numpy as np

from gmlang.queries.explained.explanations import Asking, Explained
from gmlang.queries.explained.society import Society
from gmruntime.answer import Marginals, MarginalsAnswer, Status
from gmruntime.arrays import Float64, Int32
from gmruntime.graph import block_starts
from gmruntime.quality import worst

_TOGETHER = 1e-9
"""Nats for a site: where sites on their own add up to so much the same as together, none says
anything of another."""

Split = tuple[Float64[np.ndarray, " sites"], Status]
"""Nats for each site, and how good they are."""


def nats_of_sites(
    society: Society,
    seen: Int32[np.ndarray, "rows sites"],
    found: list[Explained],
    asking: Asking,
) -> list[Split | None]:
    """Split the gain of each explanation by site, in the order of declaration.

    Each site is told of those before it, as far as the explanation does not make them independent:
    so they sum to the gain.

    Returns:
        what each row is split into; None where there was no time.
    """
    log_bases = society.sites.log_base(seen)
    split: list[Split | None] = [None] * len(found)
    try:
        alone, statuses = _alone(society, seen, found, asking)
        for r, one in enumerate(found):
            logs, status = alone[r], statuses[r]
            if not abs(float((logs - log_bases[r]).sum()) - one.gain) <= _TOGETHER * len(logs):
                logs, status = _in_order(society, seen[r], one, asking)
            split[r] = logs - log_bases[r], status
    except TimeoutError:
        pass
    return split


def _alone(
    society: Society,
    seen: Int32[np.ndarray, "rows sites"],
    found: list[Explained],
    asking: Asking,
) -> tuple[Float64[np.ndarray, "rows sites"], list[Status]]:
    """Return the log probability of each site, told of no other."""
    starts, sites = block_starts(society.graph), society.sites.variables
    if not len(sites):
        return np.zeros(seen.shape), [Status.EXACT] * len(found)
    which = np.searchsorted(starts, sites, side="right") - 1
    # Many rows have the same explanation.
    best = np.array([one.best for one in found], np.int32).reshape(len(found), -1)
    distinct, its = np.unique(best, axis=0, return_inverse=True)
    rows = np.tile(society.evidence, (len(distinct), 1))
    rows[:, society.choices] = distinct
    logs = np.zeros(seen.shape)
    statuses = [Status.EXACT] * len(found)
    its = its.reshape(-1)
    for d, one in enumerate(asking.rows(society, Marginals(sites), rows)):
        assert isinstance(one, MarginalsAnswer)
        mine = np.flatnonzero(its == d)
        for k in np.unique(which).tolist():
            own = np.flatnonzero(which == k)
            table = one.probabilities[k].reshape(-1, one.probabilities[k].shape[-1])
            chances = table[(sites[own] - starts[k])[None], seen[np.ix_(mine, own)]]
            with np.errstate(divide="ignore"):
                logs[np.ix_(mine, own)] = np.log(chances)
        for r in mine.tolist():
            statuses[r] = one.quality.status
    return logs, statuses


def _in_order(
    society: Society, seen: Int32[np.ndarray, " sites"], found: Explained, asking: Asking
) -> Split:
    """Return the log probability of each site, told of those before it."""
    row = society.evidence.copy()
    row[society.choices] = found.best
    prefixes = np.tile(row, (len(seen) + 1, 1))
    for k, (variable, state) in enumerate(zip(society.sites.variables, seen, strict=True)):
        prefixes[k + 1 :, variable] = state
    log_zs, statuses = asking.log_zs(society, prefixes)
    return np.diff(log_zs), worst(statuses)
