"""Calls of functions that are still to be learned: each is a variable, linked to its arguments.

What is learned decides only which entries of a link are possible: everything else in the graph is
the same whatever the functions are. A link is added as a table that allows all, and noted.
"""

from math import prod

import numpy as np

from gmlang.core.ast import Aggregate, DataRef, Distribution, Expression, Reference, Whole
from gmlang.core.walk import is_random, parts, walk
from gmlang.diagnostics import GmError, Span
from gmlang.errors.learning import functions as errors
from gmlang.graph.builder import Origin, mergers
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    Link,
    Unknown,
    check_memory,
    environment,
    hidden_reference,
    scopes_of,
)
from gmlang.graph.lowering.narrowing import Guards, guarded_parts, with_guards
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, whole
from gmlang.graph.values.evaluate import conditions, integers
from gmlang.graph.values.offending import offending
from gmlang.graph.world.places import collect, locate
from gmlang.graph.world.world import Frame, select_rows
from gmruntime.factors.kinds import Table


def cut_call(grounder: Grounder, frame: Frame, job: Job, *, known_only: bool) -> bool:
    """Put a variable in the place of a call, linked to the arguments, and lower the rest.

    Args:
        grounder: grows.
        frame: the instances.
        job: that may call.
        known_only: only calls whose arguments are known before inference.

    Returns:
        False where the job has no such call.

    Raises:
        GmError: when a function is called with what it does not take.
    """
    unknown = grounder.unknown
    assert unknown is not None
    found = _first_call(job, unknown, known_only=known_only)
    if found is None:
        return False
    call, guards = found
    states = unknown.states[call.name]
    term = job.term
    if isinstance(term, terms.Defined) and term.value is call and not guards:
        own = locate(term.target, environment(grounder, frame)).states
        is_alike = (own.first, own.count) == (states.first, states.count)
        if is_alike and not _is_random_index(term.target):
            _add_link(grounder, frame, term.target, call, (), job.origin)
            return True
    start = grounder.builder.add_variables(f"#{grounder.num_hidden + 1}", (frame.count,), states)
    variables = np.arange(start, start + frame.count, dtype=np.int64)
    frame, reference = hidden_reference(grounder, frame, variables, states, call.span)
    _add_link(grounder, frame, reference, call, guards, Origin("auxiliary", call.span))
    grounder.lower(frame, job.replaced(call, reference))
    return True


def _is_random_index(target: Reference) -> bool:
    """Say whether it depends on random variables which variable a reference is."""
    return any(is_random(part) for part in parts(target))


def _first_call(job: Job, unknown: Unknown, *, known_only: bool) -> tuple[DataRef, Guards] | None:
    """Find a call within which there is no other, and the conditions that it is asked for under.

    Where one object stands in several places, what all of them ask for it under.
    """
    found: dict[int, tuple[DataRef, Guards]] = {}
    stack = with_guards(job)
    while stack:
        part, guards = stack.pop()
        if isinstance(part, DataRef) and part.name in unknown.states:
            is_inner = not any(_calls(index, unknown) for index in parts(part))
            if is_inner and not (known_only and is_random(part)):
                if id(part) in found:
                    known = {id(guard) for guard in found[id(part)][1]}
                    guards = tuple(guard for guard in guards if id(guard) in known)
                found[id(part)] = part, tuple(g for g in guards if not _calls(g, unknown))
        if isinstance(part, Aggregate | Distribution):
            held = [item.value for item in part.items if not item.context]
            held += [i.key for i in part.items if i.key is not None and not i.context]
            if isinstance(part, Distribution):
                held += part.arguments
            elif part.parameter is not None:
                held.append(part.parameter)
            stack.extend((inner, guards) for inner in held)
        else:
            stack.extend((inner, (*guards, *new)) for inner, new in guarded_parts(part))
    return next(iter(found.values()), None)


def _calls(expression: Expression, unknown: Unknown) -> bool:
    return any(isinstance(p, DataRef) and p.name in unknown.states for p in walk(expression))


def _add_link(
    grounder: Grounder,
    frame: Frame,
    target: Reference,
    call: DataRef,
    guards: Guards,
    origin: Origin,
) -> None:
    """Add a table over a variable and the arguments of a call, and note what it depends on."""
    unknown = grounder.unknown
    assert unknown is not None
    env = environment(grounder, frame)
    for expression in (*guards, call, target):
        collect(expression, env)
    axis = env.slots.of[id(target), env.path]
    assert axis is not None
    sizes = [slot.states.count for slot in env.slots.items]
    states = env.slots.items[axis].states
    check_memory(grounder.world, call.span, 1, prod(sizes))
    cells = _cells(call, grounder, env, guards)
    values = states.first + np.arange(states.count, dtype=np.int64)
    values = values.reshape(env.shape(axis, states.count))
    cells, values = np.broadcast_arrays(whole(cells, env), whole(values, env))
    wide = [k for k, size in enumerate(sizes) if size > 1] or [0]
    scopes = scopes_of(env, wide)
    cells, values = (_over(wide, sizes, part) for part in (cells, values))
    for merger in mergers(scopes):
        rows = merger.rows
        own_cells, own_values = (
            merger.merged(part if len(part) == 1 else part[rows]) for part in (cells, values)
        )
        before = len(grounder.builder.factors)
        shape = (1, *own_cells.shape[1:])
        grounder.builder.add_factors(Table(np.zeros(shape)), scopes[rows][:, merger.kept], origin)
        blocks = grounder.builder.factors[before:]
        assert len(blocks) == 1
        inner = select_rows(frame, rows)
        unknown.links.append(Link(call.name, blocks[0], own_cells, own_values, call.span, inner))


def _cells(call: DataRef, grounder: Grounder, env: Env, guards: Guards) -> np.ndarray:
    """Number the combinations of arguments in all instances and states; -1 where unasked for.

    Raises:
        GmError: naming a call with what the function does not take.
    """
    shape = grounder.world.data[call.name].shape
    inner = env.gathering()
    for guard in guards:
        inner = inner.guarded(conditions(guard, inner), wanted=True)
    cells = np.zeros((), np.int64)
    outside = np.zeros((), np.bool_)
    for index, size in zip(call.indices, shape, strict=True):
        assert not isinstance(index, Whole)
        values = np.asarray(integers(index, inner), np.int64)
        outside = outside | (values < 0) | (values >= size)
        cells = cells * size + np.clip(values, 0, size - 1)
    asked = np.ones((), np.bool_)
    for condition, wanted in inner.guards:
        asked = asked & (condition if wanted else ~condition)
    for hole in inner.holes or ():
        outside = outside | hole.mask
    wrong = whole(np.asarray(outside & asked), env)
    if wrong.any():
        _refuse(call.span, wrong, env)
    return np.where(outside | ~asked, -1, cells)


def _refuse(span: Span, wrong: np.ndarray, env: Env) -> None:
    raise GmError([errors.outside_arguments(span, span.text, offending(wrong, env))])


def _over(wide: list[int], sizes: list[int], table: np.ndarray) -> np.ndarray:
    """Return the entries over the axes with more than one state."""
    table = np.broadcast_to(table, (len(table), *sizes))
    return np.array(table.reshape(len(table), *(sizes[k] for k in wide)), np.int64)
