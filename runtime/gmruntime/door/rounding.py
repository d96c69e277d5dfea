"""Weights so strong that adding them rounds: what is kept exact, what is refused, what is said.

Float64 keeps about 16 digits of a sum, so 1e16 nats beside 0.3 leave nothing of the 0.3. Ordinary
graphs are not touched: only where some finite log value is beyond `_STRONG` are the tables over the
same variables added up as fractions, and their largest entries taken out as a constant; what is
left of what matters is small. Where strong weights still contradict each other, an answer is not
called exact: it says by how much it may be off,

    rounding = epsilon * additions * (sizes of the log values that matter, added up),

and log values matter unless all assignments that have them stay `_NEGLIGIBLE` below the whole.
Beyond `LOG_VALUE_MAX`, or `_LOG_TOTAL_MAX` together, nothing is added at all: that is refused.
"""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from gmruntime.answer import AnyAnswer, Improvement
from gmruntime.factors.kinds import FactorKind, Table
from gmruntime.factors.parameters import LOG_VALUE_MAX
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    GraphError,
    num_states,
    shape_of,
    table_indices,
)
from gmruntime.questions.rounding import Lost

if TYPE_CHECKING:
    from fractions import Fraction

_LOG_TOTAL_MAX = 1e307
"""So much all factors may add up to, each counted once for every variable it reads."""

_STRONG = float(1 << 22)
"""Two finite log values up to here lose less than `TOLERANCE` when they are added: 2**22 * epsilon.

Of millions of ordinary values a sum has the usual rounding of float64, which nothing is said of.
"""

_NEGLIGIBLE = 64.0
"""Assignments this many nats below the whole weigh less than float64 can tell."""

_ADDITIONS_OF_VARIABLE = 4
"""To sum out a variable: its largest value off, and on again; and a message's, off and on."""

_MERGED_ENTRIES_MAX = 1 << 16
"""Fractions are slow: so many are added in a tenth of a second."""

_A = TypeVar("_A", bound=AnyAnswer)
_Key = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """A graph whose strong tables are added up.

    Attributes:
        graph: scores everything `log_constant` lower than the graph that was asked.
        log_constant: nats.
        log_most: no assignment of `graph` scores higher.
        log_high: the sizes of the largest log values of its factors, added up.
        log_total: the sizes of their largest finite log values in size, added up.
        log_assignments: of how many assignments there are.
        num_additions: at most so many make a number of an answer.
    """

    graph: FactorGraph
    log_constant: float
    log_most: float
    log_high: float
    log_total: float
    log_assignments: float
    num_additions: int


def weigh(graph: FactorGraph) -> Weighed | None:
    """Add up the strong tables of a validated graph; None when it has no strong factor.

    Raises:
        GraphError: when a finite log value is beyond `LOG_VALUE_MAX`, or all are together beyond
            `_LOG_TOTAL_MAX`.
    """
    strongest, total = 0.0, 0.0
    for position, block in enumerate(graph.factors):
        found = strength(block.kind)
        if found > LOG_VALUE_MAX:
            raise GraphError(
                f"factor block {position} ({block.label or 'no label'}) holds {found:g}, beyond "
                f"{LOG_VALUE_MAX:g} nats; write -inf for what is impossible"
            )
        strongest = max(strongest, found)
        total += found * max(1, block.scopes.size)
    if total > _LOG_TOTAL_MAX:
        raise GraphError(
            f"the log values of all factors may add up to {total:g} nats, which leaves float64; "
            "write -inf for what is impossible"
        )
    if strongest <= _STRONG:
        return None
    merged, log_constant = _merged(graph)
    most, high_size, total, count = 0.0, 0.0, 0.0, 0
    sizes = num_states(merged)
    for block in merged.factors:
        if not len(block.scopes):
            continue
        index = table_indices(block)
        shape = shape_of(block, sizes)
        high = block.kind.largest_entries(shape)
        finite = np.abs(np.where(high > -np.inf, high, 0.0))
        reach = np.maximum(finite, -block.kind.least_entries(shape))
        most += float(high[index].sum())
        high_size += float(finite[index].sum())
        total += float(reach[index].sum()) if len(reach) > 1 else len(index) * float(reach[0])
        count += len(index)
    additions = count + _ADDITIONS_OF_VARIABLE * len(sizes)
    log_assignments = float(np.log(sizes.astype(np.float64)).sum())
    return Weighed(merged, log_constant, most, high_size, total, log_assignments, additions)


def strength(kind: FactorKind) -> float:
    """Return the largest size of a finite parameter.

    >>> strength(Table(np.array([[-2.0, -np.inf, 1.0]])))
    2.0
    """
    found = 0.0
    for field in fields(kind):
        values = getattr(kind, field.name)
        if isinstance(values, np.ndarray) and values.dtype == np.float64 and values.size:
            least, most = float(values.min()), float(values.max())
            if least == -np.inf:
                least = float(values.min(where=values > -np.inf, initial=0.0))
            found = max(found, most, -least)
    return found


# --- Strong tables -----------------------------------------------------------------------


