"""Latent states that nobody names: any order of them tells the rows as well, and one is chosen.

Where the states of a variable that no row sees change places, together with the params that they
index, and every table and prior stays what it was, their order says nothing. Then the largest share
comes first, and climbs from other starts are compared state by state.

Source: Stephens (2000), "Dealing with label switching in mixture models", aligned as there by the
assignment problem.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.graph.world.names import Named
from gmlang.learning.dependence.forms import Direct, Form, General, Linear, derived
from gmlang.learning.methods.search import Attempt
from gmlang.learning.methods.variational import Bound
from gmlang.learning.numbers.coordinates import Layout, ParameterArray
from gmlang.learning.numbers.inside import inner_numbers
from gmlang.learning.objective import Objective, Point
from gmlang.learning.problem import Problem
from gmlang.learning.results.result import REACHED_NATS
from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table

_SAME = 1e-9
"""So much may rounding tell entries apart, nats."""


@dataclass(frozen=True, slots=True, eq=False)
class Nameless:
    """States that nobody names.

    Attributes:
        names: of the variables whose states they are.
        variables: which of all.
        count: of states.
        tied: the axes of each param that they index.
    """

    names: tuple[str, ...]
    variables: Bool[np.ndarray, " variables"]
    count: int
    tied: tuple[tuple[ParameterArray, tuple[int, ...]], ...]

    def places(self, layout: Layout, order: Sequence[int] | np.ndarray) -> Int64[np.ndarray, " n"]:
        """Return which number stands where, once state k is the one that was `order[k]`."""
        found = np.arange(layout.size)
        for array, axes in self.tied:
            own = found[array.part].reshape(array.shape)
            for axis in axes:
                own = np.take(own, order, axis)
            found[array.part] = own.reshape(-1)
        return found


# --- Which they are ------------------------------------------------------------------------


def nameless_states(
    problem: Problem, rng: np.random.Generator, budget: Budget
) -> tuple[Nameless, ...]:
    """Find the states that nobody names.

    Args:
        problem: whose numbers, as far as they start anywhere, are not said by anyone.
        rng: of the numbers at which tables are compared.
        budget: that has begun.

    Raises:
        TimeoutError: when the budget ended before.
    """
    numbers = inner_numbers(problem.layout, rng)
    found: list[Nameless] = []
    left: dict[int, list[Named]] = {}
    for one in problem.unseen():
        if one.states.count < 2:
            continue
        alone = _nameless(problem, (one,), numbers, budget)
        if alone is not None:
            found.append(alone)
        else:
            left.setdefault(one.states.count, []).append(one)
    # Variables that index the same params change places together.
    groups = [tuple(group) for group in left.values() if len(group) > 1]
    together = [_nameless(problem, group, numbers, budget) for group in groups]
    return (*found, *(one for one in together if one is not None))


def _nameless(
    problem: Problem, group: tuple[Named, ...], numbers: np.ndarray, budget: Budget
) -> Nameless | None:
    variables = np.zeros(problem.rows.evidence.shape[1], np.bool_)
    for one in group:
        variables[one.variables] = True
    count = group[0].states.count
    axes = _axes(problem, variables)
    if axes is None:
        return None
    tied: dict[str, set[int]] = {}
    for block, form in problem.tables.forms:
        if not axes[block]:
            continue
        if isinstance(form, General):
            # Which number an entry depends on is the same at whatever numbers.
            form = Linear(np.zeros(()), derived(form.made, problem.layout, numbers, budget))
        for table_axis in axes[block]:
            for array, axis in _indexed(form, problem.layout, table_axis, count):
                tied.setdefault(array.name, set()).add(axis)
    arrays = [(problem.layout.array(name), tuple(sorted(own))) for name, own in tied.items()]
    names = tuple(one.name for one in group)
    nameless = Nameless(names, variables, count, tuple(arrays))
    said = problem.started & problem.heard
    if not arrays or any(said[array.part].any() for array, _ in arrays):
        return None
    return nameless if _is_symmetric(problem, nameless, axes, numbers, budget) else None


def _axes(problem: Problem, variables: np.ndarray) -> list[tuple[int, ...]] | None:
    """List the axes of each block's tables that are of some variables; None where one is mixed."""
    found: list[tuple[int, ...]] = []
    for block in problem.tables.graph.factors:
        own = variables[block.scopes]
        if (own.any(axis=0) != own.all(axis=0)).any():
            return None
        found.append(tuple(np.flatnonzero(own.any(axis=0)).tolist()))
        if found[-1] and not isinstance(block.kind, Table):
            return None
    return found


def _indexed(
    form: Form, layout: Layout, table_axis: int, count: int
) -> Iterator[tuple[ParameterArray, int]]:
    """Yield the axes of params along which a number stands for the state of a table's axis."""
    match form:
        case Direct(places=places):
            pairs = [((places - 1) % layout.size, places > 0)]
        case General():
            return
        case _:
            pairs = [(one.numbers, one.slopes != 0) for one in form.occurrences]
    for numbers, is_there in pairs:
        states = np.broadcast_to(
            np.arange(count).reshape(count, *[1] * (numbers.ndim - 2 - table_axis)), numbers.shape
        )
        for array in layout.arrays:
            here = is_there & (numbers >= array.start) & (numbers < array.start + array.size)
            if not here.any() or not array.shape:
                continue
            index = np.unravel_index(numbers[here] - array.start, array.shape)
            for axis, size in enumerate(array.shape):
                if size == count and (index[axis] == states[here]).all():
                    yield array, axis


