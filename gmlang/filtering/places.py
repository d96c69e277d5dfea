"""The variables of a window, named so that the next window's can be told to be the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gmlang.core.ast import AttributeRef, DataRef, Gate
from gmlang.core.program import ObserveValue, Statement
from gmlang.data.observed import num_mentions
from gmlang.filtering.chains.chain import Chain
from gmlang.graph.observations import array_value
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import expand, random_indices
from gmlang.graph.world.places import locate_array
from gmlang.graph.world.states import States
from gmlang.graph.world.world import ONE_INSTANCE, World

LASTING = -1
"""How many steps ago a variable is that is of no step."""


class Known(NamedTuple):
    """A variable: of which array, which element apart from time, how many steps ago."""

    name: tuple[str, ...]
    element: int
    back: int

    def step_later(self) -> "Known":
        """Return what it is called after one more step."""
        return self if self.back == LASTING else self._replace(back=self.back + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Numbering:
    """What the variables of a window are.

    Attributes:
        names: of the arrays that last or run over time.
        array: for each variable which of these it is in; -1 for one that no author named.
        element: for each, which of its elements apart from time.
        time: for each, its step; -1 for one of no step.
        num_states: of each array.
        num_elements: of each array, apart from time.
        num_steps: of the window.
    """

    names: tuple[tuple[str, ...], ...]
    array: np.ndarray
    element: np.ndarray
    time: np.ndarray
    counts: tuple[int, ...]
    num_elements: tuple[int, ...]
    num_steps: int

    def known(self, variable: int) -> Known | None:
        """Return what a variable is known as; None for one that no author named."""
        if variable >= len(self.array) or self.array[variable] < 0:
            return None
        time = int(self.time[variable])
        back = LASTING if time < 0 else self.num_steps - 1 - time
        return Known(self.names[self.array[variable]], int(self.element[variable]), back)

    def num_states(self, known: Known) -> int:
        """Return the number of states of a variable."""
        return self.counts[self.names.index(known.name)]

    def all_of(self, name: tuple[str, ...], back: int) -> Iterator[Known]:
        """Yield the elements of an array, so many steps ago."""
        if name in self.names:
            for element in range(self.num_elements[self.names.index(name)]):
                yield Known(name, element, back)

    def are_new(self, scopes: np.ndarray) -> np.ndarray:
        """Say which scopes are about the last step, or in the first one about no step at all."""
        last = self.time[scopes].max(axis=1, initial=-1)
        return (last == self.num_steps - 1) | ((last < 0) & (self.num_steps == 1))


def numbering_of(chain: Chain, world: World, num_variables: int, num_steps: int) -> Numbering:
    """Find out what the variables of a window are."""
    names: list[tuple[str, ...]] = []
    array = np.full(num_variables, -1, np.int32)
    element, time = np.zeros(num_variables, np.int64), np.full(num_variables, -1, np.int64)
    counts: list[int] = []
    elements: list[int] = []

    def add(
        name: tuple[str, ...], variables: np.ndarray, num_states: int, axis: int | None
    ) -> None:
        if axis is not None:
            variables = np.moveaxis(variables, axis, 0).reshape(num_steps, -1)
            time[variables] = np.arange(num_steps)[:, None]
        else:
            variables = variables.reshape(1, -1)
        array[variables] = len(names)
        element[variables] = np.arange(variables.shape[1])
        names.append(name)
        counts.append(num_states)
        elements.append(variables.shape[1])

    for name, one in world.variables.items():
        size = int(np.prod(one.shape, dtype=np.int64))
        variables = one.start + np.arange(size).reshape(one.shape)
        add((name,), variables, one.states.count, chain.axes.get((name,)))
    for entity, attributes in world.attributes.items():
        for name, one in attributes.items():
            size = int(np.prod(one.shape, dtype=np.int64))
            places = one.starts.reshape(-1, *[1] * len(one.shape))
            variables = places + np.arange(size).reshape(1, *one.shape)
            axis = chain.axes.get((entity, name))
            add((entity, name), variables, one.states.count, None if axis is None else axis + 1)
    for name, table in world.models.items():
        if len(table.keys):
            add(("model", name, ""), table.start + np.arange(len(table.keys)), 2, None)
    return Numbering(tuple(names), array, element, time, tuple(counts), tuple(elements), num_steps)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One value that a step may observe, and the variable that it is observed of.

    Attributes:
        name: of the data.
        entry: which of the step's values of it, in C order.
        variable: that is observed.
        states: of it.
        statement: that observes it.
    """

    name: str
    entry: int
    variable: Known
    states: States
    statement: ObserveValue

    @property
    def key(self) -> tuple[str, int, Known]:
        """What it is in every window."""
        return self.name, self.entry, self.variable


def places_of(
    chain: Chain, world: World, numbering: Numbering, names: dict[str, str]
) -> list[Place]:
    """Find which variables of the last step data is observed of that nothing else mentions."""
    found: list[Place] = []
    for statement in chain.program.statements:
        if not isinstance(statement, ObserveValue) or not is_plain(chain, statement):
            continue
        assert isinstance(statement.value, DataRef)
        name = statement.value.name
        shape = world.data[name].shape
        data = {**world.data, name: np.arange(world.data[name].size).reshape(shape)}
        outer, _ = expand(Env(world, ONE_INSTANCE, Slots(), (), names), statement.context)
        if not outer.count:
            continue
        env = Env(_with_data(world, data), outer, Slots(), (), names)
        variables, states = locate_array(statement.target, env)
        entries = np.broadcast_to(
            array_value(statement.value, env, variables.ndim), variables.shape
        )
        places = np.unravel_index(entries.reshape(-1).astype(np.int64), shape)
        axis = chain.inputs[name]
        rest = [size for k, size in enumerate(shape) if k != axis]
        own = [place for k, place in enumerate(places) if k != axis]
        inside = np.ravel_multi_index(own, rest) if rest else np.zeros(entries.size, np.int64)
        for variable, entry, time in zip(
            variables.reshape(-1).tolist(), inside.tolist(), places[axis].tolist(), strict=True
        ):
            known = numbering.known(variable)
            if time == numbering.num_steps - 1 and known is not None:
                found.append(Place(name, entry, known, states, statement))
    return found


def _with_data(world: World, data: dict[str, np.ndarray]) -> World:
    from dataclasses import replace

    return replace(world, data=data)


def is_plain(chain: Chain, statement: Statement) -> bool:
    """Say whether a statement observes data over time that has no other use."""
    if not isinstance(statement, ObserveValue) or not isinstance(statement.value, DataRef):
        return False
    target, name = statement.target, statement.value.name
    may_not_exist = isinstance(target, AttributeRef) and any(
        thing.prior is not None and thing.entity == target.thing.entity
        for thing in chain.program.things
    )
    return (
        name in chain.inputs
        and not may_not_exist
        and num_mentions(chain.program, name) == 1
        and not any(isinstance(clause, Gate) for clause in statement.context)
        and not random_indices(target)
        and chain.lags.get((name,), 0) == 0
    )
