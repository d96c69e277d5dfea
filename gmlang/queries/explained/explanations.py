"""Rows of observations explained: by which society best, how surely, and how much better than none.

margin = log P(best explanation | seen) - log P(second | seen)
gain   = log P(seen | best explanation) - log P(seen | bases)
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.program import Query
from gmlang.queries.explained.society import Society
from gmlang.queries.remembered.asking import ask_graph_rows
from gmlang.queries.settings import Settings
from gmruntime.answer import (
    AssignmentsAnswer,
    Best,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Status,
)
from gmruntime.arrays import Float64, Int32
from gmruntime.graph import num_states
from gmruntime.quality import worst

_FAINT = 1e-280
"""A probability below this may have lost digits; margins beyond that of it are worked out in logs.
"""


_CHANGED_MAX = 20_000
"""So many maxima of one program are quicker than the two best of each row."""


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """How one row is explained.

    Attributes:
        best: the states of the choices in the best explanation.
        second: those of the second best; None where there is no other.
        margin: nats between them; inf where there is no other.
        gain: nats by which the best one gives more to what was seen than the bases do.
        status: how good these are.
    """

    best: Int32[np.ndarray, " choices"]
    second: Int32[np.ndarray, " choices"] | None
    margin: float
    gain: float
    status: Status


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """How inner questions are put.

    Attributes:
        query: that all is for, without what is its own in `using`.
        settings: with a budget that has begun.
    """

    query: Query
    settings: Settings

    def rows(
        self, society: Society, question: Marginals | Map | Best | LogPartition, rows: np.ndarray
    ) -> Iterator[object]:
        """Put a question about a society for many rows.

        Raises:
            TimeoutError: when there was no time for one.
        """
        found = ask_graph_rows(society.graph, question, rows, self.settings, self.query)
        for one in found:
            if one is None:
                raise TimeoutError
            yield one

    def log_zs(
        self, society: Society, rows: np.ndarray
    ) -> tuple[Float64[np.ndarray, " rows"], list[Status]]:
        """Return log Z of each row, and how good they are."""
        values: list[float] = []
        statuses: list[Status] = []
        for one in self.rows(society, LogPartition(), rows):
            assert isinstance(one, LogPartitionAnswer)
            values.append(one.log_value)
            statuses.append(one.quality.status)
        return np.array(values), statuses

    def sooner(self, part: float) -> "Asking":
        """Return the same with a part of the time that is left."""
        return replace(
            self, settings=replace(self.settings, budget=self.settings.running().share(part))
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """The best explanation of a row, and the second."""

    best: Int32[np.ndarray, " choices"]
    second: Int32[np.ndarray, " choices"] | None
    margin: float
    status: Status


def explain(
    society: Society, seen: Int32[np.ndarray, "rows sites"], asking: Asking
) -> list[Explained | None]:
    """Explain rows of what was seen of a thing; None for one that is impossible.

    The best explanation is the most probable one. Where the thing has one family of which exactly
    one member holds, the explanations are its members, or groups of them, and all else is summed
    out; elsewhere they are the societies, each with all else at its best.

    Args:
        society: about the thing.
        seen: the states of its sites.
        asking: how to.

    Raises:
        TimeoutError: when the budget ended first.
    """
    if len(seen) > 1:
        distinct, which = np.unique(seen, axis=0, return_inverse=True)
        if len(distinct) < len(seen):
            each = explain(society, distinct.astype(np.int32), asking)
            return [each[d] for d in which.reshape(-1).tolist()]
    rows = np.tile(society.evidence, (len(seen), 1))
    rows[:, society.sites.variables] = seen
    if not len(society.choices):
        nobody = np.zeros(0, np.int32)
        chosen: list[_Chosen | None] = [_Chosen(nobody, None, np.inf, Status.EXACT)] * len(seen)
    elif society.family is not None:
        chosen = _of_family(society, society.family, rows, asking)
    else:
        chosen = _of_societies(society, rows, asking)
    some = [r for r, one in enumerate(chosen) if one is not None]
    told = rows[some]
    if some:
        told[:, society.choices] = [one.best for one in chosen if one is not None]
    gains, statuses = _gains(society, told, asking)
    found: list[Explained | None] = [None] * len(seen)
    for k, r in enumerate(some):
        one = chosen[r]
        assert one is not None
        status = worst((one.status, statuses[k]))
        found[r] = Explained(one.best, one.second, one.margin, float(gains[k]), status)
    return found


def _gains(
    society: Society, told: Int32[np.ndarray, "rows variables"], asking: Asking
) -> tuple[Float64[np.ndarray, " rows"], list[Status]]:
    """Return how much more a society gives to what was seen than the bases do, nats.

    Args:
        society: about the thing.
        told: in each row all that is observed, the sites among it, and all choices.
        asking: how to.
    """
    if not len(told) or not len(society.sites.variables):
        # Nothing was seen that could be explained better or worse.
        return np.zeros(len(told)), [Status.EXACT] * len(told)
    untold = told.copy()
    untold[:, society.sites.variables] = -1
    # Many rows have the same explanation.
    distinct, which = np.unique(untold, axis=0, return_inverse=True)
    before, first = asking.log_zs(society, distinct)
    after, second = asking.log_zs(society, told)
    which = which.reshape(-1)
    gains = after - before[which]
    gains -= society.sites.log_base(told[:, society.sites.variables]).sum(axis=1)
    return gains, [worst((first[which[r]], second[r])) for r in range(len(told))]


def _of_family(
    society: Society, family: int, rows: np.ndarray, asking: Asking
) -> list[_Chosen | None]:
    """Choose the best member by its probability, all else summed out, and then all else."""
    groups, place = society.groups, society.choices.tolist().index(family)
    question = Marginals(np.array([family], np.int32))
    all_logs: list[np.ndarray | None] = []
    statuses: list[Status] = []
    for one in asking.rows(society, question, rows):
        assert isinstance(one, MarginalsAnswer)
        is_possible = one.quality.status is not Status.IMPOSSIBLE
        with np.errstate(divide="ignore"):
            all_logs.append(np.log(one.probabilities[-1].reshape(-1)) if is_possible else None)
        statuses.append(one.quality.status)
    _tell_faint(society, family, rows, all_logs, statuses, asking)
    found: list[_Chosen | None] = []
    for logs, status in zip(all_logs, statuses, strict=True):
        if logs is None:
            found.append(None)
            continue
        totals = _of_groups(groups, logs)
        order = np.argsort(-totals, kind="stable")
        states = [int(np.argmax(np.where(groups == g, logs, -np.inf))) for g in order[:2]]
        best = np.full(len(society.choices), -1, np.int32)
        best[place] = states[0]
        second = None
        margin = np.inf
        if len(order) > 1 and totals[order[1]] > -np.inf:
            margin = float(totals[order[0]] - totals[order[1]])
            second = np.zeros(len(society.choices), np.int32)
            second[place] = states[1]
        found.append(_Chosen(best, second, margin, status))
    return _with_others(society, rows, found, asking)


def _tell_faint(
    society: Society,
    family: int,
    rows: np.ndarray,
    all_logs: list[np.ndarray | None],
    statuses: list[Status],
    asking: Asking,
) -> None:
    """Work the logs of members out where the probability of the second best is too small."""
    faint: list[int] = []
    for r, logs in enumerate(all_logs):
        totals = np.zeros(0) if logs is None else np.sort(_of_groups(society.groups, logs))
        if len(totals) > 1 and totals[-2] < np.log(_FAINT):
            faint.append(r)
    if not faint:
        return
    count = len(society.groups)
    clamped = np.repeat(rows[faint], count, axis=0)
    clamped[:, family] = np.tile(np.arange(count), len(faint))
    log_zs, how_good = asking.log_zs(society, clamped)
    for k, r in enumerate(faint):
        its = slice(k * count, (k + 1) * count)
        all_logs[r] = log_zs[its]
        possible = (s for s in how_good[its] if s is not Status.IMPOSSIBLE)
        statuses[r] = worst((statuses[r], *possible))


def _of_groups(groups: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Return the log of what the members of each group have together."""
    totals = np.full(int(groups.max()) + 1, -np.inf)
    np.logaddexp.at(totals, groups, logs)
    return totals


