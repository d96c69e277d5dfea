"""`gmlang lsp`: the requests of an editor, answered over standard input and output."""

import gc
import logging
from collections.abc import Generator
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol.language_server import LanguageServerProtocol, lsp_method
from pygls.uris import to_fs_path

from gmlang.core.names.definitions import Definition, Kind, Occurrence
from gmlang.diagnostics import GmError, Span
from gmlang.editor import outline, renaming
from gmlang.editor.analysis import Analysis
from gmlang.editor.completion import complete
from gmlang.editor.hover import hover, hover_word
from gmlang.editor.lsp import convert
from gmlang.editor.lsp.documents import Document, place_uri
from gmlang.editor.lsp.finding import found_at, is_typed
from gmlang.editor.lsp.service import Service
from gmlang.editor.positions import Change, Lines
from gmlang.syntax.parse import parse
from gmlang.syntax.print import format_program

_REQUEST_FAILED = -32803
"""The protocol's number for a request that was understood and cannot be done."""

_LOCAL = (Kind.PARAMETER, Kind.LOOP)


class _Protocol(LanguageServerProtocol):
    """The protocol without pygls's own copies of changed texts, which our service keeps.

    Its copies end lines where the protocol does not, and correct the places of changes by them.
    """

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(
        self, params: types.DidChangeTextDocumentParams
    ) -> Generator[tuple[Any, tuple[types.DidChangeTextDocumentParams], None], Any, None]:
        """Hand the change on as it came."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None


class _Server(LanguageServer):
    """The server: its service knows the texts.

    Attributes:
        service: the open texts, and what is known of them.
    """

    def __init__(self) -> None:
        """Begin without texts."""
        super().__init__("gmlang", "0.1", protocol_cls=_Protocol)
        self.service = Service(self._tell)

    def report_server_error(self, error: Exception, source: type) -> None:
        """Note a fault of ours; what was merely refused is no fault."""
        if not isinstance(error, JsonRpcException) or error.code != _REQUEST_FAILED:
            super().report_server_error(error, source)

    def _tell(self, document: Document) -> None:
        """Send the mistakes of a text."""
        analysis = document.analysis
        assert analysis is not None
        found = convert.to_diagnostics(analysis, document.lines, self.uri)
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(document.uri, found, version=document.version)
        )

    def uri(self, source: str) -> str:
        """Return the address of a source by its name."""
        return place_uri(source, self.service.documents)

    def locations(self, spans: list[Span]) -> list[types.Location]:
        """Return places in any sources."""
        known = {d.source.name: d.lines for d in self.service.documents.values()}
        for span in spans:
            name = span.source.name
            if name not in known:
                known[name] = Lines(span.source.text, self.service.encoding)
        return [convert.to_location(s, known[s.source.name], self.uri) for s in spans]

    async def occurrence(
        self, uri: str, position: types.Position
    ) -> tuple[Document, Occurrence | None]:
        """Return the text of a request, and the name it is about.

        Raises:
            JsonRpcException: when the text is not open.
        """
        document = self.document(uri)
        analysis = await self.service.soon(document)
        return document, found_at(document, analysis, position)

    def document(self, uri: str) -> Document:
        """Return an open text.

        Raises:
            JsonRpcException: when it is not open.
        """
        found = self.service.documents.get(uri)
        if found is None:
            raise refused(f"{uri} is not open")
        return found

    def is_marked(self) -> bool:
        """Say whether the editor shows Markdown."""
        texts = self.client_capabilities.text_document
        formats = texts.hover.content_format if texts and texts.hover else None
        return formats is None or types.MarkupKind.Markdown in formats


def refused(message: str) -> JsonRpcException:
    """Return the answer to a request that cannot be done."""
    return JsonRpcException(message, _REQUEST_FAILED)


server = _Server()
"""The one server of a process: pygls registers its features by decorators."""


# --- The life of a session ---------------------------------------------------------------


@server.feature(types.INITIALIZED)
def _initialized(ls: _Server, params: types.InitializedParams) -> None:
    service = ls.service
    encoding = ls.workspace.position_encoding or types.PositionEncodingKind.Utf16
    service.encoding = types.PositionEncodingKind(encoding).value
    paths = [to_fs_path(folder) for folder in ls.workspace.folders]
    service.folders = [Path(path) for path in paths if path is not None]


@server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
def _folders(ls: _Server, params: types.DidChangeWorkspaceFoldersParams) -> None:
    paths = [to_fs_path(folder) for folder in ls.workspace.folders]
    ls.service.folders = [Path(path) for path in paths if path is not None]


@server.feature(types.SHUTDOWN)
def _shutdown(ls: _Server, params: None) -> None:
    ls.service.stop()


# --- Texts -------------------------------------------------------------------------------


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
def _open(ls: _Server, params: types.DidOpenTextDocumentParams) -> None:
    text = params.text_document
    ls.service.open(text.uri, text.text, text.version)


@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
def _change(ls: _Server, params: types.DidChangeTextDocumentParams) -> None:
    document = ls.service.documents.get(params.text_document.uri)
    if document is not None:
        document.version = params.text_document.version
        document.change(params.content_changes)
        ls.service.change(document)


@server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
def _close(ls: _Server, params: types.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    ls.service.close(uri)
    ls.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


@server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
def _files(ls: _Server, params: types.DidChangeWatchedFilesParams) -> None:
    ls.service.check_all()


# --- Questions about a place -------------------------------------------------------------


@server.feature(types.TEXT_DOCUMENT_HOVER)
async def _hover(ls: _Server, params: types.HoverParams) -> types.Hover | None:
    document, found = await ls.occurrence(params.text_document.uri, params.position)
    text = hover(found) if found is not None else hover_word(document.word(params.position))
    return types.Hover(convert.to_markup(text, ls.is_marked())) if text else None


@server.feature(types.TEXT_DOCUMENT_DEFINITION)
async def _definition(ls: _Server, params: types.DefinitionParams) -> list[types.Location]:
    _, found = await ls.occurrence(params.text_document.uri, params.position)
    if found is None:
        return []
    spans: list[Span] = []
    for definition in found.definitions:
        spans += (definition.whole,) if definition.kind is Kind.MODULE else definition.places
    return ls.locations(spans)


@server.feature(types.TEXT_DOCUMENT_REFERENCES)
async def _references(ls: _Server, params: types.ReferenceParams) -> list[types.Location]:
    document = ls.document(params.text_document.uri)
    found, typed = await _named(ls, document, params.position)
    if found is None:
        return []
    analyses = await _analyses(ls, document, found.definitions[0], typed=typed)
    spans: dict[tuple[str, int], Span] = {}
    for analysis in analyses:
        for occurrence in analysis.bindings.uses(found.definitions):
            spans[occurrence.span.source.name, occurrence.span.start] = occurrence.span
    if not params.context.include_declaration:
        places = [place for d in found.definitions for place in d.places]
        for place in places:
            spans.pop((place.source.name, place.start), None)
    return ls.locations(sorted(spans.values(), key=lambda s: (s.source.name, s.start)))


async def _named(
    ls: _Server, document: Document, position: types.Position
) -> tuple[Occurrence | None, bool]:
    """Return the name at a position of the text now, and whether types were asked what it means."""
    found = found_at(document, await ls.service.read(document), position)
    typed = found is None or is_typed(found, document.analysis)
    if typed:
        found = found_at(document, await ls.service.fresh(document), position)
    return found, typed


async def _analyses(
    ls: _Server, document: Document, definition: Definition, *, typed: bool
) -> list[Analysis]:
    """Return the analyses of the texts that may use a definition."""
    if definition.kind in _LOCAL:
        return [document.analysis] if document.analysis is not None else []
    return await ls.service.run(
        lambda: ls.service.with_word(document, definition.name, typed=typed)
    )


@server.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
async def _highlight(
    ls: _Server, params: types.DocumentHighlightParams
) -> list[types.DocumentHighlight]:
    document, found = await ls.occurrence(params.text_document.uri, params.position)
    if found is None or document.analysis is None or not document.is_fresh:
        return []
    uses = document.analysis.bindings.uses(found.definitions)
    name = document.source.name
    spans = [use.span for use in uses if use.span.source.name == name]
    return [
        types.DocumentHighlight(convert.to_range(document.lines, span.start, span.end))
        for span in spans
    ]


@server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["."]))
async def _completion(ls: _Server, params: types.CompletionParams) -> types.CompletionList:
    document = ls.document(params.text_document.uri)
    analysis = await ls.service.soon(document)
    if analysis is None:
        return types.CompletionList(False, [])
    text, at = document.lines.text, document.offset(params.position)
    line = text[max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1 : at]
    offset = document.analysed_offset(params.position)
    load = document.loader(ls.service.documents)
    here = at if offset is None else offset
    choices = complete(line, analysis, here, load, document.folder)
    is_marked = ls.is_marked()
    return types.CompletionList(False, [convert.to_completion(c, is_marked) for c in choices])


@server.feature(
    types.TEXT_DOCUMENT_SIGNATURE_HELP, types.SignatureHelpOptions(trigger_characters=["(", ","])
)
async def _signature(ls: _Server, params: types.SignatureHelpParams) -> types.SignatureHelp | None:
    document = ls.document(params.text_document.uri)
    analysis = await ls.service.soon(document)
    if analysis is None:
        return None
    at = document.offset(params.position)
    before = document.lines.text[max(0, at - 2000) : at]
    offset = document.analysed_offset(params.position)
    found = outline.signature(before, analysis, at if offset is None else offset)
    return None if found is None else convert.to_signature(found)


# --- Renaming ----------------------------------------------------------------------------


@server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
async def _prepare_rename(ls: _Server, params: types.PrepareRenameParams) -> types.Range | None:
    document = ls.document(params.text_document.uri)
    found = found_at(document, await ls.service.read(document), params.position)
    if found is None or found.span.source.name != document.source.name:
        return None
    try:
        renaming.renamable(found)
    except renaming.RenameError as error:
        raise refused(str(error)) from None
    return convert.to_range(document.lines, found.span.start, found.span.end)


@server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
async def _rename(ls: _Server, params: types.RenameParams) -> types.WorkspaceEdit:
    document, new = ls.document(params.text_document.uri), params.new_name
    found, typed = await _named(ls, document, params.position)
    if found is None:
        raise refused("there is no name here")
    try:
        definition = renaming.renamable(found)
        renaming.check_name(new)
        analyses = await _analyses(ls, document, definition, typed=typed)
        if not typed and not all(renaming.is_plain(definition.name, new, a) for a in analyses):
            # What names mean afterwards is compared, and only types tell it.
            await ls.service.fresh(document)
            analyses = await _analyses(ls, document, definition, typed=True)
        spans = await ls.service.run(
            lambda: renaming.plan(definition, new, analyses, ls.service.loader_of)
        )
    except renaming.RenameError as error:
        raise refused(str(error)) from None
    changes: dict[str, list[types.TextEdit]] = {}
    for location in ls.locations(spans):
        changes.setdefault(location.uri, []).append(types.TextEdit(location.range, new))
    return types.WorkspaceEdit(changes)


# --- Whole texts -------------------------------------------------------------------------


@server.feature(types.TEXT_DOCUMENT_FORMATTING)
async def _format(ls: _Server, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
    document = ls.document(params.text_document.uri)
    lines, source, known = document.lines, document.source, document.read_program()
    try:
        # What has been read is not read again; nothing else is waited for.
        text = await ls.service.run(lambda: format_program(known or parse(source)))
    except GmError:
        return []
    if document.lines is not lines:
        raise JsonRpcException("the text has changed", types.LSPErrorCodes.ContentModified.value)
    if "\r\n" in lines.text:
        text = text.replace("\n", "\r\n")
    return convert.to_edit(lines, text)


@server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
async def _symbols(ls: _Server, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    document = ls.document(params.text_document.uri)
    analysis = await ls.service.soon(document)
    if analysis is None:
        return []
    change = Change.between(analysis.source.text, document.lines.text)
    return convert.to_symbols(outline.symbols(analysis), document.lines, change)


@server.feature(types.TEXT_DOCUMENT_FOLDING_RANGE)
def _folds(ls: _Server, params: types.FoldingRangeParams) -> list[types.FoldingRange]:
    document = ls.document(params.text_document.uri)
    return [types.FoldingRange(a, b) for a, b in outline.folds(document.lines.text)]


def serve() -> None:
    """Answer the editor until it says goodbye."""
    logging.basicConfig(level=logging.WARNING)
    # An analysis makes a hundred thousand things that live as long as it does: looking for rubbish
    # among them meanwhile takes as long as the analysis. The service does so when it has told.
    gc.freeze()
    gc.disable()
    # Refusals are answers; pygls would log each with a traceback.
    logging.getLogger("pygls.protocol").setLevel(logging.CRITICAL)
    server.start_io()
