"""What each method climbs, and which programs it is for."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gmlang.core.parameters import ParameterKind, sweeps_of
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors.learning import course as errors
from gmlang.learning.compiled import objective_of, told_of, without_barren
from gmlang.learning.methods.chains import num_chains
from gmlang.learning.methods.pseudo import Pseudo
from gmlang.learning.methods.sampled import Sampled, Walk
from gmlang.learning.methods.variational import Bound, prior_cases
from gmlang.learning.objective import Aim, Objective, counted_once
from gmlang.learning.problem import Problem
from gmlang.learning.rows import Rows
from gmlang.learning.telling.observed import first_latent, reached, told_blocks
from gmlang.learning.telling.possible import inside, possible
from gmruntime.arrays import row_starts
from gmruntime.budget import Budget
from gmruntime.flat import flatten
from gmruntime.graph import FactorGraph, GraphError
from gmruntime.primal.trees.chains import begin_chains
from gmruntime.rows.conditionals import compile_conditionals
from gmruntime.rows.cutting.tables import as_tables, log_potentials

_LEAST_CASES = float(np.finfo(np.float64).tiny)
"""Of fewer imaginary cases floats do not know how many, nor the means of logs."""


def aim_of(
    problem: Problem,
    rows: Rows,
    plain: Objective | None,
    method: str,
    budget: Budget,
    seed: int,
    rng: np.random.Generator,
) -> Aim:
    """Make what a method climbs.

    Args:
        problem: that the method is for.
        rows: to learn from.
        plain: what is known of them already; None where that is out of reach.
        method: as `method_named` calls it.
        budget: that has begun.
        seed: of the search for orders.
        rng: of checks.

    Raises:
        GmError: when counts are out of reach.
        TimeoutError: when the budget ended before.
    """
    if sweeps_of(method) is not None:
        return _sampled(problem, rows, plain, budget, rng)
    assert plain is not None
    is_complete = problem.is_complete(rows)
    if method == "variational":
        if is_complete:
            expected = counted_once(plain, inside(problem), budget)
        else:
            expected, is_complete = without_barren(problem, rows, budget, seed, rng)
        return Bound(expected, prior_cases(problem.priors), is_complete)
    if method == "pseudo":
        return _pseudo(problem, rows, budget)
    return counted_once(plain, inside(problem), budget) if is_complete else plain


def tells_rows(method: str) -> bool:
    """Say whether a method works out how likely rows are."""
    return method != "pseudo" and sweeps_of(method) is None


def compiler_of(method: str) -> Callable[[Problem, Rows, Budget, int], Objective]:
    """Return what compiles rows for a method: F, or what can be had without log Z of nothing."""
    return objective_of if tells_rows(method) else told_of


def checked_rows(
    problem: Problem, method: str, budget: Budget, seed: int, *, skip: bool
) -> tuple[Problem, int, Objective | None]:
    """Look for impossible rows as `possible` does; not where even that is out of a chain's reach.

    Raises:
        GmError: when rows are impossible, or counts out of reach that a method needs.
        TimeoutError: when the budget ended before that was known.
    """
    try:
        return possible(problem, budget, seed, compiler_of(method), skip=skip)
    except GmError as error:
        if sweeps_of(method) is None or not errors.is_out_of_reach(error):
            raise
        return problem, 0, None


def fitted(problem: Problem, method: str) -> Problem:
    """Return a problem as a method needs it.

    Raises:
        GmError: with every reason why the method is not for it.
    """
    mistakes: list[Diagnostic] = []
    if method == "variational":
        problem = replace(problem, priors=problem.priors.of_half_cases())
        mistakes = _not_variational(problem)
    elif method == "pseudo":
        mistakes = _not_observed(problem)
    elif sweeps_of(method) is not None and problem.targets.size:
        mistakes = [errors.sampled_to_predict(problem.learn.span, method)]
    if problem.is_folded and not tells_rows(method):
        mistakes.append(errors.too_large_unseen(problem.learn.span))
    if mistakes:
        raise GmError(mistakes)
    return problem


def _not_variational(problem: Problem) -> list[Diagnostic]:
    span, found = problem.learn.span, list[Diagnostic]()
    if problem.targets.size:
        found.append(errors.bound_to_predict(span))
    elif problem.normaliser:
        found.append(errors.not_normalised(span, problem.normaliser))
    is_direct = problem.tables.direct_only()
    cases = prior_cases(problem.priors)
    symbols = {symbol.name: symbol for symbol in problem.program.data}
    for array in problem.layout.arrays:
        if array.kind not in (ParameterKind.PROBABILITY, ParameterKind.SIMPLEX):
            found.append(errors.no_rule_for(span, array.shown, array.kind.value))
        elif not is_direct[array.part].all():
            found.append(errors.not_direct(span, array.shown))
        elif not (cases[:, array.part] >= _LEAST_CASES).all():
            parameter = symbols[array.name].parameter
            prior = None if parameter is None else parameter.prior
            assert prior is not None, "the usual prior has cases"
            found.append(errors.prior_without_cases(prior.span))
    return found


# --- Pseudo-likelihood -------------------------------------------------------------------


def _not_observed(problem: Problem) -> list[Diagnostic]:
    found = first_latent(problem)
    if found is None:
        return []
    span, name = problem.learn.span, found.name
    if not name:
        origin = problem.grounding.builder.origins[problem.tables.sources[found.block]]
        return [errors.statement_not_observed(span, " ".join(origin.span.text.split()))]
    if problem.cases is None:
        return [errors.not_observed(span, name, "")]
    shown = problem.cases.row_text(int(problem.rows.numbers[found.row]))
    return [errors.not_observed(span, name, shown)]


def _pseudo(problem: Problem, rows: Rows, budget: Budget) -> Pseudo:
    graph, blocks = problem.tables.graph, told_blocks(problem)
    chosen = FactorGraph(graph.variables, tuple(graph.factors[b] for b in blocks))
    asked = problem.targets
    if not asked.size:
        # Of what was left out no state was seen, though rows have one.
        is_told = (rows.evidence >= 0).all(axis=0) & ~problem.telling.is_dropped
        asked = np.flatnonzero(is_told)
    try:
        found = compile_conditionals(chosen, rows.evidence, rows.weights, asked, budget)
    except GraphError as error:
        raise GmError([errors.too_large_to_learn(problem.learn.span, error, ())]) from None
    return Pseudo(problem.tables, problem.priors, found, blocks)


# --- Chains ------------------------------------------------------------------------------


def _sampled(
    problem: Problem, rows: Rows, plain: Objective | None, budget: Budget, rng: np.random.Generator
) -> Sampled:
    everything = tuple(range(len(problem.tables.graph.factors)))
    clamped: Walk | None = None
    weights, count = rows.weights, num_chains(rows.evidence.shape[1])
    if plain is None:
        copies = max(1, -(-count // len(weights)))
        weights = np.repeat(weights / copies, copies)
        begun = np.repeat(rows.evidence, copies, axis=0)
        clamped = _walk(problem, everything, begun, rng, is_clamped=True)
    elif problem.is_complete(rows):
        plain = counted_once(plain, inside(problem), budget)
    own = rows.weights if rows.total > 0 else np.ones(len(rows.weights))
    share = own / own.sum()
    begun = rows.evidence[rng.choice(len(share), count, p=share)]
    free = _walk(problem, told_blocks(problem), begun, rng, is_clamped=False)
    told = reached(problem, rows)
    return Sampled(problem.tables, problem.priors, plain, clamped, weights, free, told)


def _walk(
    problem: Problem,
    blocks: tuple[int, ...],
    begun: np.ndarray,
    rng: np.random.Generator,
    *,
    is_clamped: bool,
) -> Walk:
    graph = problem.tables.graph
    chosen = FactorGraph(graph.variables, tuple(graph.factors[b] for b in blocks))
    try:
        tables = as_tables(chosen)
    except GraphError as error:
        raise GmError([errors.too_large_to_learn(problem.learn.span, error, ())]) from None
    kept = [(b, s) for b, s in zip(tables.graph.factors, tables.sources, strict=True)]
    kept = [(block, source) for block, source in kept if block.scopes.shape[1]]
    flat = flatten(FactorGraph(tables.graph.variables, tuple(block for block, _ in kept)))
    whole = np.full((len(begun), len(flat.num_states)), -1, np.int32)
    whole[:, : begun.shape[1]] = begun
    starts = row_starts([log_potentials(block).size for block, _ in kept])
    return Walk(
        begin_chains(flat, whole, rng, is_clamped=is_clamped),
        flat.log_potentials,
        tuple(blocks[source] for _, source in kept),
        starts,
    )
