"""Declarations of domains, data, variables, things and entities, checked when first needed."""

from dataclasses import replace

from gmlang.core.ast import Bool, Constant, Domain, Enum, Expression, Integer, IntRange, Real
from gmlang.core.check import domains, models, reals
from gmlang.core.check.derived import check_derived
from gmlang.core.check.joint.laws import NORMAL
from gmlang.core.check.learned import concepts, functions
from gmlang.core.check.learned import declared as parameters
from gmlang.core.checking import Checking, PoisonedError, each, fail
from gmlang.core.expressions import (
    distributions,
    literals,
    loops,
    references,
    scalars,
    weights,
)
from gmlang.core.expressions.operators import arithmetic, fit, need_integer, need_known
from gmlang.core.names.modules import is_real, outside_names
from gmlang.core.names.scope import (
    DataMeaning,
    DefMeaning,
    DomainMeaning,
    EntityMeaning,
    Entry,
    Env,
    Meaning,
    RealMeaning,
    SizeMeaning,
    ThingMeaning,
    VariableMeaning,
)
from gmlang.core.program import DataSymbol, EntitySymbol, ThingSymbol, VariableSymbol
from gmlang.core.records.reals import RealSymbol, real_thing
from gmlang.core.walk import is_random, type_of
from gmlang.errors import decisions as decision_errors
from gmlang.errors import declarations as declaration_errors
from gmlang.errors import later
from gmlang.errors import names as name_errors
from gmlang.errors import shapes as shape_errors
from gmlang.families.uniform import UNIFORM
from gmlang.syntax import ast

REAL_NAMES = ("real", "float")
AXES_MAX = 24
"""Arrays may have so many dimensions: NumPy's have 64, for a thing's and its attribute's."""

INTEGER_NAMES = ("int", "integer")


def resolve(state: Checking, entry: Entry) -> Meaning:
    """Return what a declared name means, checking its declaration first if need be."""
    entry.is_used = True
    return elaborate(state, entry)


def elaborate(state: Checking, entry: Entry) -> Meaning:
    """Check a declaration, once."""
    if entry.progress == "done":
        assert entry.meaning is not None
        return entry.meaning
    if entry.progress == "poisoned":
        raise PoisonedError
    if entry.progress == "busy":
        fail(state, name_errors.defined_by_itself(entry.span, entry.name))
    entry.progress = "busy"
    try:
        entry.meaning = _elaborate(state, entry)
    except (PoisonedError, RecursionError):
        entry.progress = "poisoned"
        raise
    entry.progress = "done"
    return entry.meaning


def _elaborate(state: Checking, entry: Entry) -> Meaning:
    env = Env(entry.module, {})
    declaration = entry.declaration
    match declaration:
        case ast.DomainDeclaration():
            return DomainMeaning(domains.check_domain(state, env, declaration.values, entry.name))
        case ast.DataDeclaration() if parameters.is_rows(env, declaration):
            return parameters.check_rows(state, entry, declaration)
        case ast.DataDeclaration() | ast.ParamDeclaration():
            return _data(state, env, entry, declaration)
        case ast.VarDeclaration():
            return _variable(state, env, entry, declaration)
        case ast.Entity():
            return _entity(state, env, entry, declaration)
        case ast.DefDeclaration():
            return DefMeaning(declaration, entry.module)
        case ast.Model():
            return models.check_header(state, env, entry, declaration)
        case ast.Composite():
            return models.check_composite(state, env, entry, declaration)
        case ast.LearnModel():
            return concepts.check_header(state, env, entry, declaration)
        case ast.LearnDef():
            return functions.check_header(state, env, entry, declaration)
        case None:
            state.sizes.append(entry.core_name)
            return SizeMeaning(entry.core_name)


