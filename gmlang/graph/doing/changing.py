"""Interventions: variables whose mechanisms others replace, before anything is grounded.

A variable that is changed loses whatever says how it comes about: its mechanism, its base, a
model's prior, the predictions about it. What is done to it is grounded in their place; all else
stays as it is (Pearl 2009, "Causality", section 3.2: the truncated factorisation).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gmlang.core.ast import Activation, AttributeRef, Expression, Reference
from gmlang.core.program import LogFactor, Program, Require, Statement
from gmlang.core.records.covering import is_existence
from gmlang.core.records.doing import Intervention
from gmlang.core.records.reals import DefineReal, DrawReal, PredictReal, PredictWithin
from gmlang.core.walk import is_real_reference
from gmlang.diagnostics import GmError, Span
from gmlang.errors import later
from gmlang.errors.acting import doing as errors
from gmlang.graph.builder import Builder, Origin
from gmlang.graph.doing.reals import set_real, unset_instances
from gmlang.graph.fixpoints import lower_definition
from gmlang.graph.lowering.grounder import Definition, Grounder, Job, environment, unrolled_jobs
from gmlang.graph.lowering.lower import lower
from gmlang.graph.observations import seen_of
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Slot
from gmlang.graph.values.evaluate import RaggedItems, expand
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.places import collect, locate
from gmlang.graph.world.world import ONE_INSTANCE, Frame, World, select_rows
from gmruntime.arrays import Bool, Int64


def ground_changes(grounder: Grounder, program: Program) -> None:
    """Note which variables are changed, and ground what is done to them.

    Raises:
        GmError: where a variable is changed twice, or follows from others by what it is.
    """
    world = grounder.world
    world.changed = None
    world.changed_reals.clear()
    if not program.done:
        return
    sites: list[tuple[Intervention, np.ndarray, Frame | None]] = []
    for change in program.done:
        if isinstance(change.target, AttributeRef) and is_real_reference(change.target):
            set_real(grounder, change)
        else:
            sites.append((change, *_fixed(grounder, change)))
    world.changed = each_once(grounder, [(one.span, found) for one, found, _ in sites])
    for change, found, frame in sites:
        grounder.builder.mechanisms.append((found.astype(np.int32), change.span))
        if frame is not None:
            _ground_change(grounder, change, frame)


def _fixed(grounder: Grounder, change: Intervention) -> tuple[np.ndarray, Frame | None]:
    """Return the variables of an intervention; those it sets are observed, others have a frame."""
    target, span = change.target, change.span
    if isinstance(target, Activation):
        _check_activation(grounder, target)
    frame, _ = expand(environment(grounder, ONE_INSTANCE), change.context)
    if frame.count == 0:
        return np.zeros(0, np.int64), None
    if change.operator != "=":
        found = locate(target, environment(grounder, frame)).variables
        return np.broadcast_to(found.reshape(-1), (frame.count,)), frame
    variables, _, states, seen = seen_of(grounder, frame, target, change.value, span)
    fixed = variables[seen].astype(np.int32)
    grounder.builder.observed.append((fixed, states[seen], span))
    return fixed.astype(np.int64), None


def _check_activation(grounder: Grounder, target: Activation) -> None:
    symbol = grounder.world.models[target.model].symbol
    if symbol.parts and symbol.prior is None:
        parts = [part.model for part in symbol.parts]
        raise GmError([errors.done_to_composite(target.span, symbol.name, parts)])
    if is_existence(symbol.name):
        raise GmError([later.existence_changed(target.span, target.span.text)])


def each_once(grounder: Grounder, sites: Sequence[tuple[Span, np.ndarray]]) -> np.ndarray:
    """Return the variables that are changed, ascending.

    Raises:
        GmError: naming one that is changed twice.
    """
    known = np.zeros(0, np.int64)
    for span, found in sites:
        values, counts = np.unique(found, return_counts=True)
        twice = values[(counts > 1) | np.isin(values, known)]
        if len(twice):
            raise GmError([errors.done_twice(span, variable_name(grounder.world, int(twice[0])))])
        known = np.union1d(known, values)
    return known


def _ground_change(grounder: Grounder, change: Intervention, frame: Frame) -> None:
    """Ground a mechanism that takes the place of another."""
    span, target = change.span, change.target
    if change.operator == "~":
        drawn = terms.Drawn(target, change.value)
        lower(grounder, frame, Job(drawn, (), Origin("draw", span)))
        return
    defined = terms.Defined(target, change.value)
    slot = locate(target, environment(grounder, frame))
    variables = np.broadcast_to(slot.variables.reshape(-1), (frame.count,))
    definition = Definition(defined, frame, variables, slot.states, span)
    lower_definition(grounder, definition, Job(defined, (), Origin("define", span)))


# --- What is no longer said ---------------------------------------------------------------


def are_unchanged(world: World, variables: np.ndarray) -> Bool[np.ndarray, " instances"] | None:
    """Say for each of some variables whether it comes about as the program says; None: all do."""
    if world.changed is None:
        return None
    kept = ~np.isin(variables.reshape(-1), world.changed)
    return None if kept.all() else kept


def without_changed(
    world: World, frame: Frame, variables: np.ndarray
) -> tuple[Frame, Int64[np.ndarray, " instances"]]:
    """Return the instances whose variable is not changed, and their rows."""
    kept = are_unchanged(world, np.broadcast_to(variables.reshape(-1), (frame.count,)))
    if kept is None:
        return frame, np.arange(frame.count)
    return select_rows(frame, kept), np.flatnonzero(kept)


def locate_unchanged(
    grounder: Grounder, frame: Frame, target: Reference
) -> tuple[Frame, Slot, Int64[np.ndarray, " instances"]]:
    """Locate a target where it is not changed: the instances, its variables, and their rows."""
    slot = locate(target, environment(grounder, frame))
    part, rows = without_changed(grounder.world, frame, slot.variables)
    if part is frame:
        return frame, slot, rows
    return part, locate(target, environment(grounder, part)), rows


def of_rows(job: Job, rows: np.ndarray) -> Job:
    """Return a job for some of its instances."""
    targets = job.origin.targets
    if targets is None or len(rows) == len(targets):
        return job
    return replace(job, origin=replace(job.origin, targets=targets[rows]))


def still_said(grounder: Grounder, frame: Frame, statement: Statement) -> Frame:
    """Return the instances in which a statement, outside or in a model, says what it says.

    What mechanisms and predictions of finite variables say is left out where they are grounded.

    Raises:
        GmError: where a factor mentions what is changed: it is no mechanism of anything.
    """
    if grounder.world.changed is None or not frame.count:
        return frame
    match statement:
        case LogFactor(value=value) | Require(condition=value, is_observation=False):
            _refuse_changed(grounder, frame, statement.span, value)
        case PredictWithin(target=target) if not is_real_reference(target):
            return locate_unchanged(grounder, frame, target)[0]
        case DrawReal() | DefineReal() | PredictReal() | PredictWithin():
            assert isinstance(statement.target, AttributeRef)
            return unset_instances(grounder, frame, statement.target)
        case _:
            pass
    return frame


def _refuse_changed(grounder: Grounder, frame: Frame, span: Span, value: Expression) -> None:
    """Refuse an expression that mentions what is changed."""
    changed = grounder.world.changed
    assert changed is not None
    job = Job(terms.Value(value), (), Origin("factor", span))
    for rows, plain in unrolled_jobs(grounder, frame, job):
        for expression in plain.expressions():
            found = np.intersect1d(read(grounder, select_rows(frame, rows), expression), changed)
            if len(found):
                name = variable_name(grounder.world, int(found[0]))
                word, (line, _) = span.text.split(maxsplit=1)[0], span.line_column()
                place = _span(grounder, int(found[0]))
                raise GmError([errors.no_unique_meaning(place, name, word, line)])


def _span(grounder: Grounder, variable: int) -> Span:
    """Return where it is said that a variable is changed; that is noted before all mechanisms."""
    return next(span for found, span in grounder.builder.mechanisms if variable in found)


def read(grounder: Grounder, frame: Frame, expression: Expression) -> np.ndarray:
    """List the variables on which an expression depends in some instance."""
    env = environment(grounder, frame).gathering()
    try:
        collect(expression, env)
    except RaggedItems:
        if frame.count == 1:
            raise
        rows = [select_rows(frame, np.array([row])) for row in range(frame.count)]
        return np.unique(np.concatenate([read(grounder, row, expression) for row in rows]))
    slots = [slot.variables.reshape(-1) for slot in env.slots.items]
    return np.unique(np.concatenate(slots)) if slots else np.zeros(0, np.int64)


# --- What follows --------------------------------------------------------------------------


def hidden_mask(builder: Builder) -> Bool[np.ndarray, " variables"]:
    """Say of each variable whether nobody named it."""
    found = np.zeros(builder.num_variables, np.bool_)
    for start, block in zip(builder.starts, builder.variables, strict=True):
        found[start : start + block.size] = block.name.startswith("#")
    return found


def descendants(builder: Builder, variables: np.ndarray) -> np.ndarray:
    """List the variables that depend on some through mechanisms and predictions, and these.

    What nobody named, such as the parts of a wide expression, may be listed without need.
    """
    hidden = hidden_mask(builder)

    def through(scopes: np.ndarray, found: np.ndarray) -> np.ndarray:
        rows = scopes[found[scopes].any(axis=1)]
        return rows[hidden[rows]]

    return _reached(builder, variables, *_links(builder), through)


def ancestors(builder: Builder, variables: np.ndarray) -> np.ndarray:
    """List the variables on which some depend, and these; some others may be listed."""
    hidden = hidden_mask(builder)

    def through(scopes: np.ndarray, found: np.ndarray) -> np.ndarray:
        return scopes[(found[scopes] & hidden[scopes]).any(axis=1)].reshape(-1)

    parents, children = _links(builder)
    return _reached(builder, variables, children, parents, through)


def _links(builder: Builder) -> tuple[np.ndarray, np.ndarray]:
    pairs = list(builder.edges)
    for block, origin in zip(builder.factors, builder.origins, strict=True):
        if origin.kind == "predict" and origin.targets is not None:
            targets = np.broadcast_to(origin.targets[:, None], block.scopes.shape)
            pairs.append((block.scopes, targets))
    nothing = np.zeros(0, np.int64)
    parents = np.concatenate([nothing, *(p.reshape(-1) for p, _ in pairs)])
    return parents, np.concatenate([nothing, *(c.reshape(-1) for _, c in pairs)])


def _reached(
    builder: Builder,
    variables: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    through: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Follow links from some variables, and what goes through the parts of wide expressions."""
    parts = [
        block.scopes
        for block, origin in zip(builder.factors, builder.origins, strict=True)
        if origin.kind == "auxiliary"
    ]
    found = np.zeros(builder.num_variables, np.bool_)
    found[variables] = True
    count = 0
    while int(found.sum()) > count:
        count = int(found.sum())
        found[ends[found[starts]]] = True
        for scopes in parts:
            found[through(scopes, found)] = True
    return np.flatnonzero(found)


