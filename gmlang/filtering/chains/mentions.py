"""What a statement mentions of time."""

from dataclasses import dataclass, field

from gmlang.diagnostics import Span


@dataclass(slots=True, eq=False)
class Mentions:
    """What a statement mentions of time.

    Attributes:
        may_be_timed: whether it may mention any step at all.
        seen: what it indexes by the step, and how far from it.
        constant: what it indexes by numbers; `constant_spans` where.
        compared: from which step on each comparison stays as it is.
        firsts: after how many steps each loop has begun.
        lasting: what it mentions that is of no step.
    """

    may_be_timed: bool
    seen: list[tuple[tuple[str, ...], int, Span]] = field(
        default_factory=list[tuple[tuple[str, ...], int, Span]]
    )
    constant: list[tuple[tuple[str, ...], int]] = field(
        default_factory=list[tuple[tuple[str, ...], int]]
    )
    constant_spans: list[Span] = field(default_factory=list[Span])
    compared: list[int] = field(default_factory=list[int])
    firsts: list[int] = field(default_factory=list[int])
    lasting: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])
