"""Mistakes in values that come from outside: GM402, GM418, GM45x and GM46x."""

import re
from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Note, Span
from gmlang.errors.names import nearest

NUM_LISTED_MAX = 12

TOO_LARGE = "it is beyond what 64 bits hold"
TOO_LARGE_FOR_FLOAT = (
    "a float of this size no longer tells neighbouring whole numbers apart; give integers"
)
TOO_LARGE_BESIDE_MISSING = "beside missing values, whole numbers are exact up to 2**53 only"
NOT_WHOLE = "it is not whole"


def quoted(text: str) -> str:
    """Show a word from outside in a message: short, and without control characters."""
    plain = text if text.isprintable() else repr(text)[1:-1]
    return f"`{plain if len(plain) <= 40 else plain[:37] + '...'}`"


def one_of(values: Sequence[str]) -> str:
    """List the values of an enum."""
    dots = ", ..." if len(values) > NUM_LISTED_MAX else ""
    return f"one of {', '.join(values[:NUM_LISTED_MAX])}{dots}"


def word_hint(text: str, values: Sequence[str]) -> str:
    """Say what may have been meant by a word that is none of the values, or no number."""
    if re.fullmatch(r"[+-]?\d*,\d+", text):
        return f"the decimal sign is a point: {text.replace(',', '.')}"
    if re.fullmatch(r"[+-]?\d[\d_',. ]*", text):
        return "numbers are written without signs between their digits, and with one decimal point"
    if text.endswith("%"):
        return "write a percentage as a fraction: 0.25 for 25 %"
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return 'text is quoted by ", or not at all'
    if values:
        return nearest(text, values) or f"write {' or '.join(values[:3])}"
    return ""


def object_hint(value: object) -> str:
    """Say what to do with a Python object that is no value."""
    name = type(value).__name__
    if name in ("list", "tuple", "ndarray"):
        return "do all the rows have the same length?"
    if isinstance(value, complex):
        return "take its real part, or its magnitude"
    if "date" in name.lower() or "time" in name.lower():
        return "say what is meant by a time: count days or steps from a beginning"
    return ""


def threshold_hint(domain: str) -> str:
    """Say how a picture becomes booleans."""
    if domain != "bool":
        return ""
    return "only 0 and 1 are booleans; a picture becomes so by a threshold: pixels > 127"


def declared_here(declared: Span) -> tuple[Note, ...]:
    """Point from a file to the declaration."""
    return (Note("declared here", declared),)


def size_said_by(size: str, other: str, declared: Span) -> tuple[Note, ...]:
    """Point to the data that fixed a size first."""
    return (Note(f"`{other}` says what {size} is", declared),)


# --- Values ------------------------------------------------------------------------------


def bad_entry(span: Span, what: str, shown: str, expected: str, hint: str) -> Diagnostic:
    """A value from Python, the command line or the program is none of the declared type."""
    return Diagnostic("GM418", f"{what} is {shown}, but {expected} is expected", span, hint=hint)


def bad_cell(
    cell: Span, what: str, shown: str, expected: str, hint: str, declared: Span
) -> Diagnostic:
    """A cell of a file is no value of the declared type."""
    notes = declared_here(declared)
    message = f"{what} is {shown}, but {expected} is expected"
    hint = hint or "what is missing is written NA, or left empty between separators"
    return Diagnostic("GM456", message, cell, notes, hint=hint)


def bad_kind(span: Span, name: str, found: str, hint: str = "") -> Diagnostic:
    """Something is given that is no array of values at all."""
    return Diagnostic("GM457", f"`{name}` is given {found}", span, hint=hint)


def ragged(span: Span, name: str, place: str, found: str, first: str) -> Diagnostic:
    """The rows of nested lists differ in length."""
    return Diagnostic(
        "GM458",
        f"the rows of `{name}` differ: {name}{place} {found}, but the first beside it {first}",
        span,
        hint="fill the rows up with None, which is missing, or give each row its own data",
    )


def missing_param(span: Span, what: str) -> Diagnostic:
    """A parameter is missing or infinite."""
    return Diagnostic(
        "GM459",
        f"{what}, but a parameter is a finite number",
        span,
        hint="only data may be missing",
    )


# --- Names -------------------------------------------------------------------------------


