"""Attributes that are real numbers: declared, observed, predicted."""

import math
from typing import NoReturn

from gmlang.core.ast import (
    Apply,
    Array,
    AttributeRef,
    Constant,
    DataRef,
    Enum,
    Expression,
    Integer,
    Listed,
    Real,
    Thing,
    VariableRef,
    Whole,
)
from gmlang.core.checking import Checking, each, fail, note
from gmlang.core.expressions import loops, references, scalars
from gmlang.core.expressions.indices import check_indices, filled
from gmlang.core.expressions.operators import (
    arithmetic,
    is_integer,
    is_number,
    need_known,
    num_whole,
    with_rank,
)
from gmlang.core.names.scope import EntityMeaning, Env, RealMeaning
from gmlang.core.print import describe, show
from gmlang.core.records.reals import (
    Density,
    ObserveReal,
    ObserveRealLike,
    PredictReal,
    PredictWithin,
    RealSymbol,
)
from gmlang.core.walk import is_real_reference, type_of
from gmlang.diagnostics import Span
from gmlang.errors import probabilities as errors
from gmlang.errors import types
from gmlang.errors.forms import Form
from gmlang.families import DENSITIES
from gmlang.families.priors import PRIORS
from gmlang.families.uniform import UNIFORM
from gmlang.syntax import ast

Axes = tuple[tuple[Expression, ...], tuple[Enum | None, ...]]


def check_real_attribute(
    state: Checking, env: Env, declared: ast.AttributeDeclaration, axes: Axes
) -> RealSymbol:
    """Check `height : real[0, 3] base Normal(1.7, 0.2)`; `real[3]` is an array of three."""
    shape, enums = axes
    low = high = None
    match declared.type:
        case ast.Index(indices=(size,)) if not isinstance(size, ast.All):
            axis = scalars.check_known(state, env, size, "a size", Integer())
            shape, enums = (*shape, axis), (*enums, None)
        case ast.Index(indices=(first, last)):
            low, high = _end(state, env, first, -1), _end(state, env, last, 1)
        case ast.Index(span=span):
            fail(state, errors.bad_ends(span, span.text))
        case _:
            pass
    if isinstance(low, Constant) and isinstance(high, Constant) and not low.value < high.value:
        fail(state, errors.bad_ends(declared.type.span, declared.type.span.text))
    base = None
    if declared.base is not None:
        base = _density(state, env, declared.base, rank=0, is_base=True)
    return RealSymbol(declared.span, declared.name.text, shape, enums, low, high, base)


def _end(
    state: Checking, env: Env, written: ast.Expression | ast.All, side: int
) -> Expression | None:
    """Check an end of a range; infinite ones are none."""
    match written:
        case ast.All(span=span):
            fail(state, errors.bad_ends(span, span.text))
        case ast.Name(text="inf") if side > 0:
            return None
        case ast.Unary(operator="-", operand=ast.Name(text="inf")) if side < 0:
            return None
        case _:
            checked = scalars.check_number(state, env, written)
            return need_known(state, checked, "an end of a range")


# --- What is meant -----------------------------------------------------------------------


def real_target(state: Checking, env: Env, written: ast.Expression) -> AttributeRef | None:
    """Return the real attribute that an expression names, or None where it names something else."""
    match written:
        case ast.Name(text=text) if text in state.real_names and text not in env.names:
            meaning = references.find(state, env, written)
            if not isinstance(meaning, RealMeaning):
                return None
            value = references.value_of(state, written.span, text, meaning, None)
            assert isinstance(value, AttributeRef)
            return value
        case ast.Attribute(owner=owner, name=name) if name.text in state.real_names:
            if references.find_dotted(state, env, written) is not None:
                return None
            thing = references.try_thing(state, env, owner)
            symbol = None if thing is None else symbol_of(state, thing, name.text)
            if thing is None or symbol is None:
                return None
            note(state, name.span, thing.entity)
            return references.real_reference(written.span, thing, symbol)
        case ast.Index(span=span, base=base, indices=indices):
            target = real_target(state, env, base)
            if target is None:
                return None
            symbol = symbol_of(state, target.thing, target.attribute)
            assert symbol is not None
            free = [k for k, index in enumerate(target.indices) if isinstance(index, Whole)]
            axes, sizes = [symbol.axes[k] for k in free], [symbol.shape[k] for k in free]
            text = base.span.text
            checked = check_indices(state, env, span, text, indices, tuple(axes), tuple(sizes))
            own = filled(target.indices, checked)
            type_ = with_rank(Real(), num_whole(own) + num_whole(target.thing.indices))
            return AttributeRef(span, target.thing, target.attribute, own, type_)
        case _:
            return None


def symbol_of(state: Checking, thing: Thing, name: str) -> RealSymbol | None:
    """Return the real attribute of a thing that has a name; None where none has."""
    meaning = state.entities[thing.entity].meaning
    assert isinstance(meaning, EntityMeaning)
    return next((real for real in meaning.symbol.reals if real.name == name), None)