def _with_others(
    society: Society, rows: np.ndarray, found: list[_Chosen | None], asking: Asking
) -> list[_Chosen | None]:
    """Choose, beside the best member, the most probable states of the other activations."""
    some = [r for r, one in enumerate(found) if one is not None]
    if len(society.choices) == 1 or not some:
        return found
    clamped = rows[some]
    clamped[:, society.family] = [
        one.best[society.choices.tolist().index(society.family)] for one in found if one is not None
    ]
    completed = list(found)
    for r, answer in zip(some, asking.rows(society, Map(), clamped), strict=True):
        one = found[r]
        assert one is not None
        assert isinstance(answer, AssignmentsAnswer)
        if not len(answer.assignments):
            raise TimeoutError
        best = answer.assignments[0][society.choices].astype(np.int32)
        status = worst((one.status, answer.quality.status))
        completed[r] = replace(one, best=best, status=status)
    return completed


def _of_societies(society: Society, rows: np.ndarray, asking: Asking) -> list[_Chosen | None]:
    """Choose the best society and the second, all else at its best in each."""
    others = np.array([num_states(society.graph)[v] - 1 for v in society.choices])
    if len(rows) > 1 and len(rows) * int(others.sum()) <= _CHANGED_MAX:
        return _by_changes(society, rows, others, asking)
    found: list[_Chosen | None] = []
    for one in asking.rows(society, Best(2, society.choices), rows):
        assert isinstance(one, AssignmentsAnswer)
        if one.quality.status is Status.IMPOSSIBLE:
            found.append(None)
            continue
        if not len(one.assignments):
            raise TimeoutError
        states = one.assignments[:, society.choices].astype(np.int32)
        has_second = len(states) > 1
        margin = float(one.log_scores[0] - one.log_scores[1]) if has_second else np.inf
        second = states[1] if has_second else None
        found.append(_Chosen(states[0], second, margin, one.quality.status))
    return found


