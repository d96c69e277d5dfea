"""The layers of a layered search: what must be remembered after each variable, and what follows.

Variables are decided in one order. After each, what the rest depends on is the states of the
variables that share a table with a later one, and the partial sums. What is remembered as a number
of its own (`narrow` sums) is enumerated here, equal futures merged; the partial sums of `wide` ones
are left to the search.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.layered.model import Listed, Noisy, Sum, SumModel, Term, values_of

# Where there is too much to remember, sums with so many partial sums are left to the search.
_MANY_SUMS = 32


_S_PER_CHOICE = 7e-8
"""What deciding a variable takes for each remembered state and each of its values, as measured."""

_CHOICE_BYTES = 64
"""What is held for each meanwhile."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One variable's decision.

    Attributes:
        variable: that is decided.
        after: for each remembered state and each state of the variable the remembered state that
            follows, -1 where that is forbidden.
        gains: what the factors that are then decided add.
        steps: for wide sums that the variable adds to, how much; one row where the remembered state
            does not matter.
        closed: the wide sums that are then finished.
    """

    variable: int
    after: Int32[np.ndarray, "states choices"]
    gains: Float64[np.ndarray, "states choices"]
    steps: tuple[tuple[int, Float64[np.ndarray, "states_or_one choices"]], ...]
    closed: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """All decisions, in order.

    Attributes:
        layers: one for each free variable.
        wide: the sums left to the search.
        low: for each layer and at the end, the least that each wide sum still gains.
        high: the most, likewise.
        undecided: for each layer, whether the gate of a wide sum is still to be decided.
        ends: the layer at which each wide sum is finished.
    """

    layers: tuple[Layer, ...]
    wide: tuple[Sum, ...]
    low: Float64[np.ndarray, "layers_and_end wide"]
    high: Float64[np.ndarray, "layers_and_end wide"]
    undecided: Bool[np.ndarray, "layers_and_end wide"]
    ends: Int64[np.ndarray, " wide"]

    @property
    def starts(self) -> Float64[np.ndarray, " wide"]:
        """Where the wide sums begin."""
        return np.array([one.start for one in self.wide], np.float64)


@dataclass(frozen=True, slots=True)
class TooWide:
    """There is too much to remember.

    Attributes:
        sums: the narrow sums with many partial sums, the one with the most at least; none where
            there is none.
    """

    sums: frozenset[int]


def canonical(
    value: Listed | Noisy,
    sums: Float64[np.ndarray, " rows"],
    low: float,
    high: float,
) -> tuple[Float64[np.ndarray, " rows"], Bool[np.ndarray, " rows"]]:
    """Give partial sums whose future is alike the same number, and say which may still be allowed.

    Args:
        value: what the sum will be worth.
        sums: so far.
        low: the least that is still to come.
        high: the most.
    """
    if isinstance(value, Noisy):
        return sums, np.ones(len(sums), np.bool_)
    size = len(value.log_potentials)
    least = np.rint(sums + (low - value.lowest)).astype(np.int64)
    most = np.rint(sums + (high - value.lowest)).astype(np.int64)
    first, last = np.clip(least, 0, size - 1), np.clip(most, 0, size - 1)
    alike = value.run_end[first] >= last
    inside = (most >= 0) & (least < size)
    whole = inside & (least >= 0) & (most < size)
    possible = inside & ~(alike & (value.log_potentials[first] == -np.inf))
    start = value.run_start[first] - low + value.lowest
    return np.where(whole & alike, start, sums), possible


def distinct(
    columns: list[np.ndarray],
) -> tuple[Int64[np.ndarray, " groups"], Int64[np.ndarray, " rows"]]:
    """Find equal rows.

    Returns:
        one row of each group, and the group of each row.
    """
    key = np.zeros(len(columns[0]), np.int64)
    count = 1
    for column in columns:
        values, inverse = np.unique(column, return_inverse=True)
        if count * len(values) > 1 << 62:
            _, key = np.unique(key, return_inverse=True)
            count = len(key)
        key, count = key * len(values) + inverse, count * len(values)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    return first.astype(np.int64), group.astype(np.int64)


@dataclass(slots=True, eq=False)
class _Front:
    """The remembered states while layers are made: a column for each variable and narrow sum."""

    states: dict[int, np.ndarray]
    sums: dict[int, np.ndarray]
    size: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where in the order everything happens."""

    place: dict[int, int]
    needed_until: dict[int, int]
    tables: list[list[tuple[tuple[int, ...], np.ndarray]]]
    terms: list[list[tuple[int, Term]]]
    last_term: list[int]


