"""The kinds of factor, each a frozen record of the numbers that define it.

Every kind holds its parameters for a whole block of factors. The first axis of a parameter is
`tables`: one row per factor of the block, or a single row shared by all of them.
`gmruntime.factors.tables` says what each kind means by writing it out as a table.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table of natural logs, `log f(x) = log_potentials[x]`; -inf forbids."""

    log_potentials: Float64[np.ndarray, "tables *states"]


@dataclass(frozen=True, slots=True, eq=False)
class Gated:
    """A table that applies only while a boolean gate, first in scope, is true.

    log f(g, x) = log_potentials[x] if g else 0
    """

    log_potentials: Float64[np.ndarray, "tables *states"]


@dataclass(frozen=True, slots=True, eq=False)
class Potts:
    """Two variables with the same number of states: `log f(a, b) = weights if a == b else 0`."""

    weights: Float64[np.ndarray, " tables"]


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedLinear:
    """Two ordered variables: `log f(a, b) = -min(slopes * |a - b|, caps)`, slopes >= 0."""

    slopes: Float64[np.ndarray, " tables"]
    caps: Float64[np.ndarray, " tables"]


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedQuadratic:
    """Two ordered variables: `log f(a, b) = -min(slopes * (a - b)^2, caps)`, slopes >= 0."""

    slopes: Float64[np.ndarray, " tables"]
    caps: Float64[np.ndarray, " tables"]


@dataclass(frozen=True, slots=True, eq=False)
class Or:
    """Booleans; the last literal is the disjunction of the others, 0 where it holds, else -inf.

    Literal k is `x_k xor negated[k]`; with every literal negated this is a conjunction.
    """

    negated: Bool[np.ndarray, "tables arity"]


@dataclass(frozen=True, slots=True, eq=False)
class NoisyOr:
    """Booleans; the last one, the effect, is caused by each of the others independently.

    P(effect = false | x) = exp(sum_k x_k * log_failures[k] + log_failures[-1])

    Attributes:
        log_failures: log(1 - q_k) for each cause, then log(1 - leak); all <= 0.
    """

    log_failures: Float64[np.ndarray, "tables arity"]


@dataclass(frozen=True, slots=True, eq=False)
class Xor:
    """Booleans: 0 where their sum modulo 2 equals `parities`, else -inf."""

    parities: Bool[np.ndarray, " tables"]


@dataclass(frozen=True, slots=True, eq=False)
class Count:
    """Booleans: `log f(x) = log_potentials[number of true literals]`.

    Literal k is `x_k xor negated[k]`. Covers clauses, exactly-k, at-most-k and soft counts.

    Attributes:
        log_potentials: one entry for each count 0..arity.
    """

    log_potentials: Float64[np.ndarray, "tables counts"]
    negated: Bool[np.ndarray, "tables arity"]


@dataclass(frozen=True, slots=True, eq=False)
class LinearSum:
    """Any domains: `log f(x) = log_potentials[s - lowest]`, s = sum_k coefficients[k] * x_k.

    A sum outside the range of `log_potentials` is forbidden (-inf).
    """

    coefficients: Int64[np.ndarray, "tables arity"]
    lowest: Int64[np.ndarray, " tables"]
    log_potentials: Float64[np.ndarray, "tables sums"]


@dataclass(frozen=True, slots=True, eq=False)
class AllDifferent:
    """Variables with the same number of states: 0 where no two are equal, else -inf."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Two positions on a `rows` x `columns` grid (state = row * columns + column).

    0 where they are at most `reach_rows` rows and `reach_columns` columns apart, else -inf.
    """

    rows: int
    columns: int
    reach_rows: int
    reach_columns: int


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """An index variable m, first in scope, and what the m-th remembered pattern predicts.

    log f(m, x) = sum_i log_patterns[m, i, x_i]

    Its message to x_i attends over the patterns (Ramsauer et al. 2020, "Hopfield networks is
    all you need").
    """

    log_patterns: Float64[np.ndarray, "tables patterns positions states"]


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
