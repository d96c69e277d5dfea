"""Mistakes about places: grids, shifts, and what is done with them (GM361-GM365)."""

from gmlang.diagnostics import Diagnostic, Span


def grid_sizes(span: Span, word: str, found: int) -> Diagnostic:
    """Report a `grid` or `shift` with another number of sizes."""
    hint = "`grid(33, 33)` has rows and columns, `shift(12)` so many each way"
    needed = "two sizes" if word == "grid" else "one size"
    return Diagnostic("GM361", f"`{word}` takes {needed}, but is given {found}", span, hint=hint)


def size_not_written(span: Span, word: str) -> Diagnostic:
    """Report a size of a grid that only data tells."""
    hint = "write the number itself"
    message = f"the size of a `{word}` must be a whole number that the program says"
    return Diagnostic("GM361", message, span, hint=hint)


def negative_grid(span: Span, word: str, size: int) -> Diagnostic:
    """Report a grid without places, or a shift of a negative size."""
    if word == "shift":
        hint = f"`shift({abs(size)})` goes {abs(size)} rows and columns each way"
        return Diagnostic("GM362", f"a shift of {size} has no places", span, hint=hint)
    hint = "a grid has at least one row and one column"
    return Diagnostic("GM362", f"a grid with a side of {size} has no places", span, hint=hint)


def too_many_places(span: Span, count: int, most: int) -> Diagnostic:
    """Report a grid that is too large to be a domain."""
    hint = f"{most} are the most"
    return Diagnostic("GM362", f"a grid of {count} places is too large", span, hint=hint)


def other_grid(span: Span, one: str, other: str) -> Diagnostic:
    """Report places of different grids where both should lie on one."""
    hint = "declare one domain for both, or compare rows and columns: `.row`, `.column`"
    message = f"places of {one} and of {other} lie on different grids"
    return Diagnostic("GM363", message, span, hint=hint)


def not_a_place(span: Span, word: str, found: str) -> Diagnostic:
    """Report what is no place where one is needed."""
    hint = "a place is a value of a `grid` or a `shift`, a sum of two, or a pair `(3, -1)`"
    return Diagnostic("GM364", f"{word} needs a place; this is {found}", span, hint=hint)


def not_two_axes(span: Span, text: str) -> Diagnostic:
    """Report a place as an index where the array has not two axes of numbers for it."""
    hint = "a place indexes two axes: rows, then columns"
    message = f"`{text}` has not two axes for a place here"
    return Diagnostic("GM364", message, span, hint=hint)


def negative_reach(span: Span, reach: int) -> Diagnostic:
    """Report a window that nothing is within."""
    hint = "`within(a, b, 0)` says that both are the same place"
    return Diagnostic("GM365", f"no two places are within {reach}", span, hint=hint)
