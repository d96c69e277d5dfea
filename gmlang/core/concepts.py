"""What `learn model` finds: a model made of others, from things that it applies to."""

from dataclasses import dataclass

from gmlang.core.ast import Activation, Clauses
from gmlang.diagnostics import Span

SIZE = 3
"""So many models may make up a learned one where `size` does not say."""

SIZE_MAX = 20
"""And so many at most."""


@dataclass(frozen=True, slots=True)
class Offered:
    """`purple`, `multiple(k) for k in 3..12`: models that may be part of a learned one.

    Attributes:
        context: the loops around it; () for one model.
        target: the model, about the learned model's own parameter.
    """

    span: Span
    context: Clauses
    target: Activation


@dataclass(frozen=True, slots=True)
class LearnModel:
    """`learn model zarf(x: Thing) from ex but not others using purple, jar size 2 within 10 s`.

    Attributes:
        text: as written.
        model: the name of the learned model, in the core program.
        key: of its parameter.
        entity: of its parameter, and `entity_text` as the program writes it.
        examples: the things that it applies to, by the name of their array.
        others: those that it does not apply to; "" for none.
        offered: what it may be made of.
        position: how many questions stand before it.
        size: of how many models it may be made.
        refit: whether the confidences of its parts are fitted to the examples.
        within_s: seconds, or None.
        name: given by `as`, or "".
    """

    span: Span
    text: str
    model: str
    key: str
    entity: str
    entity_text: str
    examples: str
    others: str
    offered: tuple[Offered, ...]
    position: int
    size: int = SIZE
    refit: bool = False
    within_s: float | None = None
    name: str = ""
