"""Where a learned param may stand: only there does what is learned have a derivative.

It may stand in what a mechanism, a log-factor or a prediction is worth, in confidences, and in
priors of models; there, under arithmetic, but in no index, no condition and no comparison.
"""

from collections.abc import Iterator

from gmlang.core.ast import (
    Aggregate,
    Apply,
    Bind,
    Cases,
    DataRef,
    Distribution,
    Expression,
    Gate,
    Where,
)
from gmlang.core.check.lints import expressions_of
from gmlang.core.parameters import ParameterKind
from gmlang.core.program import (
    DataSymbol,
    Draw,
    LogFactor,
    ModelSymbol,
    Predict,
    PredictActive,
    Program,
    Statement,
)
from gmlang.core.walk import parts, walk
from gmlang.diagnostics import Diagnostic
from gmlang.errors.learning import written as errors
from gmlang.errors.learning.written import Place
from gmlang.families import family_named
from gmlang.families.family import Gives, Taken

_SMOOTH = frozenset(
    (
        "+",
        "-",
        "*",
        "/",
        "**",
        "neg",
        "exp",
        "log",
        "log10",
        "sqrt",
        "logistic",
        "abs",
        "min",
        "max",
    )
)
"""Operators with a derivative by each argument; kinks take the branch that is chosen."""

_Found = Iterator[tuple[DataRef, Diagnostic]]
"""What stands where it cannot be learned, and the mistake that this is."""


def check_learnable(program: Program) -> list[Diagnostic]:
    """Report every learned param that stands where it cannot be learned."""
    learned = {name for learn in program.learns for name in learn.names}
    return report_misplaced(program, learned) if learned else []


def report_misplaced(program: Program, learned: set[str] | frozenset[str]) -> list[Diagnostic]:
    """Report every one of some params that stands where it cannot be learned, once each."""
    told: dict[str, Diagnostic] = {}
    for reference, found in _misplaced(program, learned):
        told.setdefault(reference.name, found)
    kinds = {s.name: s.parameter.kind for s in program.data if s.parameter is not None}
    for reference, needed in _chances(program):
        kind = kinds.get(reference.name)
        if reference.name in learned and kind is not None and kind not in _FITTING[needed]:
            text = reference.span.text
            found = errors.needs_other_type(reference.span, text, kind.value, needed.value)
            told.setdefault(reference.name, found)
    return list(told.values())


def mentioned(expression: Expression, learned: set[str] | frozenset[str]) -> Iterator[DataRef]:
    """Yield the learned params in an expression, wherever they stand."""
    for part in walk(expression):
        if isinstance(part, DataRef) and part.name in learned:
            yield part


def _outside(expression: Expression, learned: set[str] | frozenset[str], place: Place) -> _Found:
    for found in mentioned(expression, learned):
        yield found, errors.not_learnable_in(found.span, found.name, place)


def _under(expression: Expression, learned: set[str] | frozenset[str], operator: str) -> _Found:
    for found in mentioned(expression, learned):
        yield found, errors.not_learnable_under(found.span, found.name, operator)


def _misplaced(program: Program, learned: set[str] | frozenset[str]) -> _Found:
    def outside(expressions: Iterator[Expression], place: Place) -> _Found:
        for expression in expressions:
            yield from _outside(expression, learned, place)

    for symbol in program.data:
        sizes = (part for part in symbol.shape if not isinstance(part, str))
        yield from outside(sizes, Place.SIZE)
        if symbol.value is not None:
            yield from outside(iter((symbol.value,)), Place.DATA)
        yield from outside(_of_prior(symbol), Place.PRIOR_OF_PARAMS)
    for variable in (*program.variables, *(a for e in program.entities for a in e.attributes)):
        yield from outside(iter(variable.shape), Place.SIZE)
        if variable.base is not None:
            yield from outside(iter((variable.base,)), Place.BASE)
    for thing in program.things:
        if thing.prior is not None:
            yield from outside(iter((thing.prior,)), Place.CONDITION)
        yield from outside(iter(thing.shape), Place.SIZE)
    for model in program.models:
        yield from _in_model(model, learned)
    for statement in program.statements:
        yield from _in_statement(statement, learned)


def _of_prior(symbol: DataSymbol) -> Iterator[Expression]:
    if symbol.parameter is None or symbol.parameter.prior is None:
        return
    for argument in symbol.parameter.prior.arguments:
        yield from argument if isinstance(argument, tuple) else (argument,)


_FITTING = {
    ParameterKind.PROBABILITY: (ParameterKind.PROBABILITY, ParameterKind.SIMPLEX),
    ParameterKind.SIMPLEX: (ParameterKind.SIMPLEX,),
}
"""Which kinds of params may stand alone where a probability, or a row of them, is taken."""


