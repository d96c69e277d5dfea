"""Arrays of another shape than is declared (GM403), and what must be known of them (GM317)."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Note, Span


def wrong_shape(
    span: Span,
    name: str,
    expected: str,
    found: Sequence[int],
    notes: tuple[Note, ...] = (),
    num_skipped: int = 0,
) -> Diagnostic:
    """An array does not have the declared shape.

    Args:
        span: of what declares it.
        name: of it.
        expected: the shape as it is declared.
        found: the shape of the array.
        notes: what else says how large it must be.
        num_skipped: blank lines between the rows of its file, which may have been values.
    """
    shown = _sizes(found) or "a single number"
    return _shape(
        span, name, expected, f"the data has shape {shown}", notes, _blank_lines(num_skipped)
    )


def observed_shape(
    span: Span, text: str, expected: Sequence[int], found: Sequence[int], *, is_list: bool
) -> Diagnostic:
    """What an array is observed to be has another shape; a list, or data."""
    what = "the list" if is_list else "the data"
    has = f"{what} has shape {_sizes(found) or 'one value'}"
    return _shape(span, text, _sizes(expected) or "one value", has)


def row_length(span: Span, name: str, domain: str, count: int, found: int) -> Diagnostic:
    """A vector of probabilities is not as long as its variable has values."""
    has = f"the data has shape {found} probabilities for {count} states"
    return _shape(span, name, domain, has)


def table_shape(
    span: Span,
    name: str,
    expected: str,
    found: tuple[int, int],
    num_axes: int,
    num_skipped: int,
    notes: tuple[Note, ...],
) -> Diagnostic:
    """A table of a file does not have the declared shape.

    Args:
        span: of its first line.
        name: of the data.
        expected: the shape as it is declared.
        found: its rows and columns.
        num_axes: how many axes the data has.
        num_skipped: blank lines between its rows, which may have been meant as values.
        notes: where the data is declared.
    """
    rows = "1 row" if found[0] == 1 else f"{found[0]} rows"
    columns = "1 column" if found[1] == 1 else f"{found[1]} columns"
    hint = "give it one row or one column, or a header with the name of its column"
    if num_axes > 2:
        hint = "a table has two axes; save an array of more as .npy"
    skipped = _blank_lines(num_skipped)
    hint += f"; {skipped}" if skipped else ""
    return _shape(span, name, expected, f"the data has shape {rows} and {columns}", notes, hint)


def _blank_lines(count: int) -> str:
    """Say that blank lines were skipped, or nothing."""
    if not count:
        return ""
    return f"{count} blank {'line was' if count == 1 else 'lines were'} skipped"


def _shape(
    span: Span,
    name: str,
    expected: str,
    has: str,
    notes: tuple[Note, ...] = (),
    hint: str = "",
) -> Diagnostic:
    return Diagnostic("GM403", f"`{name}` needs shape {expected}; {has}", span, notes, hint=hint)


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def not_known_yet(span: Span, what: str, variable: str, is_array: bool = False) -> Diagnostic:
    """Report a random variable where a value known before inference is needed.

    Args:
        span: of the value.
        what: it is needed for.
        variable: that it mentions.
        is_array: whether it is what an array of variables is to equal.
    """
    return Diagnostic(
        "GM317",
        f"{what} must be known before inference, but mentions the variable `{variable}`",
        span,
        hint=_EACH_ELEMENT if is_array else "",
    )


_EACH_ELEMENT = (
    "variables are set equal one by one: `for i in 0..<n: constraint x[i] == y[i]`, or defined "
    "to be: `x[i] := y[i]`"
)
