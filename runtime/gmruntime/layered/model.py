"""A graph as small tables and sums: what the layered search reads.

Wide factors whose value depends on their variables only through a sum (weighted sums, counts,
parities, values that may be used once, failures of noisy ORs) stay sums; everything else becomes
tables. Evidence is taken out of both.

Source: noisy ORs as sums of log failures, Heckerman and Breese (1996), "Causal independence for
probability assessment"; all-different as one count for each value, Régin (1996), "Generalized arc
consistency for global cardinality constraint".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kinds import (
    LinearSum,
    NoisyOr,
    Table,
)
from gmruntime.graph import (
    Assignment,
    FactorBlock,
    FactorGraph,
    num_states,
    shape_of,
    table_indices,
)

# Factors over so few variables are tables, unless they list long sums.
_ARITY_TABLE_MAX = 3

# Sums, terms of sums and table entries beyond these take too long in Python.
_NUM_SUMS_MAX, _NUM_TERMS_MAX, _NUM_TABLES_MAX = 2_000, 40_000, 20_000

# A cause that cannot fail: exp of less than this is 0 in float64 beside 1.
_LOG_FAILURE_MIN = -50.0


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """The value of a whole number s is `log_potentials[s - lowest]`; -inf outside.

    Attributes:
        run_start: for each entry, where the entries equal to it begin.
        run_end: and where they end, inclusive.
    """

    lowest: int
    log_potentials: Float64[np.ndarray, " sums"]
    run_start: Int64[np.ndarray, " sums"]
    run_end: Int64[np.ndarray, " sums"]


@dataclass(frozen=True, slots=True)
class Noisy:
    """The value of a log failure s <= 0 is log(1 - exp(s)).

    A positive s means that there is no effect, which is worth 0 here.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """What one variable adds to a sum.

    Attributes:
        variable: the variable.
        gate: a variable on whose state the amounts depend, decided before; -1 for none.
        amounts: for each state of the gate (one row without a gate) and of the variable.
    """

    variable: int
    gate: int
    amounts: Float64[np.ndarray, "gate_states states"]


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """A factor that is a function of a sum of terms."""

    value: Listed | Noisy
    start: float
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SumModel:
    """What is to be maximised.

    Attributes:
        num_states: of every variable, auxiliary ones included.
        free: the variables that are not observed.
        observed: a state for each observed variable, -1 for the others.
        scores: for each variable, what its own states are worth.
        tables: scopes of two free variables and more, ascending, with their tables.
        sums: the wide factors.
        first: for each variable those that must be decided before it.
        log_constant: what evidence alone decides; -inf when that is forbidden.
    """

    num_states: Int32[np.ndarray, " variables"]
    free: Int64[np.ndarray, " free"]
    observed: Int32[np.ndarray, " variables"]
    scores: list[Float64[np.ndarray, " _states"]]
    tables: list[tuple[tuple[int, ...], np.ndarray]]
    sums: list[Sum]
    first: dict[int, set[int]]
    log_constant: float


def listed(lowest: int, log_potentials: np.ndarray) -> Listed:
    """Find the runs of equal entries."""
    size = len(log_potentials)
    change = np.flatnonzero(log_potentials[1:] != log_potentials[:-1]) + 1
    starts = np.concatenate([[0], change]).astype(np.int64)
    ends = np.concatenate([change - 1, [size - 1]]).astype(np.int64)
    lengths = ends - starts + 1
    return Listed(lowest, log_potentials, np.repeat(starts, lengths), np.repeat(ends, lengths))


def is_sum(block: FactorBlock) -> bool:
    """Say whether a block's factors are better kept as sums than written as tables."""
    arity = block.scopes.shape[1]
    if isinstance(block.kind, LinearSum):
        return arity > _ARITY_TABLE_MAX or block.kind.log_potentials.shape[1] > 64
    return arity > _ARITY_TABLE_MAX + 1 and (block.kind.has_sums or isinstance(block.kind, NoisyOr))


def sum_model(
    graph: FactorGraph, evidence: Assignment, budget: Budget = UNLIMITED
) -> SumModel | None:
    """Read a graph; None when it has too many parts, or one that has no tables.

    Raises:
        TimeoutError: when the budget ended first.
    """
    from gmruntime.factors.decompose import to_tables

    wide = [block for block in graph.factors if is_sum(block) and len(block.scopes)]
    num_terms = sum(block.scopes.size for block in wide)
    if num_terms > _NUM_TERMS_MAX or graph.num_factors > _NUM_TABLES_MAX:
        return None
    rest = tuple(block for block in graph.factors if not is_sum(block))
    narrow = to_tables(FactorGraph(graph.variables, rest), table_bits_max=5, budget=budget)
    if narrow is None:
        return None
    states = num_states(narrow)
    observed = np.full(len(states), -1, np.int32)
    observed[: len(evidence)] = evidence
    observed[states == 1] = 0
    scores = [np.zeros(int(count)) for count in states]
    free = np.flatnonzero(observed < 0)
    model = SumModel(states, free, observed, scores, [], [], {}, 0.0)
    constant = 0.0
    tables: dict[tuple[int, ...], np.ndarray] = {}
    for block in narrow.factors:
        constant += _add_tables(block, observed, scores, tables)
    for block in wide:
        constant += _add_sums(model, block, tables)
        if len(model.sums) > _NUM_SUMS_MAX:
            return None
    model.tables.extend(tables.items())
    if len(model.tables) > _NUM_TABLES_MAX:
        return None
    return SumModel(states, free, observed, scores, model.tables, model.sums, model.first, constant)


