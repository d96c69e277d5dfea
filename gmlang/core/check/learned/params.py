"""`learn A, B from patients`: what is learned and from what, and whether it may stand there."""

from collections.abc import Iterator
from dataclasses import dataclass

from gmlang.core.asking.options import check_options
from gmlang.core.ast import AttributeRef, VariableRef
from gmlang.core.check.evidence import check_target
from gmlang.core.checking import Checking, attempt, each, fail
from gmlang.core.expressions import references
from gmlang.core.names.scope import DataMeaning, Env, RowsMeaning, VariableMeaning
from gmlang.core.parameters import METHODS, SWEEPS_MAX, Learn, method_named, sweeps_of
from gmlang.core.program import DataSymbol
from gmlang.diagnostics import Span
from gmlang.errors.learning import written as errors
from gmlang.syntax import ast

_ALL_PARAMS = "params"
"""What `learn` takes in place of names, where nothing is declared so."""

RESTARTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Options:
    method: str = ""
    restarts: int | None = None
    within_s: float | None = None
    name: str = ""


def check_learn(state: Checking, env: Env, statement: ast.Learn) -> Learn:
    """Check a `learn`; whether a param may be learned where it stands, is looked at later."""
    names = attempt(lambda: _names(state, env, statement))
    source = attempt(lambda: _source(state, env, statement.source))
    targets = attempt(lambda: each(lambda t: _target(state, env, t), statement.targets))
    options = _options(state, statement.options)
    if names is None or source is None or targets is None:
        fail(state, state.diagnostics[-1])
    return Learn(
        statement.span,
        " ".join(statement.span.text.split()),
        names,
        source,
        targets,
        len(state.questions),
        options.method,
        options.restarts,
        options.within_s,
        options.name,
    )


def _names(state: Checking, env: Env, statement: ast.Learn) -> tuple[str, ...]:
    match statement.names:
        case (ast.Name(text=text),) if text == _ALL_PARAMS and text not in env.module.entries:
            names = without_value(state.data)
            if not names:
                fail(state, errors.nothing_to_learn(statement.span))
        case written:
            names = each(lambda one: _name(state, env, one), written)
    for name, span in zip(names, _places(statement, len(names)), strict=True):
        for earlier in state.learns:
            if name in earlier.names:
                fail(state, errors.learned_twice(span, name, earlier.span))
    for position, name in enumerate(names):
        if name in names[:position]:
            first = statement.names[names.index(name)].span
            fail(state, errors.learned_twice(statement.names[position].span, name, first))
    return names


def without_value(data: list[DataSymbol] | tuple[DataSymbol, ...]) -> tuple[str, ...]:
    """List the params that are learned where nothing else is said: typed, without a value."""
    return tuple(
        symbol.name
        for symbol in data
        if symbol.parameter is not None and symbol.value is None and symbol.literal is None
    )


def _places(statement: ast.Learn, count: int) -> Iterator[Span]:
    whole = len(statement.names) != count
    return (statement.names[0 if whole else k].span for k in range(count))


def _name(state: Checking, env: Env, written: ast.Expression) -> str:
    text = written.span.text
    base = written
    while isinstance(base, ast.Index):
        base = base.base
    meaning = references.find_dotted(state, env, base)
    match meaning:
        case DataMeaning(symbol=symbol) if base is not written and symbol.is_param:
            fail(state, errors.part_of_a_param(written.span, text, base.span.text))
        case DataMeaning(symbol=symbol) if symbol.parameter is not None:
            return symbol.name
        case DataMeaning(symbol=symbol) if symbol.is_param:
            fail(state, errors.a_constant(written.span, text))
        case DataMeaning() | RowsMeaning():
            fail(state, errors.data_learned(written.span, text))
        case VariableMeaning():
            fail(state, errors.variable_learned(written.span, text))
        case None if isinstance(base, ast.Name):
            references.check_name(state, env, base, None)
            fail(state, errors.not_a_param(written.span, text))
        case _:
            fail(state, errors.not_a_param(written.span, text))


def _source(state: Checking, env: Env, written: ast.Expression | None) -> str:
    if written is None:
        return ""
    match references.find_dotted(state, env, written):
        case RowsMeaning(symbol=symbol):
            return symbol.name
        case _:
            fail(state, errors.not_rows(written.span, written.span.text))


def _target(state: Checking, env: Env, written: ast.Expression) -> VariableRef | AttributeRef:
    return check_target(state, env, written, "to predict")


def _options(state: Checking, written: tuple[ast.Option, ...]) -> _Options:
    restarts: int | None = None
    method = ""
    for option in written:
        match option.keyword:
            case "restarts":
                assert isinstance(option.value, ast.Number)
                number = option.value.value
                if not 1 <= number <= RESTARTS_MAX:
                    fail(state, errors.restarts_outside(option.span, RESTARTS_MAX, number))
                restarts = int(number)
            case "using":
                method = _method(state, option.value.span)
            case _:
                pass
    plain = tuple(option for option in written if option.keyword not in ("restarts", "using"))
    options = check_options(state, plain)
    return _Options(method, restarts, options.within_s, options.name)


def _method(state: Checking, span: Span) -> str:
    method = method_named(span.text)
    if not method and sweeps_of("".join(span.text.split())) is not None:
        fail(state, errors.sweeps_outside(span, span.text, SWEEPS_MAX))
    if not method:
        fail(state, errors.no_method(span, span.text, tuple(METHODS)))
    return method
