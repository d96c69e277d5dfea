"""Tables of cases: their columns (GM712), cells (GM713), rows (GM714, GM715) and form (GM717)."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors.names import nearest

# --- Columns -----------------------------------------------------------------------------


def unknown_column(span: Span, table: str, column: str, known: Sequence[str]) -> Diagnostic:
    """Report a column that names nothing random."""
    hint = nearest(column, known) or _named_like(known)
    return _bad_column(span, table, column, "names no variable", hint)


def column_of_data(span: Span, table: str, column: str) -> Diagnostic:
    """Report a column that is named like data or a param."""
    hint = "name it like the variable that is seen, and leave out what the program observes of it"
    return _bad_column(
        span, table, column, "is named like data or a param, not like a variable", hint
    )


def column_against_observed(span: Span, table: str, column: str, row: str) -> Diagnostic:
    """Report a column that contradicts what the program itself observes."""
    problem = f"says otherwise in row {row} than the program's `observe`"
    return _bad_column(span, table, column, problem)


def column_outside(
    span: Span, table: str, column: str, name: str, shape: Sequence[int]
) -> Diagnostic:
    """Report a column that names an element which an array does not have."""
    problem = f"is none of {name}, which has shape [{', '.join(map(str, shape))}]"
    return _bad_column(span, table, column, problem)


def columns_alike(span: Span, table: str, column: str, other: str) -> Diagnostic:
    """Report two columns about one variable."""
    return _bad_column(span, table, column, f"is about what column `{other}` is about")


def _bad_column(span: Span, table: str, column: str, problem: str, hint: str = "") -> Diagnostic:
    message = f"column `{column}` of `{table}` {problem}"
    return Diagnostic("GM712", message, span, hint=hint)


def _named_like(known: Sequence[str]) -> str:
    listed = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return f"columns are named like variables: {listed}"


# --- Cells and rows ----------------------------------------------------------------------


def bad_case(
    span: Span, table: str, row: str, column: str, shown: str, expected: str, hint: str = ""
) -> Diagnostic:
    """Report a cell that is no state of its variable."""
    message = f"row {row} of `{table}`: {shown} is no state of `{column}`; expected {expected}"
    return Diagnostic("GM713", message, span, hint=hint)


def rows_missing(span: Span, name: str) -> Diagnostic:
    """Report a table of cases that was not given."""
    hint = f"give it with --data {name}=FILE.csv, or learn({name}=...) in Python"
    return Diagnostic("GM714", f"`{name}` has not been given any rows", span, hint=hint)


def impossible_rows(
    span: Span, table: str, row: str, count: int, statement: str = ""
) -> Diagnostic:
    """Report cases that the program gives no probability.

    Args:
        span: of the first.
        table: that has them.
        row: the first.
        count: of them all.
        statement: that gives the first no probability; "" where none does so alone.
    """
    several = f", as are {count - 1} others" if count > 1 else ""
    hint = "--skip-impossible leaves such rows out, and says how many"
    problem = several + _disagreeing(statement)
    return _impossible(span, f"row {row} of `{table}`", problem, hint)


def impossible_observations(span: Span, statement: str = "") -> Diagnostic:
    """Report that the program gives what it observes no probability, by a statement or by all."""
    return _impossible(span, _OBSERVED, _disagreeing(statement))


def clashing_observations(span: Span) -> Diagnostic:
    """Report that the program observes a variable in two states."""
    return _impossible(span, _OBSERVED, ": two observations clash")


def impossible_program(span: Span) -> Diagnostic:
    """Report a program that gives nothing at all a probability."""
    problem = ", whatever is seen: nothing agrees with its constraints"
    return _impossible(span, _OBSERVED, problem)


_OBSERVED = "what the program observes"


def _disagreeing(statement: str) -> str:
    return f": nothing agrees with it and `{statement}`" if statement else ""


def _impossible(span: Span, which: str, problem: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM715", f"{which} is impossible{problem}", span, hint=hint)


# --- Form --------------------------------------------------------------------------------


def no_table(span: Span, table: str, kind: str) -> Diagnostic:
    """Report a value from Python, of some type, that has no columns."""
    hint = "give a data frame, a dict of arrays, a structured array, a list of dicts, or a file"
    return _bad_rows(span, table, f"is a {kind}, and no table of cases", hint)


def unreadable(span: Span, table: str, error: Exception) -> Diagnostic:
    """Report a file that cannot be opened, or is of no format that tables have."""
    return _bad_rows(span, table, f"cannot be read: {error}")


def no_columns(span: Span, table: str) -> Diagnostic:
    """Report a table that is empty."""
    return _bad_rows(span, table, "has no columns")


def no_rows(span: Span, table: str) -> Diagnostic:
    """Report a table that is a header alone."""
    return _bad_rows(span, table, "has no rows below its header")


def no_cells(span: Span, table: str, column: str) -> Diagnostic:
    """Report a column that is a single value."""
    return _bad_rows(span, table, f"has a column `{column}` that is no list of cells")


def columns_differ(
    span: Span, table: str, first: tuple[str, int | None], other: tuple[str, int]
) -> Diagnostic:
    """Report two columns, given by name and number of rows, of different lengths."""
    lengths = f"`{first[0]}` has {first[1]} rows, `{other[0]}` has {other[1]}"
    return _bad_rows(span, table, f"has columns of different lengths: {lengths}")


def no_header(span: Span, table: str, cell: str, number: int) -> Diagnostic:
    """Report a cell that is no name where that of a column, counted from 1, should stand."""
    what = f"`{cell}`" if cell else "nothing"
    problem = f"has no header: {what} stands where the name of column {number} should"
    return _bad_rows(span, table, problem, "name each column in line 1")


def column_twice(span: Span, table: str, column: str) -> Diagnostic:
    """Report two columns of one name."""
    return _bad_rows(span, table, f"has two columns `{column}`")


def wrong_width(
    span: Span, table: str, column: str, given: Sequence[int], needed: Sequence[int]
) -> Diagnostic:
    """Report a column whose cells have another shape than its variable."""
    problem = f"has {_shape(given)} in each row, where {_shape(needed)} is needed"
    hint = "name a column for each element: `x[3]`"
    return _bad_rows(span, table, f"does not fit: column `{column}` {problem}", hint)


def _shape(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes)) or "one value"


def no_weight(span: Span, table: str, row: str, shown: str) -> Diagnostic:
    """Report a cell of a column of weights that is no number."""
    return _bad_weight(span, table, row, f"{shown} is no weight")


def weight_missing(span: Span, table: str, row: str) -> Diagnostic:
    """Report an empty cell of a column of weights."""
    return _bad_weight(span, table, row, "it has no weight")


def weights_together(span: Span, table: str, total: float, most: float) -> Diagnostic:
    """Report weights that add up to more cases than sums of floats can tell apart."""
    problem = f"has weights that add up to {total:.3g} cases; {most:.3g} is the most"
    return _bad_rows(span, table, problem, "divide all of them by one number")


def weights_with_axes(span: Span, table: str, column: str, shape: Sequence[int]) -> Diagnostic:
    """Report a column of weights with several numbers in each row."""
    problem = f"has {_shape(shape)} numbers in each row of column `{column}`, which holds weights"
    return _bad_rows(span, table, problem, "give each row one weight")


def weight_outside(span: Span, table: str, row: str, weight: float) -> Diagnostic:
    """Report a weight that is negative or not finite."""
    return _bad_weight(span, table, row, f"its weight is {weight:g}")


def _bad_weight(span: Span, table: str, row: str, problem: str) -> Diagnostic:
    hint = "a weight is a number of at least 0"
    return _bad_rows(span, table, f"has a bad row {row}: {problem}", hint)


def no_weights(span: Span, table: str, weight: str, columns: Sequence[str]) -> Diagnostic:
    """Report a column of weights that a table does not have."""
    problem = f"has no column `{weight}`, which is to hold the weights"
    return _bad_rows(span, table, problem, f"its columns: {', '.join(columns[:8])}")


def source_not_said(tables: Sequence[str]) -> Diagnostic:
    """Report a program without a `learn` that may be learned from several tables."""
    problem = f"says nothing of which of {', '.join(tables)} to learn from"
    return _bad_rows(None, _PROGRAM, problem, "write `learn params from`")


def several_tables() -> Diagnostic:
    """Report that rows are asked about, and several tables may be meant."""
    return _bad_rows(None, _PROGRAM, "has several tables of cases", "give the one that is meant")


def no_tables() -> Diagnostic:
    """Report that rows are asked about in a program that declares no table of cases."""
    hint = "declare one: `data cases : rows`"
    return _bad_rows(None, _PROGRAM, "has no table of cases", hint)


_PROGRAM = "the program"


def _bad_rows(span: Span | None, table: str, what: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM717", f"`{table}` {what}", span, hint=hint)
