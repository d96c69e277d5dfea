"""What was written about decisions: what they may depend on, and what they are for."""

from dataclasses import dataclass

from gmlang.diagnostics import Span
from gmlang.syntax.ast_expressions import Comprehension, Expression, Name


@dataclass(frozen=True, slots=True)
class Knows:
    """`a[t] knows s[t], o[u] for u in 0..t`: what a decision may depend on."""

    span: Span
    target: Expression
    known: tuple[Expression | Comprehension, ...]


@dataclass(frozen=True, slots=True)
class Maximize:
    """`maximize e as name`: a part of the utility."""

    span: Span
    value: Expression
    label: Name | None
