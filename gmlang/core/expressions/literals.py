"""Nested lists of constants, the values of data written in the program."""

import math
from collections.abc import Sequence

from gmlang.core.ast import Bool, Constant, Domain, Enum, Expression, Integer, Real
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import scalars
from gmlang.core.expressions.operators import fit
from gmlang.core.names.scope import Env
from gmlang.core.walk import type_of
from gmlang.diagnostics import Diagnostic
from gmlang.errors import declarations as errors
from gmlang.syntax import ast

INT_LAST = 2**63 - 1

Literal = tuple[object, ...]
"""A nested tuple of numbers; NaN where `_` leaves an element open."""


def check_literal(
    state: Checking, env: Env, brackets: ast.Brackets, type_: Domain | Integer | Real | None
) -> Literal:
    """Check a nested list; return its numbers."""
    if type_ is None and isinstance(first := _first_of(brackets), ast.Name):
        # A name where no domain is declared: told once, not of each.
        _number(state, env, first, type_)

    def item(written: ast.Expression | ast.Comprehension) -> object:
        match written:
            case ast.Brackets():
                return check_literal(state, env, written, type_)
            case ast.Comprehension():
                fail(state, errors.not_constant(written.span))
            case ast.Name(text="_"):
                return math.nan
            case _:
                return _number(state, env, written, type_)

    return each(item, brackets.items)


def _first_of(brackets: ast.Brackets) -> ast.Expression | ast.Comprehension | None:
    first: ast.Expression | ast.Comprehension | None = brackets
    while isinstance(first, ast.Brackets):
        first = next((item for item in first.items if not _is_open(item)), None)
    return first


def _is_open(item: ast.Expression | ast.Comprehension) -> bool:
    return isinstance(item, ast.Name) and item.text == "_"


def _number(
    state: Checking, env: Env, written: ast.Expression, type_: Domain | Integer | Real | None
) -> object:
    checked = scalars.check_scalar(state, env, written, type_)
    if type_ is not None:
        checked = fit(state, checked, type_)
    if not isinstance(checked, Constant):
        fail(state, errors.not_constant(written.span))
    if _is_too_large(checked.value, type_):
        fail(state, errors.too_large_a_number(written.span, written.span.text))
    if type_ is None and isinstance(type_of(checked), Enum):
        fail(state, errors.names_without_domain(written.span))
    return checked.value


def _is_too_large(value: bool | int | float, type_: Domain | Integer | Real | None) -> bool:
    if isinstance(value, float):
        # Below all floats is how a program writes -inf, what a log-factor forbids: -1e999.
        return value == math.inf
    return not isinstance(type_, Real) and abs(value) > INT_LAST


def fit_shape(
    state: Checking,
    brackets: ast.Brackets,
    literal: Literal,
    shape: tuple[str | Expression, ...],
    is_declared: bool,
) -> tuple[str | Expression, ...]:
    """Check that a nested list has the declared shape; without one, return its own."""
    sizes = shape_of(state, brackets, literal)
    if not is_declared:
        return tuple(Constant(brackets.span, size, Integer()) for size in sizes)
    if len(sizes) != len(shape):
        fail(state, errors.other_number_of_axes(brackets.span, len(shape), len(sizes)))
    for axis, (declared, size) in enumerate(zip(shape, sizes, strict=True)):
        if isinstance(declared, Constant) and declared.value != size:
            fail(state, errors.other_size(brackets.span, axis, declared.value, size))
    return shape


def shape_of(
    state: Checking, brackets: ast.Brackets, elements: Sequence[object]
) -> tuple[int, ...]:
    """Return the shape of a nested list, of whatever it holds."""
    sizes = _sizes(elements)
    if sizes is None:
        fail(state, _ragged(brackets, elements))
    return sizes


def _sizes(literal: object) -> tuple[int, ...] | None:
    """Return the shape of a nested tuple; None when it is ragged."""
    if not isinstance(literal, tuple):
        return ()
    items: Sequence[object] = literal  # pyright: ignore[reportUnknownVariableType]
    shapes = {_sizes(item) for item in items}
    if len(shapes) > 1 or None in shapes:
        return None
    inner = next(iter(shapes), ())
    assert inner is not None
    return (len(items), *inner)


def _ragged(brackets: ast.Brackets, literal: Sequence[object]) -> Diagnostic:
    """Find the first item that has not the shape of the first beside it, and say so."""
    shapes = [_sizes(item) for item in literal]
    for written, item, shape in zip(brackets.items, literal, shapes, strict=True):
        if shape is None and isinstance(written, ast.Brackets) and isinstance(item, tuple):
            inner: Sequence[object] = item  # pyright: ignore[reportUnknownVariableType]
            return _ragged(written, inner)
    index = next(k for k, shape in enumerate(shapes) if shape != shapes[0])
    return errors.rows_differ(brackets.items[index].span, index, shapes[index], shapes[0])


def type_of_literal(literal: Literal) -> Bool | Integer | Real:
    """Return the type of the numbers in a nested list."""
    numbers = list(_numbers(literal))
    if all(isinstance(number, bool) for number in numbers):
        return Bool()
    if all(isinstance(number, int) for number in numbers):
        return Integer()
    return Real()


def _numbers(literal: Sequence[object]) -> list[object]:
    found: list[object] = []
    for item in literal:
        if isinstance(item, tuple):
            inner: Sequence[object] = item  # pyright: ignore[reportUnknownVariableType]
            found += _numbers(inner)
        else:
            found.append(item)
    return found