def _chances(program: Program) -> Iterator[tuple[DataRef, ParameterKind]]:
    """Yield the params that stand alone where a probability or a row of them is taken."""
    single = ParameterKind.PROBABILITY
    bodies = [statement for model in program.models for statement in model.body]
    taken = [model.prior for model in program.models]
    for statement in (*program.statements, *bodies):
        if isinstance(statement, Predict | PredictActive):
            taken.append(statement.confidence)
        if isinstance(statement, Draw | Predict):
            for part in walk(statement.distribution):
                if isinstance(part, Distribution):
                    yield from _of_family(part)
    for expression in taken:
        if isinstance(expression, DataRef):
            yield expression, single


def _of_family(distribution: Distribution) -> Iterator[tuple[DataRef, ParameterKind]]:
    family = family_named(distribution.family)
    for parameter, argument in zip(family.parameters, distribution.arguments, strict=True):
        if isinstance(argument, DataRef) and parameter.taken is Taken.PROBABILITY:
            yield argument, ParameterKind.PROBABILITY
        if isinstance(argument, DataRef) and parameter.taken is Taken.ROW:
            yield argument, ParameterKind.SIMPLEX
    for item in distribution.items if family.gives is not Gives.LOG_WEIGHTS else ():
        if isinstance(item.value, DataRef):
            yield item.value, ParameterKind.PROBABILITY


def _in_model(model: ModelSymbol, learned: set[str] | frozenset[str]) -> _Found:
    if model.prior is not None:
        yield from _inside(model.prior, learned)
    if model.depth is not None:
        yield from _outside(model.depth, learned, Place.CONDITION)
    for part in model.parts:
        yield from _outside(part, learned, Place.PARTS)
    for statement in model.body:
        yield from _in_statement(statement, learned)


def _in_statement(statement: Statement, learned: set[str] | frozenset[str]) -> _Found:
    smooth: tuple[Expression, ...] = ()
    match statement:
        case Draw(distribution=distribution):
            smooth = (distribution,)
        case LogFactor(value=value):
            smooth = (value,)
        case Predict(distribution=distribution, confidence=confidence):
            smooth = (distribution,) if confidence is None else (distribution, confidence)
        case PredictActive(confidence=confidence):
            smooth = () if confidence is None else (confidence,)
        case _:
            pass
    for expression in smooth:
        yield from _inside(expression, learned)
    for expression in expressions_of(statement):
        if not any(expression is one for one in smooth):
            is_clause = _is_clause(statement, expression)
            place = Place.CLAUSE if is_clause else Place.NO_MECHANISM
            yield from _outside(expression, learned, place)


def _is_clause(statement: Statement, expression: Expression) -> bool:
    for clause in statement.context:
        match clause:
            case Bind(first=first, last=last):
                held = (first, last)
            case Where(condition=condition) | Gate(condition=condition):
                held = (condition,)
        if any(expression is one for one in held):
            return True
    return False


def _inside(expression: Expression, learned: set[str] | frozenset[str]) -> _Found:
    """Yield what stands, within an expression that may depend on params, where it may not."""
    match expression:
        case DataRef():
            for part in parts(expression):
                yield from _outside(part, learned, Place.INDEX)
        case Apply(operator="if", arguments=(condition, *branches)):
            yield from _outside(condition, learned, Place.CONDITION)
            for branch in branches:
                yield from _inside(branch, learned)
        case Apply(operator=operator, arguments=arguments):
            for argument in arguments:
                if operator in _SMOOTH:
                    yield from _inside(argument, learned)
                else:
                    yield from _under(argument, learned, operator)
        case Cases(conditions=conditions, values=values):
            for condition in conditions:
                yield from _outside(condition, learned, Place.CONDITION)
            for value in values:
                yield from _inside(value, learned)
        case Aggregate() if expression.operator in ("sum", "min", "max"):
            yield from _in_items(expression, learned)
        case Distribution() if not family_named(expression.family).is_certain:
            for argument in expression.arguments:
                yield from _inside(argument, learned)
            yield from _in_items(expression, learned)
        case _:
            for part in parts(expression):
                yield from _outside(part, learned, Place.ROUGH)


def _in_items(expression: Aggregate | Distribution, learned: set[str] | frozenset[str]) -> _Found:
    values = [item.value for item in expression.items]
    for value in values:
        yield from _inside(value, learned)
    inner = list(parts(expression))
    own = expression.arguments if isinstance(expression, Distribution) else ()
    for part in inner:
        if not any(part is one for one in (*values, *own)):
            yield from _outside(part, learned, Place.CONDITION)
