"""How a block of tables depends on what is learned: directly, by slopes, or worked out anew."""

from dataclasses import dataclass

import numpy as np

from gmlang.graph.lowering.grounder import Learned, LearnedBlock
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env
from gmlang.learning.dependence.occurrences import Deriver, Occurrence, of_term
from gmlang.learning.numbers.coordinates import Layout
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget


@dataclass(frozen=True, slots=True, eq=False)
class Direct:
    """A block whose entries are learned numbers, or one minus them, times constants.

    Attributes:
        constants: logs, -inf where a state is impossible; shaped like the block's tables.
        places: which log each entry adds: 0 none, k + 1 that of number k, n + k + 1 that of one
            minus it.
    """

    constants: Float64[np.ndarray, "tables *states"]
    places: Int64[np.ndarray, "tables *states"]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A block whose log values are a constant and a sum of learned numbers times slopes."""

    constants: Float64[np.ndarray, "tables *states"]
    occurrences: tuple[Occurrence, ...]


@dataclass(frozen=True, slots=True, eq=False)
class General:
    """A block that is evaluated, and derived, anew for other numbers.

    Attributes:
        numbers: which of those learned it depends on.
    """

    made: LearnedBlock
    numbers: Int64[np.ndarray, " some"]


Form = Direct | Linear | General


def logs_of(numbers: np.ndarray) -> np.ndarray:
    """Return 0, the logs of the numbers, and those of one minus them."""
    # Of numbers that are no probabilities nobody asks for the logs.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.concatenate([np.zeros(1), np.log(numbers), np.log1p(-numbers)])


def numbers_of(form: Form, layout: Layout) -> Int64[np.ndarray, " some"]:
    """Return which numbers a block depends on."""
    match form:
        case Direct(places=places):
            found = np.unique(places)
            found = found[found > 0] - 1
            return np.unique(np.where(found >= layout.size, found - layout.size, found))
        case Linear(occurrences=occurrences):
            parts = [np.unique(one.numbers[one.slopes != 0]) for one in occurrences]
            return np.unique(np.concatenate([np.zeros(0, np.int64), *parts]))
        case General(numbers=numbers):
            return numbers


def names_of(form: Form, layout: Layout) -> list[str]:
    """Name the params that a block depends on otherwise than directly."""
    match form:
        case Direct():
            return []
        case Linear(occurrences=occurrences):
            numbers = {int(k) for one in occurrences for k in np.unique(one.numbers)}
            return [
                array.name
                for array in layout.arrays
                if any(array.start <= k < array.start + array.size for k in numbers)
            ]
        case General(made=made):
            learned = Learned(frozenset())
            names: list[str] = []
            for array in layout.arrays:
                learned.names = frozenset((array.name,))
                if learned.concerns(made.job.expressions()):
                    names.append(array.name)
            return names


# --- Evaluating and deriving -------------------------------------------------------------


def environment_of(made: LearnedBlock, layout: Layout, numbers: np.ndarray) -> Env:
    """Return a block's surroundings with other values of what is learned."""
    env = made.env
    env.world.data.update(layout.values(np.array(numbers)))
    # A new one each time: what was found for other numbers is not kept.
    return Env(env.world, env.frame, env.slots, env.path, env.names, ((made.holds, True),))


def evaluated(made: LearnedBlock, layout: Layout, numbers: np.ndarray) -> np.ndarray:
    """Return a block's log tables for other numbers.

    Raises:
        GmError: when a statement has no value for them.
    """
    env = environment_of(made, layout, numbers)
    values = terms.log_values(made.job.term, env)
    return made.chosen(np.where(made.holds, values, 0.0))


def derived(
    made: LearnedBlock, layout: Layout, numbers: np.ndarray, budget: Budget
) -> tuple[Occurrence, ...]:
    """Return how a block's log tables change with what is learned.

    Raises:
        TimeoutError: when the budget ended before.
    """
    env = environment_of(made, layout, numbers)
    found: list[Occurrence] = []
    for one in of_term(Deriver(layout, budget), made.job.term, env):
        budget.check()
        slopes = made.chosen(np.where(made.holds, one.slopes, 0.0))
        places = made.chosen(one.numbers)
        places, slopes = broadcast(places, slopes)
        if slopes.any():
            found.append(Occurrence(places, slopes))
    return tuple(found)


def broadcast(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return copies of arrays, all with the axes of all."""
    return tuple(np.array(one) for one in np.broadcast_arrays(*arrays))
