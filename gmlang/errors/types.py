"""Mistakes about types, shapes and ranges (GM3xx)."""

from collections.abc import Sequence
from enum import StrEnum
from textwrap import shorten

from gmlang.diagnostics import Diagnostic, Note, Span
from gmlang.errors.forms import Form


def wrong_number_of_arguments(
    span: Span, name: str, takes: str, found: int, hint: str = ""
) -> Diagnostic:
    """Report too few or too many arguments; `takes` names what is needed, as `Takes` does."""
    return Diagnostic("GM304", f"{name} takes {takes}, but is given {found}", span, hint=hint)


def wrong_arguments(span: Span, name: str, parameters: Sequence[str], found: int) -> Diagnostic:
    """Report another number of arguments than there are parameters."""
    takes = f"{len(parameters)} ({', '.join(parameters)})" if parameters else Takes.NONE
    return wrong_number_of_arguments(span, name, takes, found)


def wrong_parameters(span: Span, name: str, parameters: Sequence[str], found: int) -> Diagnostic:
    """Report another number of arguments than a distribution has parameters."""
    if parameters:
        return wrong_arguments(span, name, parameters, found)
    hint = "the values are those of the variable's domain"
    return wrong_number_of_arguments(span, name, Takes.NONE, found, hint)


class Takes(StrEnum):
    """How many arguments something takes that has no named parameters."""

    NONE = "none"
    ONE = "one argument"
    ONE_THING = "one thing"
    ONE_OR_MORE = "at least one"
    WEIGHTS = "`{value: w, ...}`"


def different_domains(span: Span, left: str, right: str) -> Diagnostic:
    """Report a comparison of values that can never be equal by their types."""
    return Diagnostic("GM305", f"{left} and {right} cannot be compared", span)


