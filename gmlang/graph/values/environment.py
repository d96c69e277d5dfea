"""Where expressions are evaluated, and where they turn out to have no value.

An array of values has one axis for the instances of a frame (length 1 where they are all alike)
and then one axis for each slot: a random variable of the instance, whose states run along it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np

from gmlang.core.ast import Apply, Expression, Reference
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.graph.world.states import States
from gmlang.graph.world.world import Frame, World, where_text

_T = TypeVar("_T")

Place = tuple[int, ...]
"""An instance, and then a state of each slot; 0 along an axis that does not matter."""

Tell = Callable[[Place, str], Diagnostic]
"""Makes the error for a place; the text says which instance and states it is."""


TRIED = -1
"""The variable of a slot that stands for none: along it run settings that are tried at once."""


@dataclass(slots=True, eq=False)
class Slot:
    """A random variable of each instance: its index, and its states."""

    variables: np.ndarray
    states: States


def is_tried(slot: Slot) -> bool:
    """Say whether a slot stands for no variable, but for settings that are tried at once."""
    return bool(slot.variables.size) and slot.variables.flat[0] == TRIED


@dataclass(frozen=True, slots=True, eq=False)
class Stray:
    """The instances in which a reference names no variable; another one stands in its slot.

    Attributes:
        rows: a mask over the instances.
    """

    rows: np.ndarray
    tell: Tell


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One of the references that `x[z]` stands for, and the values of its indices that pick it."""

    reference: Reference
    picked_by: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Slots:
    """The slots of a statement, filled by `collect` before anything is evaluated.

    Attributes:
        known: the slots by their shape and their first and last variable.
        of: which slot a reference is, by the reference's identity and its path of item numbers;
            None where it names no variable in any instance.
        strays: the references that name no variable in some instances, likewise.
        choices: what a reference with a random index may stand for, likewise.
        unreal: for a slot, the instances in which no reference means what stands in it.
        tried: of references to parameters of rows, by identity and path: the values that are tried
            at once in each instance, along the slot that stands for no variable.
    """

    items: list[Slot] = field(default_factory=list[Slot])
    known: dict[tuple[object, ...], list[int]] = field(
        default_factory=dict[tuple[object, ...], list[int]]
    )
    of: dict[tuple[int, Place], int | None] = field(
        default_factory=dict[tuple[int, Place], int | None]
    )
    strays: dict[tuple[int, Place], Stray] = field(default_factory=dict[tuple[int, Place], Stray])
    choices: dict[tuple[int, Place], list[Choice]] = field(
        default_factory=dict[tuple[int, Place], list[Choice]]
    )
    unreal: dict[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])
    tried: dict[tuple[int, Place], np.ndarray] = field(
        default_factory=dict[tuple[int, Place], np.ndarray]
    )


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """Where an expression has no value although no guard excludes it: a mask, like its values."""

    mask: np.ndarray
    tell: Tell