def _rank_of(target: AttributeRef) -> int:
    return target.type.rank if isinstance(target.type, Array) else 0


# --- Statements --------------------------------------------------------------------------


def check_observe_real(
    state: Checking, env: Env, statement: ast.Observe, target: AttributeRef
) -> ObserveReal | ObserveRealLike:
    """Check `observe x.height = 1.8`, an array of its shape, or `like Normal(1.8, 0.02)`."""
    if statement.operator == "like" and statement.value is not None:
        element, clauses = loops.over_axes(state, target)
        assert isinstance(element, AttributeRef)
        density = _density(state, env, statement.value, rank=0, is_base=False)
        return ObserveRealLike(statement.span, clauses, element, density)
    if statement.operator != "=" or statement.value is None:
        fail(state, errors.no_value_observed(statement.span, statement.target.span.text))
    value = check_seen(state, env, statement.value, target)
    return ObserveReal(statement.span, (), target, value)


def check_seen(
    state: Checking, env: Env, written: ast.Expression, target: AttributeRef
) -> Expression:
    """Check what a real is observed to be: a number, or an array of the target's shape."""
    value = _numbers(state, env, written)
    type_ = type_of(value)
    if isinstance(type_, Array) and type_.rank != _rank_of(target):
        found = describe(type_)
        fail(state, errors.other_rank(value.span, show(target), _rank_of(target), found))
    return value


def check_predict_real(
    state: Checking,
    env: Env,
    statement: ast.Predict,
    target: AttributeRef,
    confidence: Expression | None,
) -> PredictReal:
    """Check `predict x.height ~ Normal(1.9, 0.08) @ 0.9`."""
    text = statement.target.span.text
    if statement.operator != "~" or statement.value is None:
        fail(state, errors.point_predicted(statement.span, text))
    density = _density(state, env, statement.value, rank=_rank_of(target), is_base=False)
    _need_base(state, target, statement.target.span)
    label = statement.label.text if statement.label is not None else ""
    return PredictReal(statement.span, (), target, density, confidence, label)


def check_predict_within(
    state: Checking,
    env: Env,
    statement: ast.Predict,
    confidence: Expression | None,
) -> PredictWithin | None:
    """Check `predict x.height in 1.7..1.9 @ c`, and > or < of a real or an integer.

    Returns:
        None where something else is predicted.
    """
    match statement.target:
        case ast.Binary(operator="in", left=left, right=ast.Range() as ends):
            written: tuple[ast.Expression | None, ...] = (ends.first, ends.last)
            is_open = (False, not ends.includes_last)
        case ast.Compare(operators=(operator,), operands=(left, end)) if operator in _ORDERED:
            written = (end, None) if operator in (">", ">=") else (None, end)
            is_open = (operator == ">", operator == "<")
        case _:
            return None
    target = real_target(state, env, left) or scalars.check_scalar(state, env, left)
    if not isinstance(target, VariableRef | AttributeRef):
        fail(state, types.not_predicted(left.span, left.span.text))
    is_real = is_real_reference(target)
    if not (is_real or is_integer(target.type)) or isinstance(target.type, Array):
        fail(state, types.no_arithmetic(left.span, "in", describe(target.type)))
    if isinstance(target, AttributeRef) and is_real:
        _need_base(state, target, left.span)
    low, high = (
        _end_of_interval(state, env, end, (1 if k == 0 else -1) * (is_open[k] and not is_real), k)
        for k, end in enumerate(written)
    )
    if isinstance(low, Constant) and isinstance(high, Constant) and low.value > high.value:
        fail(state, errors.bad_interval(statement.target.span, statement.target.span.text))
    label = statement.label.text if statement.label is not None else ""
    return PredictWithin(statement.span, (), target, low, high, confidence, label)


_ORDERED = ("<", "<=", ">", ">=")


def _end_of_interval(
    state: Checking, env: Env, written: ast.Expression | None, step: int, side: int
) -> Expression:
    """Check an end, moved inwards to the next integer where an integer may not be it."""
    if written is None:
        return Constant(env.module.program.span, (-math.inf, math.inf)[side], Real())
    checked = need_known(state, scalars.check_number(state, env, written), "an end of an interval")
    if not step:
        return checked
    one = Constant(written.span, step, Integer())
    return arithmetic(state, written.span, "+", _whole(checked, step), one)


def _whole(end: Expression, step: int) -> Expression:
    """Return the last integer, towards an interval, that is not beyond its end: 2 for > 2.5."""
    if is_integer(type_of(end)):
        return end
    if isinstance(end, Constant) and math.isfinite(end.value):
        rounded = math.floor(end.value) if step > 0 else math.ceil(end.value)
        return Constant(end.span, rounded, Integer())
    return Apply(end.span, "floor" if step > 0 else "ceil", (end,), Integer())


def _need_base(state: Checking, target: AttributeRef, span: Span) -> None:
    """Check that something says what a real is like where no model speaks."""
    symbol = symbol_of(state, target.thing, target.attribute)
    assert symbol is not None
    if symbol.base is None and (symbol.low is None or symbol.high is None):
        fail(state, errors.no_base(span, symbol.name, symbol.span))


