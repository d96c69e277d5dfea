"""Mistakes about types, shapes and ranges (GM3xx)."""

from collections.abc import Sequence
from textwrap import shorten

from gmlang.diagnostics import Diagnostic, Note, Span


def type_mismatch(span: Span, needed: str, found: str, hint: str = "") -> Diagnostic:
    """Report an expression of the wrong type."""
    if found == "a string" and not hint:
        hint = "values are names, written without quotes"
    return Diagnostic("GM301", f"{needed} is needed here; this is {found}", span, hint=hint)


def array_for_element(span: Span, text: str, shape: str, hint: str) -> Diagnostic:
    """Report a whole array where one element is needed."""
    return Diagnostic(
        "GM302", f"`{text}` is an array [{shape}]; one element is needed here", span, hint=hint
    )


def wrong_number_of_indices(
    span: Span, text: str, rank: int, found: int, hint: str = ""
) -> Diagnostic:
    """Report too many indices."""
    has = f"has {rank} {'axis' if rank == 1 else 'axes'}" if rank else "is not an array"
    given = "1 index" if found == 1 else f"{found} indices"
    letters = ", ".join("ijkl"[:rank])
    usual = f"one for each axis: `{text}[{letters}]`" if 0 < rank <= 4 else f"write `{text}`"
    hint = hint or usual
    return Diagnostic("GM303", f"`{text}` {has}, but is given {given}", span, hint=hint)


def wrong_number_of_arguments(span: Span, name: str, takes: str, found: int) -> Diagnostic:
    """Report too few or too many arguments."""
    return Diagnostic("GM304", f"{name} takes {takes}, but is given {found}", span)


def different_domains(span: Span, left: str, right: str) -> Diagnostic:
    """Report a comparison of values that can never be equal by their types."""
    return Diagnostic("GM305", f"{left} and {right} cannot be compared", span)


def no_arithmetic(span: Span, operator: str, found: str) -> Diagnostic:
    """Report arithmetic on something that is not a number."""
    return Diagnostic(
        "GM306",
        f"`{operator}` needs numbers; this is {found}",
        span,
        hint="use an integer range as the domain, or `match` on the values",
    )


def not_a_probability(span: Span, value: float) -> Diagnostic:
    """Report a number that should be a probability."""
    hint = f"write {value / 100:g}" if 2 <= value <= 100 else ""
    return Diagnostic(
        "GM307", f"a probability lies between 0 and 1; this is {value:g}", span, hint=hint
    )


def wrong_sum(span: Span, total: float) -> Diagnostic:
    """Report probabilities that do not sum to one."""
    return Diagnostic(
        "GM308",
        f"probabilities sum to {total:g}, not to 1",
        span,
        hint="write the last one as `rest: _`, or divide each by the sum"
        if total > 1
        else "give the values not named what is left: `rest: _`",
    )


def not_a_confidence(span: Span, value: float) -> Diagnostic:
    """Report a confidence outside [0, 1]."""
    hint = f"write @ {value / 100:g}" if 2 <= value <= 100 else ""
    return Diagnostic(
        "GM309", f"a confidence lies between 0 and 1; this is {value:g}", span, hint=hint
    )


def not_covered(span: Span, case: str, covered: int, total: int) -> Diagnostic:
    """Report a match that leaves cases without a value."""
    return Diagnostic(
        "GM310",
        f"this match does not cover {case}",
        span,
        notes=(Note(f"{covered} of {total} cases are covered"),),
        hint="add that case, or a last `_ -> ...`",
    )


def two_mechanisms(span: Span, name: str, first: Span) -> Diagnostic:
    """Report a second `~` or `:=` for one variable."""
    return Diagnostic(
        "GM311",
        f"`{name}` already has a mechanism; a variable is drawn or defined once",
        span,
        notes=(Note("first here", first),),
        hint="for another opinion use `prefer` or `factor`; for cases use `if ... else` or `match`",
    )


def mechanism_in_model(span: Span, target: str) -> Diagnostic:
    """Report `~` or `:=` inside a model."""
    return Diagnostic(
        "GM312",
        "a model predicts; it does not draw or define variables",
        span,
        hint=f"write `predict {target} ~ ...`",
    )


def not_allowed_here(span: Span, what: str, where: str, hint: str = "") -> Diagnostic:
    """Report a statement in a place where it has no meaning."""
    return Diagnostic("GM313", f"{what} cannot stand {where}", span, hint=hint)


def outside_domain(span: Span, value: str, domain: str) -> Diagnostic:
    """Report a constant that a variable can never have."""
    hint = "write `true` or `false`" if domain == "bool" else ""
    return Diagnostic("GM314", f"{value} is outside {domain}", span, hint=hint)


def not_a_model(span: Span, text: str) -> Diagnostic:
    """Report something that stands where a model is needed."""
    return Diagnostic(
        "GM315", f"`{text}` is not a model", span, hint="write a model's name, or `m(arguments)`"
    )


def parts_do_not_fit(span: Span, first: str, second: str) -> Diagnostic:
    """Report parts of a composite that are about different things."""
    return Diagnostic(
        "GM316",
        f"these parts do not speak of the same things: {first} and {second}",
        span,
        hint="give parameters: `model both(a: A, b: B) = m(a) n(b)`",
    )