def _add_tables(
    block: FactorBlock,
    observed: np.ndarray,
    scores: list[np.ndarray],
    tables: dict[tuple[int, ...], np.ndarray],
) -> float:
    """Slice the evidence out of tables; return what is constant then."""
    assert isinstance(block.kind, Table)
    constant = 0.0
    for scope, index in zip(block.scopes, table_indices(block), strict=True):
        constant += add_table(scope, block.kind.log_potentials[index], observed, scores, tables)
    return constant


def add_table(
    scope: np.ndarray,
    table: np.ndarray,
    observed: np.ndarray,
    scores: list[np.ndarray],
    tables: dict[tuple[int, ...], np.ndarray],
) -> float:
    """Slice the evidence out of a table and add it where it belongs."""
    seen = observed[scope]
    if (seen >= 0).any():
        table = table[tuple(int(s) if s >= 0 else slice(None) for s in seen)]
        scope = scope[seen < 0]
    if not len(scope):
        return float(table)
    if len(scope) == 1:
        scores[int(scope[0])] = scores[int(scope[0])] + table
        return 0.0
    order = np.argsort(scope)
    key = tuple(int(v) for v in scope[order])
    aligned = table.transpose(order)
    tables[key] = tables[key] + aligned if key in tables else aligned
    return 0.0


def _add_sums(
    model: SumModel, block: FactorBlock, tables: dict[tuple[int, ...], np.ndarray]
) -> float:
    """Add a block's factors as sums; return what is constant."""
    kind, constant = block.kind, 0.0
    shape = shape_of(block, model.num_states)
    for scope, index in zip(block.scopes, table_indices(block), strict=True):
        if isinstance(kind, NoisyOr):
            constant += _add_noisy(model, scope, kind.log_failures[index], tables)
            continue
        for part in kind.sums(int(index), shape):
            value = listed(part.lowest, part.log_potentials)
            constant += _add_sum(model, value, scope, part.amounts)
    return constant


def _add_sum(
    model: SumModel, value: Listed | Noisy, scope: np.ndarray, amounts: Sequence[np.ndarray]
) -> float:
    """Add one ungated sum; return what it is worth where evidence decides it."""
    start, terms = 0.0, list[Term]()
    for v, amount in zip(scope.tolist(), amounts, strict=True):
        if model.observed[v] >= 0:
            start += float(amount[model.observed[v]])
        elif (amount != amount[0]).any():
            terms.append(Term(v, -1, amount[None, :]))
        else:
            start += float(amount[0])
    if not terms:
        return float(values_of(value, np.array([start]))[0])
    model.sums.append(Sum(value, start, tuple(terms)))
    return 0.0


def _add_noisy(
    model: SumModel,
    scope: np.ndarray,
    log_failures: np.ndarray,
    tables: dict[tuple[int, ...], np.ndarray],
) -> float:
    """Add a noisy OR: a false effect is a table for each cause, a true one a sum.

    Where the effect is not observed it gates both, and must be decided before the causes.
    """
    effect, causes, leak = int(scope[-1]), scope[:-1], float(log_failures[-1])
    known = int(model.observed[effect])
    clipped = np.maximum(log_failures, _LOG_FAILURE_MIN)
    if known == 1:
        amounts = [np.array([0.0, w]) for w in clipped[:-1]]
        return _add_known(model, causes, amounts, float(clipped[-1]))
    constant = 0.0
    for cause, failure in zip(causes, log_failures[:-1], strict=True):
        table = np.array([[0.0, failure], [0.0, 0.0]])
        pair = np.array([effect, int(cause)])
        constant += add_table(pair, table, model.observed, model.scores, tables)
    constant += add_table(scope[-1:], np.array([leak, 0.0]), model.observed, model.scores, tables)
    if known == 0:
        return constant
    terms = [Term(effect, -1, np.array([[1.0, float(clipped[-1])]]))]
    for cause, w in zip(causes.tolist(), clipped[:-1].tolist(), strict=True):
        amounts = np.array([[0.0, 0.0], [0.0, w]])
        if model.observed[cause] >= 0:
            gained = amounts[:, model.observed[cause]]
            terms[0] = Term(effect, -1, terms[0].amounts + gained[None, :])
        else:
            terms.append(Term(cause, effect, amounts))
            model.first.setdefault(cause, set()).add(effect)
    model.sums.append(Sum(Noisy(), 0.0, tuple(terms)))
    return constant


def _add_known(
    model: SumModel, causes: np.ndarray, amounts: list[np.ndarray], leak: float
) -> float:
    """Add the sum of an effect that was observed."""
    before = len(model.sums)
    worth = _add_sum(model, Noisy(), causes, amounts)
    if len(model.sums) == before:
        total = leak + sum(
            float(amount[max(0, model.observed[v])])
            for v, amount in zip(causes.tolist(), amounts, strict=True)
        )
        return float(values_of(Noisy(), np.array([total]))[0])
    last = model.sums[-1]
    model.sums[-1] = Sum(last.value, last.start + leak, last.terms)
    return worth


def values_of(
    value: Listed | Noisy, sums: Float64[np.ndarray, " rows"]
) -> Float64[np.ndarray, " rows"]:
    """Say what finished sums are worth."""
    match value:
        case Listed():
            place = np.rint(sums).astype(np.int64) - value.lowest
            size = len(value.log_potentials)
            inside = (place >= 0) & (place < size)
            return np.where(inside, value.log_potentials[np.clip(place, 0, size - 1)], -np.inf)
        case Noisy():
            with np.errstate(divide="ignore"):
                some = np.log(-np.expm1(np.minimum(sums, 0.0)))
            return np.where(sums > 0.5, 0.0, some)
