"""Tables that depend on params which are learned: added plainly, and noted.

What is learned changes the entries of a table, not its scopes. So a statement that mentions such a
param is always one table in each instance, in no structured kind, and how it was made is kept.
"""

from math import log2, prod

import numpy as np

from gmlang.core.ast import DataRef
from gmlang.core.walk import walk
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors.learning.course import too_wide_to_learn
from gmlang.errors.learning.written import without_value_somewhere
from gmlang.graph.builder import mergers
from gmlang.graph.lowering import table_sizes
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    Learned,
    LearnedBlock,
    check_memory,
    scopes_of,
)
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, whole
from gmlang.graph.values.evaluate import conditions
from gmlang.graph.values.offending import offending
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock


def add_learned(grounder: Grounder, env: Env, job: Job, learned: Learned) -> None:
    """Add a job's tables, and note them.

    Raises:
        GmError: when they are too large, or have no value in some state.
    """
    sizes = [slot.states.count for slot in env.slots.items]
    span = job.origin.span
    if job.num_entries > table_sizes.ENTRIES_MAX:
        raise GmError([too_wide_to_learn(span, span.text, _shown(prod(sizes)))])
    inner = env.gathering()
    holds = np.ones((), np.bool_)
    for gate in job.gates:
        here = conditions(gate, inner)
        holds = holds & here
        inner = inner.guarded(here, wanted=True)
    values = np.where(holds, terms.log_values(job.term, inner), 0.0)
    if inner.holes:
        raise GmError([_without_value(job, learned, span, inner)])
    values = whole(values, env)
    check_memory(env.world, span, len(values), prod(sizes))
    wide = [k for k, size in enumerate(sizes) if size > 1] or [0][: len(sizes)]
    scopes = scopes_of(env, wide)
    numbers = np.arange(prod(sizes), dtype=np.int64).reshape(1, *(sizes[k] for k in wide))
    for merger in mergers(scopes):
        rows, kept = merger.rows, merger.kept
        entries = merger.merged(numbers)[0]
        found = LearnedBlock(
            FactorBlock(Table(np.zeros((1, *entries.shape))), np.zeros((0, len(kept)), np.int32)),
            *(job, env, holds, rows if len(values) > 1 else rows[:1], entries),
        )
        before = len(grounder.builder.factors)
        tables = np.ascontiguousarray(found.chosen(values))
        grounder.builder.add_factors(Table(tables), scopes[rows][:, kept], job.origin)
        for block in grounder.builder.factors[before:]:
            noted = LearnedBlock(block, job, env, holds, found.rows, entries)
            learned.blocks.append(noted)


def _without_value(job: Job, learned: Learned, span: Span, env: Env) -> Diagnostic:
    names = (
        part.name
        for expression in job.expressions()
        for part in walk(expression)
        if isinstance(part, DataRef) and part.name in learned.names
    )
    assert env.holes
    mask = env.holes[0].mask
    first = tuple(int(k) for k in np.argwhere(mask)[0])
    told = env.holes[0].tell(first, offending(mask, env))
    return without_value_somewhere(span, next(names), told)


def _shown(count: int) -> str:
    return str(count) if count < 10**9 else f"2^{log2(count):.0f}"
