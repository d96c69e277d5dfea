"""All-different: one factor where it must hold, pairs of equal items where it may fail."""

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Bool, VariableRef
from gmlang.graph.builder import add_tables
from gmlang.graph.lowering import table_sizes
from gmlang.graph.lowering.forms.columns import Columns, columns_of, is_plain, item_groups
from gmlang.graph.lowering.grounder import Grounder, Job, auxiliary, environment, hidden_reference
from gmlang.graph.lowering.sums.moves import one_move
from gmlang.graph.values.environment import Slot
from gmlang.graph.values.evaluate import inside, item_frames
from gmlang.graph.world.places import locate
from gmlang.graph.world.states import BOOL, States
from gmlang.graph.world.world import Frame
from gmruntime.factors.kinds import AllDifferent, Count, Or


def require_different(grounder: Grounder, frame: Frame, job: Job, aggregate: Aggregate) -> bool:
    """Add the constraint that all items differ; False when it has no such form."""
    variables = _variables(grounder, frame, aggregate)
    if variables is None and job.is_wide:
        if _differ_in_pairs(grounder, frame, job, aggregate):
            return True
        columns = columns_of(grounder, frame, aggregate)
        variables = None if columns is None else columns.variables
    if variables is None:
        return False
    grounder.builder.add_factors(AllDifferent(), variables, job.origin)
    return True


def _variables(grounder: Grounder, frame: Frame, aggregate: Aggregate) -> np.ndarray | None:
    """List the variables of items that are variables with the same states."""
    env = environment(grounder, frame)
    columns: list[np.ndarray] = []
    states: set[States] = set()
    for number, (position, item_frame) in enumerate(item_frames(env, aggregate)):
        value = aggregate.items[position].value
        if not is_plain(value):
            return None
        slot = locate(value, inside(environment(grounder, item_frame), item_frame, number))
        columns.append(slot.variables)
        states.add(slot.states)
    return np.stack(columns, axis=1) if len(states) == 1 else None


def _differ_in_pairs(grounder: Grounder, frame: Frame, job: Job, aggregate: Aggregate) -> bool:
    """Compare items that are functions of one variable each, two and two.

    Tables over two variables join others over the same two, and leave nothing to be searched but
    what the author named.
    """
    env = environment(grounder, frame)
    moves = [one_move("start", value, inner) for value, inner in item_groups(env, aggregate)]
    sizes = {move.values.shape[1] for move in moves if move and isinstance(move.source, Slot)}
    if len(sizes) != 1 or not all(move and isinstance(move.source, Slot) for move in moves):
        return False
    variables: list[np.ndarray] = []
    values: list[np.ndarray] = []
    for move in moves:
        assert move is not None
        assert isinstance(move.source, Slot)
        variables.append(move.source.variables.reshape(frame.count, -1))
        size = move.values.shape[1]
        rows = np.broadcast_to(move.values, (move.source.variables.size, size))
        values.append(rows.reshape(frame.count, -1, size))
    both, numbers = np.concatenate(variables, axis=1), np.concatenate(values, axis=1)
    first, second = np.triu_indices(both.shape[1], 1)
    if frame.count * len(first) * numbers.shape[2] ** 2 > table_sizes.ENTRIES_MAX:
        return False
    same = numbers[:, first, :, None] == numbers[:, second, None, :]
    tables = np.where(same, -np.inf, 0.0).reshape(-1, *same.shape[2:])
    scopes = np.stack([both[:, first], both[:, second]], axis=2).reshape(-1, 2)
    add_tables(grounder.builder, tables, scopes, job.origin, gated=False)
    return True


def require_some_equal(grounder: Grounder, frame: Frame, job: Job, aggregate: Aggregate) -> bool:
    """Add the constraint that two items are equal; False when it has no such form."""
    equal = _equal_pairs(grounder, frame, job, aggregate)
    if equal is None:
        return False
    num_pairs = equal.shape[1]
    some = np.where(np.arange(num_pairs + 1) > 0, 0.0, -np.inf)[None, :]
    kind = Count(some, np.zeros((1, num_pairs), np.bool_))
    grounder.builder.add_factors(kind, equal, job.origin)
    return True


def define_different(
    grounder: Grounder,
    frame: Frame,
    job: Job,
    target: np.ndarray,
    value: tuple[bool, Aggregate],
) -> bool:
    """Add target = (all items differ), or its opposite; False when it has no such form."""
    positive, aggregate = value
    equal = _equal_pairs(grounder, frame, job, aggregate)
    if equal is None:
        return False
    negated = np.zeros((1, equal.shape[1] + 1), np.bool_)
    negated[0, -1] = positive
    target = np.broadcast_to(target, (frame.count,))
    grounder.builder.add_factors(Or(negated), np.column_stack([equal, target]), job.origin)
    return True


def _equal_pairs(
    grounder: Grounder, frame: Frame, job: Job, aggregate: Aggregate
) -> np.ndarray | None:
    """Add a variable for each two items that says whether they are equal."""
    columns = columns_of(grounder, frame, aggregate) if job.is_wide else None
    if columns is None or columns.variables.shape[1] < 2:
        return None
    first, second = np.triu_indices(columns.variables.shape[1], 1)
    pairs, left = _rows(grounder, None, columns, first, aggregate)
    pairs, right = _rows(grounder, pairs, columns, second, aggregate)
    same = Apply(aggregate.span, "==", (left, right), Bool())
    _, equal = auxiliary(grounder, pairs, same, BOOL)
    return grounder.world.hidden[equal.name].variables.reshape(frame.count, -1)


def _rows(
    grounder: Grounder,
    frame: Frame | None,
    columns: Columns,
    chosen: np.ndarray,
    aggregate: Aggregate,
) -> tuple[Frame, "VariableRef"]:
    variables = columns.variables[:, chosen].reshape(-1)
    frame = frame or Frame(len(variables), {})
    return hidden_reference(grounder, frame, variables, columns.states, aggregate.span)
