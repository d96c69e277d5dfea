"""What a name is, in words: its declaration, its type as checked, its documentation."""

import re

from gmlang.core.ast import Enum
from gmlang.core.names.definitions import Definition, Kind, Occurrence
from gmlang.core.names.scope import (
    DataMeaning,
    DomainMeaning,
    EntityMeaning,
    Meaning,
    RealMeaning,
    ThingMeaning,
    VariableMeaning,
)
from gmlang.core.places.grids import Grid
from gmlang.core.print import show, show_type
from gmlang.core.program import VariableSymbol
from gmlang.core.records.reals import RealSymbol
from gmlang.families import CALLED
from gmlang.families.family import Pairs
from gmlang.words import WORDS

_NUM_LINES_MAX = 12
"""Of a declaration so many lines are shown."""


def hover(occurrence: Occurrence) -> str:
    """Return what a name is, as Markdown; the alternatives where the text does not tell."""
    return "\n\n---\n\n".join(describe(found) for found in occurrence.definitions[:4])


def describe(definition: Definition) -> str:
    """Return what a definition says, as Markdown."""
    language = "python" if definition.kind is Kind.FUNCTION else "gmlang"
    head = f"```{language}\n{declaration(definition)}\n```"
    parts = [head, _kind(definition)]
    if definition.documentation:
        parts.append(_documentation(definition.documentation))
    return "\n\n".join(parts)


def declaration(definition: Definition) -> str:
    """Return how a name was declared, as written."""
    if definition.kind is Kind.MODULE:
        return f"import {definition.name}"
    lines = definition.whole.text.rstrip().split("\n")
    if len(lines) > _NUM_LINES_MAX:
        lines = [*lines[:_NUM_LINES_MAX], "    ..."]
    return "\n".join(line.rstrip() for line in lines)


def _kind(definition: Definition) -> str:
    kind = definition.kind.value
    match definition.kind:
        case Kind.VALUE:
            return f"value of `{definition.owner}`"
        case Kind.ATTRIBUTE:
            type_ = _attribute_type(definition)
            return f"attribute of `{definition.owner}`{type_}"
        case Kind.MODULE:
            return f"module, {definition.whole.source.name}"
        case _:
            return kind + (_type(definition.entry.meaning) if definition.entry else "")


def _attribute_type(definition: Definition) -> str:
    meaning = definition.entry.meaning if definition.entry else None
    if isinstance(meaning, EntityMeaning):
        for attribute in meaning.symbol.attributes:
            if attribute.name == definition.name:
                return _of(attribute)
        for real in meaning.symbol.reals:
            if real.name == definition.name:
                return _of_real(real)
    return ""


def _type(meaning: Meaning | None) -> str:
    match meaning:
        case VariableMeaning(symbol=symbol):
            return _of(symbol)
        case RealMeaning(symbol=symbol):
            return _of_real(symbol)
        case DataMeaning(symbol=symbol, is_whole=is_whole):
            shape = [size if isinstance(size, str) else show(size) for size in symbol.shape]
            return f" of type `{'int' if is_whole else show_type(symbol.type)}`" + _shape(shape)
        case DomainMeaning(domain=Enum(grid=Grid() as grid)):
            return f" of {grid.num_places} places: {grid.extent()}"
        case DomainMeaning(domain=Enum(values=values)):
            return f" of {len(values)} values"
        case ThingMeaning(symbol=symbol):
            return f", a `{symbol.entity}`" + _shape([show(size) for size in symbol.shape])
        case _:
            return ""


def _of(symbol: VariableSymbol) -> str:
    domain = symbol.domain
    text = f" over `{show_type(domain)}`"
    if isinstance(domain, Enum) and domain.grid is not None:
        shown = f" = `{domain.grid.shown()}`" if domain.name else ""
        text += f"{shown}: {domain.grid.extent()}"
    elif isinstance(domain, Enum) and domain.name:
        text += f" = `{{{', '.join(domain.values)}}}`"
    return text + _shape([show(size) for size in symbol.shape])


def _of_real(symbol: RealSymbol) -> str:
    return " of type `real`" + _shape([show(size) for size in symbol.shape])


def _shape(sizes: list[str]) -> str:
    return f", an array of shape `[{', '.join(sizes)}]`" if sizes else ""


def _documentation(text: str) -> str:
    """Return a documentation string as Markdown: headings of its own become smaller."""
    return re.sub(r"^#+ *(.+)$", r"**\1**", text.strip(), flags=re.MULTILINE)


def hover_word(text: str) -> str:
    """Return what a word of the language does, or "" for any other.

    >>> hover_word("observe").splitlines()[-1]
    '*begins a statement*: say what was seen'
    """
    found = [word for word in WORDS if word.text == text]
    if not found:
        return ""
    lines = [f"*{word.kind.value}*: {word.help}" for word in found]
    later = "" if found[0].since is not None else "\n\nnot yet: the word is reserved"
    return f"```gmlang\n{_form(text)}\n```\n\n" + "\n\n".join(lines) + later


def _form(text: str) -> str:
    family = CALLED.get(text)
    return text if family is None else f"{text}({', '.join(family_parameters(text))})"


def family_parameters(name: str) -> tuple[str, ...]:
    """Return the parameters of a distribution as they are written."""
    family = CALLED[name]
    written = [
        parameter.name if parameter.default is None else f"{parameter.name}={parameter.default:g}"
        for parameter in family.parameters
    ]
    match family.pairs:
        case Pairs.CAUSES:
            return ("cause: p, ...", *written)
        case Pairs.VALUES:
            return ("value: p, ...", *written)
        case None:
            return tuple(written)
