"""When a sum is counted by search, and what its answer takes from a search that did not end."""

from dataclasses import replace

from gmruntime.answer import (
    AnyAnswer,
    Joint,
    LogPartition,
    LogPartitionAnswer,
    Marginals,
    Query,
    Solutions,
    SolutionsAnswer,
)
from gmruntime.policy.case import Case

_FIRST_SHARE, _COUNTING_SHARE, _SHARE_BEFORE_SLICES = 0.3, 0.7, 0.15
"""Of what is left of the budget for a counting search: before any elimination is planned, where
none fits, and where slices may answer."""

_JOINED_METHOD = "counting search and mini-buckets"


def count(case: Case) -> AnyAnswer | None:
    """Count where cliques are out of reach, and go on where nothing is found to eliminate."""
    query = case.task.query
    if not isinstance(query, Query) or not _may_count(case):
        return None
    from gmruntime.counting.answer import begun

    budget, network = case.effort.budget, case.network()
    assert network is not None
    counting = None
    if case.is_wide():
        counting = begun(case.task.asking(query), network, case.effort)
        if counting is None:
            return None
        found = counting.go_on(budget.share(_FIRST_SHARE))
        if found is not None:
            return found
    is_alone = counting is not None and counting.is_out_of_reach()
    if not is_alone and not _is_left_to_count(case):
        return None
    counting = counting or begun(case.task.asking(query), network, case.effort)
    if counting is None:
        return None
    share = _COUNTING_SHARE if is_alone or case.slicing()[0] is None else _SHARE_BEFORE_SLICES
    found = counting.finish(budget.share(share))
    case.known = counting.known(budget) if found is None else None
    return found


def _may_count(case: Case) -> bool:
    from gmruntime.counting.worth import has_zeros

    is_sum = isinstance(case.task.query, LogPartition | Solutions | Marginals | Joint)
    network = case.network() if is_sum else None
    return network is not None and has_zeros(network)


def _is_left_to_count(case: Case) -> bool:
    """Say whether no elimination, whole or in slices, is sure to end in time."""
    from gmruntime.counting.worth import is_fragmented

    planned, part = case.elimination()
    if planned.fits:
        return is_fragmented(planned.order)
    sliced, _ = case.slicing()
    return sliced is None or sliced.seconds > part.budget.left_s()


def is_counted(case: Case) -> bool:
    """Say whether counting is tried."""
    return _may_count(case) and (case.is_wide() or _is_left_to_count(case))


def by_count(found: AnyAnswer, known: AnyAnswer | None) -> AnyAnswer:
    """Let what was counted say where an interval's value lies, unless enough samples do."""
    from gmruntime.elimination.bounding import DRAWN

    if known is None or found.quality.note.startswith(DRAWN):
        return found
    quality = replace(found.quality, note=known.quality.note, method=_JOINED_METHOD)
    match found, known:
        case LogPartitionAnswer(), LogPartitionAnswer():
            value = min(max(known.log_value, found.log_lower), found.log_upper)
            return replace(found, quality=quality, log_value=value)
        case SolutionsAnswer(), SolutionsAnswer():
            value = min(max(known.log_count, found.log_lower), found.log_upper)
            return replace(found, quality=quality, log_count=value)
        case _:
            return found
