"""Log-odds with all their digits, however strong: from logs, not from probabilities."""

from dataclasses import replace

import numpy as np

from gmlang.core.program import Query
from gmlang.diagnostics import Source, Span
from gmlang.graph.builder import Origin
from gmlang.queries.reading import flat_rows
from gmlang.queries.session import Prepared, ask
from gmlang.queries.settings import Settings
from gmlang.queries.targets import Target
from gmruntime.answer import (
    LogPartition,
    LogPartitionAnswer,
    Marginals,
    MarginalsAnswer,
    Status,
)
from gmruntime.factors.kinds import Table
from gmruntime.quality import worst

NOWHERE = Span(Source("", ""), 0, 0)
"""Of a factor that no statement made."""

_RELIABLE = 1e-60
"""Probabilities down to this have all their digits in any engine; far below they may be cut."""


def log_odds(
    prepared: Prepared,
    evidence: np.ndarray,
    variable: int,
    state: int,
    row: np.ndarray,
    settings: Settings,
    query: Query,
) -> tuple[float, Status]:
    """Return log P(variable = state) - log P(variable != state), nats, infinite when certain.

    Where the marginal has lost the smaller of the two, both are log partition functions: with the
    variable in that state, and with that state forbidden.

    Args:
        prepared: the graph.
        evidence: under which the marginal was computed.
        variable: asked about.
        state: of it.
        row: its marginal.
        settings: how to answer.
        query: that all this is for.

    Returns:
        The log-odds, and how good a log partition function made them; exact without one.
    """
    if evidence[variable] >= 0:
        return (np.inf if evidence[variable] == state else -np.inf), Status.EXACT
    chance, others = float(row[state]), float(np.delete(row, state).sum())
    if min(chance, others) > _RELIABLE:
        return float(np.log(chance) - np.log(others)), Status.EXACT
    holds = _log_z(prepared, evidence, variable, state, settings, query)
    if len(row) == 2:
        fails = _log_z(prepared, evidence, variable, 1 - state, settings, query)
    else:
        fails = ask(
            _forbidding(prepared, variable, state, len(row)),
            LogPartition(),
            evidence,
            settings,
            query,
        )
        assert isinstance(fails, LogPartitionAnswer)
    parts = [part.quality.status for part in (holds, fails)]
    # One of the two may well be impossible: then the other is certain.
    status = worst([s for s in parts if s is not Status.IMPOSSIBLE])
    if holds.log_value == fails.log_value == -np.inf:
        return float("nan"), Status.IMPOSSIBLE
    return float(holds.log_value - fails.log_value), status


def _log_z(
    prepared: Prepared,
    evidence: np.ndarray,
    variable: int,
    state: int,
    settings: Settings,
    query: Query,
) -> LogPartitionAnswer:
    observed = evidence.copy()
    observed[variable] = state
    found = ask(prepared, LogPartition(), observed, settings, query)
    assert isinstance(found, LogPartitionAnswer)
    return found


def _forbidding(prepared: Prepared, variable: int, state: int, num_states: int) -> Prepared:
    """Return the graph with one state of a variable forbidden."""
    builder = prepared.builder.copy()
    potentials = np.where(np.arange(num_states) == state, -np.inf, 0.0)
    scope = np.array([[variable]], np.int32)
    builder.add_factors(Table(potentials[None]), scope, Origin("observe", NOWHERE))
    return replace(prepared, grounder=replace(prepared.grounder, builder=builder))


def event_log_odds(
    prepared: Prepared,
    target: Target,
    state: int,
    settings: Settings,
    query: Query,
    estimate_share: float,
) -> tuple[float, Status]:
    """Return log P(target = state) - log P(target != state), nats, and how good it is.

    NaN when no assignment agrees with the evidence.
    """
    evidence, clash = prepared.evidence()
    if clash:
        return float("nan"), Status.IMPOSSIBLE
    variable = int(target.variables)
    question = Marginals(np.array([variable], np.int32))
    found = ask(prepared, question, evidence, settings, query, estimate_share)
    assert isinstance(found, MarginalsAnswer)
    status = found.quality.status
    if status is Status.IMPOSSIBLE:
        return float("nan"), status
    row = flat_rows(prepared, found.probabilities)[variable]
    odds, quality = log_odds(prepared, evidence, variable, state, row, settings, query)
    return odds, worst((status, quality))
