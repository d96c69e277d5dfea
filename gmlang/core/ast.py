"""The core language's expressions and contexts: every name resolved, every type known.

It cannot express an unresolved name. Sizes may still depend on data: nothing here needs any.
`gmlang.core.program` has the statements made of them.

A value is a number: a bool is 0 or 1, an enum's value its position, a range's the integer itself.
"""

from dataclasses import dataclass, field

import numpy as np

from gmlang.core.places.grids import Grid
from gmlang.diagnostics import Span

# --- Types: finite domains of variables, and what expressions evaluate to ----------------


@dataclass(frozen=True, slots=True)
class Bool:
    """false and true, states 0 and 1."""


@dataclass(frozen=True, slots=True)
class IntRange:
    """The integers first..last, whose ends may depend on data; state k is the value first + k."""

    first: "Expression"
    last: "Expression"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Enum:
    """Named values; state k is values[k], and an expression's value is the state.

    `name` is of the declared domain, or "" for one written in place. Where there is a grid, the
    values are its places. Two enums are the same type when all are equal.
    """

    name: str
    values: tuple[str, ...]
    grid: Grid | None = None


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
class Place:
    """A place of no grid, as an `Apply` of "place" to its row and its column."""


@dataclass(frozen=True, slots=True)
class EntityType:
    """A thing of the entity called `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Array:
    """An array of `rank` axes of an element type."""

    element: "Domain | Integer | Real | EntityType"
    rank: int


Type = Bool | IntRange | Enum | Integer | Real | Dist | Place | EntityType | Array

# --- Expressions -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, bool or enum value, as a number."""

    span: Span
    value: bool | int | float
    type: Type


@dataclass(frozen=True, slots=True)
class Local:
    """A loop variable or a parameter that is a value; `key` is unique in the program.

    It is random where a function's parameter stands for what depends on random variables.
    """

    span: Span
    key: str
    type: Type
    is_random: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """A size such as `H`, known from the shape of the data that names it; `name` as declared."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class DataRef:
    """A `data` or `param` symbol, indexed; an index may depend on random variables.

    Attributes:
        indices: one for each axis; `Whole` keeps the axis. An index counts from 0, except that an
            axis indexed by an enum or range takes the value as it is.
    """

    span: Span
    name: str
    indices: tuple["Expression | Whole", ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole axis."""

    span: Span


