"""What a whole program shows: variables with two mechanisms, and oversights that only warn."""

import re
from collections.abc import Iterator

from gmlang.core.ast import (
    Activation,
    Apply,
    AttributeRef,
    Bind,
    Constant,
    DataRef,
    Distribution,
    Expression,
    Gate,
    Thing,
    VariableRef,
    Where,
)
from gmlang.core.check.deciding.luck import lucky_plans
from gmlang.core.checking import Checking, report
from gmlang.core.names.scope import Entry, Module, RealMeaning, RowsMeaning
from gmlang.core.print import show
from gmlang.core.program import (
    Consider,
    Define,
    Draw,
    LogFactor,
    ObserveLike,
    ObserveValue,
    Predict,
    PredictActive,
    Program,
    Require,
    Statement,
    Use,
)
from gmlang.core.records.covering import Cover
from gmlang.core.records.decisions import Knows, Maximize
from gmlang.core.records.reals import (
    DefineReal,
    Density,
    DrawReal,
    ObserveDrawn,
    ObserveReal,
    ObserveRealLike,
    PredictReal,
    PredictWithin,
    is_real_thing,
)
from gmlang.core.walk import clause_parts, walk
from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors import names as name_errors
from gmlang.errors import probabilities
from gmlang.errors import types as errors
from gmlang.syntax import ast

_NUM_SINGLE_MAX = 8
"""More oversights of one kind than this are told at once, with their number."""


def check_mechanisms(state: Checking) -> None:
    """Report two mechanisms for one variable where no data is needed to see them.

    Instances of loops are compared by the grounding, which knows them.
    """
    first: dict[str, Span] = {}
    for statement in state.statements:
        if not isinstance(statement, Draw | Define):
            continue
        if any(isinstance(clause, Where | Gate) for clause in statement.context):
            continue
        symbol = _symbol(statement.target)
        scalar = show(statement.target)
        known = first.get(scalar) or first.get(f"all {symbol}")
        if known is not None:
            report(state, errors.two_mechanisms(statement.span, scalar, known))
            continue
        if not statement.context:
            first[scalar] = statement.span
        elif all(isinstance(clause, Bind) and clause.name == "_" for clause in statement.context):
            first[f"all {symbol}"] = statement.span


def _symbol(target: VariableRef | AttributeRef) -> str:
    if isinstance(target, VariableRef):
        return target.name
    return f"{target.thing.name}.{target.attribute}"


def find_lints(main: Module, program: Program) -> tuple[Diagnostic, ...]:
    """Warn of declarations that nothing uses, and variables that nothing speaks of."""
    warnings: list[Diagnostic] = []
    spoken = _spoken_of(program)
    kinds = {
        ast.DataDeclaration: "data",
        ast.ParamDeclaration: "param",
        ast.DefDeclaration: "def",
        ast.DomainDeclaration: "domain",
        ast.Entity: "entity",
    }
    found: dict[str, list[Entry]] = {}
    for entry in main.entries.values():
        kind = kinds.get(type(entry.declaration))  # pyright: ignore[reportArgumentType]
        if isinstance(entry.meaning, RowsMeaning):
            # A program that was learned keeps the name of its cases, for when it learns again.
            continue
        if kind is not None and not entry.is_used and entry.module is main:
            found.setdefault(kind, []).append(entry)
        if _is_free(entry, spoken):
            found.setdefault("var", []).append(entry)
    for kind, entries in found.items():
        is_many = len(entries) > _NUM_SINGLE_MAX
        for told in [entries] if is_many else [[entry] for entry in entries]:
            warnings.append(_warning(kind, told))
    return (*warnings, *_suspicious_spreads(program), *lucky_plans(program))


def _is_free(entry: Entry, spoken: set[str]) -> bool:
    """Say whether nothing is said of a variable, not even where it is declared."""
    if not isinstance(entry.declaration, ast.VarDeclaration) or entry.core_name in spoken:
        return False
    if entry.declaration.is_choice:
        return False
    # What a real is drawn from is its base, and no statement.
    return not (isinstance(entry.meaning, RealMeaning) and entry.declaration.mechanism)


_SQUARES = re.compile("var(iance)?|(s|sd|sigma)2")
"""What a variance is called."""


