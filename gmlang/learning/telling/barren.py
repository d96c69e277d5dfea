"""The tables that rows say anything about: without those that only unseen variables depend on.

What sums to a constant over variables that no row sees is left out before anything is compiled, so
that it costs nothing, and no count comes from what nobody has seen. What some rows see and others
do not is found row by row.

Source: Shachter (1986); as in `gmruntime.simplify.relevant` found by the numbers of the tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.learning.dependence.forms import Form, chosen
from gmlang.learning.dependence.tables import Tables
from gmlang.learning.numbers.inside import inner_numbers
from gmruntime.arrays import Bool, Float64, Int
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph
from gmruntime.simplify.barren import constant_sum
from gmruntime.simplify.relevant import sum_out

_ROUNDS_MAX = 200
"""Of longer chains the rest of a row is taken for latent, which loosens a bound and no truth."""

_TABLES_MAX = 1000
"""A block of more different tables is not looked through row by row."""

CELLS_AT_ONCE = 1 << 22
"""Rows times variables."""


@dataclass(frozen=True, slots=True, eq=False)
class Telling:
    """What rows say something about.

    Attributes:
        tables: without what sums to a constant.
        every: with all of it.
        places: for each block that is left, which of all it was, and which of its factors it has.
        is_dropped: the variables over which that was summed.
        log_constant: log of what it sums to.
    """

    tables: Tables
    every: Tables
    places: tuple[tuple[int, Bool[np.ndarray, " _factors"]], ...]
    is_dropped: Bool[np.ndarray, " variables"]
    log_constant: float

    def counts_of_all(self, counts: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        """Return counts by block of the tables that are left as counts by block of all."""
        found: dict[int, np.ndarray] = {}
        for number, _ in self.every.forms:
            kind = self.every.graph.factors[number].kind
            assert isinstance(kind, Table)
            found[number] = np.zeros(kind.log_potentials.shape)
        for own, (number, is_left) in enumerate(self.places):
            if own not in counts:
                continue
            if len(found[number]) == len(is_left):
                found[number][is_left] += counts[own]
            else:
                found[number] += counts[own]
        return found


def without_barren(
    tables: Tables,
    unseen: Bool[np.ndarray, " variables"],
    rng: np.random.Generator,
    budget: Budget,
) -> Telling:
    """Leave out the unseen variables whose only factor sums to a constant over them; and so on.

    Args:
        tables: of the program.
        unseen: variables that no row has seen.
        rng: of the numbers at which the tables are looked at.
        budget: that has begun.

    Raises:
        GmError: when a statement has no value there.
        TimeoutError: when the budget ended before.
    """
    graph = tables.graph
    found = tables.at(inner_numbers(tables.layout, rng), budget)
    numbered = tuple(
        block if table is None else replace(block, kind=Table(table))
        for block, table in zip(graph.factors, found, strict=True)
    )
    summed = sum_out(FactorGraph(graph.variables, numbered), ~unseen, budget)
    factors: list[FactorBlock] = []
    forms: list[tuple[int, Form]] = []
    places: list[tuple[int, np.ndarray]] = []
    own = dict(tables.forms)
    for number, (block, is_left) in enumerate(zip(graph.factors, summed.is_left, strict=True)):
        if not is_left.any():
            continue
        if number in own:
            form = own[number]
            forms.append((len(factors), form if is_left.all() else chosen(form, is_left)))
        factors.append(block.some(is_left))
        places.append((number, is_left))
    left = FactorGraph(graph.variables, tuple(factors))
    sources = tuple(tables.sources[number] for number, _ in places)
    telling = replace(tables, graph=left, forms=tuple(forms), sources=sources)
    return Telling(telling, tables, tuple(places), summed.is_dropped, summed.log_constant)


# --- In each row -------------------------------------------------------------------------


Constants = Mapping[int, Float64[np.ndarray, " tables"]]
"""By axis: the logs of what the tables of a block sum to over it, where that is constant."""


def constant_axes(
    tables: Tables,
    unseen: Bool[np.ndarray, " variables"],
    rng: np.random.Generator,
    budget: Budget,
) -> tuple[Constants, ...]:
    """Find for each block the axes with unseen variables over which all tables sum to constants.

    The arguments, and what is raised, are those of `without_barren`.
    """
    found: list[Constants] = []
    numbers = inner_numbers(tables.layout, rng)
    for block, table in zip(tables.graph.factors, tables.at(numbers, budget), strict=True):
        own = table
        if own is None and isinstance(block.kind, Table):
            own = block.kind.log_potentials
        if own is None or not len(own) or len(own) > _TABLES_MAX:
            found.append({})
            continue
        axes = np.flatnonzero(unseen[block.scopes].any(axis=0)).tolist()
        sums = {k: [constant_sum(t, k) for t in own] for k in axes}
        found.append(
            {k: np.array(each, np.float64) for k, each in sums.items() if None not in each}
        )
    return tuple(found)


def barren_rows(
    graph: FactorGraph,
    constant: Sequence[Constants],
    unseen: Bool[np.ndarray, "rows variables"],
    budget: Budget,
) -> tuple[Int[np.ndarray, "rows factors"], ...]:
    """Find in each row the axis over which each factor, by block, sums to a constant; -1 for none.

    Args:
        graph: of the tables.
        constant: over which axes those of each block do.
        unseen: which variables each row leaves open.
        budget: that has begun.

    Raises:
        TimeoutError: when the budget ended before.
    """
    found = [np.full((len(unseen), len(b.scopes)), -1, np.int8) for b in graph.factors]
    step = max(1, CELLS_AT_ONCE // max(1, unseen.shape[1]))
    for first in range(0, len(unseen), step):
        some = slice(first, first + step)
        parts = _dropped(graph, constant, unseen[some], budget)
        for whole, part in zip(found, parts, strict=True):
            whole[some] = part
    return tuple(found)


def _dropped(
    graph: FactorGraph,
    constant: Sequence[Constants],
    unseen: Bool[np.ndarray, "rows variables"],
    budget: Budget,
) -> list[Int[np.ndarray, "rows _factors"]]:
    """Return over which axis each factor went in each row; -1 where it did not."""
    degree = np.zeros(unseen.shape[1], np.int64)
    for block in graph.factors:
        np.add.at(degree, block.scopes.reshape(-1), 1)
    degree = np.tile(degree, (len(unseen), 1))
    gone = [np.full((len(unseen), len(block.scopes)), -1, np.int8) for block in graph.factors]
    for _ in range(_ROUNDS_MAX):
        budget.check()
        is_more = False
        for block, axes, its in zip(graph.factors, constant, gone, strict=True):
            for axis in axes:
                own = block.scopes[:, axis]
                rows, factors = np.nonzero((its < 0) & unseen[:, own] & (degree[:, own] == 1))
                if len(rows):
                    is_more = True
                    its[rows, factors] = axis
                    np.subtract.at(degree, (rows[:, None], block.scopes[factors]), 1)
        if not is_more:
            break
    return gone
