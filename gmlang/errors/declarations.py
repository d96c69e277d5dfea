"""Declarations without a meaning: domains, lists, depths (GM3xx), data that is made (GM48x)."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors.names import nearest

# --- Domains -----------------------------------------------------------------------------


def not_a_domain(span: Span, text: str) -> Diagnostic:
    """Report something that stands where a domain is needed."""
    return _no_domain(
        span,
        text,
        "a size stands behind the name: `x[3] : bool`"
        if "[" in text
        else "a domain is `bool`, a range `0..9`, `{red, green}`, or a declared name",
    )


def without_domain(span: Span, name: str) -> Diagnostic:
    """Report data of which nothing says what it is."""
    return _no_domain(span, name, f"say what it is: `data {name} : int`, or `: real`, `: bool`")


def endless_domain(span: Span, text: str) -> Diagnostic:
    """Report all integers as the domain of a variable."""
    return _no_domain(span, text, "give both ends: `0..9`")


def not_a_name(span: Span, text: str, numbers: Sequence[int]) -> Diagnostic:
    """Report an expression among the values of a domain, which may be a set of `numbers`."""
    hint = "a set of integers is written as a range"
    if numbers:
        first, last = min(numbers), max(numbers)
        hint += f": `{first}..{last}`"
        if len(set(numbers)) <= last - first:
            listed = ", ".join(map(str, numbers))
            hint += f", and what it leaves out by `constraint x in {{{listed}}}`"
    return _no_domain(span, text, hint)


def _no_domain(span: Span, text: str, hint: str) -> Diagnostic:
    if text.startswith('"'):
        hint = "values are names, written without quotes: `{red, green}`"
    return Diagnostic("GM319", f"`{text}` is not a domain", span, hint=hint)


def empty_domain(span: Span, text: str) -> Diagnostic:
    """Report a range whose ends leave nothing between them."""
    return _bad_domain(span, f"the domain `{text}` is empty")


def negative_size(span: Span, size: float) -> Diagnostic:
    """Report a constant size below 0."""
    return _bad_domain(span, f"a size is not negative; this is {size}")


def thing_given_value(span: Span, name: str, entity: str) -> Diagnostic:
    """Report a thing that is declared with a value or a base."""
    return _bad_domain(span, f"`{name}` is a {entity}: draw its attributes instead")


def size_not_from_zero(span: Span, text: str) -> Diagnostic:
    """Report a range as a size that does not begin at 0."""
    sentence = f"the size of an axis is a number; this is the range `{text}`"
    return _bad_domain(span, sentence, "the indices of `x[4]` are 0, 1, 2 and 3")


def _bad_domain(span: Span, sentence: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM322", sentence, span, hint=hint)


# --- Lists of values ---------------------------------------------------------------------


def not_constant(span: Span) -> Diagnostic:
    """Report a computed value in a list of data."""
    return _bad_list(span, "a list of data holds constants only")


def too_large_a_number(span: Span, text: str) -> Diagnostic:
    """Report a constant in a list of data that no array holds."""
    return _bad_list(span, f"`{text}` is beyond what 64 bits hold")


def names_without_domain(span: Span) -> Diagnostic:
    """Report values of an enum as data that does not say which."""
    return _bad_list(span, "say the domain of these values: `data x[N] : Domain = [...]`")


def other_number_of_axes(span: Span, declared: int, found: int) -> Diagnostic:
    """Report a list nested deeper, or less deep, than its array has axes."""
    return _bad_list(span, f"{declared} axes are declared, but the list has {found}")


def other_size(span: Span, axis: int, declared: float, found: int) -> Diagnostic:
    """Report a list that is longer or shorter than an axis is declared."""
    sentence = f"axis {axis} is declared {declared} long, but the list has {found}"
    return _bad_list(span, sentence)


def rows_differ(
    span: Span, row: int, found: tuple[int, ...] | None, first: tuple[int, ...] | None
) -> Diagnostic:
    """Report a row of another shape than the first beside it; None has no one shape."""
    has, others = _shape(found), _shape(first)
    return _bad_list(span, f"the rows of this list differ: row {row} has {has}, row 0 has {others}")


def _shape(shape: tuple[int, ...] | None) -> str:
    if not shape:
        return "a single value"
    return " x ".join(map(str, shape)) + (" values" if shape != (1,) else " value")


def listed_differs(
    span: Span, text: str, sizes: Sequence[str], found: tuple[int, ...]
) -> Diagnostic:
    """Report a list that an array is observed to be, of another shape."""
    has = f"has the shape {' x '.join(sizes)}" if sizes else "is one value"
    sentence = f"`{text}` {has}; this list has the shape {' x '.join(map(str, found))}"
    return _bad_list(span, sentence)


def listed_by_loop(span: Span) -> Diagnostic:
    """Report a comprehension in a list that an array is observed to be."""
    return _bad_list(span, "what an array is observed to be is written out, or data")


def _bad_list(span: Span, sentence: str) -> Diagnostic:
    return Diagnostic("GM324", sentence, span)


# --- What covers what, and what may not exist ----------------------------------------------


def cover_outside_model(span: Span) -> Diagnostic:
    """Report a `cover` that no model makes."""
    return Diagnostic(
        "GM351",
        "only a model covers: `cover` cannot stand outside models",
        span,
        hint="write `model m(x: Thing):` above it, or draw the variable: `x ~ Bernoulli(0.2)`",
    )


def not_coverable(span: Span, text: str, *, is_activation: bool) -> Diagnostic:
    """Report a `cover` of whether a model applies, or of what is no variable."""
    found = "an activation" if is_activation else "no variable"
    hint = f"a model predicts another: `predict {text} @ 0.9`" if is_activation else ""
    return Diagnostic(
        "GM352",
        f"`{text}` is {found}, and only variables and attributes are covered",
        span,
        hint=hint,
    )


def depth_not_a_number(span: Span, text: str) -> Diagnostic:
    """Report a depth that has no order."""
    return Diagnostic(
        "GM353",
        f"a depth is a number, and `{text}` is none",
        span,
        hint="the lowest is in front: `model m(x: Thing) depth 2:`",
    )


def depth_too_fine(span: Span, text: str, count: int | None, most: int) -> Diagnostic:
    """Report a depth that depends on variables and has too many values."""
    return Diagnostic(
        "GM354",
        f"the depth `{text}` may be {'too many' if count is None else count} numbers;"
        f" where it depends on variables it may be up to {most}",
        span,
    )


def some_of_no_entity(span: Span, text: str) -> Diagnostic:
    """Report `some` of what is no entity."""
    return Diagnostic(
        "GM355",
        f"only things may not exist, and `{text}` is no entity",
        span,
        hint="a random variable is declared by `var`",
    )


def some_of_no_number(span: Span, name: str) -> Diagnostic:
    """Report `some` without one size."""
    return Diagnostic(
        "GM356",
        f"`some {name}` needs one size: how many things there may be",
        span,
        hint=f"write `some {name}[3] : ...`",
    )


def some_of_none(span: Span, name: str, count: int) -> Diagnostic:
    """Report `some` with a size below 1."""
    return Diagnostic("GM357", f"there may be at least one of `some {name}`, not {count}", span)


def always_exists(span: Span, text: str) -> Diagnostic:
    """Report `exists` of a thing that is declared by `var`."""
    return Diagnostic(
        "GM358",
        f"`{text}` always exists",
        span,
        hint="things that may not exist are declared by `some`: `some object[3] : Thing prior 0.3`",
    )


def composite_for_value(span: Span, text: str) -> Diagnostic:
    """Report `composite(it)` where no list of the best is asked for."""
    return Diagnostic(
        "GM359",
        f"`{text}` is no value: it is all that holds of a thing, of which the best are asked for",
        span,
        hint=f"query best(5, {text})",
    )


# --- Data that a function makes, and rows of data: GM48x ---------------------------------

VISION = "pip install 'gmlang[vision]'"
"""What brings the packages that functions of pictures need."""


def no_call(span: Span) -> Diagnostic:
    """What stands after `:=` is no plain call."""
    sentence = "data is derived by a function of other data"
    return _not_derived(span, sentence, "write `data e[N] := f(k, 2)`, or `=` for a value")


def of_learned(span: Span, name: str) -> Diagnostic:
    """A param that may be learned is handed to a function of data."""
    sentence = f"data is derived from other data, and `{name}` is learned"
    return _not_derived(
        span, sentence, "a function of data is called once, before anything is learned"
    )


def _not_derived(span: Span, sentence: str, hint: str) -> Diagnostic:
    return Diagnostic("GM480", sentence, span, hint=hint)


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
    hint = "rows have columns of data, or of variables; bind what is the same in all rows"
    return _bad_rows(span, f"`{data}` is data that rows give, and `{other}` is none", hint)


def no_rows(span: Span, name: str) -> Diagnostic:
    """A column of rows is a single value."""
    return _bad_rows(span, f"`{name}` has no rows", "its first axis is the rows: X[row] is bound")


def columns_differ(span: Span, first: str, length: int, name: str, other: int) -> Diagnostic:
    """Columns of rows are not equally long."""
    return _bad_rows(span, f"`{first}` has {length} rows, and `{name}` has {other}", "")


def _bad_rows(span: Span, sentence: str, hint: str) -> Diagnostic:
    return Diagnostic("GM484", sentence, span, hint=hint)


# --- Families ----------------------------------------------------------------------------


def none_need_hold(span: Span, text: str, value: str, num_members: int, said: int) -> Diagnostic:
    """Report a family of which no one member need hold of a thing.

    Args:
        span: of the mention.
        text: it, as written: `template(it)`.
        value: the name of the family's value.
        num_members: how many members are considered of the thing.
        said: of how many of these a constraint says that exactly one holds; below 0 where it says
            so of others together with them.
    """
    inner = f"{text[:-1]}, {value})" if text.endswith(")") else f"{text}, {value}"
    hint = f"say it: `constraint exactly_one({inner} for {value} in ...)`"
    if num_members == 0:
        why, hint = "none is considered", f"name them: `consider {inner} for {value} in ...`"
    elif said == 0:
        why = f"nothing says that exactly one of the {num_members} considered holds"
    elif said < 0:
        why = "`exactly_one` is said of others together with them"
    else:
        why = f"`exactly_one` is said of {said} of the {num_members} that are considered"
    return Diagnostic("GM489", f"`{text}` is the member that holds, but {why}", span, hint=hint)
