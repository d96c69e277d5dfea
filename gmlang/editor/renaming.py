"""Renaming: the places to change, or why the name cannot be had.

A rename is refused rather than done half. Where it is not plain that nothing else can come of it,
what it would do is read once more: every name must mean afterwards what it meant before.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gmlang.core.names.definitions import Definition, Kind, Occurrence, place_of
from gmlang.diagnostics import Source, Span
from gmlang.editor.analysis import Analysis, Loader, Unchecked
from gmlang.words import WORDS

_NO_VALUES = {Kind.MODEL, Kind.ENTITY, Kind.DOMAIN, Kind.DEF, Kind.THING, Kind.MODULE}
_WORDS = frozenset(word.text for word in WORDS)


class RenameError(Exception):
    """A name cannot be changed so; the message says why."""


def renamable(occurrence: Occurrence) -> Definition:
    """Return what would be renamed.

    Raises:
        RenameError: when its name cannot be changed.
    """
    text = occurrence.span.text
    if len(occurrence.definitions) != 1:
        raise RenameError(f"`{text}` may mean {len(occurrence.definitions)} things here")
    definition = occurrence.definitions[0]
    if definition.kind is Kind.FUNCTION:
        raise RenameError(f"`{text}` is a function of Python")
    if definition.is_fixed:
        raise RenameError(f"the module `{text}` is named by its file: rename the file")
    if any(place.source.name.startswith("gmstdlib/") for place in definition.places):
        raise RenameError(f"`{text}` belongs to the standard library")
    return definition


def check_name(new: str) -> None:
    """Check that a word may be a name.

    Raises:
        RenameError: when it is a word of the language, or no name.
    """
    if not new.isidentifier():
        raise RenameError(f"`{new}` is not a name: letters, digits and `_`, no digit first")
    if new in _WORDS:
        raise RenameError(f"`{new}` is a word of the language")


def plan(
    definition: Definition,
    new: str,
    analyses: list[Analysis],
    loader_of: Callable[[Source, Mapping[str, str]], Loader],
) -> list[Span]:
    """Return the places that get a new name.

    Args:
        definition: what is renamed.
        new: the name; it may be one.
        analyses: of all texts that may use it.
        loader_of: returns what finds the modules of a source when some texts, by path, are others.

    Raises:
        RenameError: when the name cannot be had.
    """
    spans = places(definition, analyses)
    used = {span.source.name for span in spans}
    concerned = [a for a in analyses if used & a.bindings.sources.keys()]
    for analysis in concerned:
        if _is_broken(analysis):
            name = Path(analysis.source.name).name
            raise RenameError(f"{name} has syntax mistakes: uses may be missed")
    _check_clashes(definition, new, spans, concerned)
    if all(is_plain(definition.name, new, analysis) for analysis in concerned):
        return spans
    texts = {
        analysis.source.name: rewritten(
            analysis.source.text,
            [span for span in spans if span.source.name == analysis.source.name],
            new,
        )
        for analysis in concerned
    }
    for analysis in concerned:
        _check_meaning(analysis, spans, new, loader_of(analysis.source, texts))
    return spans


def is_plain(old: str, new: str, analysis: Analysis) -> bool:
    """Say whether a text can be changed unseen.

    A new name that is written nowhere can neither hide nor be hidden; and where every place of the
    old word is known, whichever of its meanings it has, none is missed.
    """
    text, name = analysis.source.text, analysis.source.name
    if re.search(rf"(?<!\w){re.escape(new)}(?!\w)", text):
        return False
    known = {occurrence.span.start for occurrence in analysis.bindings.occurrences[name]}
    places = re.finditer(rf"(?<!\w){re.escape(old)}(?!\w)", text)
    return all(place.start() in known for place in places)


def _is_broken(analysis: Analysis) -> bool:
    is_mended = analysis.program.span.source.text != analysis.source.text
    return is_mended or any(found.code.startswith("GM1") for found in analysis.diagnostics)


def places(definition: Definition, analyses: Iterable[Analysis]) -> list[Span]:
    """List where a definition is named, in all texts that were analysed, each place once.

    Raises:
        RenameError: when a place may mean something else as well.
    """
    wanted = place_of(definition)
    found: dict[tuple[str, int], Span] = {}
    for analysis in analyses:
        for occurrence in analysis.bindings.uses([definition]):
            span = occurrence.span
            if any(place_of(other) != wanted for other in occurrence.definitions):
                line, _ = span.line_column()
                raise RenameError(f"`{span.text}` in line {line} may mean something else as well")
            found[span.source.name, span.start] = span
    return sorted(found.values(), key=lambda span: (span.source.name, span.start))


def _check_clashes(
    definition: Definition, new: str, spans: list[Span], analyses: list[Analysis]
) -> None:
    """Check that the new name is free wherever the old one is written.

    Raises:
        RenameError: when something else goes by it there.
    """
    for analysis in analyses:
        bindings = analysis.bindings
        for span in spans:
            name = span.source.name
            if name not in bindings.sources:
                continue
            rivals: list[Definition] = []
            if definition.kind is Kind.ATTRIBUTE:
                rivals = [
                    other
                    for known in bindings.attributes.values()
                    if any(place_of(one) == place_of(definition) for one in known)
                    for other in known
                    if other.name == new
                ]
            else:
                visible = bindings.visible(name, span.start).get(new)
                rivals = [] if visible is None else [visible]
                rivals += bindings.values.get(name, {}).get(new, [])
            rivals = [rival for rival in rivals if not _apart(definition.kind, rival.kind)]
            if rivals:
                what = rivals[0].kind.value
                line, _ = rivals[0].places[0].line_column()
                raise RenameError(f"`{new}` is a {what} already, in line {line}")


def _apart(one: Kind, other: Kind) -> bool:
    """Say whether names of two kinds never stand in one place: a model is no value."""
    kinds = {one, other}
    return Kind.VALUE in kinds and bool(kinds & _NO_VALUES)


def rewritten(text: str, spans: Iterable[Span], new: str) -> str:
    """Return a text in which a name is changed at some places."""
    for span in sorted(spans, key=lambda span: span.start, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return text


def _check_meaning(analysis: Analysis, spans: list[Span], new: str, load: Loader) -> None:
    """Read a text as it would be after the change, and compare what its names mean.

    Args:
        analysis: of the text before.
        spans: the places that change.
        new: the name they get.
        load: finds modules as they would be after it.

    Raises:
        RenameError: when a name would mean something else, or a mistake would come about.
    """
    source = analysis.source
    here = [span for span in spans if span.source.name == source.name]
    changed = Source(source.name, rewritten(source.text, here, new))
    after = Unchecked(changed, load).check()
    if len(after.diagnostics) != len(analysis.diagnostics):
        raise RenameError(f"with `{new}` the program would not mean the same")
    shift = _Shift(spans, len(new))
    before = _meanings(analysis, source.name, shift)
    if before != _meanings(after, source.name, None):
        raise RenameError(f"with `{new}` some names would mean something else")


class _Shift:
    """Where places go when names before them become longer or shorter."""

    def __init__(self, spans: list[Span], length: int) -> None:
        self.starts: dict[str, list[tuple[int, int]]] = {}
        for span in spans:
            growth = length - (span.end - span.start)
            self.starts.setdefault(span.source.name, []).append((span.start, growth))

    def __call__(self, source: str, place: int) -> int:
        return place + sum(growth for at, growth in self.starts.get(source, []) if at < place)


def _meanings(
    analysis: Analysis, source: str, shift: _Shift | None
) -> list[tuple[int, frozenset[tuple[str, int]]]]:
    def at(name: str, place: int) -> int:
        return place if shift is None else shift(name, place)

    return [
        (
            at(source, occurrence.span.start),
            frozenset(
                (place.source.name, at(place.source.name, place.start))
                for definition in occurrence.definitions
                for place in definition.places
            ),
        )
        for occurrence in analysis.bindings.occurrences.get(source, [])
    ]
