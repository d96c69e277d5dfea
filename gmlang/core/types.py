"""The types of the core language: finite domains of variables, and what expressions evaluate to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gmlang.core.ast import Expression


@dataclass(frozen=True, slots=True)
class Bool:
    """false and true, states 0 and 1."""


@dataclass(frozen=True, slots=True)
class IntRange:
    """The integers first..last; state k is the value first + k. The ends may depend on data.

    Attributes:
        name: of the declared domain, or "".
    """

    first: "Expression"
    last: "Expression"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Enum:
    """Named values; state k is values[k], and an expression's value is the state.

    Attributes:
        name: of the declared domain, or "" for one written in place. Two enums are the same type
            when name and values are equal.
    """

    name: str
    values: tuple[str, ...]


Domain = Bool | IntRange | Enum
"""What a random variable may range over."""


@dataclass(frozen=True, slots=True)
class Integer:
    """Any integer."""


@dataclass(frozen=True, slots=True)
class Real:
    """Any real number."""


@dataclass(frozen=True, slots=True)
class Dist:
    """A distribution."""


@dataclass(frozen=True, slots=True)
class EntityType:
    """A thing of the entity called `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Array:
    """An array of `rank` axes of an element type."""

    element: "Domain | Integer | Real | EntityType"
    rank: int


Type = Bool | IntRange | Enum | Integer | Real | Dist | EntityType | Array
