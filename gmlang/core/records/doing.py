"""What is done to variables: mechanisms that others replace, in a world of a question's own."""

from dataclasses import dataclass

from gmlang.core.ast import Activation, AttributeRef, Context, Expression, VariableRef
from gmlang.diagnostics import Span

DO = "do"
"""The word that says what is done."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """`x = v`, `x ~ D` or `x := e` inside `do(...)`, or behind `had`.

    Attributes:
        context: loops, known before inference; () for a single variable or a whole array.
        target: what is changed; an array only where the operator is "=".
        operator: "=" fixes it, "~" draws it from something else, ":=" defines it by something else.
        value: one value or as many as the target has, a distribution, or an expression.
    """

    span: Span
    context: Context
    target: VariableRef | AttributeRef | Activation
    operator: str
    value: Expression
