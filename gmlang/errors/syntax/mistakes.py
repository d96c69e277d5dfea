"""Mistakes of syntax: GM1xx."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gmlang.diagnostics import Diagnostic, Note, Span
from gmruntime.formats.errors import FormatError
from gmruntime.formats.recognise import Format

_NUM_EXPECTED_MAX = 5

_SHOWN = {
    "NAME": "a name",
    "INT": "a number",
    "FLOAT": "a number",
    "STRING": "a string",
    "_NL": "the end of the line",
    "_INDENT": "an indented block",
    "_DEDENT": "the end of the block",
    "$END": "",
    "COMPARE": "a comparison",
    "TIMES": "",
    "+": "",
    "-": "",
}


@dataclass(frozen=True, slots=True)
class Word:
    """A token of a line: its kind, its text and where it stands."""

    kind: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Context:
    """What is known where reading stopped.

    Attributes:
        span: the token that cannot stand there.
        kind: its kind.
        accepts: what could stand there: texts as they are written, or kinds of tokens.
        accepts_first: what could begin the line.
        words: the tokens of the line, its end left out.
        at: the place of the token among them, or their number if the line ends too early.
        bracket: the innermost bracket that is open there.
        is_unclosed: nothing closes that bracket.
    """

    span: Span
    kind: str
    accepts: tuple[str, ...]
    accepts_first: tuple[str, ...]
    words: tuple[Word, ...]
    at: int
    bracket: Span | None
    is_unclosed: bool

    @property
    def text(self) -> str:
        """What is written there; nothing at the end of a line."""
        return self.words[self.at].text if self.at < len(self.words) else ""

    @property
    def first(self) -> str:
        """The first word of the line."""
        return self.words[0].text if self.words else ""

    @property
    def before(self) -> str:
        """The word before, or nothing."""
        return self.words[self.at - 1].text if 0 < self.at <= len(self.words) else ""

    @property
    def after(self) -> str:
        """The word after, or nothing."""
        return self.words[self.at + 1].text if self.at + 1 < len(self.words) else ""

    @property
    def needs_operand(self) -> bool:
        """Whether an expression must begin there."""
        return "NAME" in self.accepts and "(" in self.accepts and "INT" in self.accepts

    def written(self, start: int, end: int | None = None) -> str:
        """Return the text from one word of the line to another, as it is written."""
        part = self.words[start:end]
        if not part:
            return ""
        return part[0].span.source.text[part[0].span.start : part[-1].span.end]


Rule = Callable[[Context], Diagnostic | None]


def plain(context: Context, hint: str = "") -> Diagnostic:
    """Report a token that cannot stand where it stands."""
    is_end = context.kind in ("_NL", "$END")
    what = "the line ends too early" if is_end else f"`{context.text}` is not expected here"
    return misplaced(context.span, what + _expected(context.accepts), hint)


def misplaced(span: Span, message: str, hint: str) -> Diagnostic:
    """Report something that cannot stand where it stands."""
    return Diagnostic("GM102", message, span, hint=hint)


def needs_domain(word: Word, hint: str) -> Diagnostic:
    """Report a variable or an attribute that is declared without its values."""
    message = f"`{word.text}` needs a domain: the values that it may have"
    return Diagnostic("GM113", message, word.span, hint=hint)


def ends_too_early(span: Span) -> Diagnostic:
    """Report a text that ends in the middle of something that nothing else tells more of."""
    return misplaced(span, "the text ends too early", "")


def _expected(accepts: Sequence[str]) -> str:
    if "NAME" in accepts and "(" in accepts and "INT" in accepts:
        return "; an expression is needed"
    shown = [_SHOWN.get(a, f"`{a}`") for a in accepts]
    shown = [s for s in dict.fromkeys(shown) if s]
    if not shown or len(shown) > _NUM_EXPECTED_MAX:
        return ""
    *others, last = shown
    return f"; expected {', '.join(others)} or {last}" if others else f"; expected {last}"


def unexpected_character(span: Span, hint: str) -> Diagnostic:
    """Report a text that is no word of the language."""
    shown = span.text or " "
    name = shown if shown.isprintable() else f"U+{ord(shown[0]):04X}"
    return Diagnostic("GM101", f"`{name}` is no sign of the language", span, hint=hint)


def single_quotes(span: Span) -> Diagnostic:
    """Report a string between single quotes."""
    inner = span.text.strip("'").replace('"', "")
    return Diagnostic(
        "GM116", "a string stands between double quotes", span, hint=f'write "{inner}"'
    )


def unclosed_string(span: Span, hint: str) -> Diagnostic:
    """Report a string without its last quote."""
    return Diagnostic("GM110", "this string is never closed", span, hint=hint)


def unclosed_bracket(span: Span, noticed: Span | None) -> Diagnostic:
    """Report a bracket that nothing closes."""
    closer = {"(": ")", "[": "]", "{": "}"}[span.text]
    notes = () if noticed is None else (Note(f"`{closer}` is missing before this", noticed),)
    hint = "" if notes else f"write `{closer}` where it ends"
    return Diagnostic("GM109", f"this `{span.text}` is never closed", span, notes, hint)


def wrong_closer(span: Span, opener: Span | None) -> Diagnostic:
    """Report a closing bracket that does not belong to the open one."""
    if opener is None:
        return Diagnostic(
            "GM117", f"no bracket is open that `{span.text}` could close", span, hint="remove it"
        )
    closer = {"(": ")", "[": "]", "{": "}"}[opener.text]
    return Diagnostic(
        "GM117",
        f"`{span.text}` does not close `{opener.text}`",
        span,
        notes=(Note("opened here", opener),),
        hint=f"write `{closer}`",
    )


def missing_colon(span: Span) -> Diagnostic:
    """Report a header without its colon."""
    return Diagnostic(
        "GM105", "`:` is missing at the end of the line", span, hint="a block begins with `:`"
    )


def missing_body(header: Span) -> Diagnostic:
    """Report a header that no indented line follows."""
    return Diagnostic(
        "GM104",
        "an indented block is missing after this line",
        header,
        hint="indent what belongs to it by four spaces",
    )


def without_if(span: Span) -> Diagnostic:
    """Report an `else` or `elif` on its own."""
    return Diagnostic(
        "GM111",
        f"`{span.text}` without an `if` before it",
        span,
        hint="it follows an `if` block at the same indentation",
    )


def unexpected_indentation(span: Span, blanks: str) -> Diagnostic:
    """Report an indented line where no block begins."""
    return Diagnostic(
        "GM103",
        "this line is indented, but no block begins here",
        span,
        hint="a tab counts as 8 columns; use spaces only"
        if "\t" in blanks
        else "a block follows a line that ends in `:`; a statement goes on over several lines "
        "only inside brackets",
    )


def bad_indentation(span: Span, allowed: Sequence[int], blanks: str) -> Diagnostic:
    """Report a line whose indentation matches no open block."""
    *others, last = [str(width) for width in allowed]
    widths = f"{', '.join(others)} or {last}"
    found = blanks.count(" ") + 8 * blanks.count("\t")
    hint = "a tab counts as 8 columns; use spaces only" if "\t" in blanks else ""
    return Diagnostic(
        "GM107",
        f"this line is indented by {found} columns, which fits no block; {widths} would",
        span,
        hint=hint,
    )


def too_deep(span: Span) -> Diagnostic:
    """Report brackets or blocks nested beyond what is read."""
    return Diagnostic(
        "GM108",
        "this is nested too deep",
        span,
        hint="60 brackets or blocks, 100 `elif` and 120 operators at most are read inside one "
        "another; `sum(... for ...)` adds without nesting, and `match` has any number of cases",
    )


def unreadable(file: str, error: FormatError) -> Diagnostic:
    """Report a file that is too large or of another format, as its reader says."""
    return _not_a_program(file, error.message, error.hint)


def not_utf8(file: str, byte: int) -> Diagnostic:
    """Report a program that is no text in UTF-8 from some byte on."""
    return _not_a_program(file, f"this is not UTF-8 text (byte {byte})", "save the file as UTF-8")


def another_format(file: str, found: Format, needed: Format) -> Diagnostic:
    """Report a program that looks like a file of data."""
    reason = f"this looks like {found.name}, not like {needed.name}"
    return _not_a_program(file, reason, found.advice)


def _not_a_program(file: str, reason: str, hint: str) -> Diagnostic:
    return Diagnostic("GM100", f"{file}: {reason}", None, hint=hint)


def hidden_character(span: Span, character: str) -> Diagnostic:
    """Report a character that is not seen, even in a comment or a string."""
    return Diagnostic(
        "GM118",
        f"there is a hidden character here, U+{ord(character):04X}",
        span,
        hint="delete it: it may make a program look like another one",
    )
