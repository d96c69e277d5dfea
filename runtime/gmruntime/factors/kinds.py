"""The kinds of factor, each a frozen record of the numbers that define it.

Every kind holds its parameters for a whole block of factors. The first axis of a parameter is
`tables`: one row per factor of the block, or a single row shared by all of them; of a kind with
several parameters each may be shared.
`gmruntime.factors.tables` says what each kind means by writing it out as a table. Each kind checks
its own parameters (`Checked`); the runtime's door asks it to.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.factors.parameters import (
    ParameterError,
    flags,
    floats,
    integer,
    integers,
    non_negative,
    same_length,
    shared,
)

SUM_MAX = 1 << 62
"""Partial sums of a linear sum stay below this, so that none leaves the 64-bit integers."""


class Checked(Protocol):
    """What every kind says of itself: `expected_states` of `gmruntime.graph` says the rest."""

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Return the kind as engines read it, when its parameters fit each other and the scopes.

        Args:
            arity: of the block's factors.
            num_states_max: the largest number of states of their variables.

        Raises:
            ParameterError: naming the parameter, what was expected and what was found.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table of natural logs, `log f(x) = log_potentials[x]`; -inf forbids."""

    log_potentials: Float64[np.ndarray, "tables *states"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        return Table(floats("log_potentials", self.log_potentials, 1 + arity))


@dataclass(frozen=True, slots=True, eq=False)
class Gated:
    """A table that applies only while a boolean gate, first in scope, is true.

    log f(g, x) = log_potentials[x] if g else 0
    """

    log_potentials: Float64[np.ndarray, "tables *states"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        if arity < 1:
            raise ParameterError("a gated table needs its gate, first in the scope")
        return Gated(floats("log_potentials", self.log_potentials, arity))


@dataclass(frozen=True, slots=True, eq=False)
class Potts:
    """Two variables with the same number of states: `log f(a, b) = weights if a == b else 0`."""

    weights: Float64[np.ndarray, " tables"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        _needs_two(arity)
        return Potts(floats("weights", self.weights, 1))


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedLinear:
    """Two ordered variables: `log f(a, b) = -min(slopes * |a - b|, caps)`, slopes >= 0."""

    slopes: Float64[np.ndarray, " tables"]
    caps: Float64[np.ndarray, " tables"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        _needs_two(arity)
        slopes, caps = non_negative("slopes", self.slopes, 1), non_negative("caps", self.caps, 1)
        slopes, caps = shared(slopes=slopes, caps=caps)
        return TruncatedLinear(slopes, caps)


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedQuadratic:
    """Two ordered variables: `log f(a, b) = -min(slopes * (a - b)^2, caps)`, slopes >= 0."""

    slopes: Float64[np.ndarray, " tables"]
    caps: Float64[np.ndarray, " tables"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        _needs_two(arity)
        slopes, caps = non_negative("slopes", self.slopes, 1), non_negative("caps", self.caps, 1)
        slopes, caps = shared(slopes=slopes, caps=caps)
        return TruncatedQuadratic(slopes, caps)


@dataclass(frozen=True, slots=True, eq=False)
class Or:
    """Booleans; the last literal is the disjunction of the others, 0 where it holds, else -inf.

    Literal k is `x_k xor negated[k]`; with every literal negated this is a conjunction.
    """

    negated: Bool[np.ndarray, "tables arity"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        negated = flags("negated", self.negated, 2)
        _needs_last(arity)
        same_length("negated", negated, arity, "one entry for each variable of a scope", 1)
        return Or(negated)


@dataclass(frozen=True, slots=True, eq=False)
class NoisyOr:
    """Booleans; the last one, the effect, is caused by each of the others independently.

    P(effect = false | x) = exp(sum_k x_k * log_failures[k] + log_failures[-1])

    Attributes:
        log_failures: log(1 - q_k) for each cause, then log(1 - leak); all <= 0.
    """

    log_failures: Float64[np.ndarray, "tables arity"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        log_failures = floats("log_failures", self.log_failures, 2, highest=0.0)
        _needs_last(arity)
        same_length("log_failures", log_failures, arity, "one for each cause and the leak", 1)
        return NoisyOr(log_failures)


@dataclass(frozen=True, slots=True, eq=False)
class Xor:
    """Booleans: 0 where their sum modulo 2 equals `parities`, else -inf."""

    parities: Bool[np.ndarray, " tables"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        parities = flags("parities", self.parities, 1)
        # The sum of no variables is 0.
        return Xor(parities) if arity else Table(np.where(parities, -np.inf, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Count:
    """Booleans: `log f(x) = log_potentials[number of true literals]`.

    Literal k is `x_k xor negated[k]`. Covers clauses, exactly-k, at-most-k and soft counts.

    Attributes:
        log_potentials: one entry for each count 0..arity.
    """

    log_potentials: Float64[np.ndarray, "tables counts"]
    negated: Bool[np.ndarray, "tables arity"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        log_potentials = floats("log_potentials", self.log_potentials, 2)
        negated = flags("negated", self.negated, 2)
        same_length("negated", negated, arity, "one entry for each variable of a scope", 1)
        log_potentials, negated = shared(log_potentials=log_potentials, negated=negated)
        same_length("log_potentials", log_potentials, arity + 1, "the counts 0..arity", 1)
        return Count(log_potentials, negated) if arity else Table(log_potentials[:, 0].copy())


@dataclass(frozen=True, slots=True, eq=False)
class LinearSum:
    """Any domains: `log f(x) = log_potentials[s - lowest]`, s = sum_k coefficients[k] * x_k.

    A sum outside the range of `log_potentials` is forbidden (-inf).
    """

    coefficients: Int64[np.ndarray, "tables arity"]
    lowest: Int64[np.ndarray, " tables"]
    log_potentials: Float64[np.ndarray, "tables sums"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        log_potentials = floats("log_potentials", self.log_potentials, 2)
        coefficients = integers("coefficients", self.coefficients, 2)
        lowest = integers("lowest", self.lowest, 1)
        same_length("coefficients", coefficients, arity, "one for each variable of a scope", 1)
        coefficients, lowest, log_potentials = shared(
            coefficients=coefficients, lowest=lowest, log_potentials=log_potentials
        )
        if not log_potentials.shape[1]:
            raise ParameterError("log_potentials lists no sum; at least one must be allowed")
        # In floats, which may be large, since the integers themselves may wrap.
        reach = np.abs(coefficients.astype(np.float64)).sum(axis=1) * (num_states_max - 1)
        if (reach + np.abs(lowest.astype(np.float64)) >= SUM_MAX).any():
            raise ParameterError("coefficients or lowest reach beyond 64-bit integers")
        return LinearSum(coefficients, lowest, log_potentials)


@dataclass(frozen=True, slots=True, eq=False)
class AllDifferent:
    """Variables with the same number of states: 0 where no two are equal, else -inf."""

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        return self if arity else Table(np.zeros(1))


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Two positions on a `rows` x `columns` grid (state = row * columns + column).

    0 where they are at most `reach_rows` rows and `reach_columns` columns apart, else -inf.
    """

    rows: int
    columns: int
    reach_rows: int
    reach_columns: int

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        _needs_two(arity)
        return Window(
            integer("rows", self.rows, lowest=1),
            integer("columns", self.columns, lowest=1),
            integer("reach_rows", self.reach_rows, lowest=0),
            integer("reach_columns", self.reach_columns, lowest=0),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """An index variable m, first in scope, and what the m-th remembered pattern predicts.

    log f(m, x) = sum_i log_patterns[m, i, x_i]

    Its message to x_i attends over the patterns (Ramsauer et al. 2020, "Hopfield networks is
    all you need").
    """

    log_patterns: Float64[np.ndarray, "tables patterns positions states"]

    def checked(self, arity: int, num_states_max: int) -> "FactorKind":
        """Do as `Checked` says."""
        log_patterns = floats("log_patterns", self.log_patterns, 4)
        same_length("log_patterns", log_patterns, arity - 1, "the scope after its index", 2)
        return Memory(log_patterns)


FactorKind = (
    Table
    | Gated
    | Potts
    | TruncatedLinear
    | TruncatedQuadratic
    | Or
    | NoisyOr
    | Xor
    | Count
    | LinearSum
    | AllDifferent
    | Window
    | Memory
)


def _needs_two(arity: int) -> None:
    if arity != 2:
        raise ParameterError(f"it relates 2 variables, and its scopes hold {arity}")


def _needs_last(arity: int) -> None:
    if arity < 1:
        raise ParameterError("its scopes hold no variable; the last one is what the others cause")
