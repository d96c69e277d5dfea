"""Mechanisms under conditions on variables: `if a: y ~ D else: y ~ E`.

All those of one variable are one mechanism, `y ~ D if a else E`, which is grounded like any other.
Where no condition holds the variable has its base distribution. Where two hold it has no value: a
region that something else must exclude.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Aggregate,
    Apply,
    AttributeRef,
    Bool,
    Cases,
    Constant,
    Dist,
    Distribution,
    Expression,
    Gate,
    Integer,
    Item,
    Real,
    VariableRef,
)
from gmlang.core.program import Define, Draw
from gmlang.core.records.reals import DrawReal
from gmlang.core.walk import rename_locals, type_of
from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors import grounding as errors
from gmlang.families.categorical import CATEGORICAL
from gmlang.families.point import POINT
from gmlang.families.uniform import UNIFORM
from gmlang.graph.builder import Origin
from gmlang.graph.doing.changing import without_changed
from gmlang.graph.fixpoints import lower_definition
from gmlang.graph.functions.unrolling import unrolled
from gmlang.graph.lowering.grounder import (
    Definition,
    Grounder,
    Job,
    environment,
    hidden_row,
    together,
)
from gmlang.graph.lowering.same_target import Members, by_target, side_by_side
from gmlang.graph.values import terms
from gmlang.graph.values.environment import NoValue, Place
from gmlang.graph.values.evaluate import RaggedItems, conditions, expand
from gmlang.graph.values.ranges import WRITTEN_OUT_MAX, num_entries
from gmlang.graph.world.places import collect, locate
from gmlang.graph.world.world import ONE_INSTANCE, Frame, select_rows


@dataclass(frozen=True, slots=True, eq=False)
class _Site:
    """A statement with its instances: what it is about, and under which conditions."""

    statement: Draw | Define
    frame: Frame
    variables: np.ndarray
    gates: tuple[Expression, ...]


def is_gated(statement: object) -> bool:
    """Say whether a statement is a mechanism under a condition on variables."""
    return isinstance(statement, Draw | Define | DrawReal) and any(
        isinstance(clause, Gate) for clause in statement.context
    )


def ground_alternatives(grounder: Grounder, statements: Sequence[Draw | Define]) -> None:
    """Ground all the mechanisms of a program that stand under conditions on variables.

    Raises:
        GmError: when one does not fit the data.
    """
    sites = [site for statement in statements for site in _sites(grounder, statement)]
    for variables, members in by_target([site.variables for site in sites]):
        _ground_group(grounder, sites, variables, members)


def _sites(grounder: Grounder, statement: Draw | Define) -> list[_Site]:
    frame, _ = expand(environment(grounder, ONE_INSTANCE), statement.context)
    gates = tuple(c.condition for c in statement.context if isinstance(c, Gate))
    variables = np.zeros(0, np.int64)
    if frame.count:
        found = locate(statement.target, environment(grounder, frame)).variables
        variables = np.broadcast_to(found.reshape(-1), (frame.count,))
        frame, kept = without_changed(grounder.world, frame, variables)
        variables = variables[kept]
    if not grounder.world.has_functions:
        return [_Site(statement, frame, variables, gates)]
    expressions = (_value_of(statement), *gates)
    groups = unrolled(grounder.world, frame, grounder.names, expressions)
    return [
        _Site(
            _with_value(statement, value), select_rows(frame, rows), variables[rows], tuple(whens)
        )
        for rows, (value, *whens) in groups
    ]


def _with_value(statement: Draw | Define, value: Expression) -> Draw | Define:
    if isinstance(statement, Draw):
        return replace(statement, distribution=value)
    return replace(statement, value=value)


def _ground_group(
    grounder: Grounder,
    sites: Sequence[_Site],
    variables: np.ndarray,
    members: Members,
) -> None:
    frames = [site.frame for site in sites]
    frame, renamed = side_by_side(grounder, frames, members, len(variables))
    whens: list[Expression] = []
    parts: list[Expression] = []
    for (number, _), names in zip(members, renamed, strict=True):
        site = sites[number]
        whens.append(rename_locals(together(site.gates), names))
        parts.append(rename_locals(_value_of(site.statement), names))
    target = rename_locals(sites[members[0][0]].statement.target, renamed[0])
    assert isinstance(target, VariableRef | AttributeRef)
    statements = [sites[number].statement for number, _ in members]
    span = statements[0].span
    fewest, most = how_many_hold(grounder, frame, whens)
    kind = "define" if all(isinstance(s, Define) for s in statements) else "draw"
    origin = Origin(kind, span)
    if most > 1:
        forbid_two(grounder, frame, target, whens, [s.span for s in statements])
    grounder.builder.mechanisms.append((variables.astype(np.int32), span))
    if kind == "define" and fewest > 0:
        term = terms.Defined(target, _chosen(whens, parts))
        states = locate(target, environment(grounder, frame)).states
        definition = Definition(term, frame, variables, states, span)
        lower_definition(grounder, definition, Job(term, (), origin))
        return
    laws = [
        part if isinstance(s, Draw) else _point(part)
        for s, part in zip(statements, parts, strict=True)
    ]
    base = _base(grounder, target)
    always = Constant(span, True, Bool())
    cases = Cases(span, (*whens, always), (*laws, base), Dist())
    grounder.lower(frame, Job(terms.Drawn(target, cases), (), origin))


def _value_of(statement: Draw | Define) -> Expression:
    return statement.distribution if isinstance(statement, Draw) else statement.value


def _point(value: Expression) -> Distribution:
    return Distribution(value.span, POINT.name, (value,), (), Dist())


def _chosen(whens: Sequence[Expression], values: Sequence[Expression]) -> Expression:
    """Return the value of the first condition that holds; one of them does."""
    result = values[-1]
    for when, value in zip(whens[-2::-1], values[-2::-1], strict=True):
        types = type_of(value), type_of(result)
        type_ = types[0] if types[0] == types[1] or Real() not in types else Real()
        result = Apply(value.span, "if", (when, value, result), type_)
    return result


def _base(grounder: Grounder, target: VariableRef | AttributeRef) -> Expression:
    """Return the distribution that a variable has where no mechanism applies."""
    if isinstance(target, VariableRef):
        array = grounder.world.variables[target.name]
    else:
        array = grounder.world.attributes[target.thing.entity][target.attribute]
    span = target.span
    if array.log_base is None:
        return Distribution(span, UNIFORM.name, (), (), Dist())
    row = hidden_row(grounder, np.exp(array.log_base), span)
    return Distribution(span, CATEGORICAL.name, (row,), (), Dist())


def how_many_hold(grounder: Grounder, frame: Frame, whens: Sequence[Expression]) -> tuple[int, int]:
    """Return the least and the largest number of conditions that hold at once, or safe guesses."""
    env = environment(grounder, frame)
    unknown = 0, len(whens)
    try:
        for when in whens:
            collect(when, env)
        if num_entries(env.slots) * frame.count > WRITTEN_OUT_MAX:
            return unknown
        env = env.gathering()
        held = np.zeros(1, np.int64)
        for when in whens:
            held = held + conditions(when, env)
    except (NoValue, RaggedItems):
        return unknown
    if env.holes or env.slots.strays:
        return unknown
    return int(held.min()), int(held.max())


def forbid_two(
    grounder: Grounder,
    frame: Frame,
    target: VariableRef | AttributeRef,
    whens: Sequence[Expression],
    spans: Sequence[Span],
) -> None:
    """Note that a variable has no value where two of its mechanisms apply."""
    place = whens[1].span
    items = tuple(Item(when.span, (), when) for when in whens)
    two = Aggregate(place, "at_least", items, Constant(place, 2, Integer()), Bool())
    name = target.span.text

    def tell(_: Place, where: str) -> Diagnostic:
        return errors.two_apply(spans[-1], name, spans[0], where)

    term = terms.Undefined(tell)
    grounder.lower(frame, Job(term, (two,), Origin("constraint", place)))
