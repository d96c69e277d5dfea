"""How single variables come about, as tables: what a world that is imagined has a copy of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import Activation
from gmlang.core.program import Define, Draw, Program
from gmlang.core.records.doing import Intervention
from gmlang.diagnostics import GmError, Span
from gmlang.errors import later
from gmlang.errors.acting import doing as errors
from gmlang.graph.alternatives import ground_alternatives, is_gated
from gmlang.graph.builder import Origin
from gmlang.graph.doing.changing import locate_unchanged
from gmlang.graph.lowering.grounder import Grounder, Job, environment, scopes_of, unrolled_jobs
from gmlang.graph.values import terms
from gmlang.graph.values.evaluate import RaggedItems, expand
from gmlang.graph.values.ranges import num_entries
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.places import collect
from gmlang.graph.world.world import ONE_INSTANCE, Frame, select_rows
from gmruntime.arrays import Float64

ENTRIES_MAX = 1 << 20
"""A mechanism, or two of them together, of more entries is refused."""

_DETERMINISTIC = 1e-12
"""Probabilities so near to 0 and 1 leave nothing to chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Mechanism:
    """How a variable comes about.

    Attributes:
        child: the variable.
        parents: the variables that it depends on, each once.
        table: its probabilities, (states of the parents..., states of the child).
        span: the statement that says so.
    """

    child: int
    parents: tuple[int, ...]
    table: Float64[np.ndarray, "..."]
    span: Span

    @property
    def is_deterministic(self) -> bool:
        """Whether its parents leave nothing to chance."""
        certain = np.minimum(self.table, np.abs(1.0 - self.table))
        return bool((certain < _DETERMINISTIC).all())


def mechanisms_of(
    grounder: Grounder, program: Program, children: np.ndarray, span: Span
) -> list[Mechanism]:
    """Work out how some variables come about; `span` is the place of who needs it.

    Raises:
        GmError: where one has no mechanism of its own, or one of too many entries.
    """
    found: dict[int, Mechanism] = {}
    others = np.setdiff1d(np.arange(grounder.builder.num_variables), children)
    changed = grounder.world.changed
    said = others if changed is None else np.union1d(others, changed)
    world = replace(grounder.world, changed=said, redirect=None)

    def note(scratch: Grounder, frame: Frame, job: Job) -> None:
        for one in _tabulated(scratch, frame, job):
            found[one.child] = one

    scratch = Grounder(world, grounder.builder.copy(), note, dict(grounder.names))
    drawn = [s for s in program.statements if isinstance(s, Draw | Define)]
    if gated := [s for s in drawn if is_gated(s)]:
        ground_alternatives(scratch, gated)
    for statement in drawn:
        if not is_gated(statement):
            _ground(scratch, statement)
    scratch.world = replace(world, changed=others)
    for statement in filter(None, map(_as_statement, program.done)):
        _ground(scratch, statement)
    for child in children.tolist():
        if child not in found:
            raise GmError([later.imagined_prediction(span, variable_name(world, child))])
    return [found[child] for child in children.tolist()]


def _as_statement(change: Intervention) -> Draw | Define | None:
    """Return the mechanism that takes the place of a variable's own; None for what is fixed."""
    if change.operator == "=" or isinstance(change.target, Activation):
        return None
    if change.operator == "~":
        return Draw(change.span, change.context, change.target, change.value)
    return Define(change.span, change.context, change.target, change.value)


def _ground(scratch: Grounder, statement: Draw | Define) -> None:
    frame, _ = expand(environment(scratch, ONE_INSTANCE), statement.context)
    frame, _, _ = locate_unchanged(scratch, frame, statement.target)
    if not frame.count:
        return
    if isinstance(statement, Draw):
        term = terms.Drawn(statement.target, statement.distribution)
    else:
        term = terms.Defined(statement.target, statement.value)
    scratch.lower(frame, Job(term, (), Origin("draw", statement.span)))


def _tabulated(scratch: Grounder, frame: Frame, job: Job) -> Iterator[Mechanism]:
    """Write a job out as tables, instance by instance where they differ in form."""
    for rows, plain in unrolled_jobs(scratch, frame, job):
        part = select_rows(frame, rows)
        try:
            yield from _alike(scratch, part, plain)
        except RaggedItems:
            for row in range(part.count):
                yield from _alike(scratch, select_rows(part, np.array([row])), plain)


def _alike(scratch: Grounder, frame: Frame, job: Job) -> Iterator[Mechanism]:
    env = environment(scratch, frame)
    for expression in job.expressions():
        collect(expression, env)
    assert isinstance(job.term, terms.Drawn | terms.Defined)
    span = job.origin.span
    if num_entries(env.slots) > ENTRIES_MAX:
        raise GmError([errors.too_wide(span, span.text, ENTRIES_MAX)])
    axis = env.slots.of[(id(job.term.target), env.path)]
    assert axis is not None
    inner = env.gathering()
    logs = np.asarray(terms.log_values(job.term, inner))
    if inner.holes:
        raise GmError([later.imagined_holes(span, span.text)])
    sizes = [slot.states.count for slot in env.slots.items]
    logs = logs.reshape(*([1] * (1 + len(sizes) - logs.ndim)), *logs.shape)
    tables = np.exp(np.broadcast_to(logs, (frame.count, *sizes)))
    for scope, table in zip(scopes_of(env).tolist(), tables, strict=True):
        yield _merged(scope, axis, table, span)


def _merged(scope: list[int], axis: int, table: np.ndarray, span: Span) -> Mechanism:
    """Return a mechanism whose parents are named once, the child's axis last."""
    child = scope[axis]
    order = [v for v in dict.fromkeys(scope) if v != child]
    axes = [*order, child]
    letters = [axes.index(v) for v in scope]
    merged = np.einsum(table, letters, list(range(len(axes))))
    return Mechanism(child, tuple(order), merged, span)
