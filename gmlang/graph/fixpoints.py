"""Definitions of booleans that go round: `reach[x] := edge[x] or any(reach[y] ...)`.

They mean their least solution, in which nothing is true that needs itself to be: the one of
Datalog and of ProbLog (van Emden and Kowalski 1976, "The semantics of predicate logic as a
programming language"). It exists where what is defined rises with what it is defined by.

It is reached from "all false" by rounds of the definitions. Only the variables of a feedback set,
without which nothing goes round, need a copy for each round and start as false; each round makes
at least one more of them true or is the last, so there are as many rounds as the set has variables.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Cases,
    Constant,
    Expression,
    VariableRef,
)
from gmlang.core.walk import is_random, parts
from gmlang.diagnostics import GmError, Span
from gmlang.errors import grounding as errors
from gmlang.graph.builder import Origin
from gmlang.graph.cycles import Round, variable_name
from gmlang.graph.lowering.grounder import (
    Circle,
    Definition,
    Grounder,
    Job,
    environment,
    hidden_reference,
    unrolled_jobs,
)
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import RaggedItems, inside, item_frames
from gmlang.graph.world.places import collect
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import Frame, select_rows
from gmruntime.factors.kinds import Table

_COPIES_MAX = 1 << 20
"""More copies of variables than this are refused."""

_RISES = {"or": 1, "and": 1, "any": 1, "all": 1, "count": 1, "sum": 1, "min": 1, "max": 1, "+": 1}
"""Operations that rise with all they are given; of `not` and `-` what is taken away falls."""


def circles_of(grounder: Grounder, round_about: Round) -> list[Circle]:
    """Return the circles of a program whose definitions go round, each with a feedback set.

    Args:
        grounder: with everything grounded once.
        round_about: which variables need each other.

    Raises:
        GmError: where a circle has no least solution: a variable in it is drawn, is not boolean,
            or does not rise with the others.
    """
    labels, members = round_about.labels, round_about.members
    going_round = np.zeros(grounder.builder.num_variables, np.bool_)
    going_round[members] = True
    defined = np.zeros_like(going_round)
    for definition in grounder.definitions:
        rows = np.flatnonzero(going_round[definition.variables])
        if len(rows) and definition.states == BOOL:
            defined[definition.variables[rows]] = True
            falls = _falls(grounder, definition, rows, going_round)
            if falls is not None:
                raise _refused(grounder, labels, int(definition.variables[rows[0]]), falls)
    if not defined[members].all():
        raise _refused(grounder, labels, int(members[~defined[members]][0]), None)
    parents = np.concatenate([parents for parents, _ in grounder.builder.edges])
    children = np.concatenate([children for _, children in grounder.builder.edges])
    inner = going_round[parents] & (labels[parents] == labels[children])
    parents, children = parents[inner], children[inner]
    circles: list[Circle] = []
    for label in np.unique(labels[members]):
        own = members[labels[members] == label]
        here = labels[parents] == label
        pairs = np.searchsorted(own, np.stack([parents[here], children[here]], axis=1))
        circles.append(Circle(own, _feedback(len(own), pairs)))
    num_copies = sum(len(c.members) * (int(c.feedback.sum()) + 1) for c in circles)
    if num_copies > _COPIES_MAX:
        largest = max(circles, key=lambda c: len(c.members))
        name = variable_name(grounder.builder, int(largest.members[0]))
        span = _span_of(grounder, int(largest.members[0]))
        raise GmError([errors.circle_too_large(span, name, len(largest.members), _COPIES_MAX)])
    return circles


def _span_of(grounder: Grounder, variable: int) -> Span:
    return next(span for found, span in grounder.builder.mechanisms if variable in found)


def _refused(grounder: Grounder, labels: np.ndarray, first: int, falls: Span | None) -> GmError:
    members = np.flatnonzero(labels == labels[first])
    members = np.concatenate([[first], members[members != first]])
    names = [variable_name(grounder.builder, int(v)) for v in members[:6]]
    span = _span_of(grounder, int(first))
    return GmError([errors.directed_cycle(span, [*names, names[0]], falls)])


# --- What rises --------------------------------------------------------------------------


def _falls(
    grounder: Grounder, definition: Definition, rows: np.ndarray, going_round: np.ndarray
) -> Span | None:
    """Return a part with which a definition may fall, and which goes round; None when it rises."""
    value = definition.term.value
    frame = select_rows(definition.frame, rows)
    try:
        for part, inner in _not_rising(value, environment(grounder, frame), 1):
            alone = inner.still().gathering()
            collect(part, alone)
            if any(going_round[slot.variables].any() for slot in alone.slots.items):
                return part.span
    except RaggedItems:
        if len(rows) == 1:
            raise
        found = (_falls(grounder, definition, rows[[k]], going_round) for k in range(len(rows)))
        return next((span for span in found if span is not None), None)
    return None


def _not_rising(e: Expression, env: Env, sign: int) -> Iterator[tuple[Expression, Env]]:
    """Yield the parts with which an expression may fall, each with where it is evaluated.

    Args:
        e: the expression.
        env: where it stands.
        sign: 1 where what stands around it rises with it, -1 where it falls, 0 where either.
    """
    if not is_random(e):
        return
    match e:
        case _ if sign == 0:
            yield e, env
        case VariableRef() | AttributeRef() | Activation():
            for index in parts(e):
                yield from _not_rising(index, env, 0)
            if sign < 0:
                yield e, env
        case Apply(operator="not" | "neg", arguments=(inner,)):
            yield from _not_rising(inner, env, -sign)
        case Apply(operator="-" | ">" | ">=", arguments=(left, right)):
            yield from _not_rising(left, env, sign)
            yield from _not_rising(right, env, -sign)
        case Apply(operator="<" | "<=", arguments=(left, right)):
            yield from _not_rising(left, env, -sign)
            yield from _not_rising(right, env, sign)
        case Apply(operator="*", arguments=(Constant(value=by), other)) if by >= 0:
            yield from _not_rising(other, env, sign)
        case Apply(operator="*", arguments=(other, Constant(value=by))) if by >= 0:
            yield from _not_rising(other, env, sign)
        case Apply(operator="if", arguments=(when, *values)):
            yield from _not_rising(when, env, 0)
            for value in values:
                yield from _not_rising(value, env, sign)
        case Cases(conditions=conditions, values=values):
            for condition in conditions:
                yield from _not_rising(condition, env, 0)
            for value in values:
                yield from _not_rising(value, env, sign)
        case Apply(operator=operator, arguments=arguments):
            for part in arguments:
                yield from _not_rising(part, env, sign * _RISES.get(operator, 0))
        case Aggregate(operator=operator, items=items, parameter=parameter):
            each = {"at_least": 1, "at_most": -1}.get(operator, _RISES.get(operator, 0))
            for number, (position, frame) in enumerate(item_frames(env, e)):
                yield from _not_rising(
                    items[position].value, inside(env, frame, number), sign * each
                )
            if parameter is not None:
                yield from _not_rising(parameter, env, 0)
        case _:
            yield e, env


# --- Feedback sets -----------------------------------------------------------------------


def _feedback(count: int, pairs: np.ndarray) -> np.ndarray:
    """Choose variables without which nothing goes round, few of them: greedily by degree.

    What has no parent or no child left is on no circle; a variable that needs itself must be
    chosen (Levy and Low 1988, "A contraction algorithm for finding small cycle cutsets").
    """
    below: list[set[int]] = [set() for _ in range(count)]
    above: list[set[int]] = [set() for _ in range(count)]
    for parent, child in pairs.tolist():
        below[parent].add(child)
        above[child].add(parent)
    chosen = np.zeros(count, np.bool_)
    left = set(range(count))
    pending = [v for v in left if v in below[v]]
    chosen[pending] = True
    while left:
        if not pending:
            pending = [v for v in left if not below[v] or not above[v]]
        if not pending:
            # Of as good ones the first, so that the graph is always the same.
            best = max(left, key=lambda v: (len(below[v]) * len(above[v]), -v))
            chosen[best] = True
            pending = [best]
        while pending:
            v = pending.pop()
            if v not in left:
                continue
            left.discard(v)
            for w in below[v] - {v}:
                above[w].discard(v)
                if not above[w]:
                    pending.append(w)
            for w in above[v] - {v}:
                below[w].discard(v)
                if not below[w]:
                    pending.append(w)
    return chosen


# --- Rounds ------------------------------------------------------------------------------


def lower_definition(grounder: Grounder, definition: Definition, job: Job) -> None:
    """Ground a definition, without the instances that go round: `ground_rounds` has these."""
    if grounder.world.has_functions:
        for rows, plain in unrolled_jobs(grounder, definition.frame, job):
            assert isinstance(plain.term, terms.Defined)
            frame = select_rows(definition.frame, rows)
            variables = definition.variables[rows]
            part = replace(definition, term=plain.term, frame=frame, variables=variables)
            _lower_definition(grounder, part, plain)
        return
    _lower_definition(grounder, definition, job)


def _lower_definition(grounder: Grounder, definition: Definition, job: Job) -> None:
    grounder.definitions.append(definition)
    frame = definition.frame
    if grounder.circles:
        around = np.concatenate([circle.members for circle in grounder.circles])
        rows = np.isin(definition.variables, around)
        if rows.any():
            frame = select_rows(frame, ~rows)
    grounder.lower(frame, job)


def ground_rounds(grounder: Grounder) -> None:
    """Ground the definitions that go round, once for each round that their circle needs."""
    definitions = list(grounder.definitions)
    for circle in grounder.circles:
        _ground_circle(grounder, circle, definitions)


def _ground_circle(grounder: Grounder, circle: Circle, definitions: list[Definition]) -> None:
    world, builder = grounder.world, grounder.builder
    chosen, others = circle.members[circle.feedback], circle.members[~circle.feedback]
    places = np.arange(builder.num_variables, dtype=np.int64)
    nothing = builder.add_variables(f"#{grounder.num_hidden + 1}", (), BOOL)
    grounder.num_hidden += 1
    span = next(
        d.term.value.span for d in definitions if np.isin(circle.members, d.variables).any()
    )
    false = Table(np.array([[0.0, -np.inf]]))
    builder.add_factors(false, np.array([[nothing]]), Origin("auxiliary", span))
    before = np.full(len(chosen), nothing)
    num_rounds = len(chosen)
    for number in range(1, num_rounds + 2):
        is_last = number > num_rounds
        now = others if is_last else _copies(grounder, len(others))
        reads = places.copy()
        reads[chosen], reads[others] = before, now
        writes = {int(v): int(w) for v, w in zip(others, now, strict=True)}
        if not is_last:
            before = chosen if number == num_rounds else _copies(grounder, len(chosen))
            writes |= {int(v): int(w) for v, w in zip(chosen, before, strict=True)}
        world.redirect = reads
        try:
            for definition in definitions:
                _ground_once(grounder, definition, writes)
        finally:
            world.redirect = None


def _copies(grounder: Grounder, count: int) -> np.ndarray:
    grounder.num_hidden += 1
    start = grounder.builder.add_variables(f"#{grounder.num_hidden}", (count,), BOOL)
    return np.arange(start, start + count, dtype=np.int64)


def _ground_once(grounder: Grounder, definition: Definition, writes: dict[int, int]) -> None:
    """Ground the instances of a definition that one round has, for the copies of this round."""
    targets = definition.variables
    rows = np.array([int(v) in writes for v in targets], np.bool_)
    if not rows.any():
        return
    frame: Frame = select_rows(definition.frame, rows)
    written = np.array([writes[int(v)] for v in targets[rows]], np.int64)
    span = definition.term.target.span
    frame, target = hidden_reference(grounder, frame, written, BOOL, span)
    term = terms.Defined(target, definition.term.value)
    grounder.lower(frame, Job(term, (), Origin("define", definition.span)))
