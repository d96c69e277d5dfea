"""Attributes that are real numbers: declared, seen, predicted by models, drawn from each other."""

from dataclasses import dataclass

from gmlang.core.ast import AttributeRef, Context, Enum, Expression, VariableRef
from gmlang.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Density:
    """`Normal(m, s)`: a distribution of reals; its arguments are numbers or arrays of them."""

    span: Span
    family: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class RealSymbol:
    """An attribute that is a real number, or an array of them.

    Attributes:
        axes: the enum that indexes each axis; None for numbers from 0.
        low, high: its ends, known before inference; None where there is none.
        base: its density where no model speaks; None for uniform between the ends.
        is_drawn: whether the base is what it is drawn from where it is declared, by `~`.
    """

    span: Span
    name: str
    shape: tuple[Expression, ...]
    axes: tuple[Enum | None, ...]
    low: Expression | None
    high: Expression | None
    base: Density | None
    is_drawn: bool = False


_ALONE = ":"


def real_thing(name: str) -> str:
    """Return the name of the thing, and of the entity, that a real variable is an attribute of."""
    return _ALONE + name


def is_real_thing(name: str) -> bool:
    """Say whether a thing, or an entity, stands for a real variable."""
    return name.startswith(_ALONE)


@dataclass(frozen=True, slots=True)
class ObserveReal:
    """`observe x.height = value`: a number, or an array of the target's shape."""

    span: Span
    context: Context
    target: AttributeRef
    value: Expression


@dataclass(frozen=True, slots=True)
class PredictReal:
    """`predict x.height ~ D @ confidence`; an array is predicted whole. Without @, None."""

    span: Span
    context: Context
    target: AttributeRef
    density: Density
    confidence: Expression | None
    label: str


@dataclass(frozen=True, slots=True)
class ObserveRealLike:
    """`observe x.height like Normal(1.83, 0.02)`: a look at a real that is noisy."""

    span: Span
    context: Context
    target: AttributeRef
    density: Density


@dataclass(frozen=True, slots=True)
class PredictWithin:
    """`predict x.height in low..high @ confidence`, of a real or of an integer; > and < as well.

    Attributes:
        low, high: both included; infinite constants where there is no such end.
    """

    span: Span
    context: Context
    target: VariableRef | AttributeRef
    low: Expression
    high: Expression
    confidence: Expression | None
    label: str


@dataclass(frozen=True, slots=True)
class DrawReal:
    """`x[t] ~ Normal(a * x[t-1] + b, sd)`: drawn apart from its declaration, or given variables.

    Attributes:
        law: a `Distribution` of family Normal, or cases of some, by finite variables.
    """

    span: Span
    context: Context
    target: AttributeRef
    law: Expression


@dataclass(frozen=True, slots=True)
class DefineReal:
    """`s := a + 2 * b`: a name for an expression, which stands wherever it does."""

    span: Span
    context: Context
    target: AttributeRef
    value: Expression


@dataclass(frozen=True, slots=True)
class ObserveDrawn:
    """`observe y[i] ~ Normal(a + b * x[i], sd)`: what data was drawn from.

    `observe a - b like Normal(0, 1)` says the same of 0.

    Attributes:
        value: known before inference; where it is missing nothing is said.
        law: as that of `DrawReal`.
    """

    span: Span
    context: Context
    value: Expression
    law: Expression


RealStatement = ObserveReal | ObserveRealLike | PredictReal | PredictWithin

JointStatement = DrawReal | DefineReal | ObserveDrawn
"""What is said of reals together, and of them and finite variables."""
