"""Data and params of a checked program, and how data is made of other data."""

from dataclasses import dataclass

from gmlang.core.ast import Domain, Expression, Integer, Real
from gmlang.core.parameters import Parameter
from gmlang.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Derived:
    """`edges(picture, 16)`: data that a function makes of other data.

    Attributes:
        function: its name, or `module.name`.
        arguments: data that is handed over whole, a list of constants, or a number.
        modules: of the library, whose functions are known by their names.
    """

    span: Span
    function: str
    arguments: "tuple[DataSymbol | tuple[object, ...] | Expression, ...]"
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataSymbol:
    """`data noisy[H, W] : bool`, `data T = 6`; also `param`, which may be set from outside.

    Attributes:
        shape: for each axis a size name (a str, known from the data's shape or from an earlier
            data or param of that name) or an expression.
        type: of an element.
        value: an expression of constants, None when it must be bound. A nested list
            (`data A[2, 2] = [[...], ...]`) is `literal` instead.
        outside: the names by which a value may be given; the first means nothing else.
        parameter: how it may be learned; None for data and constants.
        is_function: the values of a function that is learned.
        derived: how it is made of other data, unless it is given.
    """

    span: Span
    name: str
    shape: tuple["str | Expression", ...]
    type: Domain | Integer | Real
    value: Expression | None
    literal: "tuple[object, ...] | None" = None
    is_param: bool = False
    outside: tuple[str, ...] = ()
    parameter: Parameter | None = None
    is_function: bool = False
    derived: Derived | None = None

    def has_value(self) -> bool:
        """Say whether the program says what it is, unless something else is given."""
        return not (self.value is None and self.literal is None and self.derived is None)
