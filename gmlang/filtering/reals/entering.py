"""Data over time that the laws of reals are linear in: no step needs to be grounded for its values.

The mean of a law may be a sum of such data, each times what is known or times a real; a standard
deviation, or a condition, makes data part of the rule of a step.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from gmlang.core.ast import (
    Aggregate,
    Apply,
    Cases,
    DataRef,
    Distribution,
    Expression,
    Integer,
    Real,
    Whole,
)
from gmlang.core.check.joint.routes import keys_outside_intervals
from gmlang.core.program import Program, Statement
from gmlang.core.records.reals import (
    DefineReal,
    DrawReal,
    ObserveDrawn,
    ObserveReal,
    ObserveRealLike,
)
from gmlang.core.walk import clause_parts, parts, walk
from gmlang.filtering.chains.reading import expressions_in


def linear_data(program: Program, inputs: Mapping[str, int]) -> set[str]:
    """Return the data over time that a program's reals depend on linearly, and nothing else does.

    Args:
        program: checked.
        inputs: the data that runs over time.
    """
    found = {s.name for s in program.data if s.name in inputs and _is_number(s.type)}
    mentioned: set[str] = set()
    every = [*program.statements, *(s for m in program.models for s in m.body)]
    for statement in every:
        own = set(_names(_all_of(statement)))
        mentioned |= own
        found -= own - _entering(statement, found)
    elsewhere = [part for m in program.models for part in (m.prior, m.depth) if part is not None]
    elsewhere += [f.body for f in program.functions if f.body is not None]
    return (found & mentioned) - set(_names(elsewhere))


def _is_number(kind: object) -> bool:
    return type(kind) in (Real, Integer)


def _names(expressions: Iterable[Expression]) -> Iterator[str]:
    return (p.name for e in expressions for p in walk(e) if isinstance(p, DataRef))


def _all_of(statement: Statement) -> Iterator[Expression]:
    yield from clause_parts(statement.context)
    yield from expressions_in(statement)


def _entering(statement: Statement, names: set[str]) -> set[str]:
    """Return those of some data in which a statement is linear."""
    kept: Iterable[Expression]
    match statement:
        case DrawReal(target=target, law=law):
            kept, linear = (target,), [(law, _law)]
        case ObserveDrawn(value=value, law=law):
            kept, linear = (), [(value, _known), (law, _law)]
        case ObserveRealLike(target=target, density=density):
            mean, sd = density.arguments if len(density.arguments) == 2 else (None, None)
            if mean is None or sd is None:
                return set()
            kept, linear = (target, sd), [(mean, _known)]
        case DefineReal(target=target, value=value):
            kept, linear = (target,), [(value, _known)]
        case ObserveReal(target=target, value=value):
            kept, linear = (target,), [(value, _known)]
        case _:
            return set()
    wrong = set(_names([*clause_parts(statement.context), *kept]))
    for expression, find in linear:
        wrong |= find(expression, names)
    return (names & set(_names(_all_of(statement)))) - wrong


# Each of these returns the data in which an expression is not linear.


def _law(law: Expression, names: set[str]) -> set[str]:
    match law:
        case Distribution(arguments=(mean, sd), items=()):
            return _number(mean, names) | set(_names((sd,)))
        case _:
            return _branches(law, names, _law)


def _known(value: Expression, names: set[str]) -> set[str]:
    """Do so where data may not be multiplied by reals either."""
    return _number(value, names, may_scale=False)


def _branches(
    whole: Expression, names: set[str], find: Callable[[Expression, set[str]], set[str]]
) -> set[str]:
    match whole:
        case Apply(operator="if", arguments=(condition, *branches)):
            return set(_names((condition,))).union(*(find(one, names) for one in branches))
        case Cases(values=values):
            own = [p for p in parts(whole) if not any(p is one for one in values)]
            return set(_names(own)).union(*(find(one, names) for one in values))
        case _:
            return set(_names((whole,)))


def _number(value: Expression, names: set[str], *, may_scale: bool = True) -> set[str]:
    if not names & set(_names((value,))):
        return set()

    def inner(one: Expression, some: set[str]) -> set[str]:
        return _number(one, some, may_scale=may_scale)

    match value:
        case DataRef(indices=indices):
            return set(_names(i for i in indices if not isinstance(i, Whole)))
        case Apply(operator="+" | "-" | "neg", arguments=arguments):
            return set[str]().union(*(inner(one, names) for one in arguments))
        case Apply(operator="*", arguments=(left, right)):
            both = [set(_names((one,))) & names for one in (left, right)]
            reals = [next(keys_outside_intervals(one), None) for one in (left, right)]
            if both[0] and both[1]:
                return set(_names((value,)))
            if not may_scale and (reals[0] if both[1] else reals[1]) is not None:
                return set(_names((value,)))
            return inner(left, names) | inner(right, names)
        case Apply(operator="/", arguments=(left, right)):
            return inner(left, names) | set(_names((right,)))
        case Aggregate(operator="sum", items=items):
            wrong = set[str]()
            for item in items:
                outer = [p for c in item.context for p in clause_parts((c,))]
                outer += [item.key] if item.key is not None else []
                wrong |= set(_names(outer)) | inner(item.value, names)
            return wrong
        case _:
            return _branches(value, names, inner)
