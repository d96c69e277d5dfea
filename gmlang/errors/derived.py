"""Mistakes in data that a function makes of other data, and in rows of data: GM48x."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors.names import nearest

VISION = "pip install 'gmlang[vision]'"
"""What brings the packages that functions of pictures need."""


def no_call(span: Span) -> Diagnostic:
    """What stands after `:=` is no plain call."""
    return Diagnostic(
        "GM480",
        "data is derived by a function of other data",
        span,
        hint="write `data e[N] := f(k, 2)`, or `=` for a value",
    )


def of_learned(span: Span, name: str) -> Diagnostic:
    """A param that may be learned is handed to a function of data."""
    return Diagnostic(
        "GM480",
        f"data is derived from other data, and `{name}` is learned",
        span,
        hint="a function of data is called once, before anything is learned",
    )


def no_function(span: Span, name: str, known: Sequence[str], module: str) -> Diagnostic:
    """No function of data has the name.

    Args:
        span: of the call.
        name: as the program has it.
        known: the names that would do.
        module: of the library, not imported, that has such a function; "" for none.
    """
    way_out = nearest(name, known) or "give it from Python: `@gmlang.function` before its `def`"
    if module:
        way_out = f"it is in the library: import {module}"
    return Diagnostic("GM481", f"there is no function of data `{name}`", span, hint=way_out)


def failed(span: Span, text: str, error: Exception) -> Diagnostic:
    """A function of data has raised an exception."""
    said = " ".join(str(error).split())
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return Diagnostic("GM482", f"`{text}` failed: {what}", span)


def needs_package(span: Span, name: str, package: str) -> Diagnostic:
    """A function of data needs a package that is not installed."""
    return Diagnostic(
        "GM483", f"`{name}` needs {package}, which is not installed", span, hint=VISION
    )


def rows_of_both(span: Span, data: str, other: str) -> Diagnostic:
    """Some columns of rows are data, and others are not."""
    return Diagnostic(
        "GM484",
        f"`{data}` is data that rows give, and `{other}` is none",
        span,
        hint="rows have columns of data, or of variables; bind what is the same in all rows",
    )


def no_rows(span: Span, name: str) -> Diagnostic:
    """A column of rows is a single value."""
    return Diagnostic(
        "GM484", f"`{name}` has no rows", span, hint="its first axis is the rows: X[row] is bound"
    )


def rows_differ(span: Span, first: str, length: int, name: str, other: int) -> Diagnostic:
    """Columns of rows are not equally long."""
    return Diagnostic("GM484", f"`{first}` has {length} rows, and `{name}` has {other}", span)
