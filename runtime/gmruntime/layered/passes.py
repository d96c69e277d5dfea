"""One pass of a layered search: from the first variable to the last, keeping the most promising.

What cannot beat what is known is dropped, what has the same future as something better too; if
nothing else had to be dropped, the best that reach the end are the best there are.

Source: Nemhauser and Ullmann (1969), "Discrete dynamic programming and capital allocation";
Bergman, Cire, van Hoeve and Hooker (2016), "Decision diagrams for optimization" (restricted ones).
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int32, Int64, UInt64
from gmruntime.budget import Budget
from gmruntime.layered.bounds import Relaxation, bounds_at
from gmruntime.layered.model import Listed, Noisy, Sum, values_of
from gmruntime.layered.states import Layers, canonical, distinct
from gmruntime.quality import tolerance


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What a pass looks for.

    Attributes:
        count: how many answers.
        marks: for each layer and state a random number if the answers must differ in its variable,
            0 if not; answers are alike where these add up to the same. None when one is wanted.
    """

    count: int
    marks: list[UInt64[np.ndarray, " _choices"]] | None


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """What a pass brought.

    Attributes:
        choices: a state for each layer, of each answer, best first.
        values: what the layers say they are worth.
        dropped: a bound on everything dropped for want of room; -inf when nothing was.
        is_complete: the pass came to the end.
        promising: for each layer the best entry: its remembered state, sums and value.
    """

    choices: Int64[np.ndarray, "answers layers"]
    values: Float64[np.ndarray, " answers"]
    dropped: float
    is_complete: bool
    promising: list[tuple[int, Float64[np.ndarray, " wide"], float]]


@dataclass(slots=True, eq=False)
class _Entries:
    """Partial assignments.

    Attributes:
        states: what is remembered of each.
        sums: its partial wide sums.
        values: what is decided.
        marks: of the states that answers must differ in.
        parents: the entry of the layer before, and the choice that led here.
    """

    states: Int64[np.ndarray, " rows"]
    sums: Float64[np.ndarray, "rows wide"]
    values: Float64[np.ndarray, " rows"]
    marks: UInt64[np.ndarray, " rows"]
    parents: Int32[np.ndarray, " rows"]
    choices: Int32[np.ndarray, " rows"]

    def take(self, rows: np.ndarray) -> "_Entries":
        """Keep some rows."""
        return _Entries(
            self.states[rows],
            self.sums[rows],
            self.values[rows],
            self.marks[rows],
            self.parents[rows],
            self.choices[rows],
        )


def run_pass(
    relaxation: Relaxation,
    wanted: Wanted,
    width: int,
    floor: float,
    budget: Budget,
) -> Passed:
    """Go through all layers.

    Args:
        relaxation: the layers and prices.
        wanted: what is looked for.
        width: how many entries may be kept after each layer.
        floor: what is worth no more is not looked for.
        budget: ends the pass.
    """
    layers = relaxation.layers
    entries = _Entries(
        np.zeros(1, np.int64),
        layers.starts[None],
        np.zeros(1),
        np.zeros(1, np.uint64),
        np.zeros(1, np.int32),
        np.zeros(1, np.int32),
    )
    history: list[tuple[np.ndarray, np.ndarray]] = []
    promising: list[tuple[int, np.ndarray, float]] = []
    dropped = -np.inf
    direction = _direction(layers) if wanted.marks is None else 0
    for k in range(len(layers.layers)):
        if budget.left_s() <= 0.0:
            return Passed(np.zeros((0, 0), np.int64), np.zeros(0), np.inf, False, promising)
        entries = _expanded(layers, k, entries, wanted)
        bounds = bounds_at(relaxation, k + 1, entries.states, entries.sums, entries.values)
        alive = bounds > -np.inf if floor == -np.inf else bounds > floor + 0.1 * tolerance(floor)
        entries, bounds = entries.take(np.flatnonzero(alive)), bounds[alive]
        kept = _unlike(layers, k, entries, wanted, direction)
        entries, bounds = entries.take(kept), bounds[kept]
        if not layers.wide and wanted.count:
            kept = _best_classes(entries, bounds, wanted)
            entries, bounds = entries.take(kept), bounds[kept]
        if len(bounds) > width:
            order = np.argpartition(-bounds, width)
            dropped = max(dropped, float(bounds[order[width:]].max()))
            entries, bounds = entries.take(order[:width]), bounds[order[:width]]
        history.append((entries.parents, entries.choices))
        if not len(bounds):
            break
        best = int(np.argmax(bounds))
        promising.append(
            (int(entries.states[best]), entries.sums[best], float(entries.values[best]))
        )
    if not len(entries.values):
        nothing = np.zeros((0, len(layers.layers)), np.int64)
        return Passed(nothing, np.zeros(0), dropped, True, promising)
    order = np.argsort(-entries.values, kind="stable")
    if wanted.marks is not None:
        _, first = np.unique(entries.marks[order], return_index=True)
        order = order[np.sort(first)]
    order = order[: wanted.count]
    return Passed(_trace(history, order), entries.values[order], dropped, True, promising)


