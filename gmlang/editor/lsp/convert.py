"""What gmlang says, as the protocol says it."""

from collections.abc import Callable, Sequence

from lsprotocol import types

from gmlang.core.names.definitions import Kind
from gmlang.diagnostics import Diagnostic, Span
from gmlang.editor.analysis import Analysis, import_of
from gmlang.editor.completion import Choice
from gmlang.editor.hover import describe, hover_word
from gmlang.editor.outline import Signature, Symbol
from gmlang.editor.positions import Change, Lines

_SYMBOLS = {
    Kind.DOMAIN: types.SymbolKind.Enum,
    Kind.VALUE: types.SymbolKind.EnumMember,
    Kind.SIZE: types.SymbolKind.Constant,
    Kind.DATA: types.SymbolKind.Constant,
    Kind.PARAM: types.SymbolKind.Constant,
    Kind.DEF: types.SymbolKind.Function,
    Kind.FUNCTION: types.SymbolKind.Function,
    Kind.VARIABLE: types.SymbolKind.Variable,
    Kind.THING: types.SymbolKind.Object,
    Kind.ENTITY: types.SymbolKind.Struct,
    Kind.ATTRIBUTE: types.SymbolKind.Field,
    Kind.MODEL: types.SymbolKind.Class,
    Kind.MODULE: types.SymbolKind.Module,
    Kind.PARAMETER: types.SymbolKind.Variable,
    Kind.LOOP: types.SymbolKind.Variable,
    Kind.UTILITY: types.SymbolKind.Variable,
}

_CHOICES = {
    "word": types.CompletionItemKind.Keyword,
    "call": types.CompletionItemKind.Function,
    Kind.DOMAIN.name: types.CompletionItemKind.Enum,
    Kind.VALUE.name: types.CompletionItemKind.EnumMember,
    Kind.SIZE.name: types.CompletionItemKind.Constant,
    Kind.DATA.name: types.CompletionItemKind.Constant,
    Kind.PARAM.name: types.CompletionItemKind.Constant,
    Kind.DEF.name: types.CompletionItemKind.Function,
    Kind.FUNCTION.name: types.CompletionItemKind.Function,
    Kind.VARIABLE.name: types.CompletionItemKind.Variable,
    Kind.THING.name: types.CompletionItemKind.Value,
    Kind.ENTITY.name: types.CompletionItemKind.Struct,
    Kind.ATTRIBUTE.name: types.CompletionItemKind.Field,
    Kind.MODEL.name: types.CompletionItemKind.Class,
    Kind.MODULE.name: types.CompletionItemKind.Module,
    Kind.PARAMETER.name: types.CompletionItemKind.Variable,
    Kind.LOOP.name: types.CompletionItemKind.Variable,
    Kind.UTILITY.name: types.CompletionItemKind.Variable,
}


def to_range(lines: Lines, start: int, end: int) -> types.Range:
    """Return the characters [start, end) of a text as the editor counts."""
    return types.Range(types.Position(*lines.position(start)), types.Position(*lines.position(end)))


def to_location(span: Span, lines: Lines, uri: Callable[[str], str]) -> types.Location:
    """Return a place in a source."""
    return types.Location(uri(span.source.name), to_range(lines, span.start, span.end))


def to_diagnostics(
    analysis: Analysis, lines: Lines, uri: Callable[[str], str]
) -> list[types.Diagnostic]:
    """Return the mistakes of a text; those of its modules stand at their imports."""
    return [_diagnostic(found, analysis, lines, uri) for found in analysis.diagnostics]


