"""What the author calls the elements of arrays: places along an axis, by the names of a domain."""

from dataclasses import dataclass

import numpy as np

from gmlang.graph.world.states import States


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """An axis of an array, or the states of a variable; a place on it has a name.

    Attributes:
        size: how many places it has.
        first: the number of the first place, where they are numbered.
        names: of the places, where a domain names them.
        loops: where several loops run along it, the number of each loop at every place, and the
            names of those numbers, () where there are none.
    """

    size: int
    first: int = 0
    names: tuple[str, ...] = ()
    loops: tuple[tuple[np.ndarray, tuple[str, ...]], ...] = ()

    def label(self, place: int) -> str:
        """Write a place as the author would index it.

        >>> Axis(3, names=("anna", "bernd", "carla")).label(1), Axis(3).label(1)
        ('bernd', '1')
        """
        if self.loops:
            numbers = [(int(values[place]), names) for values, names in self.loops]
            return ", ".join(names[k] if names else str(k) for k, names in numbers)
        return self.names[place] if self.names else str(self.first + place)

    def is_named(self) -> bool:
        """Say whether its places have names rather than the numbers from 0."""
        return bool(self.names or self.loops)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One thing that an answer speaks of: a variable or an array, or an event in many instances.

    Attributes:
        name: as it was asked for; "" where it has none.
        axes: of the array; () for a single variable.
        states: of each variable.
    """

    name: str
    axes: tuple[Axis, ...]
    states: Axis

    def label(self, place: tuple[int, ...]) -> str:
        """Write an element as the author would.

        >>> Part("x", (Axis(2, names=("red", "blue")), Axis(3)), Axis(2)).label((1, 0))
        'x[blue, 0]'
        """
        if not place:
            return self.name
        inside = ", ".join(axis.label(k) for axis, k in zip(self.axes, place, strict=False))
        return f"{self.name}[{inside}]" if self.name else inside


def states_axis(states: States) -> Axis:
    """Return the states of a variable as an axis."""
    names = ("false", "true") if states.is_bool else states.labels
    return Axis(states.count, states.first, names)