def _density(
    state: Checking, env: Env, written: ast.Expression, *, rank: int, is_base: bool
) -> Density:
    """Check a density: `Normal(mean, sd)`, `MultiNormal(mean, cov)`; of a base also `Uniform`."""
    if not isinstance(written, ast.Call) or not isinstance(written.function, ast.Name):
        no_density(state, env, written)
    family = written.function.text
    if is_base and family in PRIORS:
        return Density(written.span, family, _numbers_of_prior(state, env, written, family))
    known = ("Normal", UNIFORM.name) if is_base else tuple(DENSITIES)
    if family not in known:
        no_density(state, env, written)
    given: list[ast.Expression] = []
    for argument in written.arguments:
        if isinstance(argument, ast.Equation | ast.Pair | ast.Comprehension):
            fail(state, errors.density_arguments(written.span, family))
        given.append(argument)
    if len(given) != 2 and not (is_base and family == UNIFORM.name and not given):
        fail(state, errors.density_arguments(written.span, family))
    arguments = each(lambda argument: _numbers(state, env, argument), given)
    if rank == 0 and (family == "MultiNormal" or any(map(_is_array, arguments))):
        fail(state, errors.density_of_one(written.span, family))
    return Density(written.span, family, arguments)


def _numbers_of_prior(
    state: Checking, env: Env, call: ast.Call, family: str
) -> tuple[Expression, ...]:
    """Check the numbers of a prior in order; a mean that is given for a rate is made one."""
    names = PRIORS[family]
    given = named_arguments(state, call, family, names, is_named="rate" in names)
    is_mean = "mean" in given and "rate" in names
    checked = {name: _numbers(state, env, written) for name, written in given.items()}
    if is_mean:
        one = Constant(call.span, 1.0, Real())
        shape = checked.get("shape", one)
        checked["rate"] = arithmetic(state, call.span, "/", shape, checked["mean"])
    return tuple(checked[name] for name in names)


def named_arguments(
    state: Checking, call: ast.Call, family: str, names: tuple[str, ...], *, is_named: bool
) -> dict[str, ast.Expression]:
    """Return what is given for each parameter of a family, or for `mean` in place of `rate`.

    Args:
        state: of the check.
        call: of the family.
        family: its name.
        names: its parameters.
        is_named: whether a rate must be named, since it may be a mean.
    """
    given = dict[str, ast.Expression]()
    for position, argument in enumerate(call.arguments):
        match argument:
            case ast.Equation(left=ast.Name(text=text), right=right):
                given[text] = right
            case ast.Equation() | ast.Pair() | ast.Comprehension():
                fail(state, errors.prior_arguments(call.span, family, names))
            case _ if position < len(names) and not (is_named and names[position] == "rate"):
                given[names[position]] = argument
            case _ if is_named:
                fail(state, errors.rate_or_mean(call.span, family))
            case _:
                fail(state, errors.prior_arguments(call.span, family, names))
    is_mean = is_named and "mean" in given
    needed = [name for name in names if not (is_mean and name == "rate")]
    if sorted(given) != sorted([*needed, *(["mean"] if is_mean else [])]):
        fail(state, errors.prior_arguments(call.span, family, names))
    return given


def _is_array(value: Expression) -> bool:
    return isinstance(type_of(value), Array)


def no_density(state: Checking, env: Env, written: ast.Expression) -> NoReturn:
    """Refuse what is no density of a real, or none that is understood."""
    if isinstance(written, ast.Call) and isinstance(written.function, ast.Name):
        fail(state, errors.no_density(written.span, written.function.text))
    scalars.check(state, env, written)
    fail(state, errors.no_density(written.span, written.span.text))


def _numbers(state: Checking, env: Env, written: ast.Expression) -> Expression:
    """Check a number, an array of data, or a list of numbers; all known before inference."""
    if isinstance(written, ast.Brackets):
        return _list(state, env, written)
    checked = scalars.check(state, env, written)
    type_ = type_of(checked)
    element = type_.element if isinstance(type_, Array) else type_
    if not is_number(element):
        fail(state, errors.not_numbers(written.span, describe(type_)))
    if isinstance(type_, Array) and not isinstance(checked, DataRef):
        fail(state, errors.not_numbers(written.span, describe(type_)))
    return need_known(state, checked, "a number", is_array=isinstance(type_, Array))


def _list(state: Checking, env: Env, written: ast.Brackets) -> Listed:
    def element(item: ast.Expression | ast.Comprehension) -> Expression | None:
        if isinstance(item, ast.Name) and item.text == "_":
            return None
        if isinstance(item, ast.Brackets | ast.Comprehension):
            fail(state, errors.not_numbers(item.span, Form.LIST))
        return need_known(state, scalars.check_number(state, env, item), "a number")

    elements = each(element, written.items)
    return Listed(written.span, (len(elements),), elements, Array(Real(), 1))
