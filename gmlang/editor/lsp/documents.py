"""The texts that are open in an editor, and the files around them."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path, to_fs_path

from gmlang.diagnostics import GmError, Source
from gmlang.editor.analysis import Analysis, Loader, loader
from gmlang.editor.positions import Lines, moved
from gmlang.library import read_source
from gmlang.syntax import ast

_NUM_FILES_MAX = 2000
"""So many programs of the open folders are searched for uses of a name."""

_LIBRARY = "gmstdlib/"


class Document:
    """An open text.

    Attributes:
        uri: as the editor calls it.
        path: of its file, saved or not; None where it is none, as for a new text.
        lines: the text now.
        version: as the editor counts.
        analysis: the last, perhaps of an earlier text.
        revision: counts what may change its mistakes: its own changes, those of its modules.
        analysed: the revision that was checked last.
    """

    def __init__(self, uri: str, text: str, version: int, encoding: str) -> None:
        """Open a text."""
        self.uri, self.version, self.encoding = uri, version, encoding
        file = to_fs_path(uri)
        self.path = None if file is None else Path(os.path.normpath(file))
        self.lines = Lines(text, encoding)
        self.analysis: Analysis | None = None
        self.revision, self.analysed = 1, 0

    @property
    def source(self) -> Source:
        """The text now, under the name its file would have."""
        return Source(self.uri if self.path is None else str(self.path), self.lines.text)

    @property
    def folder(self) -> Path | None:
        """Where modules are looked up first."""
        return None if self.path is None else self.path.parent

    @property
    def is_fresh(self) -> bool:
        """Whether the last analysis is of the text as it is now."""
        return self.analysis is not None and self.analysis.source.text == self.lines.text

    def read_program(self) -> ast.Program | None:
        """Return the text now as it was read; None where it was not, or not without mistakes."""
        if self.analysis is None or not self.is_fresh:
            return None
        program = self.analysis.program
        return program if program.span.source.text == self.lines.text else None

    def change(self, changes: Sequence[types.TextDocumentContentChangeEvent]) -> None:
        """Apply what was typed, change after change."""
        for change in changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                start = self.offset(change.range.start)
                end = max(start, self.offset(change.range.end))
                text = self.lines.text
                self.lines = Lines(text[:start] + change.text + text[end:], self.encoding)
            else:
                self.lines = Lines(change.text, self.encoding)

    def offset(self, position: types.Position) -> int:
        """Return the character at a position of the text now."""
        return self.lines.offset(position.line, position.character)

    def analysed_offset(self, position: types.Position) -> int | None:
        """Return the character at a position in the text of the last analysis, if it is there."""
        if self.analysis is None:
            return None
        return moved(self.analysis.source.text, self.lines.text, self.offset(position))

    def word(self, position: types.Position) -> str:
        """Return the word that a position touches, or ""."""
        text, at = self.lines.text, self.offset(position)
        start = end = at
        while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
            start -= 1
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        return text[start:end]

    def loader(self, documents: Mapping[str, "Document"]) -> Loader:
        """Return what finds this text's modules, open ones before saved ones."""
        return loader(self.folder, open_texts(documents))


def open_texts(documents: Mapping[str, Document]) -> dict[str, str]:
    """Return what is being written, by path."""
    return {str(d.path): d.lines.text for d in documents.values() if d.path is not None}


def place_uri(name: str, documents: Mapping[str, Document]) -> str:
    """Return the address of a source by its name: an open text, a file, a library module."""
    for document in documents.values():
        if document.source.name == name:
            return document.uri
    if name.startswith(_LIBRARY):
        path = str(files("gmstdlib").joinpath(*name.removeprefix(_LIBRARY).split("/")))
    else:
        path = name
    return from_fs_path(path) or name


def programs(folders: Sequence[Path], documents: Mapping[str, Document]) -> Iterator[Source]:
    """Yield the programs of some folders, and what is open as it is written now."""
    open_ = open_texts(documents)
    for document in documents.values():
        yield document.source
    num_files = 0
    for folder in folders:
        for place, names, found in os.walk(folder):
            names[:] = sorted(n for n in names if not n.startswith(".") and n != "node_modules")
            for name in sorted(found):
                path = os.path.join(place, name)
                if not name.endswith(".gm") or path in open_:
                    continue
                num_files += 1
                if num_files > _NUM_FILES_MAX:
                    return
                try:
                    yield read_source(Path(path))
                except (OSError, GmError):
                    continue


def mentions(source: Source, word: str) -> bool:
    """Say whether a text contains a word."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", source.text) is not None