def _merged(graph: FactorGraph) -> tuple[FactorGraph, float]:
    """Add up the tables over the variables of a strong one, but for their largest entries."""
    from fractions import Fraction

    strong = {key for block in graph.factors for key in _keys(block, _strong_rows(block))}
    taken = [_rows_over(block, strong) for block in graph.factors]
    num_entries = sum(
        int(rows.sum()) * block.kind.log_potentials[0].size
        for block, rows in zip(graph.factors, taken, strict=True)
        if isinstance(block.kind, Table) and rows.any()
    )
    if num_entries > _MERGED_ENTRIES_MAX:
        return graph, 0.0
    groups: dict[_Key, list[np.ndarray]] = {key: [] for key in strong}
    for block, rows in zip(graph.factors, taken, strict=True):
        if isinstance(block.kind, Table) and rows.any():
            scopes, index = block.scopes[rows], table_indices(block)[rows]
            for key, scope, row in zip(_keys(block, rows), scopes, index, strict=True):
                groups[key].append(block.kind.log_potentials[row].transpose(np.argsort(scope)))
    constant = Fraction(0)
    blocks = [
        _without(block, rows)
        for block, rows in zip(graph.factors, taken, strict=True)
        if not rows.any() or not rows.all()
    ]
    for scope, tables in groups.items():
        table, largest = _sum_exactly(tables)
        constant += largest
        blocks.append(FactorBlock(Table(table[None]), np.array([scope], np.int32), "strong"))
    return replace(graph, factors=tuple(blocks)), float(constant)


def _strong_rows(block: FactorBlock) -> np.ndarray:
    """Say of each factor of a block whether it is a strong table."""
    if not isinstance(block.kind, Table):
        return np.zeros(len(block.scopes), np.bool_)
    tables = block.kind.log_potentials
    entries = tables.reshape(len(tables), -1)
    sizes = np.where(np.isfinite(entries), np.abs(entries), 0.0).max(axis=1, initial=0.0)
    return sizes[table_indices(block)] > _STRONG


def _keys(block: FactorBlock, rows: np.ndarray) -> list[_Key]:
    """Name the scopes of some factors of a block: in ascending order of the variables."""
    return [tuple(scope) for scope in np.sort(block.scopes[rows], axis=1).tolist()]


def _rows_over(block: FactorBlock, keys: set[_Key]) -> np.ndarray:
    """Say of each factor of a block whether it is a table over the variables of a key."""
    rows = np.zeros(len(block.scopes), np.bool_)
    alike = [key for key in keys if len(key) == block.scopes.shape[1]]
    if not alike or not isinstance(block.kind, Table):
        return rows
    # Few factors read a variable of a strong one: only those are looked at one by one.
    near = np.flatnonzero(np.isin(block.scopes, np.array(alike, np.int32)).all(axis=1))
    rows[near] = [key in keys for key in _keys(block, near)]
    return rows


def _without(block: FactorBlock, rows: np.ndarray) -> FactorBlock:
    if not isinstance(block.kind, Table) or not rows.any():
        return block
    return block.some(~rows)


def _sum_exactly(tables: list[np.ndarray]) -> "tuple[np.ndarray, Fraction]":
    """Add tables without rounding; the largest entry is taken out before anything is rounded."""
    from fractions import Fraction

    forbidden = np.any([table == -np.inf for table in tables], axis=0)
    sums = {
        place: sum((Fraction(float(table[place])) for table in tables), Fraction(0))
        for place in np.ndindex(*forbidden.shape)
        if not forbidden[place]
    }
    largest = max(sums.values(), default=Fraction(0))
    result = np.full(forbidden.shape, -np.inf)
    for place, total in sums.items():
        result[place] = float(total - largest)
    return result, largest


# --- What an answer says of it -----------------------------------------------------------


def rounding(weighed: Weighed, log_value: float) -> float:
    """Bound what additions may have lost where it matters, nats.

    The log values of an assignment that matters are together no larger in size than the largest
    ones are, and what it lacks to the most that any assignment may have. Those that lack more than
    the whole, by what their number makes up for and `_NEGLIGIBLE`, do not matter even all together.
    Nor are partial sums larger, or what is taken off a message: so much, times epsilon, is what an
    addition may lose.

    Args:
        weighed: the graph that was answered for.
        log_value: of the whole, or of the assignment in question, on that graph.
    """
    matters = weighed.log_total
    if not np.isnan(log_value):
        lacks = max(weighed.log_most - log_value, 0.0)
        lacks += weighed.log_assignments + _NEGLIGIBLE
        matters = min(matters, weighed.log_high + lacks)
    if matters <= _STRONG:
        return 0.0
    return float(np.finfo(np.float64).eps) * matters * weighed.num_additions


def weighed_answer(answer: _A, weighed: Weighed, log_value: float) -> _A:
    """Put the constant back into an answer, and say what additions may have lost.

    Args:
        answer: on `weighed.graph`.
        weighed: what was answered for.
        log_value: of the whole on that graph; NaN where it is not known.
    """
    return answer.rounded(weighed.log_constant, Lost(rounding(weighed, log_value)))


def weighed_step(step: Improvement, weighed: Weighed) -> Improvement:
    """Put the constant back into a step of a search, and what additions may have lost."""
    is_found = bool(step.assignment.size)
    lost = Lost(rounding(weighed, step.log_score)).if_lossy() if is_found else 0.0
    return replace(
        step,
        log_score=step.log_score + weighed.log_constant,
        log_bound=step.log_bound + weighed.log_constant + lost,
    )
