"""What laws say that depend on reals in panels, and laws of data that no real decides, as tables.

All instances of a law are worked out at once, at whatever points the reals are looked at: so a
question may look again, at others, without grounding anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from gmlang.core.ast import AttributeRef, Dist, Distribution, Expression, VariableRef
from gmlang.core.check.joint.routes import is_normal, key_of, keys_outside_intervals
from gmlang.core.program import Draw, Statement
from gmlang.core.records.reals import DrawReal, ObserveDrawn, ObserveRealLike
from gmlang.core.walk import is_random, is_real_reference, mentions_real, walk
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import data as data_errors
from gmlang.errors import grounding as errors
from gmlang.errors import later
from gmlang.families.likelihoods import (
    LIKELIHOODS,
    is_legal,
    is_possible,
    log_density,
    size_of_terms,
)
from gmlang.graph.builder import GridBlocks, Origin, add_tables
from gmlang.graph.doing.changing import locate_unchanged
from gmlang.graph.functions.unrolling import unrolled
from gmlang.graph.grids.branches import branches
from gmlang.graph.grids.given import GridLaw, note_edges, with_seen, with_seen_target
from gmlang.graph.grids.summing import Said, Summed, floored, is_about_same, summed, together
from gmlang.graph.lowering.grounder import Grounder, check_memory, environment
from gmlang.graph.lowering.undefined import gap_of
from gmlang.graph.observations import array_value
from gmlang.graph.rows.evaluating import decided
from gmlang.graph.values.distributions import log_probabilities
from gmlang.graph.values.environment import Env, Place, first_place, no_value, value_at, whole
from gmlang.graph.values.evaluate import (
    RaggedItems,
    conditions,
    evaluate,
    integers,
)
from gmlang.graph.world.places import collect, index_ranges, locate_reals
from gmlang.graph.world.world import Frame, World, select_rows, where_text
from gmruntime.budget import Budget

_LEAST = 1e100
"""Nats below which nothing is told apart from what is impossible."""


def ground_law(
    grounder: Grounder, frame: Frame, statement: Statement, gates: Sequence[Expression]
) -> bool:
    """Add what a statement says by a law that depends on reals in panels, or is not normal.

    Returns:
        Whether it does; what others say is left to others.

    Raises:
        GmError: where data cannot be, or a parameter leaves a law without meaning.
    """
    grids = grounder.world.grids
    match statement:
        case Draw(distribution=law) if grids.keys() & set(keys_outside_intervals(law)):
            _draw(grounder, frame, statement, law)
        case DrawReal(target=target, law=law) if key_of(target) in grids:
            _check_ends(grounder, statement)
            _draw(grounder, frame, statement, law)
        case ObserveDrawn(law=law) if grids or not (is_normal(statement) or mentions_real(law)):
            _observe(grounder, frame, statement, gates)
        case ObserveRealLike(target=target) if key_of(target) in grids:
            _look(grounder, frame, statement, gates)
        case _:
            return False
    return True


def _observe(
    grounder: Grounder, frame: Frame, statement: ObserveDrawn, gates: Sequence[Expression]
) -> None:
    """Add how likely variables and reals make data; NaN is not seen."""
    values = array_value(statement.value, environment(grounder, frame), 1).astype(np.float64)
    values = np.broadcast_to(values.reshape(-1), (frame.count,))
    seen = np.flatnonzero(~np.isnan(values))
    frame, values = select_rows(frame, seen), values[seen]
    for part in walk(statement.law):
        if isinstance(part, Distribution):
            _check_possible(grounder, frame, values, part)
    _add(grounder, frame, statement, statement.law, gates, values, None)


def _draw(grounder: Grounder, frame: Frame, statement: Draw | DrawReal, law: Expression) -> None:
    """Add what variables, or reals in panels, are drawn from."""
    builder = grounder.builder
    if isinstance(statement, Draw):
        frame, slot, _ = locate_unchanged(grounder, frame, statement.target)
        variables = slot.variables
    else:
        key = key_of(statement.target)
        places = locate_reals(statement.target, environment(grounder, frame)).reshape(-1)
        places = np.broadcast_to(places, (frame.count,))
        _check_first(grounder, statement, key, places)
        builder.grid_draws.append((key, places, statement.span))
        hidden = grounder.world.hidden_reals.get(key)
        variables = np.zeros(0) if hidden is None else hidden.variables.reshape(-1)[places]
        variables = variables[variables >= 0]
    builder.mechanisms.append((variables.astype(np.int32), statement.span))
    _add(grounder, frame, statement, law, (), None, statement.target)


def _check_first(
    grounder: Grounder, statement: DrawReal, key: tuple[str, str], places: np.ndarray
) -> None:
    """Refuse reals that are drawn twice, observed or not."""
    drawn = [(known, span) for one, known, span in grounder.builder.grid_draws if one == key]
    if len(np.unique(places)) < len(places):
        drawn.append((places, statement.span))
    for known, span in drawn:
        if np.isin(places, known).any():
            name = statement.target.span.text
            raise GmError([errors.two_mechanisms(statement.span, name, span)])


def _look(
    grounder: Grounder, frame: Frame, statement: ObserveRealLike, gates: Sequence[Expression]
) -> None:
    """Add how likely reals in panels make what was seen of them with noise."""
    mean, sd = statement.density.arguments
    values = array_value(mean, environment(grounder, frame), 1).astype(np.float64)
    values = np.broadcast_to(values.reshape(-1), (frame.count,))
    seen = np.flatnonzero(~np.isnan(values))
    span = statement.density.span
    law = Distribution(span, statement.density.family, (statement.target, sd), (), Dist())
    _add(grounder, select_rows(frame, seen), statement, law, gates, values[seen], None)


def _check_ends(grounder: Grounder, statement: DrawReal) -> None:
    """Refuse ends that would cut a law off: what is left of it depends on its parameters."""
    target = statement.target
    array = grounder.world.reals[target.thing.entity][target.attribute]
    for part in walk(statement.law):
        if not isinstance(part, Distribution):
            continue
        support = LIKELIHOODS[part.family].support
        low = {"any": -np.inf, "positive": 0.0, "0..1": 0.0}.get(support, np.inf)
        high = 1.0 if support == "0..1" else np.inf
        if low == np.inf:
            raise GmError([later.law(part.span, part.family)])
        if array.low > low or array.high < high:
            raise GmError([later.joint_with_ends(array.span, array.name)])


def _check_possible(
    grounder: Grounder, frame: Frame, values: np.ndarray, law: Distribution
) -> None:
    bad = ~is_possible(law.family, values)
    if bad.any():
        row = int(np.argmax(bad))
        where = where_text(frame, row, grounder.names)
        value = float(values[row])
        support = LIKELIHOODS[law.family].support
        raise GmError([data_errors.never_drawn(law.span, law.family, support, value, where)])


def _add(
    grounder: Grounder,
    frame: Frame,
    statement: ObserveDrawn | ObserveRealLike | Draw | DrawReal,
    law: Expression,
    gates: Sequence[Expression],
    values: np.ndarray | None,
    target: VariableRef | AttributeRef | None,
) -> None:
    if not frame.count:
        return
    kind = "observe" if values is not None else "draw"
    groups = [(np.arange(frame.count), (law, *gates))]
    if grounder.world.has_functions:
        groups = list(unrolled(grounder.world, frame, grounder.names, (law, *gates)))
    for rows, written in groups:
        part = select_rows(frame, rows)
        for some, (plain, *rest) in decided(grounder, part, written):
            inner, own = select_rows(part, some), rows[some]
            _check_picked(grounder, inner, plain)
            for branch, more in branches(plain, environment(grounder, inner)):
                assert isinstance(branch, Distribution)
                seen = None if values is None else values[own]
                one = GridLaw(inner, branch, (*rest, *more), statement.span, seen, target)
                for apart in with_seen_target(grounder, one):
                    for known in with_seen(grounder, apart):
                        _add_law(grounder, known, Origin(kind, statement.span))


def _check_picked(grounder: Grounder, frame: Frame, law: Expression) -> None:
    """Refuse random indices that may pick a real that there is not."""
    for part in walk(law):
        if not (isinstance(part, AttributeRef) and is_real_reference(part)):
            continue
        for index, first, size in index_ranges(grounder.world, part):
            if not is_random(index):
                continue
            env = environment(grounder, frame)
            collect(index, env)
            values = np.asarray(integers(index, env))

            def tell(
                place: Place,
                where: str,
                part: AttributeRef = part,
                index: Expression = index,
                values: np.ndarray = values,
                size: int = size,
            ) -> Diagnostic:
                found = int(value_at(values, place))
                return errors.index_outside(index.span, part.attribute, found, size, where)

            no_value(env, (values < first) | (values >= first + size), tell)


def _add_law(grounder: Grounder, law: GridLaw, origin: Origin) -> None:
    builder = grounder.builder
    start = len(builder.factors)
    for said in said_by(grounder, law):
        add_tables(builder, floored(said.logs), said.scopes, origin, gated=False)
    if law.mentions_reals():
        builder.grid_blocks.append(GridBlocks(law, range(start, len(builder.factors))))


def said_by(grounder: Grounder, law: GridLaw) -> Iterator[Summed]:
    """Work a law out at the points at which the grounder's world looks at reals.

    Raises:
        GmError: where a parameter leaves it without meaning.
    """
    found: Summed | None = None
    for env, holds, (logs, roundings) in _alike(grounder, law, np.arange(law.frame.count)):
        note_edges(grounder, env, law)
        one = summed(_said(env, holds, logs, roundings))
        if found is not None and is_about_same(found, one):
            found = together(found, one)
            continue
        if found is not None:
            yield found
        found = one
    if found is not None:
        yield found


_Found = tuple[Env, np.ndarray, tuple[np.ndarray, np.ndarray]]

_ENTRIES = 1 << 22
"""Logs of so many instances and points are worked out at once."""


def _alike(grounder: Grounder, law: GridLaw, rows: np.ndarray) -> Iterator[_Found]:
    """Evaluate in instances whose sums have as many items; others are halved until they do."""
    frame = select_rows(law.frame, rows)
    env = environment(grounder, frame)
    try:
        for expression in (*law.gates, law.law, *(() if law.target is None else (law.target,))):
            collect(expression, env)
    except RaggedItems:
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            yield from _alike(grounder, law, half)
        return
    entries = np.prod([float(slot.states.count) for slot in env.slots.items])
    check_memory(grounder.world, law.span, 1, int(min(entries, 1e15)))
    reals = np.prod([float(s.states.count) for s in env.slots.items if s.states.points])
    if reals * len(rows) > _ENTRIES and len(rows) > 1:
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            yield from _alike(grounder, law, half)
        return
    grounder.world.check_time()
    inner, holds = env.gathering(), np.ones(1, np.bool_)
    for gate in law.gates:
        holds = holds & conditions(gate, inner)
        inner = inner.guarded(holds, wanted=True)
    yield env, holds, _logs(law, inner, rows, whole(holds, env))


def _logs(
    law: GridLaw, env: Env, rows: np.ndarray, holds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logs of a law in all instances and states, and how they are rounded."""
    if law.target is not None and not is_real_reference(law.target):
        key = (id(law.target), env.path)
        axis = env.slots.of.get(key)
        assert axis is not None, "a variable that is drawn has a slot"
        logs = log_probabilities(law.law, env, axis)
        values = np.asarray(evaluate(law.target, env), np.float64)
        parameters: tuple[np.ndarray, ...] = ()
        gap = gap_of(env)
        _refuse(law, env, gap & holds)
        logs = np.where(gap, -np.inf, logs)
    else:
        known = LIKELIHOODS[law.law.family]
        parameters = tuple(np.asarray(evaluate(a, env), np.float64) for a in law.law.arguments)
        if law.target is not None:
            values = np.asarray(evaluate(law.target, env), np.float64)
        else:
            assert law.values is not None
            values = law.values[rows].reshape(-1, *([1] * len(env.slots.items)))
        gap = gap_of(env)
        _refuse(law, env, gap & holds)
        for name, own in zip(known.parameters, parameters, strict=True):
            _check_legal(law, env, name, own, holds)
        logs = np.where(gap, -np.inf, log_density(law.law.family, values, parameters))
    # What is all but impossible is impossible: graphs have no numbers of that size.
    logs = np.where(logs < -_LEAST, -np.inf, logs)
    return logs, size_of_terms(law.law.family, values, parameters, logs)


