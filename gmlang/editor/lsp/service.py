"""Texts analysed while they are typed: on a thread of its own, the newest text first.

A request waits a little for the text as it is now and is otherwise answered from the last
analysis, its places carried over; what must not be answered from an old text waits until it is
there.
"""

import asyncio
import gc
import logging
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from gmlang.diagnostics import Source
from gmlang.editor.analysis import Analysis, Loader, Unchecked, contradictions, loader
from gmlang.editor.lsp.documents import Document, mentions, open_texts, programs

_DEBOUNCE_S = 0.15
"""So long after the last key a text is checked; of most texts in between nobody sees anything."""

_PATIENCE_S = 0.05
"""So long a request waits for the analysis of the text as it is now."""

_ANSWER_S = 0.01
"""So long a check lets those go first who have waited for the names: they ask for more at once."""

_TIDY_S = 0.5
"""So long after a check what the analyses before it left behind is looked for."""

_UNTIDY_MAX = 3
"""After so many checks it is, quiet or not: for each it takes some ten milliseconds."""

_R = TypeVar("_R")
_log = logging.getLogger(__name__)


class Service:
    """The open texts and their analyses.

    Attributes:
        documents: the open texts, by their addresses.
        folders: the folders open in the editor.
        encoding: what columns count.
    """

    def __init__(self, tell: Callable[[Document], None]) -> None:
        """Begin with no text.

        Args:
            tell: called when a text has been checked.
        """
        self.documents: dict[str, Document] = {}
        self.folders: list[Path] = []
        self.encoding = "utf-16"
        self._tell = tell
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="gmlang-check")
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._tidying: asyncio.TimerHandle | None = None
        self._num_untidy = 0

    # --- Texts -------------------------------------------------------------------------------

    def open(self, uri: str, text: str, version: int) -> Document:
        """Take a text in, and check it at once."""
        document = Document(uri, text, version, self.encoding)
        self.documents[uri] = document
        self._check_soon(document, 0)
        self._check_importers(document)
        return document

    def change(self, document: Document) -> None:
        """Check a text that has changed, and those that import it, when typing pauses."""
        document.revision += 1
        self._check_soon(document, _DEBOUNCE_S)
        self._check_importers(document)

    def close(self, uri: str) -> None:
        """Forget a text; those that import it see the file again."""
        document = self.documents.pop(uri, None)
        timer = self._timers.pop(uri, None)
        if timer is not None:
            timer.cancel()
        if document is not None:
            self._check_importers(document)

    def check_all(self) -> None:
        """Check every text anew, since files have changed."""
        for document in self.documents.values():
            document.revision += 1
            self._check_soon(document, _DEBOUNCE_S)

    def stop(self) -> None:
        """Begin nothing more."""
        for timer in (*self._timers.values(), self._tidying):
            if timer is not None:
                timer.cancel()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _check_importers(self, changed: Document) -> None:
        for document in self.documents.values():
            analysis = document.analysis
            if document is changed or analysis is None or changed.path is None:
                continue
            if any(name.split(".")[-1] == changed.path.stem for name in analysis.imported):
                document.revision += 1
                self._check_soon(document, _DEBOUNCE_S)

    # --- Analyses ----------------------------------------------------------------------------

    def _check_soon(self, document: Document, delay_s: float) -> None:
        timer = self._timers.pop(document.uri, None)
        if timer is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[document.uri] = loop.call_later(delay_s, self._start, document)

    def _start(self, document: Document) -> asyncio.Task[None]:
        running = self._running.get(document.uri)
        if running is None or running.done():
            running = asyncio.ensure_future(self._analyse(document))
            self._running[document.uri] = running
        return running

    async def _analyse(self, document: Document) -> None:
        """Analyse a text until it no longer changes meanwhile: its names, then all of it."""
        while self._is_behind(document):
            revision = document.revision
            source, load = document.source, document.loader(self.documents)
            read = await self.run(lambda s=source, f=load: _guarded(lambda: _read(s, f)))
            if read is None:
                document.analysed = revision
                continue
            opened, names = read
            if document.analysis is None or document.analysis.source != source:
                document.analysis = names
            if self._wake(document):
                await asyncio.sleep(_ANSWER_S)
            if document.revision != revision:
                continue
            checked = await self.run(lambda o=opened: _guarded(o.check))
            if document.revision == revision:
                document.analysed = revision
                if checked is not None:
                    document.analysis = checked
                    self._tell(document)
                    await self._look_at_composites(document, checked)
            # What was overtaken, or failed, leaves as much behind.
            self._tidy_soon()

    async def _look_at_composites(self, document: Document, analysis: Analysis) -> None:
        """Tell of composites that contradict themselves, when nothing else is wrong."""
        checked = analysis.checked
        if checked is None:
            return
        found = await self.run(lambda: _guarded(lambda: contradictions(checked)))
        if found and document.analysis is analysis and document.is_fresh:
            diagnostics = (*analysis.diagnostics, *found)
            document.analysis = replace(analysis, diagnostics=diagnostics)
            self._tell(document)

    def _tidy_soon(self) -> None:
        """Have rubbish collected when nobody waits: nowhere else is that done."""
        self._num_untidy += 1
        if self._tidying is not None:
            self._tidying.cancel()
        is_due = self._num_untidy >= _UNTIDY_MAX
        loop = asyncio.get_running_loop()
        self._tidying = loop.call_later(0.0 if is_due else _TIDY_S, self._tidy)

    def _tidy(self) -> None:
        self._num_untidy = 0
        self._worker.submit(gc.collect)

    def _is_behind(self, document: Document) -> bool:
        is_open = self.documents.get(document.uri) is document
        return is_open and document.analysed != document.revision

    async def run(self, work: Callable[[], _R]) -> _R:
        """Run something on the thread of the analyses, after those that wait there."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def soon(self, document: Document) -> Analysis | None:
        """Return the analysis of the text now if that is quick, else the last there is."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE_S
        while self._is_behind(document) and not document.is_fresh:
            # The first analysis is waited for: there is nothing else to answer from.
            if document.analysis is not None and loop.time() >= end:
                break
            await asyncio.wait({self._start(document)}, timeout=0.01)
        return document.analysis

    async def read(self, document: Document) -> Analysis | None:
        """Return an analysis of the text now, checked or not."""
        while self._is_behind(document) and not document.is_fresh:
            task = self._start(document)
            await asyncio.wait({task, self._next_names(document)}, return_when=FIRST_COMPLETED)
        return document.analysis

    def _next_names(self, document: Document) -> "asyncio.Future[None]":
        """Return what is done as soon as names of a text are known that were not before."""
        waiting = self._waiting.get(document.uri)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting[document.uri] = waiting
        return waiting

    def _wake(self, document: Document) -> bool:
        """Let those go on who wait for the names of a text; say whether there are any."""
        waiting = self._waiting.pop(document.uri, None)
        if waiting is None:
            return False
        waiting.set_result(None)
        return True

    async def fresh(self, document: Document) -> Analysis | None:
        """Return the analysis of the text now, with all that types tell."""
        while self._is_behind(document):
            await asyncio.wait({self._start(document)})
        return document.analysis

    # --- Many texts --------------------------------------------------------------------------

    def with_word(self, document: Document, word: str, *, typed: bool) -> list[Analysis]:
        """Analyse every program of the open folders that contains a word, the document first.

        Runs on the worker.

        Args:
            document: whose folder is looked into where none is open.
            word: what they contain.
            typed: they are checked as well, since only types tell what the word means.
        """
        folders = self.folders or ([document.folder] if document.folder is not None else [])
        open_ = [d for d in self.documents.values() if not typed or d.analysed == d.revision]
        known = {d.analysis.source: d.analysis for d in open_ if d.analysis is not None}
        found: dict[str, Analysis] = {}
        for source in [document.source, *programs(folders, self.documents)]:
            if source.name in found or not mentions(source, word):
                continue
            analysis = known.get(source)
            if analysis is None:
                read = Unchecked(source, self.loader_of(source))
                analysis = read.check() if typed else read.names()
            found[source.name] = analysis
        return list(found.values())

    def loader_of(self, source: Source, texts: Mapping[str, str] | None = None) -> Loader:
        """Return what finds the modules of a program; `texts` stand for what is written."""
        path = Path(source.name)
        folder = path.parent if path.is_absolute() else None
        return loader(folder, {**open_texts(self.documents), **(texts or {})})


def _read(source: Source, load: Loader) -> tuple[Unchecked, Analysis]:
    opened = Unchecked(source, load)
    return opened, opened.names()


def _guarded(work: Callable[[], _R]) -> _R | None:
    """Run a part of an analysis; a fault of ours costs this answer, not the server."""
    try:
        return work()
    except Exception:
        _log.exception("a text could not be analysed; please report it with the text")
        return None
