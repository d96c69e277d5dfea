"""What is in front of what, and things, some of which may not exist."""

from dataclasses import dataclass

from gmlang.core.ast import AttributeRef, Context, Expression, VariableRef
from gmlang.diagnostics import Span

_EXISTENCE = "exists@"


def existence_of(entity: str) -> str:
    """Name the model that says which things of an entity exist."""
    return _EXISTENCE + entity


def is_existence(model: str) -> bool:
    """Say whether a model says which things exist.

    >>> is_existence(existence_of("Thing"))
    True
    """
    return model.startswith(_EXISTENCE)


def index_data(entity: str) -> str:
    """Name the data that says of each thing of an entity where it stands in its array."""
    return f"index@{entity}"


def shown_model(model: str) -> str:
    """Name a model as the author does.

    >>> shown_model(existence_of("Thing"))
    'exists'
    """
    return "exists" if is_existence(model) else model


@dataclass(frozen=True, slots=True)
class ThingSymbol:
    """`var it : Thing`, `var pixel[H, W] : Pixel`, `some object[3] : Thing prior 0.3`.

    Attributes:
        prior: P(a further one exists) of things that may not; None where all exist.
    """

    span: Span
    name: str
    shape: tuple[Expression, ...]
    entity: str
    prior: Expression | None = None


@dataclass(frozen=True, slots=True)
class Cover:
    """`cover target ~ distribution @ confidence`; `= v` is a Point; without @, None."""

    span: Span
    context: Context
    target: VariableRef | AttributeRef
    distribution: Expression
    confidence: Expression | None
    label: str
