"""Mistakes of syntax: GM1xx."""

from gmlang.diagnostics import Diagnostic, Span

_SHOWN = {
    "COLON": "`:`",
    "COMMA": "`,`",
    "RPAR": "`)`",
    "RSQB": "`]`",
    "RBRACE": "`}`",
    "LPAR": "`(`",
    "EQUAL": "`=`",
    "NAME": "a name",
    "INT": "a number",
    "FLOAT": "a number",
    "STRING": "a string",
    "_NL": "the end of the line",
    "_INDENT": "an indented block",
    "_DEDENT": "the end of the block",
    "IN": "`in`",
    "WEIGHT": "`weight`",
    "TILDE": "`~`",
}


def unexpected_character(span: Span) -> Diagnostic:
    """Report a character that begins no word of the language."""
    shown = span.text or " "
    name = shown if shown.isprintable() else f"U+{ord(shown[0]):04X}"
    hint = "strings stand between double quotes" if shown in "'\"" else ""
    return Diagnostic("GM101", f"`{name}` does not belong here", span, hint=hint)


def unexpected_token(span: Span, kind: str, text: str, accepts: tuple[str, ...]) -> Diagnostic:
    """Report a word that cannot stand where it stands."""
    if kind == "_INDENT":
        return unexpected_indentation(span)
    if kind == "_DEDENT" or (kind == "_NL" and "_INDENT" in accepts):
        return Diagnostic("GM104", "an indented block is expected here", span)
    shown = "the end of the line" if kind == "_NL" else f"`{text.strip()}`"
    hint = ""
    if "COLON" in accepts and kind == "_NL":
        return Diagnostic(
            "GM105", "`:` is missing at the end of the line", span, hint="a block begins with `:`"
        )
    if text.strip() == "=" and ("CHAIN" in accepts or "COMPARE" in accepts):
        hint = "`==` compares; `=` gives a value"
    return Diagnostic("GM102", f"{shown} is not expected here{_expected(accepts)}", span, hint=hint)


def unexpected_indentation(span: Span) -> Diagnostic:
    """Report an indented line where no block begins."""
    return Diagnostic(
        "GM103",
        "this line is indented, but no block begins here",
        span,
        hint="a block begins after a line that ends in `:`",
    )


def _expected(accepts: tuple[str, ...]) -> str:
    shown = list(dict.fromkeys(_SHOWN[a] for a in accepts if a in _SHOWN))
    if not shown or len(shown) > 6:
        return ""
    return f"; expected {', '.join(shown)}"


def unexpected_end(span: Span, accepts: tuple[str, ...]) -> Diagnostic:
    """Report a text that ends in the middle of something."""
    return Diagnostic("GM106", f"the text ends too early{_expected(accepts)}", span)


def bad_indentation(span: Span) -> Diagnostic:
    """Report a line whose indentation matches no open block."""
    return Diagnostic(
        "GM107",
        "a line is indented less than its block, but not as little as the one around it",
        span,
    )


def too_deep(span: Span) -> Diagnostic:
    """Report brackets nested beyond what is read."""
    return Diagnostic("GM108", "brackets are nested too deep here", span)