def make_layers(
    model: SumModel,
    order: list[int],
    wide: frozenset[int],
    budget: Budget,
    *,
    num_states_max: int,
    num_total_max: int,
) -> Layers | TooWide | None:
    """Enumerate what is to be remembered.

    Args:
        model: of the graph.
        order: of its free variables.
        wide: the indices of the sums that are left to the search.
        budget: ends it.
        num_states_max: how many remembered states a layer may have.
        num_total_max: and all layers together.

    Returns:
        the layers; what was too wide; or None when there is no time, or no memory, for a layer.
    """
    places = _places(model, order)
    numbers = sorted(wide)
    low, high = _reaches(model, places, len(order))
    front = _Front({}, {})
    layers: list[Layer] = []
    total = 0
    for k, variable in enumerate(order):
        num_choices = front.size * int(model.num_states[variable])
        if _S_PER_CHOICE * num_choices >= budget.left_s():
            return None
        if _CHOICE_BYTES * num_choices > budget.memory_bytes:
            return None
        layer, front = _layer(model, places, k, variable, front, numbers, low, high)
        layers.append(layer)
        total += front.size
        if front.size > num_states_max or total > num_total_max:
            counts = {s: len(np.unique(column)) for s, column in front.sums.items()}
            most = max(counts.values(), default=0)
            return TooWide(frozenset(s for s, n in counts.items() if n >= min(most, _MANY_SUMS)))
    undecided = np.zeros((len(order) + 1, len(numbers)), np.bool_)
    for column, number in enumerate(numbers):
        gates = [t.gate for t in model.sums[number].terms if t.gate >= 0]
        if gates and gates[0] in places.place:
            undecided[: places.place[gates[0]] + 1, column] = True
    sums = tuple(model.sums[number] for number in numbers)
    ends = np.array([places.last_term[number] for number in numbers], np.int64)
    return Layers(tuple(layers), sums, low[:, numbers], high[:, numbers], undecided, ends)


def _places(model: SumModel, order: list[int]) -> _Places:
    place = {v: k for k, v in enumerate(order)}
    needed = {v: k for v, k in place.items()}
    tables: list[list[tuple[tuple[int, ...], np.ndarray]]] = [[] for _ in order]
    for scope, table in model.tables:
        last = max(place[v] for v in scope)
        tables[last].append((scope, table))
        for v in scope:
            needed[v] = max(needed[v], last)
    terms: list[list[tuple[int, Term]]] = [[] for _ in order]
    last_term = [0] * len(model.sums)
    for number, one in enumerate(model.sums):
        for term in one.terms:
            k = place[term.variable]
            terms[k].append((number, term))
            last_term[number] = max(last_term[number], k)
            if term.gate >= 0:
                needed[term.gate] = max(needed[term.gate], k)
    return _Places(place, needed, tables, terms, last_term)


def _reaches(model: SumModel, places: _Places, num_layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Add up, from the end, the least and the most that each sum still gains.

    Of a sum with a gate, where the gate is open.
    """
    low = np.zeros((num_layers + 1, len(model.sums)))
    high = np.zeros((num_layers + 1, len(model.sums)))
    for k in range(num_layers - 1, -1, -1):
        low[k], high[k] = low[k + 1], high[k + 1]
        for number, term in places.terms[k]:
            amounts = term.amounts[-1]
            if isinstance(model.sums[number].value, Noisy) and term.gate < 0:
                # The effect itself, where it is one of the variables, comes with the leak.
                amounts = amounts[amounts <= 0.0]
            low[k, number] += amounts.min()
            high[k, number] += amounts.max()
    return low, high


def _layer(
    model: SumModel,
    places: _Places,
    k: int,
    variable: int,
    front: _Front,
    wide: list[int],
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[Layer, _Front]:
    """Decide one variable in every remembered state."""
    count, size = int(model.num_states[variable]), front.size
    choice = np.tile(np.arange(count), size)
    row = np.repeat(np.arange(size), count)
    gains = model.scores[variable][choice]
    states = {v: column[row] for v, column in front.states.items()}
    states[variable] = choice
    for scope, table in places.tables[k]:
        gains = gains + table[tuple(states[v] for v in scope)]
    alive = gains > -np.inf
    sums = {s: column[row] for s, column in front.sums.items()}
    steps: list[tuple[int, np.ndarray]] = []
    closed: list[int] = []
    for number, term in places.terms[k]:
        one = model.sums[number]
        if term.gate < 0:
            amounts = term.amounts[0][choice]
        else:
            amounts = term.amounts[states[term.gate], choice]
        is_last = places.last_term[number] == k
        if number in wide:
            rows = amounts.reshape(size, count)
            steps.append((wide.index(number), rows if term.gate >= 0 else rows[:1]))
            if is_last:
                closed.append(wide.index(number))
            continue
        total = sums.pop(number, np.full(len(row), one.start)) + amounts
        if is_last:
            gains = gains + values_of(one.value, total)
            alive &= gains > -np.inf
            continue
        merged, possible = canonical(one.value, total, low[k + 1, number], high[k + 1, number])
        sums[number] = merged
        alive &= possible
    kept = {v: column for v, column in states.items() if places.needed_until[v] > k}
    after = np.full(len(row), -1, np.int32)
    living = np.flatnonzero(alive)
    columns = [column[living] for column in (*kept.values(), *sums.values())]
    # Where nothing is possible a state is remembered that nothing leads to.
    first = np.append(living, 0)[:1]
    if columns and len(living):
        found, group = distinct(columns)
        first = living[found]
        after[living] = group
    else:
        after[living] = 0
    following = _Front(
        {v: column[first] for v, column in kept.items()},
        {s: column[first] for s, column in sums.items()},
        len(first),
    )
    layer = Layer(
        variable,
        after.reshape(size, count),
        np.where(alive, gains, -np.inf).reshape(size, count),
        tuple(steps),
        tuple(closed),
    )
    return layer, following
