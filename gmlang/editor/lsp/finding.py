"""Which name a request is about, and whether types have to be asked what it means."""

from lsprotocol import types

from gmlang.core.names.definitions import Kind, Occurrence
from gmlang.diagnostics import Span
from gmlang.editor.analysis import Analysis
from gmlang.editor.lsp.documents import Document

_TYPED = (Kind.ATTRIBUTE, Kind.VALUE)
"""Kinds of names that only types tell apart."""


def found_at(
    document: Document, analysis: Analysis | None, position: types.Position
) -> Occurrence | None:
    """Return the name at a position; one that is being written may be known by its word."""
    if analysis is None:
        return None
    name = analysis.source.name
    at = document.analysed_offset(position)
    found = None if at is None else analysis.bindings.at(name, at)
    if found is not None:
        return found
    word = document.word(position)
    known = analysis.bindings.visible(name, 0 if at is None else at).get(word)
    in_broken_line = bool(analysis.diagnostics) or not document.is_fresh
    if not word or known is None or not in_broken_line or _follows_point(document, position):
        return None
    return Occurrence(Span(document.source, 0, 0), (known,))


def _follows_point(document: Document, position: types.Position) -> bool:
    text, at = document.lines.text, document.offset(position)
    while at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_"):
        at -= 1
    return text[:at].endswith(".")


def is_typed(found: Occurrence, analysis: Analysis | None) -> bool:
    """Say whether only types tell what is meant where a name is written."""
    first, *others = found.definitions
    is_value = analysis is not None and any(
        first.name in values for values in analysis.bindings.values.values()
    )
    return bool(others) or is_value or first.kind in _TYPED
