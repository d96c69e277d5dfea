"""A problem's objective for some of its rows: the evidence compiled, with and without targets."""

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors.learning import course as errors
from gmlang.learning.objective import Objective, Side
from gmlang.learning.problem import Problem
from gmlang.learning.rows import Rows
from gmruntime.budget import Budget
from gmruntime.elimination.passes.loading import load
from gmruntime.graph import FactorGraph, GraphError, num_states
from gmruntime.rows.row_program import compile_rows
from gmruntime.rows.summing import NUMPY_PRODUCTS_MAX

_EVALUATIONS = 100
"""What some climbs take, as a rule; curvature takes two for each number."""


def objective_of(problem: Problem, rows: Rows, budget: Budget, seed: int) -> Objective:
    """Compile the objective of some rows.

    Raises:
        GmError: when counts are out of reach.
        TimeoutError: when the budget ended before there was a program.
    """
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
        if problem.grounding.builder.folded:
            raise GmError([errors.too_large_unseen(problem.learn.span)])
        nothing = np.where(problem.telling.is_dropped, 0, -1).astype(np.int32)[None]
        blocks = tuple(b for b in everything if not _is_evidence(problem, b))
        whole = _side(problem, blocks, nothing, np.ones(1), budget, seed)
        rest = Side(whole.program, whole.blocks, rows.total)
    else:
        constant = _free_states(problem) - problem.telling.log_constant
    return Objective(tables, problem.priors, seen, rest, rows.weights, constant)


def _side(
    problem: Problem,
    blocks: tuple[int, ...],
    evidence: np.ndarray,
    weights: np.ndarray,
    budget: Budget,
    seed: int,
) -> Side:
    graph = problem.tables.graph
    chosen = FactorGraph(graph.variables, tuple(graph.factors[block] for block in blocks))
    try:
        program = compile_rows(chosen, evidence, weights, budget=budget, seed=seed)
    except (GraphError, OverflowError) as error:
        raise GmError([errors.too_large_to_learn(problem.learn.span, error)]) from None
    # Before the first evaluation: the last bits of NumPy and of compiled loops differ.
    if program.num_products * (_EVALUATIONS + 2 * problem.layout.size) > NUMPY_PRODUCTS_MAX:
        load()
    # What is no table is written as tables, so that one block may become several.
    own = tuple(blocks[source] for source in program.tables.sources)
    return Side(program, own)


def _is_evidence(problem: Problem, block: int) -> bool:
    origin = problem.grounding.builder.origins[problem.tables.sources[block]]
    return origin.kind == "observe"


def _free_states(problem: Problem) -> float:
    """Return log Z without evidence where all factors are mechanisms: of what nothing draws."""
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
    return float(np.log(states[is_free]).sum())
