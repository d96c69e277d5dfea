"""Arrays written out as lists of their elements: what an array is observed, or asked, to be."""

import itertools

from gmlang.core.ast import (
    Activation,
    Apply,
    Array,
    AttributeRef,
    Bind,
    Bool,
    Constant,
    Domain,
    Expression,
    Integer,
    Listed,
    VariableRef,
)
from gmlang.core.checking import Checking, each, fail
from gmlang.core.composed import substituted
from gmlang.core.expressions import literals, loops, scalars
from gmlang.core.expressions.operators import all_of, comparison, element_of, need_known
from gmlang.core.names.scope import Env
from gmlang.core.print import show
from gmlang.diagnostics import Span
from gmlang.errors import declarations as errors
from gmlang.syntax import ast

Target = VariableRef | AttributeRef | Activation


def check_listed(state: Checking, env: Env, written: ast.Brackets, target: Target) -> Listed:
    """Check a nested list of what each element of an array is; `_` leaves one open."""
    axes = _axes_of(state, target)
    elements = _elements(state, env, written, target)
    shape = literals.shape_of(state, written, elements)
    sizes = [axis.last for axis in axes]
    fits = len(shape) == len(axes) and all(
        not isinstance(last, Constant) or last.value + 1 == size
        for last, size in zip(sizes, shape, strict=True)
    )
    if not fits:
        declared = [_size_text(last) for last in sizes]
        fail(state, errors.listed_differs(written.span, show(target), declared, shape))
    domain = _domain_of(target)
    return Listed(written.span, shape, tuple(_flat(elements)), Array(domain, len(shape)))


def listed_event(
    state: Checking, span: Span, target: VariableRef | AttributeRef, listed: Listed
) -> Expression:
    """Return the event that an array is what a list says; data may still say that sizes differ."""
    element, clauses = loops.over_axes(state, target)
    axes = [clause for clause in clauses if isinstance(clause, Bind)]
    same: list[Expression] = []
    if not all(isinstance(axis.last, Constant) for axis in axes):
        written = (Constant(span, size - 1, Integer()) for size in listed.shape)
        ends = (*(axis.last for axis in axes), *written)
        same.append(Apply(span, "has_shape", ends, Bool()))
    for place, value in zip(
        itertools.product(*map(range, listed.shape)), listed.elements, strict=True
    ):
        if value is not None:
            values = {
                axis.key: Constant(span, k, Integer()) for axis, k in zip(axes, place, strict=True)
            }
            same.append(comparison(state, span, "==", substituted(element, values), value))
    return all_of(span, tuple(same))


def _axes_of(state: Checking, target: Target) -> list[Bind]:
    if isinstance(target, Activation):
        return []
    _, clauses = loops.over_axes(state, target)
    return [clause for clause in clauses if isinstance(clause, Bind)]


def _domain_of(target: Target) -> Domain:
    domain = Bool() if isinstance(target, Activation) else element_of(target.type)
    assert isinstance(domain, Domain)
    return domain


def _size_text(last: Expression) -> str:
    match last:
        case Constant(value=value):
            return str(int(value) + 1)
        case Apply(operator="-", arguments=(size, _)):
            return show(size)
        case _:
            return f"{show(last)} + 1"


def _elements(
    state: Checking, env: Env, written: ast.Brackets, target: Target
) -> tuple[object, ...]:
    """Check each element; None where it is left open."""
    domain = _domain_of(target)

    def item(one: ast.Expression | ast.Comprehension) -> object:
        match one:
            case ast.Brackets():
                return _elements(state, env, one, target)
            case ast.Comprehension():
                fail(state, errors.listed_by_loop(one.span))
            case ast.Name(text="_"):
                return None
            case _:
                value = scalars.check_scalar(state, env, one, domain)
                need_known(state, value, "what an array was observed to be", is_array=True)
                return scalars.fit_here(state, env, value, domain)

    return each(item, written.items)


def _flat(elements: object) -> list[Expression | None]:
    if not isinstance(elements, tuple):
        return [elements]  # pyright: ignore[reportReturnType]
    return [one for item in elements for one in _flat(item)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
