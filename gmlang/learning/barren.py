"""The tables that rows say anything about: without those that only unseen variables depend on.

What sums to a constant over variables that no row sees is left out before anything is compiled, so
that it costs nothing, and no count comes from what nobody has seen.

Source: Shachter (1986); as in `gmruntime.simplify.relevant` found by the numbers of the tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gmlang.learning.dependence.forms import Form, chosen
from gmlang.learning.dependence.tables import Tables
from gmlang.learning.numbers.inside import inner_numbers
from gmruntime.arrays import Bool
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph
from gmruntime.simplify.relevant import sum_out


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