def check_changes(grounder: Grounder, program: Program) -> None:
    """Check what was done, once all is grounded, and warn of what is seen after it.

    Raises:
        GmError: where a new mechanism reads what follows from its own variable.
    """
    changed, builder = grounder.world.changed, grounder.builder
    if changed is None:
        return
    own = {id(change.span) for change in program.done}
    for variables, span in builder.mechanisms:
        if id(span) in own:
            _check_forward(grounder, variables, span)
    seen = [v.reshape(-1) for v, _, span in builder.observed if id(span) not in own]
    late = np.intersect1d(np.concatenate(seen), descendants(builder, changed)) if seen else ()
    names = {v: variable_name(grounder.world, v) for v in map(int, late)}
    both = [name for v, name in names.items() if v in changed]
    after = [name for v, name in names.items() if v not in changed and not name.startswith("#")]
    span = program.done[0].span
    warnings = grounder.world.warnings
    warnings.extend(errors.seen_and_done(span, name) for name in both)
    if after:
        done = [variable_name(grounder.world, int(v)) for v in changed]
        warnings.append(errors.seen_after(span, after, done))


def _check_forward(grounder: Grounder, variables: np.ndarray, span: Span) -> None:
    builder = grounder.builder
    for variable in variables.tolist():
        after = descendants(builder, np.array([variable]))
        reads = [p[c == variable] for p, c in builder.edges]
        if any(np.isin(found, after).any() for found in reads):
            raise GmError([errors.reads_descendant(span, variable_name(grounder.world, variable))])
