"""Mistakes in values that come from outside: GM402, GM418, GM45x and GM46x."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from gmlang.diagnostics import Diagnostic, Note, Span
from gmlang.errors.names import nearest
from gmlang.errors.probabilities import bad_parameter
from gmruntime.formats.errors import FormatError

NUM_LISTED_MAX = 12

TOO_LARGE = "it is beyond what 64 bits hold"
TOO_LARGE_FOR_FLOAT = (
    "a float of this size no longer tells neighbouring whole numbers apart; give integers"
)
TOO_LARGE_BESIDE_MISSING = "beside missing values, whole numbers are exact up to 2**53 only"
NOT_WHOLE = "it is not whole"
A_PLACE = "a place is a pair, `(3, -1)`"
BYTES_ARE_TEXT = "bytes are read as UTF-8 text"
A_BOOL = "a bool"


class Line(NamedTuple):
    """A line of a table: its number, and how many cells it has."""

    number: int
    num_cells: int


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


def values_hint(values: Sequence[str]) -> str:
    """Say what the values of an enum are."""
    return f"its values are {one_of(values)}"


def did_you_mean(value: str) -> str:
    """Propose a value that is written a little otherwise."""
    return f"did you mean `{value}`?"


def object_text(value: object) -> str:
    """Show a Python object that is no value."""
    return f"a value of type {type(value).__name__}"


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


def missing_param(span: Span, what: str, number: str) -> Diagnostic:
    """A parameter is missing or infinite."""
    return Diagnostic(
        "GM459",
        f"{what} is {number}, but a parameter is a finite number",
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


def unreadable(path: str, error: FormatError) -> Diagnostic:
    """A file cannot be unpacked, is too large or of another format, as its reader says."""
    return _not_text(path, error.message, error.hint)


def undecodable(path: str, byte: int, encoding: str) -> Diagnostic:
    """A file is no text from some byte on."""
    return _not_text(path, f"byte {byte} is no {encoding} text")


def zero_byte(path: str, byte: int) -> Diagnostic:
    """A file has a byte in it that is zero."""
    return _not_text(path, f"byte {byte} is zero, so this is no text, or UTF-16 without its mark")


def _not_text(path: str, reason: str, hint: str = "") -> Diagnostic:
    way_out = hint or "save it as UTF-8, or as UTF-16 with its mark"
    return Diagnostic("GM450", f"{path}: {reason}", None, hint=way_out)


def no_values(path: str) -> Diagnostic:
    """A file holds nothing."""
    return Diagnostic("GM462", f"{path} holds no values", None)


def mixed_separators(span: Span, name: str, found: Sequence[str]) -> Diagnostic:
    """A table is separated by several signs."""
    hint = "separate by one sign only"
    if "`,`" in found:
        hint += "; the decimal sign is a point: write 0.5, not 0,5"
    return Diagnostic(
        "GM451", f"the table of `{name}` has {' and '.join(found)} as separators", span, hint=hint
    )


def unclosed_quote(span: Span) -> Diagnostic:
    """A quote opens a cell, and none closes it on its line."""
    return _bad_quotes(span, "this quote is not closed on its line")


def text_after_quote(span: Span) -> Diagnostic:
    """A cell goes on behind its closing quote."""
    return _bad_quotes(span, "something follows the closing quote")


def _bad_quotes(span: Span, sentence: str) -> Diagnostic:
    return Diagnostic("GM463", sentence, span, hint='inside quotes a quote is doubled: "a""b"')


def ragged_table(
    span: Span, name: str, line: Line, first: Line, sign: str | None, is_blank: bool
) -> Diagnostic:
    """The lines of a table differ in length.

    Args:
        span: of the line.
        name: of the data.
        line: the first that differs from the one before it all.
        first: that one.
        sign: the name of what separates cells; None where blanks do.
        is_blank: whether the longer line is so by one cell of nothing.
    """
    found, others = line.num_cells, first.num_cells
    cells = "1 cell" if found == 1 else f"{found} cells"
    hint = "give every line as many cells; what is missing is written NA"
    if is_blank:
        hint = f"is the {sign or 'space'} at the end of the longer line one too many?"
    elif sign is not None and min(found, others) == 1:
        hint = f"are there lines without {sign}, or with another separator?"
    return Diagnostic(
        "GM452",
        f"line {line.number} of the table of `{name}` has {cells}, "
        f"but line {first.number} has {others}",
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


def header_of_two(span: Span, name: str) -> Diagnostic:
    """Two columns have the name of the data."""
    return _bad_header(span, name, "names two columns")


def header_alone(span: Span, name: str) -> Diagnostic:
    """A file has a header and nothing else."""
    return _bad_header(span, name, "is all there is: no values follow it")


def header_with_number(span: Span, name: str) -> Diagnostic:
    """A line begins with the name of the data and goes on with values."""
    what = "has a number in it: this is a line of values that begins with a name"
    return _bad_header(span, name, what)


def _bad_header(span: Span, name: str, what: str) -> Diagnostic:
    return Diagnostic("GM455", f"the header of `{name}` {what}", span)


def entry(name: str, place: Sequence[int]) -> str:
    """Name one entry of data: `k`, `k[2]`, `k[0, 3]`."""
    return f"{name}[{', '.join(map(str, place))}]" if place else name


def cell(name: str, line: int, column: int | None) -> str:
    """Name one cell of a table, its column where there are several."""
    place = f"`{name}`, line {line}"
    return place if column is None else f"{place}, column {column},"


def about_model(text: str) -> Diagnostic:
    """Say what is unusual about a model of another tool."""
    return Diagnostic("GM466", text, None, severity="warning")


def no_column(names: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """A data frame has no column that the program declares as data."""
    found = ", ".join(names[:12]) or "none with a name"
    declared = ", ".join(known) or "none"
    message = f"no column is data of this program: the columns are {found}; declared are {declared}"
    return Diagnostic("GM467", message, None)


# --- What was drawn from laws of reals ----------------------------------------------------


class Needed(StrEnum):
    """What is needed where a number is of no use."""

    NUMBER = "a number"
    ABOVE_ZERO = "a number above 0"
    COUNT = "an integer of at least 0"
    UP_TO_TRIALS = "an integer from 0 to the number of trials"
    ZERO_OR_ONE = "0 or 1"


class Of(StrEnum):
    """What it is the number of."""

    SEEN = "value"
    TRIALS = "number of trials"
    FREEDOM = "number of degrees of freedom"


def bad_number(
    span: Span, family: str, of: Of, value: float, needed: Needed, where: str
) -> Diagnostic:
    """Report what was seen, or is known of a law, and cannot be."""
    return bad_parameter(span, family, of, value, needed, where)


def never_drawn(span: Span, family: str, support: str, value: float, where: str) -> Diagnostic:
    """Report data that a distribution never gives; `support` as in its `Likelihood`."""
    needed = {
        "counts": "a whole number of at least 0",
        "truths": "true or false, 1 or 0",
        "0..1": "in 0..1",
        "positive": "a number of at least 0",
    }.get(support, "a number")
    return bad_parameter(span, family, "value", value, needed, where)


def bad_number_of_law(
    span: Span, family: str, name: str, value: float, where: str, *, may_be_zero: bool
) -> Diagnostic:
    """Report a parameter of what data is drawn from that leaves it without meaning."""
    other = "at least 0" if may_be_zero else "above 0"
    needed = {"p": "in 0..1", "n": "a whole number of at least 0"}.get(name, other)
    return bad_parameter(span, family, name, value, needed, where)