def _trace(
    history: list[tuple[np.ndarray, np.ndarray]], rows: np.ndarray
) -> Int64[np.ndarray, "answers layers"]:
    found = np.zeros((len(rows), len(history)), np.int64)
    for k in range(len(history) - 1, -1, -1):
        parents, choices = history[k]
        found[:, k] = choices[rows]
        rows = parents[rows]
    return found


def _expanded(layers: Layers, k: int, entries: _Entries, wanted: Wanted) -> _Entries:
    """Take every choice of the next variable that is possible."""
    layer = layers.layers[k]
    after = layer.after[entries.states]
    values = entries.values[:, None] + layer.gains[entries.states]
    rows, choices = np.nonzero((after >= 0) & (values > -np.inf))
    found, sums = values[rows, choices], entries.sums[rows]
    for column, amounts in layer.steps:
        states = entries.states[rows] if len(amounts) > 1 else 0
        sums[:, column] += amounts[states, choices]
    possible = np.ones(len(rows), np.bool_)
    for column, _ in layer.steps:
        value = layers.wide[column].value
        if column in layer.closed:
            found = found + values_of(value, sums[:, column])
            sums[:, column] = 0.0
        else:
            low, high = layers.low[k + 1, column], layers.high[k + 1, column]
            sums[:, column], allowed = canonical(value, sums[:, column], low, high)
            possible &= allowed
    marks = entries.marks[rows]
    if wanted.marks is not None:
        marks = marks + wanted.marks[k][choices]
    expanded = _Entries(
        after[rows, choices].astype(np.int64),
        sums,
        found,
        marks,
        rows.astype(np.int32),
        choices.astype(np.int32),
    )
    return expanded.take(np.flatnonzero(possible & (found > -np.inf)))


def _unlike(
    layers: Layers, k: int, entries: _Entries, wanted: Wanted, direction: int
) -> Int64[np.ndarray, " kept"]:
    """Keep of entries with the same future the best, or the best that may become answers."""
    if not len(entries.values):
        return np.zeros(0, np.int64)
    open_columns = [c for c in range(len(layers.wide)) if k < layers.ends[c]]
    if direction and open_columns:
        return _undominated(entries, direction * entries.sums[:, 0])
    columns = [entries.states, *(entries.sums[:, c] for c in open_columns)]
    _, group = distinct(columns)
    if wanted.marks is None:
        order = np.lexsort((-entries.values, group))
        return order[_starts(group[order])]
    order = np.lexsort((-entries.values, entries.marks, group))
    same = (group[order][1:] == group[order][:-1]) & (
        entries.marks[order][1:] == entries.marks[order][:-1]
    )
    order = order[np.concatenate([[True], ~same])]
    order = order[np.lexsort((-entries.values[order], group[order]))]
    starts = np.flatnonzero(_starts(group[order]))
    lengths = np.diff(np.append(starts, len(order)))
    rank = np.arange(len(order)) - np.repeat(starts, lengths)
    return order[rank < wanted.count]


def _starts(group: np.ndarray) -> Bool[np.ndarray, " rows"]:
    return np.concatenate([[True], group[1:] != group[:-1]])


def _undominated(entries: _Entries, spent: np.ndarray) -> Int64[np.ndarray, " kept"]:
    """Drop what has spent as much as another that is worth no less."""
    order = np.lexsort((-entries.values, spent, entries.states))
    states, values = entries.states[order], entries.values[order]
    start = _starts(states)
    # Values are made larger from state to state, so that one running maximum serves them all.
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable") + 1
    _, same = np.unique(values, return_inverse=True)
    rank = same.astype(np.int64) + 1
    lifted = rank + (np.cumsum(start) - 1) * (len(values) + 2)
    before = np.concatenate([[0], np.maximum.accumulate(lifted)[:-1]])
    return order[lifted > before]


def _direction(layers: Layers) -> int:
    """Say whether less of the only sum is never worse (1), or more (-1), or neither (0)."""
    if len(layers.wide) != 1:
        return 0
    match layers.wide[0].value:
        case Noisy():
            return 0 if layers.undecided.any() else 1
        case Listed() as value:
            size = value.log_potentials
            one: Sum = layers.wide[0]
            least = one.start + layers.low[0, 0] - value.lowest
            most = one.start + layers.high[0, 0] - value.lowest
            padded = np.concatenate([[-np.inf] if least < 0 else [], size])
            padded = np.concatenate([padded, [-np.inf] if most >= len(size) else []])
            falls = bool((padded[1:] <= padded[:-1]).all())
            rises = bool((padded[1:] >= padded[:-1]).all())
            return 1 if falls else (-1 if rises else 0)


def _best_classes(
    entries: _Entries, bounds: np.ndarray, wanted: Wanted
) -> Int64[np.ndarray, " kept"]:
    """Where bounds are reached, as they are without wide sums, keep no more than will be answers.

    Every kept class brings an answer no worse than any of a class that goes.
    """
    if not len(bounds):
        return np.zeros(0, np.int64)
    order = np.argsort(-bounds, kind="stable")
    if wanted.marks is None:
        return order[:1]
    _, first, group = np.unique(entries.marks[order], return_index=True, return_inverse=True)
    best = np.argsort(first, kind="stable")[: wanted.count]
    return order[np.isin(group, best)]
