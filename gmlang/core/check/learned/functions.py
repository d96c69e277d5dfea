"""`learn def`: the function it declares, what that may be made of, and where it may be called.

A call of an unknown function is an element of data, picked by the arguments: the data is what is
learned. So it may stand where a value may, but nowhere where data decides what there is.
"""

from collections.abc import Iterator

from gmlang.core.asking.options import check_sized_options
from gmlang.core.ast import (
    Aggregate,
    Bind,
    Constant,
    DataRef,
    Distribution,
    Domain,
    Enum,
    Expression,
    Integer,
    IntRange,
    Reference,
    Where,
)
from gmlang.core.check import domains
from gmlang.core.check.lints import expressions_of
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import loops, scalars
from gmlang.core.expressions.operators import arithmetic, is_integer, need_known
from gmlang.core.learned_defs import DEF_SIZE, DEF_SIZE_MAX, Argument, Between, LearnDef
from gmlang.core.names.scope import Entry, Env, LearnedDefMeaning, enums_with
from gmlang.core.program import (
    Consider,
    DataSymbol,
    ObserveLike,
    ObserveValue,
    Program,
    Statement,
    Use,
)
from gmlang.core.walk import parts, type_of, walk
from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors import names as name_errors
from gmlang.errors import types as type_errors
from gmlang.errors.learning import functions as errors
from gmlang.errors.learning.functions import Spot
from gmlang.syntax import ast

OPERATORS = (
    *("+", "-", "*", "//", "%", "==", "!=", "<", "<=", ">", ">="),
    *("and", "or", "not", "if", "min", "max", "abs", "xor"),
)
"""What an unknown function may be made of, beside its arguments and constants."""

_CALLED = frozenset(("min", "max", "abs", "xor"))


# --- The function ------------------------------------------------------------------------


def check_header(
    state: Checking, env: Env, entry: Entry, declaration: ast.LearnDef
) -> LearnedDefMeaning:
    """Check what a learned function takes and gives."""
    seen: dict[str, Span] = {}

    def argument(declared: ast.Parameter) -> Argument:
        name = declared.name
        if name.text in seen:
            fail(state, name_errors.declared_twice(name.span, name.text, seen[name.text]))
        seen[name.text] = name.span
        return Argument(declared.span, name.text, _finite(state, env, declared.type))

    if not declaration.parameters:
        fail(state, errors.no_arguments(declaration.name.span, declaration.name.text))
    arguments = each(argument, declaration.parameters)
    domain = _finite(state, env, declaration.type)
    shape = tuple(_size(state, one) for one in arguments)
    symbol = DataSymbol(declaration.span, entry.core_name, shape, domain, None, is_function=True)
    state.data.append(symbol)
    return LearnedDefMeaning(symbol, arguments)


def _finite(state: Checking, env: Env, written: ast.Expression) -> Domain:
    """Return the domain of an argument or a value."""
    match written:
        case ast.Name(text=text) if text in (*domains.REAL_NAMES, *domains.INTEGER_NAMES):
            fail(state, errors.endless(written.span, text))
        case _:
            return domains.check_domain(state, env, written)


def _size(state: Checking, argument: Argument) -> Expression:
    """Return how many values an argument has."""
    span, domain = argument.span, argument.domain
    match domain:
        case IntRange(first=first, last=last):
            one = Constant(span, 1, Integer())
            return arithmetic(state, span, "+", arithmetic(state, span, "-", last, first), one)
        case Enum(values=values):
            return Constant(span, len(values), Integer())
        case _:
            return Constant(span, 2, Integer())


def check_call(state: Checking, env: Env, call: ast.Call, meaning: LearnedDefMeaning) -> Expression:
    """Check a call of a learned function."""
    written = scalars.plain_arguments(state, call)
    names = [one.name for one in meaning.arguments]
    name = call.function.span.text
    if len(written) != len(names):
        fail(state, type_errors.wrong_arguments(call.span, name, names, len(written)))
    pairs = tuple(zip(written, meaning.arguments, strict=True))
    given = each(lambda pair: _index(state, env, *pair), pairs)
    return DataRef(call.span, meaning.symbol.name, given, meaning.symbol.type)


def _index(state: Checking, env: Env, written: ast.Expression, argument: Argument) -> Expression:
    expected = argument.domain if isinstance(argument.domain, Enum) else None
    checked = scalars.check_scalar(state, env, written, expected)
    checked = scalars.fit_here(state, env, checked, argument.domain)
    match argument.domain:
        case IntRange(first=Constant(value=0)):
            return checked
        case IntRange(first=first):
            return arithmetic(state, checked.span, "-", checked, first)
        case _:
            return checked


# --- What it may be made of --------------------------------------------------------------


def check_learn_def(state: Checking, env: Env, statement: ast.LearnDef) -> LearnDef:
    """Check a `learn def` whose header has been checked."""
    meaning = env.module.entries[statement.name.text].meaning
    assert isinstance(meaning, LearnedDefMeaning)
    operators: dict[str, Span] = {}
    constants: list[Constant | Between] = []

    def offered(one: ast.Expression | ast.Operator) -> None:
        word = one.text if isinstance(one, ast.Name | ast.Operator) else ""
        is_called = isinstance(one, ast.Name) and word in _CALLED
        if isinstance(one, ast.Operator) or is_called:
            if word not in OPERATORS:
                fail(state, errors.unknown_operator(one.span, word, OPERATORS))
            if word in operators:
                fail(state, errors.offered_twice(one.span, word))
            operators[word] = one.span
        else:
            constants.append(_constant(state, env, meaning, one))

    each(offered, statement.offered)
    size, options = check_sized_options(
        state, statement.options, DEF_SIZE, DEF_SIZE_MAX, errors.bad_size
    )
    return LearnDef(
        statement.span,
        " ".join(statement.span.text.split()),
        meaning.symbol.name,
        statement.name.text,
        meaning.arguments,
        _domain(meaning),
        tuple(operators),
        tuple(constants),
        len(state.questions),
        size,
        options.within_s,
        options.name,
    )


