"""Covering: a site is taken by the first of its coverers that takes it, else left to its base."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from gmruntime.arrays import Bool, Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.automaton import Automaton
from gmruntime.factors.kind import Constraint, FactorKind, SumChain, allowed
from gmruntime.factors.kinds.table import Table
from gmruntime.factors.parameters import ParameterError, floats, needs_last, same_length
from gmruntime.factors.semiring import Messages, of_chain

# A cover of up to so many bits is written out when its power has no short form.
_BITS_MAX = 12.0
# Histories of a cover that are told apart, and how many states of coverers they may go through.
_NUM_HISTORIES_MAX = 64
_NUM_STEPS_MAX = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Cover(FactorKind):
    """Coverers x_1, ..., x_n, the nearest first, then the site v that they cover.

    f(x, v) = sum_k exp(sum_{j < k} log_passes[j, x_j] + log_takes[k, x_k, v])
              + exp(sum_j log_passes[j, x_j])

    Relative to the base of the site: a coverer that takes it with probability c, and then draws
    it from D, has log_takes log(c D(v) / base(v)) and log_passes log(1 - c) in its active states,
    and -inf and 0 in the others.

    Attributes:
        sizes: of each coverer, how many states it has, where some have fewer than the arrays hold;
            () where all have as many.
    """

    log_takes: Float64[np.ndarray, "tables coverers _states values"]
    log_passes: Float64[np.ndarray, "tables coverers _states"]
    sizes: tuple[int, ...] = ()

    is_large = True
    is_divisible = True
    has_sum_chain = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        log_takes = floats("log_takes", self.log_takes, 4)
        log_passes = floats("log_passes", self.log_passes, 3, highest=0.0)
        needs_last(arity)
        same_length("log_takes", log_takes, arity - 1, "one row for each coverer", 1)
        same_length("log_passes", log_passes, arity - 1, "one row for each coverer", 1)
        same_length("log_passes", log_passes, log_takes.shape[2], "as log_takes is", 2)
        held = log_takes.shape[2]
        if self.sizes and (len(self.sizes) != arity - 1 or max(self.sizes) > held):
            raise ParameterError(
                f"sizes is {self.sizes}; it needs {arity - 1} numbers of up to {held} states"
            )
        count = max(len(log_takes), len(log_passes))
        return Cover(_as_many(log_takes, count), _as_many(log_passes, count), self.sizes)

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        site = states[:, -1]
        found = np.full(len(states), -np.inf)
        open_ = np.zeros(len(states))
        for k in range(states.shape[1] - 1):
            x = states[:, k]
            found = np.logaddexp(found, open_ + self.log_takes[table_index, k, x, site])
            open_ = open_ + self.log_passes[table_index, k, x]
        return np.logaddexp(found, open_)

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        if position == arity - 1:
            return self.log_takes.shape[3]
        return self.sizes[position] if self.sizes else self.log_takes.shape[2]

    def without(self, coverers: Sequence[int]) -> "Cover":
        """Return the covers that are left when some coverers take nothing."""
        log_takes, log_passes = self.log_takes.copy(), self.log_passes.copy()
        log_takes[:, coverers], log_passes[:, coverers] = -np.inf, 0.0
        return Cover(log_takes, log_passes, self.sizes)

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Choose the best state of each coverer from the farthest on, for each value."""
        return self._extremes(shape)[0].max(axis=1)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Choose the worst state that leaves something, likewise."""
        least = self._extremes(shape)[1].min(axis=1)
        return np.where(np.isfinite(least), least, 0.0)

    def _extremes(self, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the log of the largest and the least positive factor, for each value."""
        values = self.log_takes.shape[3]
        most = np.zeros((len(self.log_takes), values))
        least, positive = most, most
        for k in range(len(shape) - 2, -1, -1):
            takes = self.log_takes[:, k, : shape[k]]
            passes = self.log_passes[:, k, : shape[k], None]
            most = np.logaddexp(takes, passes + most[:, None]).max(axis=1)
            rest = np.logaddexp(takes, passes + least[:, None])
            # What takes nothing must leave something to those behind.
            is_closed = np.isneginf(passes)
            behind = passes + np.where(is_closed, 0.0, positive[:, None])
            left = np.where(np.isneginf(takes), behind, rest)
            positive = np.where(np.isneginf(left), np.inf, left).min(axis=1)
            least = rest.min(axis=1)
        return most, positive

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        takes, passes = self.log_takes > -np.inf, self.log_passes > -np.inf
        return () if passes.all() else (_Reached(takes, passes),)

    def chains(
        self, count: int, shape: Sequence[int], budget: Budget = UNLIMITED
    ) -> list[tuple[np.ndarray, Automaton]]:
        """Tell histories apart by what they left open and what they gave to each value."""
        return _automata(self.log_takes, self.log_passes, count, shape, np.logaddexp, budget)

    def sum_chain(self, shape: Sequence[int]) -> SumChain | None:
        """Write a chain of "not yet covered", each link over a coverer and the site."""
        count, last = len(self.log_takes), len(shape) - 2
        if last < 1:
            return None
        tables: list[np.ndarray] = []
        scopes: list[tuple[int, ...]] = []
        site, first = len(shape) - 1, len(shape)
        for k in range(last + 1):
            takes = self.log_takes[:, k, : shape[k]]
            passes = np.broadcast_to(self.log_passes[:, k, : shape[k], None], takes.shape)
            if k == last:
                ends = np.stack([np.zeros(takes.shape), np.logaddexp(takes, passes)], axis=1)
                tables.append(ends)
                scopes.append((first + k - 1, k, site))
                break
            link = np.stack([takes, passes], axis=3)
            if k == 0:
                tables.append(link)
                scopes.append((0, site, first))
                continue
            table = np.full((count, 2, *link.shape[1:]), -np.inf)
            table[:, 0, :, :, 0] = 0.0
            table[:, 1] = link
            tables.append(table)
            scopes.append((first + k - 1, k, site, first + k))
        return SumChain(tuple(tables), (2,) * last, tuple(scopes))

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Write the factors out where they are not read as they are; wide ones link by link."""
        if temperature == 1.0:
            return self
        if _bits(shape) <= _BITS_MAX:
            return Table(self.log_tables(shape)).tempered(shape, temperature)
        scale = temperature or 1.0
        return Cover(self.log_takes / scale, self.log_passes / scale, self.sizes)

    def is_estimated(self, shape: Sequence[int], temperature: float) -> bool:
        """Do as `FactorKind` says."""
        return temperature != 1.0 and _bits(shape) > _BITS_MAX

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says, in O(arity): is the site still open, for each of its values?"""
        rows, count = incoming[0].shape[:2]
        num_values = self.log_takes.shape[3]
        site = len(incoming) - 1
        first = np.zeros((rows, count, 2 * num_values))
        first[:, :, num_values:] = -np.inf
        values = np.tile(np.arange(num_values), 2)
        join = np.maximum if is_max else np.logaddexp

        def ahead(k: int, x: int, told: np.ndarray) -> np.ndarray:
            still, taken = told[:, :, :num_values], told[:, :, num_values:]
            taking = join(taken, still + self.log_takes[None, :, k, x])
            return np.concatenate([still + self.log_passes[None, :, k, x, None], taking], axis=2)

        def back(k: int, x: int, told: np.ndarray) -> np.ndarray:
            if k == site:
                return np.where(values == x, told, -np.inf)
            still, taken = told[:, :, :num_values], told[:, :, num_values:]
            leaving = still + self.log_passes[None, :, k, x, None]
            still = join(leaving, taken + self.log_takes[None, :, k, x])
            return np.concatenate([still, taken], axis=2)

        return of_chain(first, np.zeros(first.shape), incoming, ahead, back, is_max)

    def log_sums(self, shape: Sequence[int]) -> np.ndarray:
        """Say that the site has a distribution where no coverer gives or takes weight."""
        num_values = self.log_takes.shape[3]
        with np.errstate(over="ignore"):
            given = np.exp(self.log_takes).sum(axis=3) + num_values * np.exp(self.log_passes)
        sums = np.full((len(given), len(shape)), np.nan)
        is_kept = (np.abs(given - num_values) <= 1e-12 * num_values).all(axis=(1, 2))
        sums[is_kept, -1] = np.log(num_values)
        return sums


