"""What a block of tables is as a function of what is learned: directly, by slopes, or anew."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gmlang.graph.lowering.grounder import LearnedBlock
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env
from gmlang.learning.dependence.occurrences import Deriver, Occurrence, of_term
from gmlang.learning.numbers.coordinates import Layout
from gmruntime.arrays import Bool, Float64, Int64
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
        numbers: which of those learned it mentions.
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


def whole(form: Direct | Linear, states: tuple[int, ...]) -> Direct | Linear:
    """Return a form whose arrays all have the same axes."""
    match form:
        case Direct(constants=constants, places=places):
            arrays = np.broadcast_arrays(constants, places, np.zeros((1, *states)))
            return Direct(np.array(arrays[0]), np.array(arrays[1]))
        case Linear(constants=constants, occurrences=occurrences):
            flat = [a for one in occurrences for a in one]
            arrays = np.broadcast_arrays(constants, *flat, np.zeros((1, *states)))[:-1]
            pairs = [
                Occurrence(np.array(arrays[k]), np.array(arrays[k + 1]))
                for k in range(1, len(arrays), 2)
            ]
            return Linear(np.array(arrays[0]), tuple(pairs))


def taken(form: Direct | Linear, rows: slice | np.ndarray) -> Direct | Linear:
    """Return the form of some of a block's tables, of which each factor has its own."""
    match form:
        case Direct(constants=constants, places=places):
            return Direct(constants[rows], places[rows])
        case Linear(constants=constants, occurrences=occurrences):
            own = tuple(Occurrence(one.numbers[rows], one.slopes[rows]) for one in occurrences)
            return Linear(constants[rows], own)


def chosen(form: Form, keep: Bool[np.ndarray, " factors"]) -> Form:
    """Return the form of some of a block's factors; one table for all of them stays that."""
    if isinstance(form, General):
        made = form.made
        rows = made.rows if len(made.rows) != len(keep) else made.rows[keep]
        return replace(form, made=replace(made, rows=rows))
    return form if len(form.constants) != len(keep) else taken(form, keep)


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
    every = mentions(made, layout, numbers, budget)
    return tuple(one for one in every if one.slopes.any())


def mentions(
    made: LearnedBlock, layout: Layout, numbers: np.ndarray, budget: Budget
) -> Iterator[Occurrence]:
    """Yield what a block mentions of what is learned, also where its slopes are 0 there.

    Raises:
        TimeoutError: when the budget ended before.
    """
    env = environment_of(made, layout, numbers)
    for one in of_term(Deriver(layout, budget), made.job.term, env):
        budget.check()
        slopes = made.chosen(np.where(made.holds, one.slopes, 0.0))
        places = made.chosen(one.numbers)
        yield Occurrence(*broadcast(places, slopes))


def broadcast(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return copies of arrays, all with the axes of all."""
    return tuple(np.array(one) for one in np.broadcast_arrays(*arrays))
