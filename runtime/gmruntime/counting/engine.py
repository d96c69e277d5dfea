"""A counting search that is begun, goes on in steps, and says what it has added up so far."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gmruntime.budget import Budget
from gmruntime.counting.model import LaidOut
from gmruntime.counting.records import (
    ACTIVITY_STEP,
    ADDED,
    BRANCH,
    END_PART,
    IS_BRANCH,
    IS_LEARNING,
    IS_TRACED,
    LATEST,
    LEVEL,
    LOG_WEIGHT,
    NARROWED,
    NEXT_PART,
    NUM_CELLS,
    NUM_FRAMES,
    NUM_LISTED,
    NUM_MARKS,
    NUM_NUMBERS,
    NUM_PARTS,
    NUM_SUMS,
    OPEN,
    TRAIL,
    Cache,
    Clauses,
    Frames,
    Parts,
    Search,
    State,
    Trace,
)

_ENTRY_BYTES = 28
_ENTRIES_LOG_MIN, _ENTRIES_LOG_MAX = 8, 24
_CACHE_SHARE, _PARTS_SHARE, _TRACE_SHARE = 0.25, 0.2, 0.25

_LISTED_MAX, _PARTS_MAX = 1 << 26, 1 << 23
_CLAUSES_MAX, _LITERALS_EACH = 300_000, 30
_RING = 1 << 20
_RECORDS_MAX, _LINKS_EACH = 1 << 25, 8

_STEPS_FIRST, _STEP_S = 1 << 10, 0.05
"""Steps are taken in runs of about so many seconds, between two looks at the clock."""


@dataclass(slots=True, eq=False)
class Counter:
    """A search for log Z of a network.

    Attributes:
        laid_out: what is counted.
        search: what the compiled steps change.
        log_settled: of what follows from the tables alone; -inf where they contradict themselves.
        log_weight: with what is assumed.
        base: how long the trails were then.
        num_steps: of the next run.
        is_complete: whether nothing is open.
        is_stuck: whether there is no room to go on.
    """

    laid_out: LaidOut
    search: Search
    log_settled: float
    log_weight: float
    base: tuple[int, int] = (0, 0)
    num_steps: int = _STEPS_FIRST
    is_complete: bool = False
    is_stuck: bool = False

    def log_value(self) -> float:
        """Return log Z; only where the search is complete."""
        assert self.is_complete
        total = float(self.search.frames.sums[0, ADDED]) if self.log_weight > -np.inf else -np.inf
        return self.laid_out.log_constant + total

    def log_lower(self) -> float:
        """Return the log of what is added up so far, a proven lower bound of log Z.

        A branch counts once all components beside the one that is open are known.
        """
        if self.is_complete:
            return self.log_value()
        cells, sums = self.search.frames.cells, self.search.frames.sums
        lower = -np.inf
        for t in range(int(self.search.state.marks[NUM_FRAMES]) - 1, -1, -1):
            # Where components are waiting, or none is open, nothing is known of the branch.
            is_known = cells[t, IS_BRANCH] == 1 and cells[t, NEXT_PART] == cells[t, END_PART]
            is_top = t == int(self.search.state.marks[NUM_FRAMES]) - 1
            branch = float(sums[t, BRANCH]) + (0.0 if is_top else lower)
            lower = float(np.logaddexp(sums[t, ADDED], branch if is_known else -np.inf))
        return self.laid_out.log_constant + lower

    def has_trace(self) -> bool:
        """Say whether every branch was written down."""
        return bool(self.search.state.marks[IS_TRACED])

    def assume(self, states: Mapping[int, int]) -> None:
        """Begin anew with some variables set; what was remembered stays so.

        Args:
            states: by the variables of the model. What was searched before is complete.
        """
        from gmruntime.counting.propagation import undo
        from gmruntime.counting.search import open_root

        search, size = self.search, len(self.laid_out.variables)
        undo(search, *self.base)
        self.log_weight = self.log_settled
        if self.log_weight > -np.inf:
            self.log_weight += _assume(search, states)
        self.is_complete = self.log_weight == -np.inf
        if not self.is_complete:
            search.parts.variables[:size] = np.arange(size)
            search.state.marks[NUM_LISTED], search.state.marks[NUM_PARTS] = size, 0
            open_root(search, 0, self.log_weight)

    def go_on(self, budget: Budget) -> bool:
        """Search until the budget is spent; say whether the search is complete."""
        from gmruntime.counting.search import COMPLETE, NEEDS_ROOM, run

        while not (self.is_complete or self.is_stuck) and not budget.is_spent():
            begin = budget.clock()
            status = run(self.search, self.num_steps)
            self.is_complete = status == COMPLETE
            self.is_stuck = status == NEEDS_ROOM
            took = budget.clock() - begin
            if took < 0.5 * _STEP_S:
                self.num_steps *= 2
            elif took > _STEP_S:
                self.num_steps = max(_STEPS_FIRST, self.num_steps // 2)
        return self.is_complete


def begin(laid_out: LaidOut, memory_bytes: int, *, is_traced: bool) -> Counter:
    """Set what follows from the tables alone, and open the root.

    Args:
        laid_out: a network.
        memory_bytes: cap on what the search holds.
        is_traced: whether every branch is written down.
    """
    search = _empty(laid_out, memory_bytes, is_traced=is_traced)
    log_settled = _settle_root(search)
    marks = search.state.marks
    base = int(marks[TRAIL]), int(marks[NARROWED])
    counter = Counter(laid_out, search, log_settled, log_settled, base)
    counter.assume({})
    return counter


def _assume(search: Search, states: Mapping[int, int]) -> float:
    """Set variables below the root; return the log of what they contribute."""
    from gmruntime.counting.propagation import assign

    state = search.state
    search.clauses.owner[:] = 0
    state.marks[LEVEL], state.marks[LATEST] = 0, -1
    total = 0.0
    for v, x in states.items():
        if state.value[v] == x:
            continue
        is_left = (int(state.domain[v]) >> x) & 1
        state.numbers[LOG_WEIGHT] = 0.0
        if not is_left or not assign(search, v, x):
            return -np.inf
        total += float(state.numbers[LOG_WEIGHT])
    return total


def _settle_root(search: Search) -> float:
    """Apply every table's supports; return the log weight of what is set, -inf where nothing is."""
    from gmruntime.counting.propagation import assign

    model, state = search.model, search.state
    arity = np.diff(model.factor_start)
    factor = np.repeat(np.arange(len(arity)), arity)
    place = model.first_place[factor] + np.arange(len(factor)) - model.factor_start[factor]
    np.bitwise_and.at(state.domain, model.factor_variables, model.rests.allowed[place])
    total = float(model.rests.scale[model.first_state].sum())
    state.marks[LEVEL] = -1
    if total == -np.inf or (state.domain == 0).any():
        return -np.inf
    for v in range(len(state.value)):
        bits = int(state.domain[v])
        if state.value[v] == OPEN and bits & (bits - 1) == 0:
            state.numbers[LOG_WEIGHT] = 0.0
            if not assign(search, v, bits.bit_length() - 1):
                return -np.inf
            total += float(state.numbers[LOG_WEIGHT])
    return total