def unknown_binding(name: str, known: Sequence[str]) -> Diagnostic:
    """Data or a parameter is given that the program does not declare."""
    dots = ", ..." if len(known) > NUM_LISTED_MAX else ""
    listed = ", ".join(known[:NUM_LISTED_MAX]) + dots
    return Diagnostic(
        "GM402",
        f"the program declares no data or param {quoted(name)}",
        None,
        (Note(f"it declares: {listed or 'none'}"),),
        hint=nearest(name, known) or nearest(name.rpartition(".")[2], known),
    )


def ambiguous_binding(name: str, qualified: Sequence[str]) -> Diagnostic:
    """A name is given that two modules declare."""
    return Diagnostic(
        "GM460",
        f"`{name}` may mean {' or '.join(qualified)}",
        None,
        hint=f"say which: {qualified[0]}",
    )


def given_twice(name: str, other: str) -> Diagnostic:
    """Two names that are given mean the same data."""
    return Diagnostic("GM461", f"`{name}` and `{other}` are the same, and both are given", None)


# --- Files -------------------------------------------------------------------------------


def not_text(path: str, reason: str, hint: str = "") -> Diagnostic:
    """A file is no text that can be read."""
    way_out = hint or "save it as UTF-8, or as UTF-16 with its mark"
    return Diagnostic("GM450", f"{path}: {reason}", None, hint=way_out)


def no_values(path: str, why: str) -> Diagnostic:
    """A file holds nothing."""
    return Diagnostic("GM462", f"{path} {why}", None)


def mixed_separators(span: Span, name: str, found: Sequence[str]) -> Diagnostic:
    """A table is separated by several signs."""
    hint = "separate by one sign only"
    if "`,`" in found:
        hint += "; the decimal sign is a point: write 0.5, not 0,5"
    return Diagnostic(
        "GM451", f"the table of `{name}` has {' and '.join(found)} as separators", span, hint=hint
    )


def bad_quotes(span: Span, reason: str) -> Diagnostic:
    """A cell's quotes do not match."""
    return Diagnostic("GM463", reason, span, hint='inside quotes a quote is doubled: "a""b"')


def ragged_table(
    span: Span, name: str, line: int, found: int, first_line: int, first: int, hint: str
) -> Diagnostic:
    """The lines of a table differ in length."""
    cells = "1 cell" if found == 1 else f"{found} cells"
    return Diagnostic(
        "GM452",
        f"line {line} of the table of `{name}` has {cells}, but line {first_line} has {first}",
        span,
        hint=hint,
    )


def last_is_open(span: Span, name: str, separator: str) -> Diagnostic:
    """Every line ends in a separator, and no size says whether something is missing after it."""
    return Diagnostic(
        "GM464",
        f"every line of the table of `{name}` ends in {separator}: is the last value missing, or "
        "is there a separator too many?",
        span,
        hint="write NA for a missing value, or take the separator away",
    )


def header_or_value(span: Span, name: str, text: str) -> Diagnostic:
    """The first line may be the name of the data, or values."""
    return Diagnostic(
        "GM453",
        f"{text} may be the header of `{name}`, or a value of it",
        span,
        hint="begin a header's line with #, and it is a comment",
    )


def other_header(span: Span, name: str, columns: Sequence[str], expected: str) -> Diagnostic:
    """The first line has no value at all, and no column has the data's name."""
    listed = ", ".join(quoted(column) for column in columns[:NUM_LISTED_MAX])
    return Diagnostic(
        "GM454",
        f"{listed}: neither the name of `{name}`, as a header has it, nor {expected}",
        span,
        hint=f"call the column `{name}`, or begin this line with #, and it is a comment",
    )


def bad_header(span: Span, name: str, reason: str) -> Diagnostic:
    """A header names the data, but says no column."""
    return Diagnostic("GM455", f"the header of `{name}` {reason}", span)


def entry(name: str, place: Sequence[int]) -> str:
    """Name one entry of data: `k`, `k[2]`, `k[0, 3]`."""
    return f"{name}[{', '.join(map(str, place))}]" if place else name


def about_model(text: str) -> Diagnostic:
    """Say what is unusual about a model of another tool."""
    return Diagnostic("GM466", text, None, severity="warning")


def no_column(names: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """A data frame has no column that the program declares as data."""
    found = ", ".join(names[:12]) or "none with a name"
    declared = ", ".join(known) or "none"
    message = f"no column is data of this program: the columns are {found}; declared are {declared}"
    return Diagnostic("GM467", message, None)