def _check_shape(
    state: Checking, env: Env, shape: tuple[ast.Expression, ...]
) -> tuple[tuple[Expression, ...], tuple[Enum | None, ...]]:
    """Return the sizes of the axes, and the enum that indexes each, if one does."""
    if len(shape) > AXES_MAX:
        fail(state, shape_errors.too_many_axes(shape[0].span, len(shape), AXES_MAX))
    pairs = each(lambda size: _axis(state, env, size), shape)
    return tuple(size for size, _ in pairs), tuple(enum for _, enum in pairs)


def _axis(state: Checking, env: Env, size: ast.Expression) -> tuple[Expression, Enum | None]:
    span = size.span
    match size:
        case ast.Name() | ast.Attribute():
            match references.find_dotted(state, env, size):
                case DomainMeaning(domain=Enum() as enum):
                    return Constant(span, len(enum.values), Integer()), enum
                case DomainMeaning(domain=IntRange(first=Constant(value=0), last=last)):
                    one = Constant(span, 1, Integer())
                    return arithmetic(state, span, "+", last, one), None
                case _:
                    pass
        case ast.Range(first=ast.Number(value=0)):
            _, last = loops.range_ends(state, env, size, "a size")
            one = Constant(span, 1, Integer())
            return arithmetic(state, span, "+", last, one), None
        case ast.Range():
            fail(state, declaration_errors.size_not_from_zero(span, span.text))
        case _:
            pass
    checked = scalars.check_known(state, env, size, "a size")
    need_integer(state, checked, "a size")
    if isinstance(checked, Constant) and checked.value < 0:
        fail(state, declaration_errors.negative_size(span, checked.value))
    return checked, None


# --- Data and params ---------------------------------------------------------------------


def _data(
    state: Checking,
    env: Env,
    entry: Entry,
    declaration: ast.DataDeclaration | ast.ParamDeclaration,
) -> DataMeaning:
    is_param = isinstance(declaration, ast.ParamDeclaration)
    kind = parameters.kind_of(state, env, declaration)
    shape, axes = _data_shape(state, env, declaration.shape)
    value: Expression | None = None
    literal: literals.Literal | None = None
    type_ = Real() if kind is not None else _data_type(state, env, declaration)
    parameter = None
    if isinstance(declaration, ast.ParamDeclaration):
        parameter = parameters.check_parameter(state, env, declaration, kind)
    match declaration.value:
        case None:
            is_derived = isinstance(declaration, ast.DataDeclaration) and declaration.derived
            if type_ is None and not declaration.shape and not is_param and not is_derived:
                fail(state, declaration_errors.without_domain(declaration.span, entry.name))
        case ast.Brackets() as brackets:
            literal = literals.check_literal(state, env, brackets, type_)
            shape = literals.fit_shape(state, brackets, literal, shape, bool(declaration.shape))
            if len(shape) > AXES_MAX:
                fail(state, shape_errors.too_many_axes(brackets.span, len(shape), AXES_MAX))
            axes = axes if declaration.shape else (None,) * len(shape)
            type_ = type_ or literals.type_of_literal(literal)
        case written:
            value = scalars.check_known(state, env, written, "a value of data", type_)
            type_ = type_ or _type_of_value(type_of(value))
            fit(state, value, type_)
    is_whole = is_param and declaration.type is None and isinstance(type_, Integer)
    if type_ is None or is_whole:
        type_ = Real()
    outside = outside_names(state, entry)
    derived = None
    if isinstance(declaration, ast.DataDeclaration) and declaration.derived is not None:
        derived = check_derived(state, env, declaration.derived)
    symbol = DataSymbol(
        *(declaration.span, entry.core_name, shape, type_, value, literal),
        *(is_param, outside, parameter),
        derived=derived,
    )
    state.data.append(symbol)
    return DataMeaning(symbol, axes, is_whole)


def _type_of_value(type_: object) -> Domain | Integer | Real:
    match type_:
        case Bool() | Enum():
            return type_
        case Integer() | IntRange():
            return Integer()
        case _:
            return Real()


