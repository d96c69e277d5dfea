"""Statements that have no value in some states: what they add to the graph, and what is noted.

Where a statement has no value its factor is zero, and the place is noted as a region. Before a
query is answered, `gmlang.graph.regions` makes sure that everything certain excludes it.
"""

from collections.abc import Callable, Iterator

import numpy as np

from gmlang.core.ast import Aggregate, Constant, Expression, Integer
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.graph.builder import Builder, Merger, Region, mergers
from gmlang.graph.lowering.forms.literals import conjuncts_of
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    add_wide,
    check_memory,
    environment,
    scopes_of,
)
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, Hole, Place, value_at
from gmlang.graph.values.evaluate import conditions, inside, item_frames
from gmlang.graph.values.offending import offending, with_states
from gmlang.graph.world.places import locate
from gmlang.graph.world.world import Frame, where_text


def add_partial_tables(
    grounder: Grounder,
    env: Env,
    job: Job,
    values: np.ndarray,
    gates: list[np.ndarray],
) -> None:
    """Add the tables of a job that has no value in some states.

    Raises:
        GmError: when it has no value in any state of some instance.
    """
    assert env.holes
    for gate in gates:
        values = np.where(gate, values, 0.0)
    gap = gap_of(env)
    builder = grounder.builder
    start = len(builder.factors)
    if job.guards:
        _add(builder, env, job, np.where(gap, _first_state(env, job), values))
    else:
        _refuse_if_certain(env, gap)
        _add(builder, env, job, np.where(gap, -np.inf, values))
    free = Builder()
    _add(free, env, job, np.where(gap, _elsewhere(env, job), values))
    builder.relaxed.append((range(start, len(builder.factors)), tuple(free.factors)))
    if not job.guards:
        _note(builder, env)
        return
    assert isinstance(job.term, terms.Defined)
    needed = Job(terms.Needed(job.term.value), (*job.guards, *job.gates), job.origin)
    grounder.lower(env.frame, needed)


def gap_of(env: Env) -> np.ndarray:
    """Say where what was evaluated has no value: (instances or 1, *states)."""
    gap = np.zeros([1] * (1 + len(env.slots.items)), np.bool_)
    for hole in env.holes or ():
        gap = gap | hole.mask
    return gap


def note_gap(builder: Builder, env: Env, gap: np.ndarray) -> None:
    """Note where what was evaluated has no value, so that something else must exclude it.

    Raises:
        GmError: when it has none in any state of some instance.
    """
    _refuse_if_certain(env, gap)
    _note(builder, env)


def _note(builder: Builder, env: Env) -> None:
    builder.regions += [one for hole in env.holes or () for one in _regions(env, hole)]


def lower_undefined(grounder: Grounder, frame: Frame, job: Job, why: Diagnostic) -> None:
    """Add what a job says in instances where it has no value, whatever the states."""
    if job.guards:
        assert isinstance(job.term, terms.Defined)
        target = job.term.target
        first = locate(target, environment(grounder, frame)).states.first
        nothing = Constant(job.term.value.span, first, Integer())
        term = terms.Defined(target, nothing)
        start = len(grounder.builder.factors)
        grounder.lower(frame, Job(term, job.gates, job.origin))
        grounder.builder.relaxed.append((range(start, len(grounder.builder.factors)), ()))
    term = terms.Undefined(lambda _place, _where: why)
    grounder.lower(frame, Job(term, (*job.gates, *job.guards), job.origin))


def _elsewhere(env: Env, job: Job) -> np.ndarray:
    """Say what a statement forbids even where it has no value.

    A conjunction that must hold is several constraints, in a table as in separate factors.
    """
    if not isinstance(job.term, terms.Condition) or job.guards:
        return np.zeros(())
    return np.where(_surely_false(job.term.condition, env), -np.inf, 0.0)


def _surely_false(condition: Expression, env: Env) -> np.ndarray:
    """Say where a part of a conjunction has a value, and is false."""
    result = np.zeros(1, np.bool_)
    conjuncts = conjuncts_of(condition)
    if len(conjuncts) > 1:
        for part in conjuncts:
            result = result | _surely_false(part, env)
        return result
    if isinstance(condition, Aggregate) and condition.operator == "all":
        for number, (position, frame) in enumerate(item_frames(env, condition)):
            value = condition.items[position].value
            result = result | _surely_false(value, inside(env, frame, number))
        return result
    inner = env.gathering()
    return ~conditions(condition, inner) & inner.needed()


def _first_state(env: Env, job: Job) -> np.ndarray:
    assert isinstance(job.term, terms.Defined)
    axis = env.slots.of[id(job.term.target), env.path]
    assert axis is not None
    states = np.arange(env.slots.items[axis].states.count)
    return np.where(states == 0, 0.0, -np.inf).reshape(env.shape(axis, len(states)))


def _refuse_if_certain(env: Env, gap: np.ndarray) -> None:
    rows = np.flatnonzero(gap.reshape(len(gap), -1).all(axis=1))
    if not len(rows):
        return
    place = (int(rows[0]), *([0] * len(env.slots.items)))
    hole = next(hole for hole in env.holes or () if value_at(hole.mask, place))
    here = np.zeros_like(hole.mask)
    here[tuple(k if size > 1 else 0 for k, size in zip(place, here.shape, strict=True))] = True
    raise GmError([hole.tell(place, offending(here, env))])


def _add(builder: Builder, env: Env, job: Job, values: np.ndarray) -> None:
    sizes = [slot.states.count for slot in env.slots.items]
    check_memory(env.world, job.origin.span, values.shape[0], int(np.prod(sizes)))
    tables = np.ascontiguousarray(np.broadcast_to(values, (values.shape[0], *sizes)))
    add_wide(builder, env, tables, job.origin)


def _regions(env: Env, hole: Hole) -> Iterator[Region]:
    """Note where a hole is, over the variables that it depends on, each of them once."""
    sizes = hole.mask.shape[1:]
    axes = [k for k, size in enumerate(sizes) if size > 1]
    mask = hole.mask.reshape(len(hole.mask), *(sizes[k] for k in axes))
    scopes = scopes_of(env, axes)
    for merger in mergers(scopes):
        own = merger.merged(mask if len(mask) == 1 else mask[merger.rows])
        if own.any():
            domains = tuple(env.slots.items[axes[k]].states for k in merger.kept)
            scope = scopes[merger.rows][:, merger.kept]
            yield Region(scope, domains, own, _teller(env, hole, axes, merger))


def _teller(
    env: Env, hole: Hole, axes: list[int], merger: Merger
) -> Callable[[Place, list[str]], Diagnostic]:
    num_axes, frame, names = hole.mask.ndim - 1, env.frame, env.names

    def tell(place: Place, states: list[str]) -> Diagnostic:
        full = [0] * num_axes
        for axis, position in zip(axes, merger.places, strict=True):
            full[axis] = place[1 + position]
        row = int(merger.rows[place[0]])
        where = with_states(where_text(frame, row, names), states)
        return hole.tell((row if len(hole.mask) > 1 else 0, *full), where)

    return tell