def _empty(laid_out: LaidOut, memory_bytes: int, *, is_traced: bool) -> Search:
    model = laid_out.model
    n, m = len(model.num_states), len(model.first_state)
    marks = np.zeros(NUM_MARKS, np.int64)
    marks[IS_LEARNING], marks[LATEST] = int(model.num_states.max() <= 2), -1
    marks[IS_TRACED] = int(is_traced)
    numbers = np.zeros(NUM_NUMBERS)
    numbers[ACTIVITY_STEP] = 0.1
    num_narrowed = int(model.num_states.sum()) + n + 8
    full = (np.uint64(1) << model.num_states.astype(np.uint64)) - np.uint64(1)
    full[model.num_states == 64] = np.uint64(2**64 - 1)
    state = State(
        np.full(n, OPEN, np.int32),
        full,
        np.zeros(m, np.int64),
        np.zeros(n + 1, np.int32),
        np.zeros(num_narrowed, np.int32),
        np.zeros(num_narrowed, np.uint64),
        np.zeros(n + 1, np.int32),
        marks,
        numbers,
        np.zeros(n),
        np.zeros(n, np.int64),
        np.zeros(m, np.int64),
    )
    frames = Frames(
        np.zeros((n + 2, NUM_CELLS), np.int64),
        np.zeros((n + 2, NUM_SUMS)),
        np.zeros((n + 2, 2), np.uint64),
    )
    parts = _empty_parts(n, memory_bytes)
    is_learning = bool(marks[IS_LEARNING])
    return Search(
        model,
        state,
        parts,
        frames,
        _empty_cache(memory_bytes),
        _empty_clauses(n, int(np.diff(model.factor_start).max()), is_learning=is_learning),
        _empty_trace(memory_bytes if is_traced else 0),
    )


def _empty_parts(n: int, memory_bytes: int) -> Parts:
    most = n * (n + 3) // 2 + 2 * n
    listed = max(4 * n, int(min(most, _LISTED_MAX, 0.5 * _PARTS_SHARE * memory_bytes / 4)))
    count = max(4 * n, int(min(most, _PARTS_MAX, 0.5 * _PARTS_SHARE * memory_bytes / 36)))
    return Parts(
        np.empty(listed, np.int32),
        np.empty((count, 2), np.int64),
        np.empty((count, 2), np.uint64),
        np.empty(count, np.int32),
    )


def _empty_cache(memory_bytes: int) -> Cache:
    room = max(1.0, _CACHE_SHARE * memory_bytes / _ENTRY_BYTES)
    size = 1 << min(max(int(np.log2(room)), _ENTRIES_LOG_MIN), _ENTRIES_LOG_MAX)
    return Cache(
        np.zeros((size, 2), np.uint64),
        np.empty(size),
        np.empty(size, np.int32),
        np.empty(_RING, np.int64),
    )


def _empty_clauses(n: int, arity_max: int, *, is_learning: bool) -> Clauses:
    size = _CLAUSES_MAX if is_learning else 1
    return Clauses(
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.empty(size * _LITERALS_EACH, np.int32),
        np.full(2 * n, -1, np.int64),
        np.empty(2 * size, np.int64),
        np.full(n, -1, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.full(n, -1, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.bool_),
        np.empty(n + arity_max + 80, np.int64),
        np.empty(n + 80, np.int64),
    )


def _empty_trace(memory_bytes: int) -> Trace:
    size = int(min(_RECORDS_MAX, _TRACE_SHARE * memory_bytes / (32 + 4 * _LINKS_EACH)))
    return Trace(
        np.empty(size, np.int32),
        np.empty(size),
        np.empty(size, np.int64),
        np.empty((size, 3), np.int32),
        np.empty(size * _LINKS_EACH, np.int32),
    )