@dataclass(frozen=True, slots=True, eq=False)
class Env:
    """Where an expression is evaluated: a frame, its slots, and the path of aggregate items.

    Attributes:
        guards: conditions, and whether each must hold, for the value to be asked for.
        holes: gathers where there is no value; None makes the first such place an error.
        known: what was found of shared expressions here, by what it is, the expression's identity
            and the number of slots; with the expression, so that its identity stays its own.
    """

    world: World
    frame: Frame
    slots: Slots
    path: Place = ()
    names: dict[str, str] = field(default_factory=dict[str, str])
    guards: tuple[tuple[np.ndarray, bool], ...] = ()
    holes: list[Hole] | None = None
    known: dict[tuple[str, int, int], tuple[Expression, object]] = field(
        default_factory=dict[tuple[str, int, int], tuple[Expression, object]], init=False
    )

    def once(self, what: str, expression: Expression, find: Callable[[], _T]) -> _T:
        """Find something of an expression, once where several expressions share it.

        Without this a def that mentions its parameter twice would cost twice as much for each def
        around it.
        """
        if not (isinstance(expression, Apply) and expression.is_shared):
            return find()
        key = (what, id(expression), len(self.slots.items))
        if key not in self.known:
            self.known[key] = (expression, find())
        return cast("_T", self.known[key][1])

    def shape(self, axis: int, size: int) -> tuple[int, ...]:
        """Return the shape of an array that varies along slot `axis` alone."""
        shape = [1] * (1 + len(self.slots.items))
        shape[1 + axis] = size
        return tuple(shape)

    def tried(self, key: tuple[int, Place]) -> np.ndarray:
        """Return the values of a parameter along the slot of settings; 0 for what names nothing."""
        if key not in self.slots.tried:
            assert key in self.slots.of, "a reference without a slot"
            return np.zeros((), np.int64)
        values = self.slots.tried[key]
        axis = next(k for k, slot in enumerate(self.slots.items) if is_tried(slot))
        shape = [len(values), *([1] * len(self.slots.items))]
        shape[1 + axis] = values.shape[1]
        return values.reshape(shape)

    def still(self) -> "Env":
        """Return the surroundings of what mentions no random variable."""
        return Env(self.world, self.frame, Slots(), (), self.names)

    def guarded(self, condition: np.ndarray, wanted: bool) -> "Env":
        """Return the surroundings of what is asked for only where a condition is as wanted."""
        guards = (*self.guards, (condition, wanted))
        return Env(self.world, self.frame, self.slots, self.path, self.names, guards, self.holes)

    def needed(self) -> np.ndarray | np.bool_:
        """Say where a value is asked for: where guards hold, and nothing before was undefined."""
        result: np.ndarray | np.bool_ = np.True_
        for condition, wanted in self.guards:
            result = result & (condition if wanted else ~condition)
        for hole in self.holes or ():
            result = result & ~hole.mask
        return result

    def defined(self, values: np.ndarray) -> np.ndarray:
        """Return the values of an expression without those at holes; flat when there are any."""
        if not self.holes:
            return values
        gap = np.zeros(1, np.bool_)
        for hole in self.holes:
            gap = gap | hole.mask
        values, gap = np.broadcast_arrays(values, gap)
        return values[~gap]

    def gathering(self) -> "Env":
        """Return surroundings with the same guards that gather holes of their own."""
        return Env(self.world, self.frame, self.slots, self.path, self.names, self.guards, [])


def add_slot(slots: Slots, slot: Slot) -> int:
    """Return the number of the slot for these variables, a new one when none is the same."""
    variables = slot.variables.reshape(-1)
    ends = (int(variables[0]), int(variables[-1])) if variables.size else (-1, -1)
    alike = slots.known.setdefault((slot.variables.shape, *ends), [])
    for number in alike:
        if np.array_equal(slots.items[number].variables, slot.variables):
            return number
    alike.append(len(slots.items))
    slots.items.append(slot)
    return len(slots.items) - 1


class NoValue(GmError):
    """An expression has no value in some instances, and nothing can exclude them.

    Attributes:
        rows: a mask over the instances of the frame, one for all when its length is 1.
    """

    def __init__(self, diagnostics: list[Diagnostic], rows: np.ndarray) -> None:
        """Remember the instances beside the errors."""
        super().__init__(diagnostics)
        self.rows = rows


def no_value(env: Env, bad: np.ndarray, tell: Tell) -> None:
    """Note that an expression has no value at some places, those that guards exclude aside.

    Args:
        env: where it is evaluated.
        bad: a mask over instances and states.
        tell: makes the error.

    Raises:
        NoValue: unless holes are gathered.
    """
    mask = np.asarray(bad, np.bool_)
    for condition, wanted in env.guards:
        if not mask.any():
            return
        mask = mask & (condition if wanted else ~condition)
    if not mask.any():
        return
    hole = Hole(whole(mask, env), tell)
    if env.holes is not None:
        # The first reason is told: what is made of something without a value says nothing new.
        for earlier in env.holes:
            if not (mask := hole.mask & ~earlier.mask).any():
                return
            hole = Hole(mask, tell)
        env.holes.append(hole)
        return
    place = first_place(hole.mask)
    where = where_text(env.frame, place[0] if len(hole.mask) > 1 else 0, env.names)
    rows = np.asarray(hole.mask.reshape(len(hole.mask), -1).any(axis=1))
    raise NoValue([tell(place, where if env.frame.count else "")], rows)


def whole(values: np.ndarray, env: Env) -> np.ndarray:
    """Return an array with all its axes: one for the instances and one for each slot."""
    missing = 1 + len(env.slots.items) - values.ndim
    return values.reshape(*([1] * missing), *values.shape) if missing > 0 else values


def first_place(mask: np.ndarray) -> Place:
    """Return the first place where a mask holds."""
    return tuple(int(k) for k in np.unravel_index(int(mask.argmax()), mask.shape))


def value_at(values: np.ndarray, place: Place) -> float | int:
    """Return the entry at a place of an array that may be shorter than its axes say."""
    full = values.reshape(*([1] * (len(place) - values.ndim)), *values.shape)
    index = tuple(k if size > 1 else 0 for k, size in zip(place, full.shape, strict=True))
    return full[index].item()