def _data_type(
    state: Checking, env: Env, declaration: ast.DataDeclaration | ast.ParamDeclaration
) -> Domain | Integer | Real | None:
    match declaration.type:
        case None:
            return None
        case ast.Name(text=text) if text in domains.REAL_NAMES:
            return Real()
        case ast.Name(text=text) if text in domains.INTEGER_NAMES:
            return Integer()
        case written:
            return domains.check_domain(state, env, written)


def _data_shape(
    state: Checking, env: Env, shape: tuple[ast.Expression, ...]
) -> tuple[tuple[str | Expression, ...], tuple[Enum | None, ...]]:
    def axis(size: ast.Expression) -> tuple[str | Expression, Enum | None]:
        if isinstance(size, ast.Name):
            meaning = references.find(state, env, size)
            if isinstance(meaning, SizeMeaning):
                return meaning.name, None
        return _axis(state, env, size)

    if len(shape) > AXES_MAX:
        fail(state, shape_errors.too_many_axes(shape[0].span, len(shape), AXES_MAX))
    pairs = each(axis, shape)
    return tuple(size for size, _ in pairs), tuple(enum for _, enum in pairs)


# --- Variables, things, entities ---------------------------------------------------------


def _variable(
    state: Checking, env: Env, entry: Entry, declaration: ast.VarDeclaration
) -> VariableMeaning | RealMeaning | ThingMeaning:
    written = declaration.type
    if isinstance(written, ast.Name | ast.Attribute):
        meaning = references.find_dotted(state, env, written)
        if isinstance(meaning, EntityMeaning) and declaration.is_choice:
            fail(state, decision_errors.choice_of(written.span, written.span.text))
        if isinstance(meaning, EntityMeaning):
            return _thing(state, env, entry, declaration, meaning)

    if declaration.prior is not None:
        fail(state, declaration_errors.some_of_no_entity(written.span, written.span.text))
    shape, axes = _check_shape(state, env, declaration.shape)
    if is_real(written) and declaration.is_choice:
        fail(state, decision_errors.choice_of(written.span, written.span.text))
    if is_real(written):
        return _real(state, env, entry, declaration, (shape, axes))
    domain = domains.check_domain(state, env, written)
    base = None
    if declaration.base is not None:
        base = _check_base(state, env, declaration.base, domain)
    own = declaration.span, entry.core_name, shape, domain, base, axes
    symbol = VariableSymbol(*own, is_choice=declaration.is_choice)
    state.variables.append(symbol)
    return VariableMeaning(symbol, axes)


def _real(
    state: Checking,
    env: Env,
    entry: Entry,
    declaration: ast.VarDeclaration,
    axes: reals.Axes,
) -> RealMeaning:
    """Check `var h : real[0, 3] ~ Normal(1, 2)`: what it is drawn from is its base.

    Where that depends on variables, or is a definition, the real has a mechanism of its own.
    """
    if declaration.base and declaration.value:
        fail(state, later.base_and_law(declaration.span, declaration.name.text))
    is_drawn = declaration.value is not None and not _is_base(state, env, declaration)
    base = declaration.base if is_drawn else declaration.value or declaration.base
    own = declaration.span, declaration.name, declaration.shape, declaration.type, base
    symbol = reals.check_real_attribute(state, env, ast.AttributeDeclaration(*own), axes)
    from_base = declaration.value is not None and not is_drawn
    symbol = replace(symbol, name=entry.core_name, is_drawn=from_base)
    thing = real_thing(entry.core_name)
    entity = EntitySymbol(declaration.span, thing, (), (symbol,))
    state.entities[thing] = replace(entry, meaning=EntityMeaning(entity, ()))
    state.entity_symbols.append(entity)
    state.things.append(ThingSymbol(declaration.span, thing, (), thing))
    return RealMeaning(thing, symbol, is_drawn)


