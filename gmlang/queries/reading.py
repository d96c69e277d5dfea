"""What the runtime says of variables, in the author's names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import (
    AttributeRef,
    Bind,
    Enum,
    Expression,
    Local,
    Reference,
    VariableRef,
    Whole,
)
from gmlang.core.program import Asked, Query
from gmlang.core.walk import walk
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import asking
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.values.evaluate import evaluate, expand
from gmlang.graph.world.axes import Axis, Part, states_axis
from gmlang.graph.world.names import Named, named_in
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import nested_labels
from gmlang.queries.session import Prepared
from gmruntime.answer import Joint, JointAnswer
from gmruntime.arrays import num_entries, row_starts

_JOINT_VARIABLES_MAX = 32
"""A joint distribution has an axis for each variable, and NumPy's arrays have few."""

_JOINT_ENTRIES_MAX = 1 << 20
"""A joint distribution with more entries than this is refused."""

_SAMPLED_STATES_MAX = 1 << 23
"""Samples, or best assignments, with more states in all are refused: by name they take 1 GiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Each variable's row of a blockwise result, found where it is asked for.

    Attributes:
        blocks: the result.
        starts: the first variable of each block, and last how many there are.
    """

    blocks: tuple[np.ndarray, ...]
    starts: np.ndarray

    def __getitem__(self, variable: int) -> np.ndarray:
        """Return the row of a variable, by its index."""
        number = self._block_of(variable)
        values = self.blocks[number]
        return values.reshape(-1, values.shape[-1])[variable - self.starts[number]]

    def of(self, variables: np.ndarray) -> np.ndarray:
        """Return the rows of variables that have as many states, along one more axis."""
        flat = variables.reshape(-1)
        if not len(flat):
            return np.zeros((*variables.shape, 0))
        number = self._block_of(int(flat.min()))
        values = self.blocks[number].reshape(-1, self.blocks[number].shape[-1])
        places = flat - self.starts[number]
        if places.max() < len(values):
            found = values[places]
        else:
            found = np.array([self[int(v)] for v in flat])
        return found.reshape(*variables.shape, found.shape[-1])

    def _block_of(self, variable: int) -> int:
        return int(np.searchsorted(self.starts, variable, side="right")) - 1


def flat_rows(prepared: Prepared, blocks: tuple[np.ndarray, ...]) -> Rows:
    """Return each variable's row of a blockwise result, by index."""
    return Rows(blocks, row_starts([block.size for block in prepared.variables()]))


def asked_names(prepared: Prepared, query: Query) -> list[Named]:
    """List what an assignment is reported for: what was asked, or everything with a name."""
    if not query.asked:
        return named_in(prepared.grounding.world)
    return [
        Named(_name(asked.value.span.text), target.variables, target.states)
        for asked, target in zip(query.asked, prepared.targets, strict=True)
    ]


def _name(text: str) -> str:
    return " ".join(text.split())


def assignment_map(names: list[Named], assignment: np.ndarray) -> dict[str, object]:
    """Write an assignment by the names of variables and states."""
    return {n.name: nested_labels(assignment[n.variables], n.states) for n in names}


def assignment_maps(names: list[Named], rows: np.ndarray) -> list[dict[str, object]]:
    """Write many assignments, each state that a single variable takes only once."""
    if not names:
        return [{} for _ in rows]
    columns: list[list[object]] = []
    for named in names:
        if named.variables.shape:
            columns.append([nested_labels(row[named.variables], named.states) for row in rows])
            continue
        taken, place = np.unique(rows[:, int(named.variables)], return_inverse=True)
        labels = [nested_labels(state, named.states) for state in taken]
        columns.append([labels[k] for k in place.reshape(-1).tolist()])
    keys = [named.name for named in names]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


def parts_of(prepared: Prepared, query: Query) -> tuple[Part, ...]:
    """Say what an answer speaks of: what was asked, or everything with a name."""
    if id(query) not in prepared.told:
        prepared.told[id(query)] = query, _parts_of(prepared, query)
    return prepared.told[id(query)][1]