@dataclass(frozen=True, slots=True, eq=False)
class _Reached(Constraint):
    """Where a cover is above zero: a coverer may take the value that all nearer ones let pass."""

    takes: Bool[np.ndarray, "tables coverers _states values"]
    passes: Bool[np.ndarray, "tables coverers _states"]

    is_divisible = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        return self

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        found = np.zeros(len(states), np.bool_)
        is_open = np.ones(len(states), np.bool_)
        for k in range(states.shape[1] - 1):
            x = states[:, k]
            found |= is_open & self.takes[table_index, k, x, states[:, -1]]
            is_open &= self.passes[table_index, k, x]
        return allowed(found | is_open)

    def chains(
        self, count: int, shape: Sequence[int], budget: Budget = UNLIMITED
    ) -> list[tuple[np.ndarray, Automaton]]:
        """Do as `FactorKind` says."""
        return _automata(
            allowed(self.takes), allowed(self.passes), count, shape, np.maximum, budget
        )


def _as_many(values: np.ndarray, count: int) -> np.ndarray:
    return values if len(values) == count else np.repeat(values, count, axis=0)


def _bits(shape: Sequence[int]) -> float:
    return float(np.log2(np.maximum(shape, 1)).sum())


def _automata(
    log_takes: Float64[np.ndarray, "tables coverers _states values"],
    log_passes: Float64[np.ndarray, "tables coverers _states"],
    count: int,
    shape: Sequence[int],
    join: np.ufunc,
    budget: Budget,
) -> list[tuple[np.ndarray, Automaton]]:
    """Follow the histories of each table; nothing where they are too many for short chains."""
    if len(log_takes) * prod(log_takes.shape[1:3]) > _NUM_STEPS_MAX:
        return []
    found: list[tuple[np.ndarray, Automaton]] = []
    for table in range(len(log_takes)):
        budget.check()
        automaton = _automaton(log_takes[table], log_passes[table], shape, join)
        if automaton is None:
            return []
        members = np.array([table]) if len(log_takes) == count else np.arange(count)
        found.append((members, automaton))
    return found


def _automaton(
    log_takes: np.ndarray, log_passes: np.ndarray, shape: Sequence[int], join: np.ufunc
) -> Automaton | None:
    """Follow what may have been left open, and given to each value so far, coverer by coverer."""
    reached: list[tuple[float, np.ndarray]] = [(0.0, np.full(log_takes.shape[2], -np.inf))]
    steps: list[np.ndarray] = []
    for k in range(len(shape) - 1):
        known: dict[tuple[float, bytes], int] = {}
        after: list[tuple[float, np.ndarray]] = []
        step = np.zeros((1, len(reached), shape[k]), np.int64)
        for s, (open_, given) in enumerate(reached):
            for x in range(shape[k]):
                more = join(given, open_ + log_takes[k, x])
                left = open_ + float(log_passes[k, x])
                key = (left, more.tobytes())
                if key not in known:
                    if len(known) == _NUM_HISTORIES_MAX:
                        return None
                    known[key] = len(after)
                    after.append((left, more))
                step[0, s, x] = known[key]
        steps.append(step)
        reached = after
    return Automaton(tuple(steps), np.stack([join(given, open_) for open_, given in reached])[None])
