"""What a question supposes: what stands behind its bar."""

from dataclasses import dataclass

from gmlang.core.ast import Expression, Reference
from gmlang.core.records.decisions import FollowGiven as FollowGiven
from gmlang.core.records.doing import Intervention
from gmlang.diagnostics import Span


@dataclass(frozen=True, slots=True)
class ObservedGiven:
    """`x = v` behind the bar."""

    span: Span
    target: Reference
    value: Expression


@dataclass(frozen=True, slots=True)
class EventGiven:
    """A condition behind the bar."""

    span: Span
    condition: Expression


@dataclass(frozen=True, slots=True)
class VariableGiven:
    """A bare non-boolean variable behind the bar of `indep`: conditioned on, value unknown."""

    span: Span
    target: Reference


@dataclass(frozen=True, slots=True)
class DoGiven:
    """`do(x = v)` behind the bar: the question is about the world in which that was done."""

    span: Span
    change: Intervention


Given = ObservedGiven | EventGiven | VariableGiven | DoGiven | FollowGiven