def _parts_of(prepared: Prepared, query: Query) -> tuple[Part, ...]:
    named = asked_names(prepared, query)
    if query.asked:
        declared = _declared_axes(prepared)
        axes = [_asked_axes(prepared, asked, declared) for asked in query.asked]
        # What runs in loops is named by them.
        names = ["" if a.context else n.name for a, n in zip(query.asked, named, strict=True)]
    else:
        declared = _declared_axes(prepared)
        axes = [declared.get(n.name, ()) for n in named]
        names = [n.name for n in named]
    return tuple(
        Part(name, _fitted(found, n.variables.shape), states_axis(n.states))
        for name, found, n in zip(names, axes, named, strict=True)
    )


def _fitted(axes: tuple[Axis, ...], shape: tuple[int, ...]) -> tuple[Axis, ...]:
    """Return axes of a shape: numbered ones where none are known."""
    return axes if tuple(axis.size for axis in axes) == shape else tuple(map(Axis, shape))


def _declared_axes(prepared: Prepared) -> dict[str, tuple[Axis, ...]]:
    """Return the axes of all that has a name, as declared."""
    grounding = prepared.grounding
    found = {
        symbol.name: _indexed(symbol.axes, grounding.world.variables[symbol.name].shape)
        for symbol in grounding.program.variables
    }
    entities = {entity.name: entity for entity in grounding.program.entities}
    for thing in grounding.world.things.values():
        for symbol in entities[thing.entity].attributes:
            shape = grounding.world.attributes[thing.entity][symbol.name].shape
            own = tuple(map(Axis, thing.shape))
            found[f"{thing.name}.{symbol.name}"] = (*own, *_indexed(symbol.axes, shape))
    return found


def _indexed(enums: tuple[Enum | None, ...], shape: tuple[int, ...]) -> tuple[Axis, ...]:
    known = enums if len(enums) == len(shape) else (None,) * len(shape)
    return tuple(
        Axis(size, names=() if enum is None else enum.values)
        for enum, size in zip(known, shape, strict=True)
    )


def _asked_axes(
    prepared: Prepared, asked: Asked, declared: dict[str, tuple[Axis, ...]]
) -> tuple[Axis, ...]:
    """Return the axes of one thing that is asked for: its loops, and what is whole of an array."""
    loops = _loop_axes(prepared, asked)
    if not isinstance(asked.value, Reference):
        return loops
    match asked.value:
        case VariableRef(name=name, indices=indices) if name in prepared.grounding.world.variables:
            whole = indices
        case AttributeRef(thing=thing, attribute=attribute):
            name, whole = f"{thing.name}.{attribute}", (*thing.indices, *asked.value.indices)
        case _:
            return loops
    axes = declared.get(name, ())
    if len(axes) != len(whole):
        return loops
    pairs = zip(axes, whole, strict=True)
    return (*loops, *(axis for axis, index in pairs if isinstance(index, Whole)))


def _loop_axes(prepared: Prepared, asked: Asked) -> tuple[Axis, ...]:
    if not asked.context:
        return ()
    frame, _ = expand(environment(prepared.grounder, ONE_INSTANCE), asked.context)
    enums = {
        part.key: part.type.values
        for part in walk(asked.value)
        if isinstance(part, Local) and isinstance(part.type, Enum)
    }
    loops = tuple(
        (_own(frame.locals[clause.key]), enums.get(clause.key, ()))
        for clause in asked.context
        if isinstance(clause, Bind)
    )
    return (Axis(frame.count, loops=loops),)


def _own(values: np.ndarray) -> np.ndarray:
    """Return a copy that nobody can change: what an answer speaks of is shared by its copies."""
    found = np.array(values)
    found.flags.writeable = False
    return found