def _refuse(law: GridLaw, env: Env, gap: np.ndarray) -> None:
    """Refuse what has no value at any point of some reals, in a state that nothing excludes."""
    if not gap.any() or not _everywhere(env, gap).any():
        return
    for hole in env.holes or ():
        found = _everywhere(env, hole.mask)
        if found.any():
            place = first_place(found)
            raise GmError([hole.tell(place, where_text(env.frame, place[0], env.names))])
    raise GmError([errors.without_value(law.span, errors.Undefined.NO_NUMBER, "")])


def _everywhere(env: Env, mask: np.ndarray) -> np.ndarray:
    """Say where a mask holds at all points of the reals."""
    mask = whole(mask, env)
    axes = tuple(1 + k for k, slot in enumerate(env.slots.items) if slot.states.points)
    return np.asarray(mask.all(axis=axes, keepdims=True))


def _check_legal(law: GridLaw, env: Env, name: str, values: np.ndarray, holds: np.ndarray) -> None:
    bad = ~is_legal(law.law.family, name, values)
    if not bad.any():
        return
    found = _everywhere(env, whole(bad, env) & holds)
    # Where it holds in no state of the others, nothing is asked.
    if not found.any():
        return
    place = first_place(found)
    where = where_text(env.frame, place[0] if env.frame.count > 1 else 0, env.names)
    value = float(value_at(values, place))
    family, may_be_zero = law.law.family, bool(is_legal(law.law.family, name, np.zeros(1))[0])
    told = data_errors.bad_number_of_law
    raise GmError([told(law.law.span, family, name, value, where, may_be_zero=may_be_zero)])


