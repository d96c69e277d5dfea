"""Families of models: names for their members, and the member that holds of a thing."""

from dataclasses import dataclass

from gmlang.core.ast import Expression
from gmlang.diagnostics import Span

_HELD = "()"
"""Ends the name of an attribute that no author can write: `template()`."""


@dataclass(frozen=True, slots=True)
class NamedMember:
    """`model purple = coloured(purple)`: another name for members of a family.

    Attributes:
        name: of the members.
        model: the family.
        values: its last arguments; the name leaves the first ones open.
    """

    span: Span
    name: str
    model: str
    values: tuple[Expression, ...]


def held_attribute(model: str) -> str:
    """Name the attribute of a thing that says which member of a family holds of it.

    >>> held_attribute("template")
    'template()'
    """
    return model + _HELD


def is_held(attribute: str) -> bool:
    """Say whether an attribute is the member of a family that holds, and no declared one.

    >>> is_held("template()"), is_held("color")
    (True, False)
    """
    return attribute.endswith(_HELD)


def family_of(attribute: str) -> str:
    """Return the family of which an attribute says what holds.

    >>> family_of("template()")
    'template'
    """
    return attribute.removesuffix(_HELD)
