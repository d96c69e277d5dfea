"""What the names of a program stand for, as data for editors: definitions, and where each is used.

Computed once for a text; going to a definition, showing it, finding its uses and renaming it are
look-ups.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum as PythonEnum

from gmlang.core.names.scope import Entry
from gmlang.diagnostics import Source, Span


class Kind(PythonEnum):
    """What a definition is; the value is how it is called."""

    DOMAIN = "domain"
    VALUE = "value of a domain"
    SIZE = "size"
    DATA = "data"
    PARAM = "param"
    DEF = "formula"
    FUNCTION = "function of Python"
    VARIABLE = "random variable"
    THING = "thing"
    ENTITY = "entity"
    ATTRIBUTE = "attribute"
    MODEL = "model"
    MODULE = "module"
    PARAMETER = "parameter"
    LOOP = "loop variable"
    UTILITY = "part of the utility"


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """What a name stands for.

    Attributes:
        name: as written.
        kind: what it is.
        places: where it is defined; an enum that is written out twice has two places for a value.
        whole: the declaration around it, which is shown.
        documentation: the string before the declaration, or "".
        owner: the entity of an attribute, the domain of a value, or "".
        entity: the core name of the entity of a thing or a parameter that is one, or "".
        parameters: of a model, a def or a function, as written.
        entry: of the module's names; of an attribute its entity's; None for others.
        is_fixed: has no name of its own that could be changed, as a module imported by its name.
    """

    name: str
    kind: Kind
    places: tuple[Span, ...]
    whole: Span
    documentation: str = ""
    owner: str = ""
    entity: str = ""
    parameters: tuple[str, ...] = ()
    entry: Entry | None = None
    is_fixed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Occurrence:
    """A name where it is written; several definitions where the text does not tell which."""

    span: Span
    definitions: tuple[Definition, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The characters [start, end) of a source in which names of its own can be used."""

    start: int
    end: int
    definitions: tuple[Definition, ...]


@dataclass(slots=True, eq=False)
class Bindings:
    """The names of a program and of its modules.

    Attributes:
        sources: by name; the program's own is the first.
        declared: of each source, by name, what its module declares or imports.
        values: of each source, the values of the domains that can be meant there.
        attributes: of each entity, by its core name.
        occurrences: of each source, in the order of their places.
        blocks: of each source, outer ones first.
    """

    sources: dict[str, Source] = field(default_factory=lambda: {})
    declared: dict[str, dict[str, Definition]] = field(default_factory=lambda: {})
    values: dict[str, dict[str, list[Definition]]] = field(default_factory=lambda: {})
    attributes: dict[str, list[Definition]] = field(default_factory=lambda: {})
    occurrences: dict[str, list[Occurrence]] = field(default_factory=lambda: {})
    blocks: dict[str, list[Block]] = field(default_factory=lambda: {})

    def at(self, source: str, offset: int) -> Occurrence | None:
        """Return the name that a place in a source touches, if one does."""
        found = self.occurrences.get(source, [])
        k = bisect_right(found, offset, key=lambda occurrence: occurrence.span.start)
        for occurrence in reversed(found[max(0, k - 1) : k]):
            if occurrence.span.start <= offset <= occurrence.span.end:
                return occurrence
        return None

    def uses(self, definitions: Sequence[Definition]) -> Iterator[Occurrence]:
        """Yield every place where any of some definitions is written, all sources through."""
        wanted = {place_of(definition) for definition in definitions}
        for occurrences in self.occurrences.values():
            for occurrence in occurrences:
                if any(place_of(found) in wanted for found in occurrence.definitions):
                    yield occurrence

    def visible(self, source: str, offset: int) -> dict[str, Definition]:
        """Return the names that can be used at a place: of blocks, else those declared."""
        names = dict(self.declared.get(source, {}))
        for block in self.blocks.get(source, []):
            if block.start <= offset <= block.end:
                names.update({found.name: found for found in block.definitions})
        return names


def place_of(definition: Definition) -> tuple[str, int, str]:
    """Return what tells a definition from others, in any analysis of the same texts."""
    place = definition.places[0]
    return place.source.name, place.start, definition.name
