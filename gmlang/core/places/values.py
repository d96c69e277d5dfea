"""Values that are places, as their rows and columns, and as values of a grid."""

from gmlang.core.ast import (
    Apply,
    Array,
    Bool,
    Constant,
    DataRef,
    Enum,
    Expression,
    Integer,
    IntRange,
    Place,
    Type,
    Whole,
)
from gmlang.core.checking import Checking, fail
from gmlang.core.names.scope import DataMeaning
from gmlang.core.places.grids import shown_place
from gmlang.core.print import show_type
from gmlang.core.walk import type_of
from gmlang.errors import types as type_errors


def is_place(type_: Type) -> bool:
    """Say whether values of a type are places."""
    return isinstance(type_, Place) or (isinstance(type_, Enum) and type_.grid is not None)


def place_of(state: Checking, checked: Expression) -> Expression | None:
    """Return an expression that is a place, or a row of two whole numbers as one; None for others.

    The last axis of `data home[N, 2] : 0..9` is such a row: `home[n]` is a place.
    """
    type_ = type_of(checked)
    if is_place(type_):
        return checked
    if not isinstance(checked, DataRef) or not isinstance(type_, Array) or type_.rank != 1:
        return None
    if not isinstance(type_.element, IntRange | Integer) or not _is_pair(state, checked):
        return None
    parts = [
        DataRef(
            checked.span,
            checked.name,
            tuple(
                Constant(checked.span, k, Integer()) if isinstance(index, Whole) else index
                for index in checked.indices
            ),
            Integer(),
        )
        for k in range(2)
    ]
    return Apply(checked.span, "place", tuple(parts), Place())


def _is_pair(state: Checking, row: DataRef) -> bool:
    """Say whether the only axis that is still whole has two entries."""
    meaning = state.core_names[row.name].meaning
    assert isinstance(meaning, DataMeaning)
    sizes = zip(meaning.symbol.shape, row.indices, strict=True)
    size = next(size for size, index in sizes if isinstance(index, Whole))
    return isinstance(size, Constant) and size.value == 2


def row_and_column(place: Expression) -> tuple[Expression, Expression]:
    """Return the row and the column of a place."""
    type_, span = type_of(place), place.span
    if isinstance(place, Apply) and place.operator == "place":
        return place.arguments[0], place.arguments[1]
    if isinstance(place, Apply) and place.operator == "if" and isinstance(type_, Place):
        pairs = [row_and_column(branch) for branch in place.arguments[1:]]
        row, column = (
            Apply(span, "if", (place.arguments[0], pairs[0][k], pairs[1][k]), Integer())
            for k in range(2)
        )
        return row, column
    assert isinstance(type_, Enum)
    assert type_.grid is not None
    grid = type_.grid
    if isinstance(place, Constant):
        down, aside = divmod(int(place.value), grid.columns)
        whole = Integer()
        return (
            Constant(span, grid.row + down, whole),
            Constant(span, grid.column + aside, whole),
        )
    width = Constant(span, grid.columns, Integer())
    parts: list[Expression] = []
    for operator, first in (("//", grid.row), ("%", grid.column)):
        part = Apply(span, operator, (place, width), Integer())
        if first:
            part = Apply(span, "+", (part, Constant(span, first, Integer())), Integer())
        parts.append(part)
    return parts[0], parts[1]


def into_grid(state: Checking, place: Expression, domain: Enum) -> Expression:
    """Return a place as a value of a grid, which has no value where it lies outside."""
    assert domain.grid is not None
    grid, span = domain.grid, place.span
    row, column = row_and_column(place)
    if isinstance(row, Constant) and isinstance(column, Constant):
        value = grid.value_of(int(row.value), int(column.value))
        if value is None:
            shown = shown_place(int(row.value), int(column.value))
            fail(state, type_errors.outside_domain(span, shown, _extent(domain)))
        return Constant(span, value, domain)

    def number(value: int) -> Constant:
        return Constant(span, value, Integer())

    ends = (grid.row, grid.rows), (grid.column, grid.columns)
    inside = [
        Apply(span, "in_range", (part, number(first), number(first + count - 1)), Bool())
        for part, (first, count) in zip((row, column), ends, strict=True)
    ]
    down = Apply(span, "-", (row, number(grid.row)), Integer())
    aside = Apply(span, "-", (column, number(grid.column)), Integer())
    line = Apply(span, "*", (down, number(grid.columns)), Integer())
    value = Apply(span, "+", (line, aside), Integer())
    return Apply(span, "if", (Apply(span, "and", tuple(inside), Bool()), value, number(-1)), domain)


def _extent(domain: Enum) -> str:
    assert domain.grid is not None
    return f"{show_type(domain)}, {domain.grid.extent()}"