def no_arithmetic(span: Span, operator: str, found: str) -> Diagnostic:
    """Report arithmetic on something that is not a number."""
    return Diagnostic(
        "GM306",
        f"`{operator}` needs numbers; this is {found}",
        span,
        hint="add places, or ask for their `.row` and `.column`"
        if found.startswith("a place")
        else "use an integer range as the domain, or `match` on the values",
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


class Where(StrEnum):
    """Places where some statements have no meaning."""

    IN_MODEL = "inside a model"
    UNDER_VARIABLES = "under a condition on variables"
    IN_BLOCK = "inside a block"


def misplaced_declaration(span: Span, where: Where) -> Diagnostic:
    """Report a declaration that is not at the top of a program."""
    return _misplaced(span, "a declaration", where)


def misplaced_question(span: Span, where: Where) -> Diagnostic:
    """Report a query or an assert that is not at the top of a program."""
    return _misplaced(
        span, "a question", where, "ask outside; for several, `query [P(x[i]) for i in ...]`"
    )


def misplaced_learning(span: Span, where: Where) -> Diagnostic:
    """Report a `learn` that is not at the top of a program."""
    return _misplaced(span, "`learn`", where)


def misplaced_evidence(span: Span, where: Where) -> Diagnostic:
    """Report an `observe` in a model or under a condition on variables."""
    hint = "evidence always holds; a model predicts: `predict ...`"
    return _misplaced(span, "`observe`", where, hint)


def misplaced_consideration(span: Span, where: Where) -> Diagnostic:
    """Report a `consider` in a model or under a condition on variables."""
    hint = "a model that mentions another considers it already"
    return _misplaced(span, "`consider`", where, hint)


def _misplaced(span: Span, what: str, where: Where, hint: str = "") -> Diagnostic:
    return Diagnostic("GM313", f"{what} cannot stand {where}", span, hint=hint)


def outside_domain(span: Span, value: str, domain: str) -> Diagnostic:
    """Report a constant that a variable can never have."""
    hint = "write `true` or `false`" if domain == "bool" else ""
    return Diagnostic("GM314", f"{value} is outside {domain}", span, hint=hint)


def not_a_model(span: Span, text: str) -> Diagnostic:
    """Report something that stands where a model is needed."""
    return _no_model(span, text, "write a model's name, or `m(arguments)`")


def not_considered(span: Span, text: str) -> Diagnostic:
    """Report words that stand where a model is considered."""
    hint = "write `consider m(it)`, `consider it is m n`, or `consider all about it`"
    return _no_model(span, text, hint)


def _no_model(span: Span, text: str, hint: str) -> Diagnostic:
    return Diagnostic("GM315", f"`{text}` is not a model", span, hint=hint)


def parts_do_not_fit(span: Span, first: Sequence[str], second: Sequence[str]) -> Diagnostic:
    """Report parts of a composite that are about different things, by their parameters."""
    one, other = f"({', '.join(first)})", f"({', '.join(second)})"
    return Diagnostic(
        "GM316",
        f"these parts do not speak of the same things: {one} and {other}",
        span,
        hint="give parameters: `model both(a: A, b: B) = m(a) n(b)`",
    )


def value_for_distribution(span: Span, text: str, found: str, family: str | None) -> Diagnostic:
    """Report a value where a distribution is needed; `family` is one that it may belong into."""
    hint = f"a variable that is a function of others is written `:= {text}`"
    return _no_distribution(span, found, f"write `{family}({text})`" if family else hint)


def family_not_called(span: Span, name: str, *, has_parameters: bool) -> Diagnostic:
    """Report the bare name of a distribution."""
    call = "(...)" if has_parameters else "()"
    return _no_distribution(span, "only its name", f"write `{name}{call}`")


def no_likelihoods(span: Span) -> Diagnostic:
    """Report something else than braces behind `like`."""
    hint = "give each value its likelihood: `{true: 0.7, false: 0.2}`"
    return _no_distribution(span, "another form", hint)


def value_without_weight(span: Span) -> Diagnostic:
    """Report a value in the braces of a distribution that no weight follows."""
    hint = "give each value its weight: `{value: weight, ...}`"
    return _no_distribution(span, "a value without a weight", hint)


def list_for_distribution(span: Span, text: str) -> Diagnostic:
    """Report a list of numbers as a distribution."""
    return _no_distribution(span, Form.LIST, f"write `Categorical({text})`")


def _no_distribution(span: Span, found: str, hint: str) -> Diagnostic:
    return Diagnostic("GM318", f"a distribution is needed here; this is {found}", span, hint=hint)


def not_a_variable(span: Span, text: str, word: str) -> Diagnostic:
    """Report something else where a statement needs a random variable, by its first word."""
    return _no_variable(span, text, f"`{word}` needs")


def holder_for_target(span: Span, text: str, word: str) -> Diagnostic:
    """Report a mechanism of the member of a family that holds."""
    hint = "it follows from its members: say how probable each is by its `prior`"
    return _no_variable(span, text, f"`{word}` needs", hint)


def not_predicted(span: Span, text: str) -> Diagnostic:
    """Report a prediction about any condition."""
    hint = "for any other condition use `prefer ... weight ...` or `constraint`"
    return _no_variable(span, text, "`predict` needs", hint)


def event_asked_for(span: Span, text: str) -> Diagnostic:
    """Report an event in a question that is about variables only."""
    hint = "an event is a condition: put it behind `|`"
    return _no_variable(span, text, "this query needs", hint)


def _no_variable(span: Span, text: str, needed: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM320", f"{needed} a variable; `{text}` is not one", span, hint=hint)


def not_iterable(span: Span, text: str) -> Diagnostic:
    """Report a loop over something that is not a range."""
    hint = "loop over a range such as `0..<n`, a domain, or the rows of an integer data array"
    if text.startswith("range("):
        hint = "a range is written `0..<n`, without its end, or `1..n`, with it"
    return Diagnostic("GM321", f"cannot loop over `{text}`", span, hint=hint)


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


def wrong_entity(span: Span, text: str, needed: str, found: str) -> Diagnostic:
    """Report a thing of the wrong entity; both are names of entities."""
    return _no_thing(span, text, f"a {needed}", f"a {found}")


def entity_for_thing(span: Span, text: str) -> Diagnostic:
    """Report the name of an entity where one of its things is needed."""
    return _no_thing(span, text, "a thing", "an entity, not a thing: declare `var it : ...`")


def not_a_thing(span: Span, text: str, found: str) -> Diagnostic:
    """Report something else where a thing is needed."""
    return _no_thing(span, text, "a thing", found)


def _no_thing(span: Span, text: str, needed: str, found: str) -> Diagnostic:
    return Diagnostic(
        "GM325",
        f"{needed} is needed here; `{text}` is {found}",
        span,
        hint="a thing is declared by `var it : Thing`, and `entity Thing:` says what it has",
    )


def division_by_zero(span: Span) -> Diagnostic:
    """Report a division by the constant 0."""
    return Diagnostic("GM328", "division by zero", span)


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


def too_many_parts(span: Span, name: str, count: int, most: int) -> Diagnostic:
    """Report a composite of very many models, which are looked at together."""
    shown = str(count) if count < 10**6 else f"{count:.1g}"
    message = f"`{name}` is composed of {shown} models, those within its parts included"
    return Diagnostic("GM342", message, span, hint=f"{most} are the most")
