"""Remembered patterns and an index of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Integer
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import FactorKind, allowed
from gmruntime.factors.kinds.table import Table
from gmruntime.factors.parameters import ParameterError, floats, same_length, small_integers
from gmruntime.factors.semiring import Messages, leave_one_out, reduce


@dataclass(frozen=True, slots=True, eq=False)
class Memory(FactorKind):
    """An index variable m, first in scope, and what the m-th remembered pattern predicts.

    log f(m, x) = sum_i log_patterns[m, i, x_i]

    Patterns that repeat few things in each position, such as black and white, are remembered as
    symbols, in as many bytes as these have digits:

    log f(m, x) = sum_i log_patterns[symbols[m, i], i, x_i]

    Its message to x_i attends over the patterns (Ramsauer et al. 2020, "Hopfield networks is
    all you need").

    Attributes:
        log_patterns: what each pattern, or each symbol in each position, says of a state.
        symbols: which one each pattern has there; None where each pattern has its own.
    """

    log_patterns: Float64[np.ndarray, "tables patterns_or_symbols positions states"]
    symbols: Integer[np.ndarray, "tables patterns positions"] | None = None

    is_large = True
    is_divisible = True

    @property
    def num_patterns(self) -> int:
        """How many patterns each factor remembers."""
        return (self.log_patterns if self.symbols is None else self.symbols).shape[1]

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        log_patterns = floats("log_patterns", self.log_patterns, 4)
        same_length("log_patterns", log_patterns, arity - 1, "the scope after its index", 2)
        if self.symbols is None:
            return Memory(log_patterns)
        count = log_patterns.shape[1]
        symbols = small_integers("symbols", self.symbols, 3, count)
        same_length("symbols", symbols, arity - 1, "the scope after its index", 2)
        if 1 != len(symbols) != len(log_patterns) != 1:
            raise ParameterError(
                f"it has {len(log_patterns)} rows of log_patterns and {len(symbols)} of symbols; "
                "each needs a row for every factor, or one for all"
            )
        return Memory(log_patterns, symbols)

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        positions = np.arange(states.shape[1] - 1)[None, :]
        index = table_index[:, None]
        pattern = states[:, :1]
        if self.symbols is not None:
            own = index if len(self.symbols) > 1 else np.zeros_like(index)
            pattern = self.symbols[own, pattern, positions]
        own = index if len(self.log_patterns) > 1 else np.zeros_like(index)
        return self.log_patterns[own, pattern, positions, states[:, 1:]].sum(axis=1)

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return self.num_patterns if position == 0 else self.log_patterns.shape[3]

    def of_patterns(
        self, of_symbols: Float64[np.ndarray, "tables patterns_or_symbols positions *rest"]
    ) -> Float64[np.ndarray, "tables patterns positions *rest"]:
        """Return what each pattern has in each position, of what each symbol has there."""
        if self.symbols is None:
            return of_symbols
        count, places = max(len(of_symbols), len(self.symbols)), self.symbols.shape[2]
        tables = np.arange(count)[:, None, None]
        own = tables if len(of_symbols) > 1 else np.zeros_like(tables)
        symbols = np.broadcast_to(self.symbols, (count, *self.symbols.shape[1:]))
        return of_symbols[own, symbols, np.arange(places)]

    def written_out(self) -> "Memory":
        """Return the same without symbols."""
        return self if self.symbols is None else Memory(self.of_patterns(self.log_patterns))

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self.of_patterns(self.log_patterns.max(axis=3)).sum(axis=2).max(axis=1)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        finite = np.where(np.isfinite(self.log_patterns), self.log_patterns, np.inf)
        least = finite.min(axis=3)
        least = np.where(np.isfinite(least), least, 0.0)
        return self.of_patterns(least).sum(axis=2).min(axis=1)

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        holds = self.log_patterns > -np.inf
        return () if holds.all() else (Memory(allowed(holds), self.symbols),)

    def pieces(self, count: int, shape: Sequence[int]) -> list[tuple[FactorKind, np.ndarray]]:
        """Pair the index with each position."""
        patterns = np.moveaxis(self.written_out().log_patterns, 2, 1)
        pairs = np.stack([np.zeros(len(shape) - 1, np.int64), np.arange(1, len(shape))], axis=1)
        if len(patterns) == count:
            tables = np.ascontiguousarray(patterns).reshape(-1, *patterns.shape[2:])
            return [(Table(tables), pairs)]
        return [(Table(patterns[:, k]), pairs[k : k + 1]) for k in range(len(pairs))]

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        return Memory(self.log_patterns / (temperature or 1.0), self.symbols)

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says: each position attends over the patterns."""
        index, told = incoming[0], incoming[1:]
        patterns = self.written_out().log_patterns[None]
        # agree[b, f, m, i]: how well pattern m predicts what position i hears.
        agree = np.stack(
            [
                reduce(patterns[:, :, :, i] + m[:, :, None], (3,), is_max)
                for i, m in enumerate(told)
            ],
            axis=3,
        )
        others = leave_one_out(agree)
        result: list[Float64[np.ndarray, "rows factors states"]] = [agree.sum(axis=3)]
        for i in range(len(told)):
            weight = index + others[:, :, :, i]
            result.append(reduce(weight[..., None] + patterns[..., i, :], (2,), is_max))
        return result