def _by_changes(
    society: Society, rows: np.ndarray, others: np.ndarray, asking: Asking
) -> list[_Chosen | None]:
    """Choose as before: the second is the best of those that differ in one choice, for each."""
    best = list(_maxima(society, rows, asking))
    choice = np.repeat(np.arange(len(others)), others)
    step = np.concatenate([np.arange(1, size + 1) for size in others])
    sizes = (others + 1)[choice]
    some = [r for r, one in enumerate(best) if one is not None]
    changed = np.repeat(rows[some], len(choice), axis=0)
    states = np.array([one[0] for one in best if one is not None]).reshape(len(some), -1)
    its = np.arange(len(changed)).reshape(len(some), -1)
    changed[its, society.choices[choice]] = (states[:, choice] + step) % sizes
    second = list(_maxima(society, changed, asking))
    found: list[_Chosen | None] = [None] * len(rows)
    for k, r in enumerate(some):
        one = best[r]
        assert one is not None
        mine = [m for m in second[k * len(choice) : (k + 1) * len(choice)] if m is not None]
        status = worst((one[2], *(m[2] for m in mine)))
        next_ = max(mine, key=lambda m: m[1], default=None)
        margin = np.inf if next_ is None else one[1] - next_[1]
        found[r] = _Chosen(one[0], None if next_ is None else next_[0], margin, status)
    return found


def _maxima(
    society: Society, rows: np.ndarray, asking: Asking
) -> Iterator[tuple[Int32[np.ndarray, " choices"], float, Status] | None]:
    """Give the best choices of each row, their score, and how good it is; None where impossible."""
    for one in asking.rows(society, Map(), rows):
        assert isinstance(one, AssignmentsAnswer)
        if one.quality.status is Status.IMPOSSIBLE:
            yield None
            continue
        if not len(one.assignments):
            raise TimeoutError
        states = one.assignments[0][society.choices].astype(np.int32)
        yield states, float(one.log_scores[0]), one.quality.status