def _suspicious_spreads(program: Program) -> Iterator[Diagnostic]:
    """Warn of deviations that look like variances, or that are above their base's."""
    bases = {(e.name, real.name): real.base for e in program.entities for real in e.reals}
    for statement in program.statements:
        if isinstance(statement, DrawReal | ObserveDrawn):
            for part in walk(statement.law):
                if isinstance(part, Distribution) and _is_square(part.arguments[1]):
                    spread = part.arguments[1].span
                    yield probabilities.looks_like_a_variance(spread, spread.text)
    for model in program.models:
        for statement in model.body:
            if not isinstance(statement, PredictReal) or statement.density.family != "Normal":
                continue
            spread, target = statement.density.arguments[1], statement.target
            if _is_square(spread):
                yield probabilities.looks_like_a_variance(spread.span, spread.span.text)
            base = bases[target.thing.entity, target.attribute]
            match spread, base:
                case Constant(value=sd), Density(
                    family="Normal", arguments=(_, Constant(value=base_sd))
                ) if sd > base_sd:
                    text = statement.target.span.text
                    yield probabilities.vaguer_than_base(spread.span, text, sd, base_sd)
                case _:
                    pass


def _is_square(spread: Expression) -> bool:
    match spread:
        case DataRef(name=name):
            return _SQUARES.fullmatch(name) is not None
        case Apply(operator="**", arguments=(_, Constant(value=2))):
            return True
        case _:
            return False


def _warning(kind: str, entries: list[Entry]) -> Diagnostic:
    names, span = [entry.name for entry in entries], entries[0].span
    if kind == "var":
        return name_errors.free_variables(span, names)
    return name_errors.unused(span, names, kind)


def _spoken_of(program: Program) -> set[str]:
    """Return the variables and things that some statement mentions."""
    found: set[str] = set()
    for statement in program.statements:
        for expression in expressions_of(statement):
            for part in walk(expression):
                match part:
                    case VariableRef(name=name):
                        found.add(name)
                    case AttributeRef(thing=thing, attribute=name):
                        found.add(name if is_real_thing(thing.name) else thing.name)
                    case Activation(arguments=arguments):
                        found |= {a.name for a in arguments if isinstance(a, Thing)}
                    case _:
                        pass
    for model in program.models:
        for statement in model.body:
            for expression in expressions_of(statement):
                for part in walk(expression):
                    if isinstance(part, VariableRef):
                        found.add(part.name)
    return found | {thing.name for thing in program.things}


def expressions_of(statement: Statement) -> Iterator[Expression]:
    """Yield the expressions of a statement, those of its context included."""
    yield from clause_parts(statement.context)
    match statement:
        case Draw(target=target, distribution=value) | Define(target=target, value=value):
            yield target
            yield value
        case LogFactor(value=value) | Require(condition=value):
            yield value
        case Knows(target=target, known=known):
            yield target
            yield from (one.value for one in known)
        case Maximize(value=value, coefficient=coefficient):
            yield coefficient
            yield from () if value is None else (value,)
        case ObserveValue(target=target, value=value):
            yield target
            yield value
        case ObserveLike(target=target, weights=value):
            yield target
            yield value
        case Predict() | Cover():
            yield statement.target
            yield statement.distribution
            if statement.confidence is not None:
                yield statement.confidence
        case ObserveReal(target=target, value=value):
            yield target
            yield value
        case PredictReal(target=target, density=density, confidence=confidence):
            yield target
            yield from density.arguments
            if confidence is not None:
                yield confidence
        case ObserveRealLike(target=target, density=density):
            yield target
            yield from density.arguments
        case DrawReal(target=target, law=value) | DefineReal(target=target, value=value):
            yield target
            yield value
        case ObserveDrawn(value=value, law=law):
            yield value
            yield law
        case PredictWithin(target=target, low=low, high=high, confidence=confidence):
            yield target
            yield low
            yield high
            if confidence is not None:
                yield confidence
        case PredictActive(target=target, confidence=confidence):
            yield target
            if confidence is not None:
                yield confidence
        case Use(target=target, exceptions=exceptions):
            yield target
            yield from exceptions
        case Consider(target=target):
            yield target