def _said(env: Env, holds: np.ndarray, logs: np.ndarray, roundings: np.ndarray) -> Said:
    """Order axes, finite variables first, and leave out those on which nothing depends."""
    slots = env.slots.items
    holds, logs, roundings = (whole(a, env) for a in (holds, logs, roundings))
    roundings = np.broadcast_to(roundings, np.broadcast_shapes(roundings.shape, logs.shape))
    finite = [k for k, slot in enumerate(slots) if not slot.states.points]
    finite = [k for k in finite if holds.shape[1 + k] > 1 or logs.shape[1 + k] > 1]
    reals = [k for k, slot in enumerate(slots) if slot.states.points and logs.shape[1 + k] > 1]
    used = [*finite, *reals]
    scopes = np.empty((env.frame.count, len(used)), np.int64)
    for column, k in enumerate(used):
        scopes[:, column] = slots[k].variables
    sizes = tuple(slots[k].states.count for k in used)

    def taken(array: np.ndarray, kept: Sequence[int]) -> np.ndarray:
        moved = np.transpose(array, (0, *(1 + k for k in kept), *_rest(array, kept)))
        return moved.reshape(moved.shape[: 1 + len(kept)])

    return Said(
        scopes, len(finite), sizes, taken(holds, finite), taken(logs, used), taken(roundings, used)
    )


def _rest(array: np.ndarray, kept: Sequence[int]) -> list[int]:
    return [axis for axis in range(1, array.ndim) if axis - 1 not in kept]


def looked_at(
    world: World, points: dict[tuple[str, str], np.ndarray], budget: Budget | None
) -> World:
    """Return a world that looks at reals at other points, while there is time."""
    hidden = dict(world.hidden_reals)
    for key, own in points.items():
        old = hidden[key]
        states = replace(old.states, count=len(own), points=tuple(own.tolist()))
        hidden[key] = replace(old, states=states)
    own = {"data": dict(world.data), "hidden": dict(world.hidden)}
    return replace(world, hidden_reals=hidden, budget=budget, **own)
