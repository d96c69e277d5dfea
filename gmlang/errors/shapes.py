"""Arrays: their axes and indices, what shapes they need; grids (GM302, 303, 317, 327, 341, ...)."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Note, Span

_LETTERS = "ijklmn"
"""For the axes of an array, in hints."""


def _letters(rank: int) -> str:
    return ", ".join(_LETTERS[:rank])


def array_for_element(span: Span, text: str, rank: int, element: str = "") -> Diagnostic:
    """Report a whole array where one element is needed; `element` is how one is written."""
    return _array(span, text, rank, element or f"{text}[{_letters(rank)}]")


def array_predicted(span: Span, text: str, rank: int, element: str, word: str) -> Diagnostic:
    """Report a prediction, or what covers, about a whole array; `word` begins the statement."""
    return _array(span, text, rank, f"for {_letters(rank)} in ...: {word} {element} = ...")


def _array(span: Span, text: str, rank: int, hint: str) -> Diagnostic:
    sentence = f"`{text}` is an array [{', '.join(':' * rank)}]; one element is needed here"
    return Diagnostic("GM302", sentence, span, hint=hint)


def wrong_number_of_indices(span: Span, text: str, rank: int, found: int) -> Diagnostic:
    """Report too many indices."""
    usual = f"one for each axis: `{text}[{_letters(rank)}]`" if 0 < rank <= 4 else f"write `{text}`"
    return _indices(span, text, rank, found, usual)


def attribute_indexed(
    span: Span, attribute: str, rank: int, found: int, element: str
) -> Diagnostic:
    """Report indices of things that stand behind the name of their attribute."""
    return _indices(span, attribute, rank, found, f"index the things themselves: `{element}`")


def _indices(span: Span, text: str, rank: int, found: int, hint: str) -> Diagnostic:
    has = f"has {rank} {'axis' if rank == 1 else 'axes'}" if rank else "is not an array"
    given = "1 index" if found == 1 else f"{found} indices"
    return Diagnostic("GM303", f"`{text}` {has}, but is given {given}", span, hint=hint)


def out_of_bounds(span: Span, index: int, size: int) -> Diagnostic:
    """Report a constant index beyond its axis."""
    last = f"0..{size - 1}"
    hint = f"indices begin at 0, and the last one is {size - 1}"
    return Diagnostic("GM327", f"index {index} is outside {last}", span, hint=hint)


RANDOM_TARGET = "GM419"
"""What a statement is about is not known, since an index of it is random."""


def may_miss(span: Span, text: str, index: int, last: int, where: str) -> Diagnostic:
    """Report a random index, of what is predicted, that may lie outside of its axis."""
    told = f"the index `{text}` is random, and may be {index}, outside 0..{last}{where}"
    hint = f"say it only where it lies inside: if {text} in 0..{last}: predict ..."
    return Diagnostic(RANDOM_TARGET, told, span, hint=hint)


def may_pick_unseen(span: Span, text: str, name: str) -> Diagnostic:
    """Report a random index, of what is predicted, that may pick what is not observed."""
    return Diagnostic(
        RANDOM_TARGET,
        f"the index `{text}` is random, and may pick `{name}`, which is not observed",
        span,
        hint="observe all that it may pick, or loop over it, each under its condition: "
        "for i in ...: if z == i: predict ...",
    )


def too_many_axes(span: Span, count: int, most: int) -> Diagnostic:
    """Report an array of more dimensions than NumPy can go along with."""
    hint = "put indices that belong together into one: i * N + j"
    return Diagnostic(
        "GM341", f"an array has at most {most} dimensions, not {count}", span, hint=hint
    )


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


def parameter_not_known(span: Span, family: str, variable: str) -> Diagnostic:
    """Report a random parameter of a law that needs to be a number known before inference."""
    return not_known_yet(span, f"the parameters of `{family}`", variable)


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


# --- Places: grids, shifts, and what is done with them -------------------------------------


def grid_sizes(span: Span, word: str, found: int) -> Diagnostic:
    """Report a `grid` or `shift` with another number of sizes."""
    hint = "`grid(33, 33)` has rows and columns, `shift(12)` so many each way"
    needed = "two sizes" if word == "grid" else "one size"
    return _grid_sizes(span, f"`{word}` takes {needed}, but is given {found}", hint)


def size_not_written(span: Span, word: str) -> Diagnostic:
    """Report a size of a grid that only data tells."""
    hint = "write the number itself"
    message = f"the size of a `{word}` must be a whole number that the program says"
    return _grid_sizes(span, message, hint)


def _grid_sizes(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic("GM381", message, span, hint=hint)


def negative_grid(span: Span, word: str, size: int) -> Diagnostic:
    """Report a grid without places, or a shift of a negative size."""
    if word == "shift":
        hint = f"`shift({abs(size)})` goes {abs(size)} rows and columns each way"
        return _num_places(span, f"a shift of {size} has no places", hint)
    hint = "a grid has at least one row and one column"
    return _num_places(span, f"a grid with a side of {size} has no places", hint)


def too_many_places(span: Span, count: int, most: int) -> Diagnostic:
    """Report a grid that is too large to be a domain."""
    hint = f"{most} are the most"
    return _num_places(span, f"a grid of {count} places is too large", hint)


def _num_places(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic("GM382", message, span, hint=hint)


def other_grid(span: Span, one: str, other: str) -> Diagnostic:
    """Report places of different grids where both should lie on one."""
    hint = "declare one domain for both, or compare rows and columns: `.row`, `.column`"
    message = f"places of {one} and of {other} lie on different grids"
    return Diagnostic("GM383", message, span, hint=hint)


def not_a_place(span: Span, word: str, found: str) -> Diagnostic:
    """Report what is no place where one is needed."""
    hint = "a place is a value of a `grid` or a `shift`, a sum of two, or a pair `(3, -1)`"
    return _place(span, f"{word} needs a place; this is {found}", hint)


def not_two_axes(span: Span, text: str) -> Diagnostic:
    """Report a place as an index where the array has not two axes of numbers for it."""
    hint = "a place indexes two axes: rows, then columns"
    message = f"`{text}` has not two axes for a place here"
    return _place(span, message, hint)


def _place(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic("GM384", message, span, hint=hint)


def negative_reach(span: Span, reach: int) -> Diagnostic:
    """Report a window that nothing is within."""
    hint = "`within(a, b, 0)` says that both are the same place"
    return Diagnostic("GM385", f"no two places are within {reach}", span, hint=hint)