def _is_symmetric(
    problem: Problem,
    nameless: Nameless,
    axes: list[tuple[int, ...]],
    numbers: np.ndarray,
    budget: Budget,
) -> bool:
    """Say whether tables and priors stay what they are where states change places."""
    tables, priors, count = problem.tables, problem.priors, nameless.count
    swap, turn = np.arange(count), np.roll(np.arange(count), 1)
    swap[:2] = 1, 0
    # These two make every order.
    for order in (swap, turn):
        places = nameless.places(problem.layout, order)
        for own in (priors.seen, priors.unseen, priors.mean, priors.precision):
            if not np.array_equal(own, own[places]):
                return False
        try:
            before, after = tables.at(numbers, budget), tables.at(numbers[places], budget)
        except GmError:
            return False
        for block, was, now, own in zip(tables.graph.factors, before, after, axes, strict=True):
            if was is None or now is None:
                if not own:
                    continue
                assert isinstance(block.kind, Table)
                was = now = block.kind.log_potentials
            moved = was
            for axis in own:
                moved = np.take(moved, order, 1 + axis)
            if not _are_same(moved, now):
                return False
    return True


def _are_same(one: np.ndarray, other: np.ndarray) -> bool:
    is_finite = np.isfinite(one)
    with np.errstate(invalid="ignore"):
        apart = np.where(is_finite, one - other, 0.0)
    return bool((is_finite == np.isfinite(other)).all() and (np.abs(apart) < _SAME).all())


# --- In which order they stand -------------------------------------------------------------


def in_order(
    problem: Problem,
    aim: Objective | Bound,
    nameless: tuple[Nameless, ...],
    attempts: list[Attempt],
    budget: Budget,
) -> tuple[list[Attempt], float]:
    """Put states into the order of falling shares, and those of other climbs into the same.

    Args:
        problem: that was climbed.
        aim: what was climbed.
        nameless: states that nobody names.
        attempts: the climbs, the best first.
        budget: that has begun.

    Returns:
        The climbs, the best with its states in order, and the largest difference between numbers
        of the best and of any other that is as high.

    Raises:
        TimeoutError: when the budget ended before.
    """
    layout, best = problem.layout, attempts[0]
    places = np.arange(layout.size)
    if is_of_mechanisms(aim):
        for one in nameless:
            shares = _shares(problem, one, best.point)
            places = places[one.places(layout, np.argsort(-shares, kind="stable"))]
    if (places != np.arange(layout.size)).any():
        point = _moved(aim, best.point, places, budget)
        bent = best.bent
        if bent is not None:
            bent = replace(bent, directions=bent.directions[places])
        best = replace(best, point=point, bent=bent)
    apart = 0.0
    for other in attempts[1:]:
        if best.point.value - other.point.value > REACHED_NATS:
            continue
        numbers = other.point.numbers
        for one in nameless:
            numbers = numbers[one.places(layout, _matching(one, best.point.numbers, numbers))]
        apart = max(apart, float(np.abs(best.point.numbers - numbers).max(initial=0.0)))
    return [best, *attempts[1:]], apart


def is_of_mechanisms(aim: Objective | Bound) -> bool:
    """Say whether counts are of what was seen alone, so that they say how often a state was."""
    return isinstance(aim, Bound) or aim.rest is None


def _moved(aim: Objective | Bound, point: Point, places: np.ndarray, budget: Budget) -> Point:
    """Evaluate where numbers, or the distributions of them, have changed places."""
    match aim:
        case Objective():
            return aim.at(point.numbers[places], budget)
        case Bound():
            assert point.cases is not None
            return aim.of_cases(point.cases[:, places], budget)


def _shares(problem: Problem, nameless: Nameless, point: Point) -> Float64[np.ndarray, " states"]:
    """Add up how often each state was, as far as learned tables say."""
    found = np.zeros(nameless.count)
    for block, _ in problem.tables.forms:
        own = nameless.variables[problem.tables.graph.factors[block].scopes].any(axis=0)
        for axis in np.flatnonzero(own).tolist():
            counts = np.moveaxis(point.counts[block], 1 + axis, 0)
            found += counts.reshape(nameless.count, -1).sum(axis=1)
    return found


def _matching(nameless: Nameless, wanted: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the order in which states of one climb are most like those of another."""
    # What is not climbed does not need it.
    from scipy.optimize import linear_sum_assignment

    costs = np.zeros((nameless.count, nameless.count))
    for array, axes in nameless.tied:
        one, other = (
            _by_state(v[array.part].reshape(array.shape), axes) for v in (wanted, numbers)
        )
        costs += ((one[:, None] - other[None]) ** 2).sum(axis=2)
    return np.asarray(linear_sum_assignment(costs)[1])


def _by_state(values: np.ndarray, axes: tuple[int, ...]) -> Float64[np.ndarray, "states rest"]:
    """List the numbers of each state: of several axes those where all are in it."""
    moved = np.moveaxis(values, axes, range(len(axes)))
    count = moved.shape[0]
    every = (np.arange(count),) * len(axes)
    return moved[every].reshape(count, -1)
