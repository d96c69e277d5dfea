"""What `learn def` finds: unknown functions, as the shortest expressions that explain it all."""

from collections.abc import Sequence
from dataclasses import dataclass

from gmlang.core.ast import Constant, Domain, Expression
from gmlang.core.concepts import LearnModel
from gmlang.core.parameters import Learn
from gmlang.diagnostics import Span

DEF_SIZE = 5
"""Of so many operators and operands an unknown function is made where `size` does not say."""

DEF_SIZE_MAX = 15
"""And of so many at most."""


@dataclass(frozen=True, slots=True)
class Argument:
    """`x: 0..9`, an argument of an unknown function, and what it may be."""

    span: Span
    name: str
    domain: Domain


@dataclass(frozen=True, slots=True)
class Between:
    """`0..10`: whole numbers that an unknown function may mention; data may say the ends."""

    span: Span
    first: Expression
    last: Expression


@dataclass(frozen=True, slots=True)
class LearnDef:
    """`learn def carry(x: 0..9, y: 0..9, c: 0..1) : 0..1 using +, >=, 0..10 size 7`.

    Attributes:
        text: as written.
        name: of the function, in the core program: that of the data which has its values.
        shown: its name as declared.
        arguments: what it takes.
        domain: what its values are.
        operators: what it may be made of, each once; signs, `and or not if`, and functions.
        constants: numbers, values and ranges of numbers that it may mention.
        position: how many questions stand before it.
        size: of how many operators and operands it may consist.
        within_s: seconds, or None.
        label: given by `as`, or "".
    """

    span: Span
    text: str
    name: str
    shown: str
    arguments: tuple[Argument, ...]
    domain: Domain
    operators: tuple[str, ...]
    constants: tuple[Constant | Between, ...]
    position: int
    size: int = DEF_SIZE
    within_s: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class LearnDefs:
    """All the unknown functions of a program: they are learned together, where the first stands.

    Attributes:
        defs: in their order.
    """

    defs: tuple[LearnDef, ...]

    @property
    def span(self) -> Span:
        """The first of them."""
        return self.defs[0].span

    @property
    def text(self) -> str:
        """What is learned, in one line."""
        return f"learn def {', '.join(one.shown for one in self.defs)}"

    @property
    def position(self) -> int:
        """How many questions stand before the first."""
        return self.defs[0].position

    @property
    def within_s(self) -> float | None:
        """The longest time that one of them allows; None where none says."""
        return max((one.within_s for one in self.defs if one.within_s is not None), default=None)

    @property
    def name(self) -> str:
        """What `as` says of one of them, or ""."""
        return next((one.label for one in self.defs if one.label), "")


Learnable = Learn | LearnModel | LearnDefs
"""What a program may learn, each in its turn."""


def all_learns(
    learns: Sequence[Learn], concepts: Sequence[LearnModel], defs: Sequence[LearnDef]
) -> tuple[Learnable, ...]:
    """List what a program learns, in its order; all unknown functions where the first stands."""
    together = (LearnDefs(tuple(defs)),) if defs else ()
    return tuple(sorted((*learns, *concepts, *together), key=lambda one: one.span.start))
