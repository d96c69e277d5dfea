"""Questions about reals with too many states around them, which may be a chain to be followed."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.program import Query
from gmlang.diagnostics import Diagnostic
from gmlang.queries.rows.asked import AskedReals, Item, Single
from gmlang.queries.rows.integrating import TooManyStatesError
from gmruntime.continuous.mixed import MixedGraph


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """A question's graph, with its reals.

    Attributes:
        evidence: the state of each finite variable that is observed; -1 for the others.
        real_evidence: the value of each real that is observed; NaN for the others.
        refusal: what is told where it is no chain.
    """

    mixed: MixedGraph
    evidence: np.ndarray
    real_evidence: np.ndarray
    refusal: Diagnostic


def histories_of(error: TooManyStatesError, query: Query, asked: AskedReals | None) -> Histories:
    """Keep the graph of a question that may be answered by following a chain.

    Raises:
        TooManyStatesError: it may not.
    """
    items = [item for own in asked.items for item in own] if asked is not None else []
    if query.names_states or query.relates_reals or not all(map(_is_of_one, items)):
        raise error
    return Histories(error.mixed, error.evidence, error.real_evidence, error.diagnostics[0])


def _is_of_one(item: Item) -> bool:
    """Say whether something depends on one real alone, linearly."""
    terms = item.terms()
    if isinstance(item, Single) and item.term is None:
        return True
    return len(terms) == 1 and not terms[0].scope and len(terms[0].reals) == 1