def _diagnostic(
    found: Diagnostic, analysis: Analysis, lines: Lines, uri: Callable[[str], str]
) -> types.Diagnostic:
    message = found.message
    related: list[types.DiagnosticRelatedInformation] = []

    def relate(text: str, span: Span) -> None:
        own = lines if span.source.name == analysis.source.name else _lines(span, lines)
        related.append(types.DiagnosticRelatedInformation(to_location(span, own, uri), text))

    for note in found.notes:
        if note.span is None:
            message += f"\nnote: {note.message}"
        else:
            relate(note.message, note.span)
    if found.hint:
        message += f"\nhint: {found.hint}"
    start = end = 0
    if found.span is not None and found.span.source.name == analysis.source.name:
        start, end = found.span.start, found.span.end
    elif found.span is not None:
        relate(found.message, found.span)
        module = _module_of(found.span.source.name, analysis)
        place = import_of(analysis.program, module)
        start, end = (0, 0) if place is None else (place.start, place.end)
    is_error = found.severity == "error"
    return types.Diagnostic(
        to_range(lines, start, max(end, start)),
        message,
        severity=types.DiagnosticSeverity.Error if is_error else types.DiagnosticSeverity.Warning,
        code=found.code,
        source="gmlang",
        related_information=related or None,
    )


def _lines(span: Span, lines: Lines) -> Lines:
    return Lines(span.source.text, lines.encoding)


def _module_of(source: str, analysis: Analysis) -> str:
    """Return the module whose source has a name, as far as its name tells."""
    plain = source.removesuffix(".gm").replace("\\", "/")
    fitting = [m for m in analysis.imported if plain.endswith("/" + m.replace(".", "/"))]
    return max(fitting, key=len, default="")


def to_symbols(
    symbols: Sequence[Symbol], lines: Lines, change: Change
) -> list[types.DocumentSymbol]:
    """Return declarations for the outline, those aside that are being rewritten.

    Args:
        symbols: of a text.
        lines: the text now.
        change: between the two.
    """
    found: list[types.DocumentSymbol] = []
    for symbol in symbols:
        whole = change.after(symbol.start, symbol.end)
        name = change.after(symbol.name.span.start, symbol.name.span.end)
        if whole is None or name is None:
            continue
        shown = types.DocumentSymbol(
            symbol.name.text,
            _SYMBOLS[symbol.kind],
            to_range(lines, *whole),
            to_range(lines, *name),
            detail=symbol.detail,
            children=to_symbols(symbol.children, lines, change),
        )
        found.append(shown)
    return found


def to_completion(choice: Choice, is_marked: bool) -> types.CompletionItem:
    """Return what could be written; names come before words."""
    text = describe(choice.definition) if choice.definition is not None else hover_word(choice.text)
    return types.CompletionItem(
        choice.text,
        kind=_CHOICES.get(choice.kind, types.CompletionItemKind.Text),
        detail=choice.help,
        documentation=to_markup(text, is_marked) if text else None,
        sort_text=("1" if choice.definition is None else "0") + choice.text,
    )


def to_markup(text: str, is_marked: bool) -> types.MarkupContent:
    """Return a text in Markdown, or in plain words for editors that show no other."""
    if is_marked:
        return types.MarkupContent(types.MarkupKind.Markdown, text)
    plain = "\n".join(line for line in text.split("\n") if not line.startswith("```"))
    return types.MarkupContent(types.MarkupKind.PlainText, plain.replace("**", ""))


def to_signature(found: Signature) -> types.SignatureHelp:
    """Return what a call takes."""
    parameters = [types.ParameterInformation(text) for text in found.parameters]
    label = f"{found.name}({', '.join(found.parameters)})"
    signature = types.SignatureInformation(
        label, documentation=found.documentation or None, parameters=parameters
    )
    return types.SignatureHelp([signature], active_signature=0, active_parameter=found.active)


def to_edit(old: Lines, new: str) -> list[types.TextEdit]:
    """Return the change from a text to another: the lines that differ, and no others."""
    if old.text == new:
        return []
    before, after = old.text.splitlines(keepends=True), new.splitlines(keepends=True)
    first = _alike(before, after)
    last = _alike(before[first:][::-1], after[first:][::-1])
    start = sum(map(len, before[:first]))
    end = len(old.text) - sum(map(len, before[len(before) - last :]))
    return [types.TextEdit(to_range(old, start, end), "".join(after[first : len(after) - last]))]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    number = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        number += 1
    return number