@dataclass(frozen=True, slots=True)
class VariableRef:
    """A declared `var`, indexed.

    Attributes:
        indices: one for each axis. An index may depend on random variables (a switch).
        type: the domain, or an Array when an axis is whole.
    """

    span: Span
    name: str
    indices: tuple["Expression | Whole", ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing: a declared `var it : Thing`, indexed, or a model's parameter.

    Attributes:
        name: of the declared var; "" for a parameter.
        key: of the parameter's `Local`; "" for a declared var.
    """

    span: Span
    entity: str
    name: str
    key: str
    indices: tuple["Expression | Whole", ...]


@dataclass(frozen=True, slots=True)
class AttributeRef:
    """`it.color`, `x.pose[t]`: an attribute of a thing, indexed like a variable."""

    span: Span
    thing: Thing
    attribute: str
    indices: tuple["Expression | Whole", ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Activation:
    """`purple(it)`, `digit(img, d)`: the activation of a model's instance, a bool variable."""

    span: Span
    model: str
    arguments: tuple["Expression | Thing", ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """A pure operation on values.

    operator: + - * / // % ** neg == != < <= > >= and or not if in_range min max, and the functions
    of one number: abs sign and those of `values.functions`. "and" and "or" take two or more; "if"
    takes condition, then, otherwise (the branches may be distributions); "in_range" takes value,
    first, last (both included), and so does "real_in", whose value depends on reals; "in_set" takes
    the value and then each member. Chained comparisons are an "and".

    Attributes:
        is_shared: whether several expressions may hold this very object: see `sharing`.
    """

    span: Span
    operator: str
    arguments: tuple["Expression", ...]
    type: Type
    is_shared: bool = field(default=False, compare=False, repr=False)


@dataclass(slots=True, eq=False)
class Function:
    """A def that calls itself, for arguments of some types; other defs are written out.

    Attributes:
        name: as declared.
        parameters: what stands for each argument in the body.
        type: of its value.
        body: its value, in which calls of it may stand; None while it is being checked.
    """

    name: str
    parameters: tuple[Local | Thing, ...]
    type: Type
    body: "Expression | None" = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`level(n - 1)`: the value of a function."""

    span: Span
    function: Function
    arguments: tuple["Expression | Thing", ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Item:
    """One argument of an aggregate, repeated over its context (Bind and Where clauses only).

    `key` is the left side of `cause: q`; where `is_left`, all not named share what is left of 1.
    """

    span: Span
    context: tuple["Bind | Where", ...]
    value: "Expression"
    key: "Expression | None" = None
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """sum count all any min max exactly at_most at_least alldifferent xor, over items.

    Attributes:
        parameter: the k of exactly, at_most and at_least; None otherwise (exactly_one has 1).
    """

    span: Span
    operator: str
    items: tuple[Item, ...]
    parameter: "Expression | None"
    type: Type


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution over the domain of whatever it is drawn for.

    Attributes:
        family: its name in `gmlang.families`.
        arguments: its parameters in order; a row of probabilities is an Array expression.
        items: its pairs: causes, or values with probabilities. Values not named have probability
            0, except that a key None (`rest` or `_`) shares what is left equally.
    """

    span: Span
    family: str
    arguments: tuple["Expression", ...]
    items: tuple[Item, ...]
    type: Dist


@dataclass(frozen=True, slots=True)
class Cases:
    """`match`: the value of the first row whose patterns all hold; rows must cover everything.

    Attributes:
        conditions: for each row, the condition under which it applies, a bool expression.
    """

    span: Span
    conditions: tuple["Expression", ...]
    values: tuple["Expression", ...]
    type: Type


@dataclass(frozen=True, slots=True, eq=False)
class Tabulated:
    """A row of the probabilities that a `match` writes out for each combination of variables.

    Attributes:
        indices: the variables, one for each axis but the last, which is the row.
        firsts: for each index, the value that the first entry of its axis is for.
        table: in 0..1 but for rounding; rows sum to one, but for that and `SUM_DIGITS`.
    """

    span: Span
    indices: tuple["Expression", ...]
    firsts: tuple[int, ...]
    table: np.ndarray
    type: Type


@dataclass(frozen=True, slots=True)
class QueryValue:
    """A query inside an `assert`'s condition, by its number; stands for its answer, a number."""

    span: Span
    number: int
    type: Type


@dataclass(frozen=True, slots=True)
class Listed:
    """An array written out, which variables are observed to be.

    Attributes:
        shape: of the array.
        elements: in C order, known before inference; None leaves one open.
    """

    span: Span
    shape: tuple[int, ...]
    elements: tuple["Expression | None", ...]
    type: Array


Expression = (
    Constant
    | Local
    | Size
    | DataRef
    | VariableRef
    | AttributeRef
    | Activation
    | Apply
    | Call
    | Aggregate
    | Distribution
    | Cases
    | Tabulated
    | QueryValue
    | Listed
)

Reference = VariableRef | AttributeRef | Activation
"""An expression that is a random variable, or an array of them."""

# --- Contexts ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bind:
    """`for i in first..last`: repeats what follows. Both ends are included."""

    span: Span
    key: str
    name: str
    first: Expression
    last: Expression


@dataclass(frozen=True, slots=True)
class Where:
    """Keeps the instances for which a condition on compile-time values holds."""

    span: Span
    condition: Expression


@dataclass(frozen=True, slots=True)
class Gate:
    """What follows applies only where a condition on random variables holds."""

    span: Span
    condition: Expression


Context = tuple[Bind | Where | Gate, ...]

Clauses = tuple[Bind | Where, ...]
"""A context without gates: that of a comprehension."""