def flat_variables(names: list[Named]) -> np.ndarray:
    """List the variables of all names, one after another."""
    return np.concatenate([np.zeros(0, np.int64), *(n.variables.reshape(-1) for n in names)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered(Query):
    """A query for a number of assignments.

    Attributes:
        number: how many.
    """

    number: Expression


def asked_variables(prepared: Prepared) -> np.ndarray:
    """List the variables that are asked for, one after another."""
    asked = [target.variables.reshape(-1) for target in prepared.targets]
    return np.concatenate([np.zeros(0, np.int32), *asked]).astype(np.int32)


def asked_once(prepared: Prepared) -> np.ndarray:
    """List the variables that are asked for, ascending, each once."""
    asked = asked_variables(prepared)
    return asked if (np.diff(asked) > 0).all() else np.unique(asked)


def check_joint(query: Query, sizes: Sequence[int]) -> None:
    """Refuse the joint distribution of too many variables, or of too many states.

    Raises:
        GmError: with how many there are.
    """
    found = joint_too_large(query, sizes)
    if found is not None:
        raise GmError([found])


def joint_too_large(query: Query, sizes: Sequence[int]) -> Diagnostic | None:
    """Say why a joint distribution is too large to be written out; None where it is not."""
    if len(sizes) > _JOINT_VARIABLES_MAX:
        return asking.joint_of_many(query.span, len(sizes), _JOINT_VARIABLES_MAX)
    if num_entries(sizes) > _JOINT_ENTRIES_MAX:
        return asking.joint_too_large(query.span, sizes)
    return None


def _sized(prepared: Prepared) -> dict[int, int]:
    """Return how many states each variable has that is asked for or conditioned on."""
    sizes = {
        int(variable): target.states.count
        for target in prepared.targets
        for variable in target.variables.reshape(-1)
    }
    builder = prepared.builder
    for variable in prepared.conditioned:
        sizes[variable] = builder.variables[builder.block_of(variable)].num_states
    return sizes


def joint_over(prepared: Prepared, query: Query) -> Joint:
    """Ask for the joint distribution of all that is asked for and conditioned on, each once.

    Raises:
        GmError: when that is too large.
    """
    sizes = _sized(prepared)
    check_joint(query, list(sizes.values()))
    return Joint(np.array(sorted(sizes), np.int32))


def joint_table(
    prepared: Prepared, found: JointAnswer, sides: Sequence[Iterable[int]]
) -> np.ndarray:
    """Write a joint distribution as a table with an axis for each side, and one for the givens.

    Args:
        prepared: with the targets.
        found: the answer to `joint_over`.
        sides: the numbers of the targets on each side; a variable may be on several.
    """
    sizes = _sized(prepared)
    order = {variable: axis for axis, variable in enumerate(sorted(sizes))}
    p = found.probabilities
    groups = [
        [int(v) for k in side for v in prepared.targets[k].variables.reshape(-1)] for side in sides
    ]
    groups.append(list(dict.fromkeys(prepared.conditioned)))
    places = np.zeros(p.shape, np.int64)
    shape: list[int] = []
    for group in groups:
        count = 1
        for variable in dict.fromkeys(group):
            size = sizes[variable]
            along = np.arange(size).reshape(
                [size if a == order[variable] else 1 for a in range(p.ndim)]
            )
            places = places * size + along
            count *= size
        shape.append(count)
    table = np.bincount(places.reshape(-1), p.reshape(-1), minlength=int(np.prod(shape)))
    return table.reshape(shape)


def number_asked(prepared: Prepared, query: Numbered) -> int:
    """Return how many whole assignments a query asks for.

    Raises:
        GmError: when it asks for none, or for too many.
    """
    number = query.number
    count = int(np.asarray(evaluate(number, environment(prepared.grounder, ONE_INSTANCE))))
    if count < 1:
        raise GmError([asking.fewer_than_one(number.span)])
    if count * max(1, prepared.builder.num_variables) > _SAMPLED_STATES_MAX:
        most = _SAMPLED_STATES_MAX // max(1, prepared.builder.num_variables)
        raise GmError([asking.more_than_fit(number.span, query.kind, most, count)])
    return count
