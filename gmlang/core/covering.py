"""What is in front of what, and things, some of which may not exist."""

from dataclasses import dataclass

from gmlang.core.ast import AttributeRef, Context, Expression, VariableRef
from gmlang.diagnostics import Span


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
