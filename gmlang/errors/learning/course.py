"""Values of params, what is out of reach, and methods that do not fit a program.

GM710, GM711, GM716, GM719 and GM729; GM720 and GM721; GM725.
"""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.digits import size_text
from gmlang.errors.data import entry
from gmlang.errors.grounding import bad_setting
from gmlang.errors.names import nearest

# --- Values ------------------------------------------------------------------------------


def not_positive(span: Span, name: str, place: Sequence[int], value: float) -> Diagnostic:
    """Report an entry of a positive param that is not above 0."""
    return _bad_value(span, name, place, f"is {value:g}: a param : positive is above 0")


def not_a_probability(span: Span, name: str, place: Sequence[int], value: float) -> Diagnostic:
    """Report an entry of a probability or a simplex outside 0..1."""
    return _bad_value(span, name, place, f"is {value:g}: a probability lies between 0 and 1")


def not_summing_to_one(span: Span, name: str, place: Sequence[int], total: float) -> Diagnostic:
    """Report a row of a simplex with another sum."""
    return _bad_value(span, name, place, f"sums to {total:.10g}, not to 1")


def _bad_value(span: Span, name: str, place: Sequence[int], problem: str) -> Diagnostic:
    return Diagnostic("GM710", f"{entry(name, place)} {problem}", span)


def size_not_known(span: Span, name: str, size: str) -> Diagnostic:
    """Report a param whose size neither data nor a value says."""
    hint = f"say it: `data {size} = ...`, or bind the data that has it"
    message = f"how large `{name}` is cannot be known: nothing says {size}"
    return Diagnostic("GM711", message, span, hint=hint)


def no_value_yet(span: Span, name: str) -> Diagnostic:
    """Report a param that a question needs before it is learned."""
    hint = f"`learn {name}` before it is asked for, `gmlang learn FILE`, or --set {name}=..."
    return _no_value(span, name, hint)


def learned_apart(span: Span, name: str, others: Sequence[str]) -> Diagnostic:
    """Report a param without a value where others are learned and it is not."""
    together = f"learn them together: `learn {', '.join((*others, name))}`"
    return _no_value(span, name, f"{together}, or give it a value to start from")


def _no_value(span: Span, name: str, hint: str) -> Diagnostic:
    return Diagnostic("GM716", f"`{name}` has no value yet", span, hint=hint)


def not_learned(name: str, known: Sequence[str]) -> Diagnostic:
    """Report that something is asked of a param that was not learned."""
    hint = nearest(name, known) or f"learned: {', '.join(known[:8])}"
    return Diagnostic("GM729", f"no `{name}` was learned", None, hint=hint)


# --- Numbers of priors -------------------------------------------------------------------


def prior_without_spread(span: Span) -> Diagnostic:
    """Report a normal prior whose standard deviation is not above 0."""
    return _bad_prior(span, "the standard deviation is above 0")


def prior_of_other_states(span: Span, states: int, given: int) -> Diagnostic:
    """Report a list of numbers that is not one for each state."""
    return _bad_prior(span, f"one number for each of {states} states; these are {given}")


def endless_prior(span: Span) -> Diagnostic:
    """Report a prior of which a number is not finite."""
    return _bad_prior(span, "the numbers of a prior are finite")


def negative_prior(span: Span) -> Diagnostic:
    """Report a negative number of a prior that counts cases."""
    return _bad_prior(span, "the numbers of this prior are not negative")


def prior_without_cases(span: Span) -> Diagnostic:
    """Report a prior that is no distribution where one is needed."""
    return _bad_prior(span, "`using variational` needs numbers above 0: others are no distribution")


def _bad_prior(span: Span, sentence: str) -> Diagnostic:
    return Diagnostic("GM719", f"`{span.text}`: {sentence}", span)


# --- Out of reach ------------------------------------------------------------------------


def too_wide_to_learn(span: Span, text: str, entries: str) -> Diagnostic:
    """Report a statement whose table is too large to learn from."""
    hint = "let it mention fewer variables, or observed ones of fewer states"
    return Diagnostic("GM720", f"`{text}` needs a table of {entries} entries", span, hint=hint)


def too_large_to_learn(span: Span, error: Exception, methods: Sequence[str]) -> Diagnostic:
    """Report a program whose counts are out of reach, as compiling found, but for some methods."""
    return _too_large(span, str(error), methods)


def too_large_unseen(span: Span) -> Diagnostic:
    """Report a program that is only small where it has evidence, and is needed without."""
    problem = "without what was observed it needs tables that only evidence makes small"
    return _too_large(span, problem, ())


