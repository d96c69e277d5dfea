"""The smallest and the largest of many, found as in a tournament."""

from dataclasses import replace

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Expression, Integer, VariableRef
from gmlang.graph.lowering.forms.columns import Columns, columns_of
from gmlang.graph.lowering.grounder import Grounder, Job, auxiliary, hidden_entry, hidden_reference
from gmlang.graph.lowering.plainer import extreme_items
from gmlang.graph.values.terms import Defined
from gmlang.graph.world.world import Frame


def define_extreme(grounder: Grounder, frame: Frame, job: Job, term: Defined) -> bool:
    """Add target = min or max of many items; False when the term is none, or has no such form."""
    value = term.value
    items = extreme_items(value)
    if items is None or not job.is_wide:
        return False
    assert isinstance(value, Aggregate | Apply)
    aggregate = Aggregate(value.span, value.operator, items, None, value.type)
    columns = columns_of(grounder, frame, aggregate)
    if columns is None or columns.variables.shape[1] < 3:
        return False
    while columns.variables.shape[1] > 2:
        columns = _next_round(grounder, columns, aggregate)
    frame, winner = _winner(grounder, frame, columns, aggregate)
    if (columns.values != columns.states.values()).any():
        winner = hidden_entry(grounder, columns.values, winner, winner.span)
    grounder.lower(frame, replace(job, term=Defined(term.target, winner)))
    return True


def _winner(
    grounder: Grounder, frame: Frame, columns: Columns, aggregate: Aggregate
) -> tuple[Frame, Expression]:
    sides: list[VariableRef] = []
    for column in columns.variables.T:
        frame, side = hidden_reference(grounder, frame, column, columns.states, aggregate.span)
        sides.append(side)
    return frame, Apply(aggregate.span, aggregate.operator, tuple(sides), Integer())


def _next_round(grounder: Grounder, columns: Columns, aggregate: Aggregate) -> Columns:
    count, width = columns.variables.shape
    paired = width // 2 * 2
    sides = columns.variables[:, :paired].reshape(-1, 2)
    pairs = replace(columns, variables=sides)
    frame, winner = _winner(grounder, Frame(len(sides), {}), pairs, aggregate)
    _, reference = auxiliary(grounder, frame, winner, columns.states)
    won = grounder.world.hidden[reference.name].variables.reshape(count, -1)
    left_over = columns.variables[:, paired:]
    return replace(columns, variables=np.concatenate([won, left_over], axis=1))
