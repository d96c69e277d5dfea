"""The protocol of a factor kind: everything that the engines ask one, in one class.

A kind is a frozen record of the parameters of a block of factors. The first axis of a parameter is
`tables`: one row for each factor of the block, or a single row shared by all of them; of a kind
with several parameters each may be shared.

A kind must say which parameters it takes (`checked`) and what it means (`log_values`). All else has
a default that reads its table, right for any kind whose factors are small. A kind with a rule
overrides the default; an engine with a faster rule of its own for some kinds keeps it with itself,
and asks all others here.

Law: whatever a kind or an engine says of its factors must agree with `log_values`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import prod
from typing import ClassVar, Self

import numpy as np

from gmruntime.arrays import Bool, Float64, Int, Int64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.automaton import Automaton
from gmruntime.factors.semiring import Messages, of_tables, reduce

NUM_ENTRIES_MAX = 1 << 24
"""128 MiB: what the tables of one block of factors may grow to; larger ones are not written."""

# Entries that are evaluated at once.
_NUM_ENTRIES_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class ListedSum:
    """A function of a sum of whole numbers, one for each variable of a scope.

    Attributes:
        lowest: the sum that the first entry of `log_potentials` is for.
        log_potentials: the value of each sum; those not listed are forbidden.
        amounts: amounts[k][x] is what the k-th variable adds in state x.
    """

    lowest: int
    log_potentials: Float64[np.ndarray, " sums"]
    amounts: Sequence[Float64[np.ndarray, " _states"]]


@dataclass(frozen=True, slots=True, eq=False)
class SumChain:
    """Tables that are equal to factors when the variables they add are summed over.

    Attributes:
        tables: each with one row for every table of the factors' block, or one for all.
        widths: of each added variable, how many states it has.
        scopes: of each table, positions of a factor's scope; the k-th added variable is position
            arity + k.
    """

    tables: tuple[Float64[np.ndarray, "_tables ..."], ...]
    widths: tuple[int, ...]
    scopes: tuple[tuple[int, ...], ...]

    @staticmethod
    def in_line(
        tables: Sequence[Float64[np.ndarray, "_tables ..."]], widths: Sequence[int]
    ) -> "SumChain":
        """Read variable after variable, with one added variable between two tables."""
        arity = len(tables) + 1
        scopes: list[tuple[int, ...]] = [(0, 1, arity)]
        scopes += [(arity + k - 1, k + 1, arity + k) for k in range(1, len(widths))]
        return SumChain(
            tuple(tables), tuple(widths), (*scopes, (arity + len(widths) - 1, arity - 1))
        )


@dataclass(frozen=True, slots=True, eq=False)
class FactorKind(ABC):
    """A kind of factor with the parameters of one block.

    `shape` is everywhere the number of states at each position of the scope.
    """

    is_alike: ClassVar[bool] = False
    """Whether all variables of a scope must have the same number of states."""
    is_large: ClassVar[bool] = False
    """Whether factors may be too large to be written out: then extremes, support and powers must
    not read the table."""
    is_divisible: ClassVar[bool] = False
    """Whether `pieces` or `chains` may write a factor as smaller tables."""
    has_sum_chain: ClassVar[bool] = False
    """Whether `sum_chain` writes a factor as smaller tables for sums alone."""

    has_sums: ClassVar[bool] = False
    """Whether `sums` writes a factor as functions of sums."""

    # --- What a kind must say ------------------------------------------------------------

    @abstractmethod
    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Return the kind as engines read it, when its parameters fit each other and the scopes.

        Args:
            arity: of the block's factors.
            num_states_max: the largest number of states of their variables.

        Raises:
            ParameterError: naming the parameter, what was expected and what was found.
        """

    @abstractmethod
    def log_values(
        self, table_index: Int64[np.ndarray, " rows"], states: Int[np.ndarray, "rows arity"]
    ) -> Float64[np.ndarray, " rows"]:
        """Evaluate factors at each row of states: the definition of the kind.

        Args:
            table_index: for each row, which table applies, in 0..num_tables - 1.
            states: for each row, one state for each position of the scope.
        """

    @property
    def num_tables(self) -> int:
        """For how many factors there are parameters; 1 means shared by all."""
        own = (getattr(self, f.name) for f in fields(self))
        return max((len(values) for values in own if isinstance(values, np.ndarray)), default=1)

    def expected_states(self, arity: int, position: int) -> int | None:
        """Say how many states are needed at `position` of a scope; None leaves it open."""
        del arity, position
        return None

    # --- Written out ---------------------------------------------------------------------

    def entries(self, shape: Sequence[int]) -> Float64[np.ndarray, "tables entries"]:
        """Write out the tables of all factors of a block, each as a row in C order."""
        # Only variables with a choice get an axis: arrays have 64 of them, scopes any number.
        wide = [position for position, size in enumerate(shape) if size > 1]
        sizes = [shape[position] for position in wide]
        states = np.zeros((prod(sizes), len(shape)), np.int64)
        states[:, wide] = np.indices(sizes).reshape(len(sizes), len(states)).T
        step = max(1, _NUM_ENTRIES_AT_ONCE // max(1, len(states)))
        parts: list[np.ndarray] = []
        for first in range(0, self.num_tables, step):
            tables = np.arange(first, min(first + step, self.num_tables))
            index = np.repeat(tables, len(states))
            parts.append(self.log_values(index, np.tile(states, (len(tables), 1))))
        return np.concatenate(parts or [np.zeros(0)]).reshape(self.num_tables, len(states))

    def log_tables(self, shape: Sequence[int]) -> Float64[np.ndarray, "tables *states"]:
        """Write out the table of each factor; the product of the shape must be small."""
        return self.entries(shape).reshape(self.num_tables, *shape)

    def some(self, keep: Bool[np.ndarray, " factors"]) -> Self:
        """Return the kind with the parameters of some factors of its block."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        several = {
            name: values[keep]
            for name, values in own.items()
            if isinstance(values, np.ndarray) and len(values) == len(keep) > 1
        }
        return replace(self, **several) if several else self

    # --- Bounds and zeros ----------------------------------------------------------------

    def largest_entries(self, shape: Sequence[int]) -> Float64[np.ndarray, " tables"]:
        """Return a number that no log value of each table exceeds; one may stand for all."""
        tables = self.log_tables(shape)
        return tables.reshape(len(tables), -1).max(axis=1)

    def least_entries(self, shape: Sequence[int]) -> Float64[np.ndarray, " tables"]:
        """Return a number that no log value of each table is below, but for those that forbid."""
        return least_finite(self.log_tables(shape))

    def support(self, shape: Sequence[int]) -> "tuple[FactorKind, ...] | None":
        """Return factors over the same scopes, 1 together where these are above 0, else 0.

        Nothing where all is allowed; None leaves it to the table.
        """
        del shape
        return None

    def forbids(self, shape: Sequence[int]) -> bool:
        """Say whether some factor may rule an assignment out."""
        parts = self.support(shape)
        return bool(np.isneginf(self.log_tables(shape)).any() if parts is None else parts)

    # --- In smaller tables ---------------------------------------------------------------

    def pieces(
        self, count: int, shape: Sequence[int]
    ) -> "list[tuple[FactorKind, Int64[np.ndarray, 'pieces small_arity']]]":
        """Write each factor as a product of smaller ones, where that is its form.

        Args:
            count: of the factors.
            shape: see above.

        Returns:
            kinds with the positions that their factors read: one row for each piece of a factor,
            and tables in the order of factors, then of pieces.
        """
        del count, shape
        return []

    def chains(
        self, count: int, shape: Sequence[int], budget: Budget = UNLIMITED
    ) -> list[tuple[Int64[np.ndarray, " members"], Automaton]]:
        """Find automata that read the factors of a block, and which factors each is for.

        Raises:
            TimeoutError: when the budget ended first.
        """
        del count, shape, budget
        return []

    def sum_chain(self, shape: Sequence[int]) -> SumChain | None:
        """Write factors as a chain that is equal to them when its own variables are summed over."""
        del shape
        return None

    def sums(self, index: int, shape: Sequence[int]) -> list[ListedSum]:
        """Write one factor as a product of functions of sums, where that is its form.

        Args:
            index: of its table.
            shape: see above.
        """
        del index, shape
        return []

    # --- Messages ------------------------------------------------------------------------

    def tempered(self, shape: Sequence[int], temperature: float) -> "FactorKind | None":
        """Raise factors to the power of 1 / temperature, to be sent messages through.

        Args:
            shape: see above.
            temperature: in [0, 1]; 0 leaves the factors, and messages maximise.

        Returns:
            None where the kind has no such form, or no rule for messages, but its table.
        """
        del shape, temperature
        return None

    def is_estimated(self, shape: Sequence[int], temperature: float) -> bool:
        """Say whether the message rule is itself an approximation."""
        del shape, temperature
        return False

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[Float64[np.ndarray, "rows factors _states"]]:
        """Compute what each factor says to each of its variables, not normalised.

        `incoming[k]` is what the variable of position k says, shaped (rows, factors, states),
        where rows are instances that differ in their evidence; -inf is legal everywhere.

        Args:
            incoming: as above.
            is_max: maximise over the other variables instead of summing.
            budget: asked while tables are read.

        Raises:
            TimeoutError: when the budget is spent.
        """
        shape = [told.shape[2] for told in incoming]
        return of_tables(self.log_tables(shape), incoming, is_max, budget)

    def log_norm(
        self, told: Messages, said: Messages, is_max: bool
    ) -> Float64[np.ndarray, "rows factors"]:
        """Sum each factor times what its variables say, over all their states.

        Args:
            told: what the variables say.
            said: what the factors answer to it; where that is exact, any one message tells.
            is_max: maximise instead of summing.
        """
        return reduce(said[0] + told[0], (2,), is_max)

    # --- Mechanisms ----------------------------------------------------------------------

    def log_sums(self, shape: Sequence[int]) -> Float64[np.ndarray, "tables_or_one arity"] | None:
        """Return the log of each factor summed over one position: NaN where it is not constant.

        None leaves it to the table.
        """
        del shape
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Constraint(FactorKind):
    """A kind whose factors are 1 where something holds, and 0 elsewhere."""

    is_large = True

    def largest_entries(self, shape: Sequence[int]) -> Float64[np.ndarray, " tables"]:
        """Do as `FactorKind` says."""
        return np.zeros(1)

    def least_entries(self, shape: Sequence[int]) -> Float64[np.ndarray, " tables"]:
        """Do as `FactorKind` says."""
        return np.zeros(1)

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        return (self,)

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        return self


def least_finite(values: Float64[np.ndarray, "tables *states"]) -> Float64[np.ndarray, " tables"]:
    """Return the least finite number of each table; 0 where there is none."""
    flat = values.reshape(len(values), -1)
    least = flat.min(axis=1, initial=np.inf)
    if np.isneginf(least).any():
        least = np.where(np.isfinite(flat), flat, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isfinite(least), least, 0.0)


def constant(totals: Float64[np.ndarray, "rows others"]) -> Float64[np.ndarray, " rows"]:
    """Return each row's value when it is the same everywhere and finite, else NaN."""
    low, high = totals.min(axis=1), totals.max(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(low) & (high - low <= SUM_TOLERANCE), high, np.nan)


SUM_TOLERANCE = 1e-9
"""Sums of a conditional table differ by rounding only."""


def allowed(holds: Bool[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Return 0 where something holds, and -inf elsewhere."""
    return np.where(holds, 0.0, -np.inf)