def _too_large(span: Span, problem: str, methods: Sequence[str]) -> Diagnostic:
    hint = "observe more, or let fewer variables depend on each other"
    if methods:
        others = " or ".join(f"`using {name}`" for name in methods)
        hint = f"{others} estimates without such sums; or {hint}"
    return _out_of_reach(span, problem, hint)


def rows_too_large(span: Span, rows: int, variables: int, needed_bytes: int) -> Diagnostic:
    """Report more rows than fit into memory."""
    problem = f"{rows} rows of {variables} variables take {size_text(needed_bytes)}"
    return _out_of_reach(span, problem, "learn from fewer rows, or allow more: --memory")


def out_of_time(span: Span) -> Diagnostic:
    """Report that nothing could be evaluated before the time was over."""
    problem = "the time was over before anything could be learned"
    return _out_of_reach(span, problem, "allow more time: `within 5 min`, or --within")


def not_by_counts(span: Span) -> Diagnostic:
    """Report that more rows cannot be added to what was learned."""
    problem = (
        "rows are added by their counts, which say all only of rows, `from` a table, that "
        "mechanisms alone tell, and to em or gradient"
    )
    return _out_of_reach(span, problem, "learn from all rows together")


def bad_batch(found: object) -> Diagnostic:
    """Rows are added in no number at a time, from Python."""
    return bad_setting("batch", "a number of rows, from 1", found)


def bad_half_life(found: object) -> Diagnostic:
    """Earlier cases are to count half after no number of cases, from Python."""
    return bad_setting("half_life", "a number of cases above 0, or None", found)


def _out_of_reach(span: Span, problem: str, hint: str) -> Diagnostic:
    return Diagnostic(_REACH, f"learning is out of reach here: {problem}", span, hint=hint)


_REACH = "GM721"


def is_out_of_reach(error: GmError) -> bool:
    """Say whether all that is wrong is that counts are out of reach."""
    return all(diagnostic.code == _REACH for diagnostic in error.diagnostics)


# --- Methods that do not fit -------------------------------------------------------------


def no_rule_for(span: Span, name: str, kind: str) -> Diagnostic:
    """Report a param of which a variational estimate has no distribution."""
    problem = f"has no rule for `{name}`, which is {kind}"
    return _no_fit(span, "variational", problem, f"it takes probability and simplex; {_POINT}")


def not_direct(span: Span, name: str) -> Diagnostic:
    """Report a param that stands in an expression where it must stand alone."""
    problem = f"has no rule for `{name}`, which does not stand in tables as it is"
    hint = f"write `Bernoulli({name})`, `Categorical({name})`, no arithmetic on it; {_POINT}"
    return _no_fit(span, "variational", problem, hint)


def not_normalised(span: Span, statement: str) -> Diagnostic:
    """Report a statement that makes log Z depend on what is learned as a distribution."""
    problem = f"needs mechanisms alone: `{statement}` makes log Z depend on what is learned"
    return _no_fit(span, "variational", problem, "`using gradient` learns a point")


def bound_to_predict(span: Span) -> Diagnostic:
    """Report `to predict` where all that was seen is bounded."""
    return _no_fit(
        span, "variational", "tells all that was seen, and takes no `to predict`", _POINT
    )


def not_observed(span: Span, name: str, row: str) -> Diagnostic:
    """Report a variable that a row, "" for the program, leaves open where all are needed."""
    who = f"row {row}" if row else "what the program observes"
    problem = f"needs every variable observed: {who} says nothing of `{name}`"
    return _no_fit(span, "pseudo", problem, _SUMMED_OUT)


def statement_not_observed(span: Span, statement: str) -> Diagnostic:
    """Report a statement that brings variables that nobody can observe."""
    problem = f"needs every variable observed, and `{statement}` is written with some of its own"
    return _no_fit(span, "pseudo", problem, _SUMMED_OUT)


def sampled_to_predict(span: Span, method: str) -> Diagnostic:
    """Report `to predict` where chains tell what is expected without evidence."""
    hint = "`using gradient`, or `using pseudo` where that is too wide"
    return _no_fit(span, method, "samples without evidence, and takes no `to predict`", hint)


_SUMMED_OUT = "`using gradient`, or `using cd(5)` where that is too wide, sums them out"
_POINT = "`using em` or `using gradient` learns a point"


def _no_fit(span: Span, method: str, problem: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM725", f"`using {method}` {problem}", span, hint=hint)


def endless(name: str) -> str:
    """Say that a weight grows without end."""
    return f"{name} grows without end, and was stopped: give it a prior, `~ Normal(0, 1)`"
