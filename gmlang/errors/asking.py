"""Questions without a meaning (GM326) or an answer (GM50x), and who may sleep (GM36x)."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Span
from gmlang.digits import size_text

# --- Seen in what is written --------------------------------------------------------------


def _bad_query(span: Span, sentence: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM326", sentence, span, hint=hint)


def not_one_expression(span: Span) -> Diagnostic:
    """Report an equation, a pair or a comprehension as an argument."""
    return _bad_query(span, "one expression is needed here")


def how_many_missing(span: Span, word: str, text: str = "...") -> Diagnostic:
    """Report a word without the number that it asks for; `text` stands in its place."""
    return _bad_query(span, f"`{word}` needs to know how many", f"write `{word}(5, {text})`")


def asks_for_fewer_than_one(span: Span, word: str) -> Diagnostic:
    """Report a constant number below 1 of what is asked for."""
    return _bad_query(span, f"`{word}` gives at least 1")


def only_values_given(span: Span, model: str, values: Sequence[str]) -> Diagnostic:
    """Report a model to compare that is given all its parameters, its things as well."""
    given = ", ".join(values)
    return _bad_query(
        span,
        "models are compared on things of their own; only values are given here",
        f"name the model alone: `{model}({given})`" if given else f"write `{model}`",
    )


def answer_is_no_number(span: Span, text: str) -> Diagnostic:
    """Report a query in a calculation whose answer is never a single number."""
    sentence = f"the answer of `{text}` is not a single number"
    return _bad_query(span, sentence, "ask for an event: `P(x = value)`")


def variable_in_assert(span: Span, text: str) -> Diagnostic:
    """Report a variable that an assert compares as if it were an answer."""
    return _for_answer(span, "an assert compares answers", text)


def variable_in_calculation(span: Span, text: str) -> Diagnostic:
    """Report a variable in a calculation with answers."""
    return _for_answer(span, "a calculation is made of answers", text)


def _for_answer(span: Span, rule: str, text: str) -> Diagnostic:
    return _bad_query(span, f"{rule}; `{text}` is a variable", f"ask for it: `P({text} = ...)`")


def not_a_given(span: Span, text: str) -> Diagnostic:
    """Report a variable behind `|` that is neither true nor false."""
    return _bad_query(span, f"`{text}` is no condition", f"give its value: `{text} = ...`")


def bad_time(span: Span) -> Diagnostic:
    """Report a `within` without a number or a unit."""
    hint = "write `within 200 ms` or `within 5 s`"
    return _bad_query(span, "a time is a number with a unit", hint)


def time_out_of_range(span: Span, allowed: str) -> Diagnostic:
    """Report a `within` of no or too much time; `allowed` names what may be given."""
    return _bad_query(span, f"a query is given {allowed}")


_METHOD_HINT = "write `using bp(iters=50, damping=0)`"


def bad_method(span: Span) -> Diagnostic:
    """Report a `using` of something that is no name."""
    return _bad_query(span, "a method is a name with options", _METHOD_HINT)


def bad_method_option(span: Span) -> Diagnostic:
    """Report an option of a method that is not `name=number`."""
    return _bad_query(span, "an option is a name and a number", _METHOD_HINT)


def not_a_query(span: Span, text: str) -> Diagnostic:
    """Report an expression where a question is needed."""
    return _bad_query(span, f"`{text}` is not a query", f"ask `P({text})`")


def empty_list(span: Span) -> Diagnostic:
    """Report `query []`."""
    return _bad_query(span, "an empty list asks for nothing")


def pair_in_list(span: Span) -> Diagnostic:
    """Report a pair in a list of queries."""
    return _bad_query(span, "a list holds queries")


def takes_no_givens(span: Span, word: str) -> Diagnostic:
    """Report a `|` in a call that is no query."""
    return _bad_query(span, f"`{word}` is not a query: it takes no `|`")


def models_given(span: Span, word: str) -> Diagnostic:
    """Report a condition where models are compared on things of their own."""
    sentence = f"`{word}` asks about models alone, of which nothing is given"
    return _bad_query(span, sentence, f"write `{word}(a, b)`")


def depends_on_nothing(span: Span, text: str) -> Diagnostic:
    """Report a question about an expression that mentions no variable."""
    return _bad_query(span, f"`{text}` depends on no variable")


def asks_for_nothing(span: Span, word: str) -> Diagnostic:
    """Report a question without an argument."""
    return _bad_query(span, f"`{word}()` asks for nothing", "name a variable")


def maximises_over_nothing(span: Span, word: str) -> Diagnostic:
    """Report a marginal MAP without variables."""
    hint = "name the variables to maximise over; `MAP()` is over all"
    return _bad_query(span, f"`{word}` needs variables", hint)


def event_and_distribution(span: Span) -> Diagnostic:
    """Report a `P(...)` of an event and of a variable that is no event."""
    return _bad_query(span, "this asks for an event and a distribution at once", "ask two queries")


# --- Seen when it is answered -------------------------------------------------------------


def _cannot_ask(span: Span, sentence: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM501", sentence, span, hint=hint)


def refused(span: Span, error: ValueError) -> Diagnostic:
    """Hand on what the runtime says of a question, its method or its options."""
    return _cannot_ask(span, str(error))


def bad_confusion(span: Span, name: str, known: Sequence[str]) -> Diagnostic:
    """Report an option of `using confusion` that there is none of, or that is no number."""
    sentence = f"`using confusion` has no option `{name}` of this kind; it has {', '.join(known)}"
    return _cannot_ask(span, sentence, "write `using confusion(margin=3, gain=0)`")


def bad_confusion_by(span: Span, number: float) -> Diagnostic:
    """Report how many values make an explanation, where that is no whole number from 0 on."""
    sentence = f"`by={number:g}` is to be how many of a model's values make an explanation"
    return _cannot_ask(span, sentence, "write `using confusion(by=1)`")


def one_at_a_time(span: Span) -> Diagnostic:
    """A second query stands in a text that asks one thing."""
    return _cannot_ask(span, "one query at a time", "ask for each on its own")


def rows_too_large(span: Span, rows: int, variables: int, needed_bytes: int) -> Diagnostic:
    """More rows are asked about than fit into memory."""
    problem = f"{rows} rows of {variables} variables take {size_text(needed_bytes)}"
    return _cannot_ask(span, problem, "ask about fewer rows, or allow more: --memory")


def only_maxima_are_searched(span: Span) -> Diagnostic:
    """A search is asked for something else than a MAP or MMAP."""
    return _cannot_ask(span, "only MAP(...) and MMAP(...) can be searched for")


def needs_parameter(span: Span, model: str, parameter: str) -> Diagnostic:
    """A model is compared whose parameter is no thing, and has no value."""
    sentence = f"`{model}` needs a value for its parameter `{parameter}`"
    return _cannot_ask(span, sentence, f"name it: {model}(..., value)")


def answered_no_number(span: Span, text: str) -> Diagnostic:
    """A query in a calculation turned out to have no single number as its answer."""
    sentence = f"the answer of `{text}` is not a single number"
    return _cannot_ask(span, sentence, "compare an event: P(x = red)")


def beyond_numbers(span: Span, text: str, log: float) -> Diagnostic:
    """A count in a calculation is beyond integers and floats; `log` is its natural log."""
    sentence = f"`{text}` is exp({log:.10g}), which no number here holds exactly"
    return _cannot_ask(span, sentence, "ask it in a query")


def compares_two_variables(span: Span) -> Diagnostic:
    """Independence is asked of arrays."""
    return _cannot_ask(span, "`indep` compares two single variables", "indep(a, b | c)")


def density_of_what(span: Span) -> Diagnostic:
    """Report a density of something else than one real at a value."""
    return _cannot_ask(span, "`density` asks of one real at a value", "write `density(x = 1.8)`")


def compared_with_itself(span: Span) -> Diagnostic:
    """Independence is asked of one variable twice."""
    return _cannot_ask(span, "a variable is never independent of itself")


def joint_of_array(span: Span, text: str) -> Diagnostic:
    """A whole array stands in a joint distribution."""
    sentence = f"`{text}` is an array; a joint needs single variables"
    return _cannot_ask(span, sentence, "ask P(x) for its marginals")


def joint_of_many(span: Span, count: int, most: int) -> Diagnostic:
    """A joint distribution is of more variables than an array has axes."""
    sentence = f"this joint is of {count} variables; {most} are the most"
    return _cannot_ask(span, sentence, "ask for fewer variables")


def joint_too_large(span: Span, sizes: Sequence[int]) -> Diagnostic:
    """A joint distribution has too many entries."""
    sentence = f"this joint has {' x '.join(map(str, sizes))} entries"
    return _cannot_ask(span, sentence, "ask for fewer variables")


def why_of_array(span: Span) -> Diagnostic:
    """An explanation is asked of a whole array."""
    return _cannot_ask(span, "`why` needs one variable", "name an element: why(x[0])")


def fewer_than_one(span: Span) -> Diagnostic:
    """A computed number of what is asked for is below 1."""
    return _cannot_ask(span, "how many must be at least 1")


def more_than_fit(span: Span, word: str, most: int, count: int) -> Diagnostic:
    """More whole assignments are asked for than fit into memory."""
    return _cannot_ask(span, f"`{word}` of this program gives at most {most}, not {count}")


def not_one_variable(span: Span, text: str) -> Diagnostic:
    """An array that is computed is asked about."""
    return _cannot_ask(span, f"`{text}` is no variable")


def too_many_values(span: Span, text: str, count: int | None) -> Diagnostic:
    """The values that an expression may have are too many to be told apart."""
    many = "" if count is None else f", {count}"
    return Diagnostic(
        "GM502",
        f"`{text}` may have too many values{many} for its distribution",
        span,
        hint="round it, or ask for parts of it; the expectation `E` of a sum needs only its terms",
    )


# --- Who is considered, and who may sleep (GM36x) --------------------------------------------

_NUM_NAMED_MAX = 3


def no_model_about(span: Span, entity: str, relations: Sequence[str]) -> Diagnostic:
    """All models about a thing are considered, and there is none.

    Args:
        span: of what was written.
        entity: of the thing.
        relations: models about it and about other things as well.
    """
    hint = f"declare one, `model m(x: {entity}): ...`, or import a module that does"
    if relations:
        named = ", ".join(f"`{name}`" for name in relations[:_NUM_NAMED_MAX])
        hint = f"{named}: of several things; say which, `consider {relations[0]}(a, b)`"
    return Diagnostic("GM361", f"no model is about one {entity} alone", span, hint=hint)


def unknown_wake_option(span: Span, name: str) -> Diagnostic:
    """`using wake` has an option that it does not know."""
    return _bad_wake(span, f"`wake` has no option `{name}`")


def eps_out_of_range(span: Span, value: float) -> Diagnostic:
    """The probability that somebody asleep may be on is none."""
    return _bad_wake(span, f"eps is {value:g}; it is a probability, above 0 and below 1/2")


def too_few_awake(span: Span, value: float) -> Diagnostic:
    """So many may not be awake."""
    return _bad_wake(span, f"at_most is {value:g}; it is an integer, 1 or more")


def neither_off_nor_how(span: Span) -> Diagnostic:
    """`using wake` says neither off nor how."""
    return _bad_wake(span, "`wake(...)` takes `off`, or options with their values")


def nobody_sleeps(span: Span) -> Diagnostic:
    """A program without models is asked to wake some."""
    return Diagnostic(
        "GM363",
        "there is no model to wake",
        span,
        hint="`using wake` is for programs with models; leave it out",
    )


def _bad_wake(span: Span, what: str) -> Diagnostic:
    return Diagnostic(
        "GM362",
        what,
        span,
        hint="write `using wake(eps=1e-6, at_most=200)`, `using wake` or `using wake(off)`",
    )


def never_above_zero(span: Span, count: int) -> Diagnostic:
    """Report a standard deviation that has a meaning at no values of its parameters."""
    return Diagnostic(
        "GM503",
        f"at none of {count} values of the parameters that were tried the standard deviation is "
        f"above 0 in `{span.text}`",
        span,
        hint="let parameters in it be above 0: `var noise : real[0, inf] ~ Cauchy(0, 1)`",
    )
