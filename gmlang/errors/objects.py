"""Python objects that are no array of values: GM457 and GM458."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors.data import NUM_LISTED_MAX, entry

Length = int | tuple[int, ...] | None
"""How long a list is, or the shape of an array; None of a single value."""


def no_array(span: Span, name: str, kind: str, error: Exception) -> Diagnostic:
    """An object of a foreign library cannot be made an array; `error` is what it says."""
    return _bad_kind(span, name, f"a {kind} that is no array: {str(error)[:200]}")


def an_iterator(span: Span, name: str, kind: str) -> Diagnostic:
    """An iterator is given."""
    found = f"an iterator ({kind}), which can be read only once"
    return _bad_kind(span, name, found, "give a list: list(...)")


def a_set(span: Span, name: str, kind: str) -> Diagnostic:
    """A set is given."""
    return _bad_kind(span, name, f"a {kind}, which has no order", "give a list: sorted(...)")


def a_mapping(span: Span, name: str, kind: str) -> Diagnostic:
    """A dict is given."""
    return _bad_kind(span, name, f"a {kind}", "give one of its values, an array or a list")


def a_sparse_matrix(span: Span, name: str, kind: str) -> Diagnostic:
    """A sparse matrix is given."""
    return _bad_kind(span, name, f"a sparse matrix ({kind})", "give its array: .toarray()")


def no_such_field(span: Span, name: str, fields: Sequence[str], own: str) -> Diagnostic:
    """A structured array has no field of the data's name."""
    found = f"a structured array of {', '.join(fields)}, without {own}"
    return _bad_kind(span, name, found, "choose one: array['field']")


def no_one_column(span: Span, name: str, columns: Sequence[str]) -> Diagnostic:
    """Of the columns of a data frame none, or several, have the data's name."""
    listed = ", ".join(columns[:NUM_LISTED_MAX])
    found = f"a data frame of {len(columns)} columns ({listed}), none or several of them its own"
    return _bad_kind(span, name, found, f"choose one: frame['{columns[0]}']" if columns else "")


def complex_numbers(span: Span, name: str) -> Diagnostic:
    """An array of complex numbers is given."""
    return _bad_kind(span, name, "complex numbers", "take its real part, or its magnitude")


def times(span: Span, name: str, dtype: str) -> Diagnostic:
    """An array of dates or times is given."""
    hint = "say what is meant by a time: count days or steps from a beginning"
    return _bad_kind(span, name, f"times ({dtype})", hint)


def other_values(span: Span, name: str, dtype: str) -> Diagnostic:
    """An array of values is given that are neither numbers nor words."""
    return _bad_kind(span, name, f"values of type {dtype}")


def _bad_kind(span: Span, name: str, found: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM457", f"`{name}` is given {found}", span, hint=hint)


def ragged(span: Span, name: str, place: Sequence[int], found: Length, first: Length) -> Diagnostic:
    """The rows of nested lists differ in length."""
    row = entry(name, place)
    return Diagnostic(
        "GM458",
        f"the rows of `{name}` differ: {row} {_has(found)}, but the first beside it {_has(first)}",
        span,
        hint="fill the rows up with None, which is missing, or give each row its own data",
    )


def _has(length: Length) -> str:
    match length:
        case None:
            return "is a single value"
        case 1:
            return "has 1 entry"
        case int():
            return f"has {length} entries"
        case _:
            return f"has shape {length}"
