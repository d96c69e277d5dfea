"""A problem's objective for some of its rows: the evidence compiled, with and without targets."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors.learning import course as errors
from gmlang.learning.objective import Objective, Side
from gmlang.learning.problem import Problem, need_room
from gmlang.learning.rows import Rows
from gmlang.learning.telling.barren import CELLS_AT_ONCE, barren_rows, constant_axes
from gmlang.learning.telling.observed import other_methods, told_blocks
from gmruntime.arrays import Bool, Int
from gmruntime.budget import Budget
from gmruntime.elimination.passes.loading import load
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, GraphError, VariableBlock, num_states
from gmruntime.rows.row_program import compile_rows
from gmruntime.rows.summing import NUMPY_PRODUCTS_MAX

_EVALUATIONS = 100
"""What some climbs take, as a rule; curvature takes two for each number."""


_SUM_MAX = 1e-9
"""So far may the log of what a distribution sums to be from 0."""


def objective_of(problem: Problem, rows: Rows, budget: Budget, seed: int) -> Objective:
    """Compile the objective of some rows.

    Raises:
        GmError: when counts are out of reach.
        TimeoutError: when the budget ended before there was a program.
    """
    if problem.is_folded and (problem.targets.size or problem.normaliser):
        raise GmError([errors.too_large_unseen(problem.learn.span)])
    tables = problem.tables
    everything = tuple(range(len(tables.graph.factors)))
    seen = _side(problem, everything, rows.evidence, rows.weights, budget, seed)
    rest: Side | None = None
    constant = 0.0
    if problem.targets.size:
        given = rows.evidence.copy()
        given[:, problem.targets] = -1
        rest = _side(problem, everything, given, rows.weights, budget, seed)
    elif problem.normaliser:
        nothing = np.where(problem.telling.is_dropped, 0, -1).astype(np.int32)[None]
        whole = _side(problem, told_blocks(problem), nothing, np.ones(1), budget, seed)
        rest = Side(whole.program, whole.blocks, rows.total)
    else:
        constant = _log_nothing(problem)
    return Objective(tables, problem.priors, seen, rest, rows.weights, constant)


def told_of(problem: Problem, rows: Rows, budget: Budget, seed: int) -> Objective:
    """Compile what some rows say, without any second term: not F where a program has a normaliser.

    Raises:
        GmError: when counts are out of reach.
        TimeoutError: when the budget ended before there was a program.
    """
    everything = tuple(range(len(problem.tables.graph.factors)))
    seen = _side(problem, everything, rows.evidence, rows.weights, budget, seed)
    return Objective(problem.tables, problem.priors, seen, None, rows.weights)


def without_barren(
    problem: Problem, rows: Rows, budget: Budget, seed: int, rng: np.random.Generator
) -> tuple[Objective, bool]:
    """Compile the objective of a program of mechanisms, in each row without what tells nothing.

    Also say whether nothing latent is left then.

    The tables of sums that are no distributions do not sum to one, so that variables which nothing
    seen depends on would count as if they had been seen. A factor that some row does without gets
    a gate, a variable that every row observes: behind it stand tables with the same sum.

    Args:
        problem: of mechanisms alone.
        rows: to compile.
        budget: that has begun.
        seed: of the search for orders.
        rng: of the numbers at which tables are looked at.

    Raises:
        GmError: when counts are out of reach.
        TimeoutError: when the budget ended before there was a program.
    """
    graph = problem.tables.graph
    patterns, which = np.unique(rows.evidence < 0, axis=0, return_inverse=True)
    constant = constant_axes(problem.tables, np.asarray(patterns.any(axis=0)), rng, budget)
    learned = {block for block, _ in problem.tables.forms}
    constant = [
        {k: one for k, one in axes.items() if b not in learned or np.abs(one).max() < _SUM_MAX}
        for b, axes in enumerate(constant)
    ]
    gone = barren_rows(graph, constant, patterns, budget)
    evidence, factors = [rows.evidence], list(graph.factors)
    gates: dict[int, np.ndarray] = {}
    sizes: list[int] = []
    is_complete = True
    for b, (block, its) in enumerate(zip(graph.factors, gone, strict=True)):
        is_complete = is_complete and not _is_latent(patterns, block.scopes, its)
        if not (its >= 0).any():
            continue
        axes = sorted(constant[b])
        first = graph.num_variables + len(sizes)
        sizes += [1 + len(axes)] * len(block.scopes)
        need_room(problem.learn, len(which), first + len(block.scopes), budget.memory_bytes)
        own = np.arange(first, first + len(block.scopes), dtype=np.int32)
        place = np.zeros(block.scopes.shape[1] + 1, np.int32)
        place[axes] = np.arange(1, 1 + len(axes))
        evidence.append(place[its][which.reshape(-1)])
        assert isinstance(block.kind, Table)
        tables = block.kind.log_potentials
        gates[b] = np.stack([_alike(tables, k, constant[b][k]) for k in axes], axis=1)
        gated = np.concatenate([tables[:, None], gates[b]], axis=1)
        scopes = np.column_stack([own, block.scopes]).astype(np.int32)
        factors[b] = FactorBlock(Table(gated), scopes, block.label)
    variables = (*graph.variables, *(VariableBlock("gate", (), size) for size in sizes))
    whole = FactorGraph(variables, tuple(factors))
    seen = _compiled(problem, whole, np.hstack(evidence), rows.weights, budget, seed)
    objective = Objective(
        *(problem.tables, problem.priors, replace(seen, gates=gates), None, rows.weights),
        _log_nothing(problem),
    )
    return objective, is_complete


def _is_latent(
    patterns: Bool[np.ndarray, "patterns variables"],
    scopes: Int[np.ndarray, "factors arity"],
    gone: Int[np.ndarray, "patterns factors"],
) -> bool:
    """Say whether a factor that did not go speaks in some pattern of a variable left open."""
    step = max(1, CELLS_AT_ONCE // max(1, scopes.size))
    return any(
        bool((patterns[some][:, scopes].any(axis=2) & (gone[some] < 0)).any())
        for some in (slice(k, k + step) for k in range(0, len(patterns), step))
    )


def _alike(tables: np.ndarray, axis: int, log_sums: np.ndarray) -> np.ndarray:
    """Return tables alike in all entries whose sums over an axis are given."""
    level = log_sums - np.log(tables.shape[1 + axis])
    shape = (len(tables), *(1 for _ in tables.shape[1:]))
    return np.broadcast_to(level.reshape(shape), tables.shape)


def _side(
    problem: Problem,
    blocks: tuple[int, ...],
    evidence: np.ndarray,
    weights: np.ndarray,
    budget: Budget,
    seed: int,
) -> Side:
    factors = problem.tables.graph.factors
    return side_of(problem, {b: factors[b] for b in blocks}, evidence, weights, budget, seed)


def side_of(
    problem: Problem,
    factors: Mapping[int, FactorBlock],
    evidence: np.ndarray,
    weights: np.ndarray,
    budget: Budget,
    seed: int,
) -> Side:
    """Compile rows of evidence.

    Args:
        problem: that has the tables.
        factors: by the number of their block of the tables; of a learned one, all its factors.
        evidence: the state of each variable in each row, -1 where it is open.
        weights: of the rows.
        budget: that has begun.
        seed: of the search for orders.

    Raises:
        GmError: when counts are out of reach.
        TimeoutError: when the budget ended before there was a program.
    """
    graph = FactorGraph(problem.tables.graph.variables, tuple(factors.values()))
    side = _compiled(problem, graph, evidence, weights, budget, seed)
    # What is no table is written as tables, so that one block may become several.
    blocks = tuple(factors)
    return replace(side, blocks=tuple(blocks[source] for source in side.blocks))


def _compiled(
    problem: Problem,
    graph: FactorGraph,
    evidence: np.ndarray,
    weights: np.ndarray,
    budget: Budget,
    seed: int,
) -> Side:
    try:
        program = compile_rows(
            graph, evidence, weights, budget=budget, seed=seed, known=problem.programs
        )
    except (GraphError, OverflowError) as error:
        raise GmError(
            [errors.too_large_to_learn(problem.learn.span, error, other_methods(problem))]
        ) from None
    # Before the first evaluation: the last bits of NumPy and of compiled loops differ.
    if program.num_products * (_EVALUATIONS + 2 * problem.layout.size) > NUMPY_PRODUCTS_MAX:
        load()
    return Side(program, program.tables.sources)


def _log_nothing(problem: Problem) -> float:
    """Return log Z without evidence where all factors are mechanisms, of the tables that are left.

    It comes from what nothing draws, and is the same whatever is learned.
    """
    builder, world = problem.grounding.builder, problem.grounding.world
    is_free = np.zeros(builder.num_variables, np.bool_)
    for array in world.variables.values():
        is_free[array.start : array.start + int(np.prod(array.shape, dtype=np.int64))] = True
    for attributes in world.attributes.values():
        for attribute in attributes.values():
            size = int(np.prod(attribute.shape, dtype=np.int64))
            is_free[attribute.starts[:, None] + np.arange(size)] = True
    for variables, _ in builder.mechanisms:
        is_free[variables] = False
    for block, origin in zip(builder.factors, builder.origins, strict=True):
        if origin.kind == "base":
            is_free[block.scopes] = False
    states = num_states(builder.graph()).astype(np.float64)
    return float(np.log(states[is_free]).sum()) - problem.telling.log_constant