def _domain(meaning: LearnedDefMeaning) -> Domain:
    type_ = meaning.symbol.type
    assert isinstance(type_, Domain)
    return type_


def _constant(
    state: Checking, env: Env, meaning: LearnedDefMeaning, written: ast.Expression | ast.Operator
) -> Constant | Between:
    """Check a number, a value or a range of numbers."""
    assert not isinstance(written, ast.Operator)
    if isinstance(written, ast.Range):
        first, last = loops.range_ends(state, env, written, "a constant")
        return Between(written.span, first, last)
    if isinstance(written, ast.Name):
        known = (_domain(meaning), *(one.domain for one in meaning.arguments))
        for domain in known:
            if isinstance(domain, Enum) and written.text in domain.values:
                return Constant(written.span, domain.values.index(written.text), domain)
        is_declared = written.text in env.module.entries or enums_with(env.module, written.text)
        if not is_declared:
            fail(state, errors.unknown_operator(written.span, written.text, OPERATORS))
    checked = need_known(state, scalars.check_scalar(state, env, written), "a constant")
    if isinstance(checked, Constant) and isinstance(type_of(checked), Enum):
        return checked
    if not is_integer(type_of(checked)):
        fail(state, errors.no_constant(written.span, written.span.text))
    if isinstance(checked, Constant):
        return checked
    return Between(written.span, checked, checked)


# --- Where it is called ------------------------------------------------------------------


def check_places(program: Program) -> list[Diagnostic]:
    """Report unknown functions that stand where nothing unknown may, once each."""
    names = frozenset(one.name for one in program.defs)
    if not names:
        return []
    told: dict[str, Diagnostic] = {}
    for call, spot in _misplaced(program, names):
        told.setdefault(call.name, errors.misplaced(call.span, call.span.text, spot))
    return list(told.values())


def uncalled(program: Program) -> list[LearnDef]:
    """List the unknown functions of which no statement says anything."""
    names = frozenset(one.name for one in program.defs)
    called = {call.name for call in _called(program, names)}
    return [one for one in program.defs if one.name not in called]


def _calls(expression: Expression, names: frozenset[str]) -> Iterator[DataRef]:
    for part in walk(expression):
        if isinstance(part, DataRef) and part.name in names:
            yield part


def _statements(program: Program) -> Iterator[Statement]:
    yield from program.statements
    for model in program.models:
        yield from model.body


def _called(program: Program, names: frozenset[str]) -> Iterator[DataRef]:
    for statement in _statements(program):
        for expression in expressions_of(statement):
            yield from _calls(expression, names)


def _misplaced(program: Program, names: frozenset[str]) -> Iterator[tuple[DataRef, Spot]]:
    """Yield the calls that stand where what is unknown may not, and where that is."""

    def outside(expression: Expression | None, spot: Spot) -> Iterator[tuple[DataRef, Spot]]:
        if expression is not None:
            yield from ((call, spot) for call in _calls(expression, names))

    for symbol in program.data:
        yield from outside(symbol.value, Spot.DATA)
        for size in symbol.shape:
            yield from outside(None if isinstance(size, str) else size, Spot.SIZE)
    attributes = (a for entity in program.entities for a in entity.attributes)
    for symbol in (*program.variables, *attributes):
        yield from outside(symbol.base, Spot.BASE)
        for size in symbol.shape:
            yield from outside(size, Spot.SIZE)
    for thing in program.things:
        for size in thing.shape:
            yield from outside(size, Spot.SIZE)
    for model in program.models:
        yield from outside(model.prior, Spot.PRIOR)
        for part in model.parts:
            yield from outside(part, Spot.INDEX)
    for function in program.functions:
        yield from outside(function.body, Spot.RECURSION)
    for statement in _statements(program):
        yield from _in_statement(statement, names)


def _in_statement(statement: Statement, names: frozenset[str]) -> Iterator[tuple[DataRef, Spot]]:
    for clause in statement.context:
        match clause:
            case Bind(first=first, last=last):
                ends = (first, last)
            case Where(condition=condition):
                ends = (condition,)
            case _:
                ends = ()
        for end in ends:
            yield from ((call, Spot.CLAUSE) for call in _calls(end, names))
    match statement:
        case ObserveValue(value=value):
            yield from ((call, Spot.OBSERVED) for call in _calls(value, names))
        case ObserveLike(weights=weights):
            yield from ((call, Spot.OBSERVED) for call in _calls(weights, names))
        case Use() | Consider():
            yield from ((call, Spot.INDEX) for call in _calls(statement.target, names))
        case _:
            pass
    for expression in expressions_of(statement):
        for part in walk(expression):
            match part:
                case Aggregate(items=items) | Distribution(items=items):
                    for item in items:
                        if not item.context:
                            continue
                        held = (item.value, *(() if item.key is None else (item.key,)))
                        for inner in held:
                            yield from ((c, Spot.AGGREGATE) for c in _calls(inner, names))
                case DataRef(name=name) if name not in names:
                    for index in parts(part):
                        yield from ((call, Spot.INDEX) for call in _calls(index, names))
                case _ if isinstance(part, Reference):
                    for index in parts(part):
                        yield from ((call, Spot.INDEX) for call in _calls(index, names))
                case _:
                    pass