def _is_base(state: Checking, env: Env, declaration: ast.VarDeclaration) -> bool:
    """Say whether what a real is drawn from is known before inference."""
    match declaration.mechanism, declaration.value:
        case "~", ast.Call(function=ast.Name(text=text), arguments=arguments) if text in _BASES:
            given = [a for a in arguments if not isinstance(a, _ODD)]
            return not any(is_random(scalars.check(state, env, argument)) for argument in given)
        case _, value:
            return declaration.mechanism == "~" and not isinstance(value, _CASES)


_BASES = (NORMAL, UNIFORM.name)
_ODD = ast.Equation | ast.Pair | ast.Comprehension | ast.Brackets
_CASES = ast.Conditional | ast.MatchExpression


def _thing(
    state: Checking,
    env: Env,
    entry: Entry,
    declaration: ast.VarDeclaration,
    meaning: EntityMeaning,
) -> ThingMeaning:
    shape, _ = _check_shape(state, env, declaration.shape)
    if declaration.value is not None or declaration.base is not None:
        entity = meaning.symbol.name
        fail(state, declaration_errors.thing_given_value(declaration.span, entry.name, entity))
    prior = models.check_prior(state, env, declaration.prior)
    if prior is not None:
        _need_some(state, entry, declaration, shape)
    symbol = ThingSymbol(declaration.span, entry.core_name, shape, meaning.symbol.name, prior)
    state.things.append(symbol)
    return ThingMeaning(symbol)


def _need_some(
    state: Checking,
    entry: Entry,
    declaration: ast.VarDeclaration,
    shape: tuple[Expression, ...],
) -> None:
    """Check how many things there may be, and what they are called one by one."""
    if len(shape) != 1:
        fail(state, declaration_errors.some_of_no_number(declaration.span, entry.name))
    if isinstance(shape[0], Constant) and shape[0].value < 1:
        found = int(shape[0].value)
        fail(state, declaration_errors.some_of_none(shape[0].span, entry.name, found))
    alias = declaration.alias
    if alias is not None and alias.text in entry.module.entries:
        first = entry.module.entries[alias.text].span
        fail(state, name_errors.declared_twice(alias.span, alias.text, first))


def _check_base(state: Checking, env: Env, written: ast.Expression, domain: Domain) -> Expression:
    """Check a base distribution: weights in braces need not sum to one."""
    if isinstance(written, ast.Braces):
        base: Expression = weights.check_weights(state, env, written, domain, is_normalised=False)
    else:
        base = distributions.check_distribution(state, env, written, domain)
    return need_known(state, base, "a base distribution")


def _entity(state: Checking, env: Env, entry: Entry, declaration: ast.Entity) -> EntityMeaning:
    written = [a for a in declaration.attributes if isinstance(a, ast.AttributeDeclaration)]
    seen: dict[str, ast.Name] = {}

    def attribute(declared: ast.AttributeDeclaration) -> VariableSymbol | RealSymbol:
        name = declared.name
        if name.text in seen:
            fail(state, name_errors.declared_twice(name.span, name.text, seen[name.text].span))
        seen[name.text] = name
        if isinstance(declared.type, ast.Name | ast.Attribute):
            meaning = references.find_dotted(state, env, declared.type)
            if isinstance(meaning, EntityMeaning):
                fail(state, later.thing_as_attribute(declared.span, meaning.symbol.name))
        shape, axes = _check_shape(state, env, declared.shape)
        if is_real(declared.type):
            return reals.check_real_attribute(state, env, declared, (shape, axes))
        domain = domains.check_domain(state, env, declared.type)
        base = None
        if declared.base is not None:
            base = _check_base(state, env, declared.base, domain)
        return VariableSymbol(declared.span, name.text, shape, domain, base, axes)

    found = each(attribute, written)
    attributes = tuple(a for a in found if isinstance(a, VariableSymbol))
    real = tuple(a for a in found if isinstance(a, RealSymbol))
    symbol = EntitySymbol(declaration.span, entry.core_name, attributes, real)
    state.entities[entry.core_name] = entry
    state.entity_symbols.append(symbol)
    return EntityMeaning(symbol, tuple(a.axes for a in attributes))
