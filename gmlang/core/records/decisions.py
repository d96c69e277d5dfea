"""What a checked program says of decisions: what they may depend on, and what they are for."""

from dataclasses import dataclass

from gmlang.core.ast import Bind, Context, Expression, Reference, VariableRef, Where
from gmlang.diagnostics import Span

FOLLOW = "follow"
"""The word that supposes the best policy."""


@dataclass(frozen=True, slots=True)
class Known:
    """A variable, or an array of them, that a decision may depend on, repeated by loops."""

    span: Span
    context: tuple[Bind | Where, ...]
    value: Reference


@dataclass(frozen=True, slots=True)
class Knows:
    """`target knows a, b`; the target is a choice, or an element of one."""

    span: Span
    context: Context
    target: VariableRef
    known: tuple[Known, ...]


@dataclass(frozen=True, slots=True)
class Maximize:
    """A part of the utility: `maximize a + b` is two.

    Attributes:
        value: depends on variables; None where the part is the coefficient alone.
        coefficient: known before inference, a factor of the value.
        name: of `as`, shared by all parts of the statement; "" for none.
    """

    span: Span
    context: Context
    value: Expression | None
    coefficient: Expression
    name: str


@dataclass(frozen=True, slots=True)
class FollowGiven:
    """`follow()` behind the bar: choices that are not set follow the best policy."""

    span: Span