def not_known_yet(span: Span, what: str, variable: str) -> Diagnostic:
    """Report a random variable where a value known before inference is needed."""
    return Diagnostic(
        "GM317",
        f"{what} must be known before inference, but mentions the variable `{variable}`",
        span,
    )


def not_a_distribution(span: Span, found: str, hint: str) -> Diagnostic:
    """Report a value where a distribution is needed."""
    return Diagnostic("GM318", f"a distribution is needed here; this is {found}", span, hint=hint)


def not_a_domain(span: Span, text: str, hint: str = "") -> Diagnostic:
    """Report something that stands where a domain is needed."""
    return Diagnostic(
        "GM319",
        f"`{text}` is not a domain",
        span,
        hint="values are names, written without quotes: `{red, green}`"
        if text.startswith('"')
        else hint or "a domain is `bool`, a range `0..9`, `{red, green}`, or a declared name",
    )


def not_a_variable(span: Span, text: str, needed: str, hint: str = "") -> Diagnostic:
    """Report something else where a random variable is needed."""
    return Diagnostic("GM320", f"{needed} a variable; `{text}` is not one", span, hint=hint)


def not_iterable(span: Span, text: str) -> Diagnostic:
    """Report a loop over something that is not a range."""
    return Diagnostic(
        "GM321",
        f"cannot loop over `{text}`",
        span,
        hint="loop over a range such as `0..<n`, a domain, or the rows of an integer data array",
    )


def bad_domain(span: Span, reason: str) -> Diagnostic:
    """Report a domain that makes no sense."""
    return Diagnostic("GM322", reason, span)


def wrong_number_of_patterns(span: Span, subjects: int, found: int) -> Diagnostic:
    """Report a case whose patterns do not fit the match."""
    has = "1 subject" if subjects == 1 else f"{subjects} subjects"
    given = "1 pattern" if found == 1 else f"{found} patterns"
    return Diagnostic(
        "GM323",
        f"this match has {has}, but the case has {given}",
        span,
        hint="one pattern for each subject, separated by commas; `_` fits any value",
    )


def bad_literal(span: Span, reason: str) -> Diagnostic:
    """Report a nested list that does not fit its declaration."""
    return Diagnostic("GM324", reason, span)


def wrong_thing(span: Span, text: str, needed: str, found: str) -> Diagnostic:
    """Report a thing of the wrong entity, or no thing at all."""
    return Diagnostic(
        "GM325",
        f"{needed} is needed here; `{text}` is {found}",
        span,
        hint="a thing is declared by `var it : Thing`, and `entity Thing:` says what it has",
    )


def bad_query(span: Span, reason: str, hint: str = "") -> Diagnostic:
    """Report a query that does not make sense."""
    return Diagnostic("GM326", reason, span, hint=hint)


def out_of_bounds(span: Span, index: int, size: int) -> Diagnostic:
    """Report a constant index beyond its axis."""
    last = f"0..{size - 1}"
    hint = f"indices begin at 0, and the last one is {size - 1}"
    return Diagnostic("GM327", f"index {index} is outside {last}", span, hint=hint)


def no_value(span: Span, reason: str) -> Diagnostic:
    """Report constant arithmetic without a result, such as a division by zero."""
    return Diagnostic("GM328", reason, span)


def bad_exception(span: Span, text: str) -> Diagnostic:
    """Report an `except` that names nothing that a model predicts."""
    return Diagnostic(
        "GM329",
        f"`{text}` cannot be excepted: it is neither an attribute nor a model",
        span,
        hint="name what the used model predicts: `except flying(x)`, `except x.color`",
    )


def value_named_twice(span: Span, value: str, first: Span) -> Diagnostic:
    """Report a value that has two probabilities."""
    return Diagnostic(
        "GM330", f"`{value}` is named twice", span, notes=(Note("first here", first),)
    )


def negative_weight(span: Span, value: float) -> Diagnostic:
    """Report a likelihood or base weight below zero."""
    return Diagnostic(
        "GM331",
        f"a weight is not negative; this is {value:g}",
        span,
        hint="weights are factors, not nats: 0 forbids, and 1 changes nothing",
    )


def too_much_to_expand(span: Span, text: str, count: int, most: int) -> Diagnostic:
    """A value that is too large once every use of a def is written out."""
    shown = shorten(text, 60, placeholder=" …")
    return Diagnostic(
        "GM332",
        f"`{shown}` stands for {count:,} operations; at most {most:,} can be checked",
        span,
        hint="give a part of it a variable: `var part : 0..9 := ...`",
    )


def listed(names: Sequence[str]) -> str:
    """Join names for a message: "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]


def too_many_axes(span: Span, count: int, most: int) -> Diagnostic:
    """Report an array of more dimensions than NumPy can go along with."""
    hint = "put indices that belong together into one: i * N + j"
    return Diagnostic(
        "GM341", f"an array has at most {most} dimensions, not {count}", span, hint=hint
    )


def too_many_parts(span: Span, name: str, count: int, most: int) -> Diagnostic:
    """Report a composite of very many models, which are looked at together."""
    shown = str(count) if count < 10**6 else f"{count:.1g}"
    message = f"`{name}` is composed of {shown} models, those within its parts included"
    return Diagnostic("GM342", message, span, hint=f"{most} are the most")
