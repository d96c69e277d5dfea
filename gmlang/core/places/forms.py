"""Places: values of grids, their sums, and what is asked of two of them.

A place of a grid is a value like any other. A sum of places, or a pair written `(3, -1)`, is kept
as its row and its column, which stand for it wherever a place may.
"""

from typing import NoReturn, TypeGuard

from gmlang.core.ast import (
    Apply,
    Bool,
    Constant,
    Enum,
    Expression,
    Integer,
    Place,
    Type,
)
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions import scalars
from gmlang.core.expressions.operators import all_of, arithmetic, need_integer, negation
from gmlang.core.names.scope import Env
from gmlang.core.places.grids import Grid, names_of
from gmlang.core.places.values import into_grid, is_place, place_of, row_and_column
from gmlang.core.print import describe, show_type
from gmlang.core.walk import type_of
from gmlang.diagnostics import Span
from gmlang.errors import shapes as errors
from gmlang.errors import types as type_errors
from gmlang.syntax import ast

DOMAINS = ("grid", "shift")
"""What a domain of places is called by."""

FUNCTIONS = ("within", "far")
"""What is asked of two places."""

_NUM_PLACES_MAX = 1 << 18


def is_grid(written: ast.Expression) -> TypeGuard[ast.Call]:
    """Say whether an expression stands for a domain of places."""
    match written:
        case ast.Call(function=ast.Name(text=text)):
            return text in DOMAINS
        case _:
            return False


def check_grid(state: Checking, env: Env, call: ast.Call, name: str = "") -> Enum:
    """Check `grid(rows, columns)` or `shift(size)` as a domain."""
    word, span = call.function.span.text, call.span
    arguments = scalars.plain_arguments(state, call)
    if len(arguments) != (2 if word == "grid" else 1):
        fail(state, errors.grid_sizes(span, word, len(arguments)))
    sizes: list[int] = []
    for argument in arguments:
        size = scalars.check_known(state, env, argument, "a size")
        need_integer(state, size, "a size")
        if not isinstance(size, Constant):
            fail(state, errors.size_not_written(argument.span, word))
        if size.value < (1 if word == "grid" else 0):
            fail(state, errors.negative_grid(argument.span, word, int(size.value)))
        sizes.append(int(size.value))
    if word == "grid":
        grid = Grid(*sizes)
    else:
        grid = Grid(2 * sizes[0] + 1, 2 * sizes[0] + 1, -sizes[0], -sizes[0])
    if grid.num_places > _NUM_PLACES_MAX:
        fail(state, errors.too_many_places(span, grid.num_places, _NUM_PLACES_MAX))
    return Enum(name, names_of(grid), grid)


# --- Parts and pairs ---------------------------------------------------------------------


def check_part(state: Checking, env: Env, attribute: ast.Attribute) -> Expression | None:
    """Check `p.row` or `p.column` of a place; None where its owner is no place."""
    if attribute.name.text not in ("row", "column"):
        return None
    place = place_of(state, scalars.check(state, env, attribute.owner))
    if place is None:
        return None
    row, column = row_and_column(place)
    return row if attribute.name.text == "row" else column


def check_pair(state: Checking, env: Env, pair: ast.Tuple, expected: Type | None) -> Expression:
    """Check a place written as a pair of whole numbers."""
    parts = [scalars.check_scalar(state, env, item) for item in pair.items]
    for part in parts:
        need_integer(state, part, "a row or a column")
    found = Apply(pair.span, "place", tuple(parts), Place())
    if isinstance(expected, Enum) and expected.grid is not None:
        return into_grid(state, found, expected)
    return found


# --- Sums and comparisons ----------------------------------------------------------------


def moved(
    state: Checking, span: Span, operator: str, left: Expression, right: Expression
) -> Expression | None:
    """Add two places, or take one from the other; None where neither is a place."""
    if not (is_place(type_of(left)) or is_place(type_of(right))):
        return None
    one, other = (_need_place(state, side, f"`{operator}`") for side in (left, right))
    pairs = zip(row_and_column(one), row_and_column(other), strict=True)
    parts = tuple(arithmetic(state, span, operator, a, b) for a, b in pairs)
    return Apply(span, "place", parts, Place())


def _need_place(state: Checking, checked: Expression, word: str) -> Expression:
    place = place_of(state, checked)
    if place is None:
        fail(state, errors.not_a_place(checked.span, word, describe(type_of(checked))))
    return place


def compared(
    state: Checking, span: Span, operator: str, left: Expression, right: Expression
) -> Expression:
    """Say whether two places are the same, or are not."""
    if operator not in ("==", "!="):
        fail(state, type_errors.no_arithmetic(span, operator, describe(type_of(left))))
    one, other = (_need_place(state, side, f"`{operator}`") for side in (left, right))
    if _on_one_grid(state, span, one, other) is not None:
        return Apply(span, operator, (one, other), Bool())
    pairs = zip(row_and_column(one), row_and_column(other), strict=True)
    same = all_of(span, tuple(Apply(span, "==", pair, Bool()) for pair in pairs))
    return same if operator == "==" else negation(same)


def _on_one_grid(state: Checking, span: Span, one: Expression, other: Expression) -> Grid | None:
    """Return the grid that both places lie on; None where one is a sum, of no grid."""
    types = type_of(one), type_of(other)
    match types:
        case Enum(grid=Grid() as grid), Enum(grid=Grid() as second):
            if grid != second:
                shown = [show_type(type_) for type_ in types]
                fail(state, errors.other_grid(span, *shown))
            return grid
        case _:
            return None


def check_function(state: Checking, env: Env, call: ast.Call, word: str) -> Expression:
    """Check `within(a, b, reach)` or `far(a, b)`."""
    arguments, span = scalars.plain_arguments(state, call), call.span
    if len(arguments) != (3 if word == "within" else 2):
        _wrong_number(state, call, word, len(arguments))
    first = scalars.check(state, env, arguments[0])
    # A pair means a place of the grid that the other lies on.
    second = scalars.check(state, env, arguments[1], type_of(first))
    one, other = (_need_place(state, side, f"`{word}`") for side in (first, second))
    grid = _on_one_grid(state, span, one, other)
    reach = _reach(state, env, arguments[2]) if word == "within" else None
    type_ = Integer() if reach is None else Bool()
    if grid is not None:
        width = Constant(span, grid.columns, Integer())
        reaches = () if reach is None else (reach,)
        return Apply(span, word, (one, other, *reaches, width), type_)
    pairs = zip(row_and_column(one), row_and_column(other), strict=True)
    apart = [Apply(span, "abs", (arithmetic(state, span, "-", a, b),), Integer()) for a, b in pairs]
    if reach is None:
        return arithmetic(state, span, "+", apart[0], apart[1])
    return all_of(span, tuple(Apply(span, "<=", (a, reach), Bool()) for a in apart))


def _reach(state: Checking, env: Env, written: ast.Expression) -> Expression:
    checked = scalars.check_scalar(state, env, written)
    need_integer(state, checked, "a reach")
    if isinstance(checked, Constant) and checked.value < 0 and not env.is_guarded:
        fail(state, errors.negative_reach(checked.span, int(checked.value)))
    return checked


def _wrong_number(state: Checking, call: ast.Call, word: str, found: int) -> NoReturn:
    names = ("a", "b", "reach") if word == "within" else ("a", "b")
    fail(state, type_errors.wrong_arguments(call.span, word, names, found))
