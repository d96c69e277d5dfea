"""What is written of params, tables of cases and `learn` (GM701 to GM709, GM718, GM722)."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from gmlang.diagnostics import Diagnostic, Note, Span

# --- Behind `learn` ----------------------------------------------------------------------


def not_a_param(span: Span, text: str) -> Diagnostic:
    """Report something behind `learn` that is no param."""
    return _no_param(span, text, "none")


def part_of_a_param(span: Span, text: str, whole: str) -> Diagnostic:
    """Report an entry or a row behind `learn`."""
    return _no_param(span, text, "a part of one", f"learn all of it: `learn {whole}`")


def data_learned(span: Span, text: str) -> Diagnostic:
    """Report data behind `learn`."""
    return _no_param(span, text, "data")


def variable_learned(span: Span, text: str) -> Diagnostic:
    """Report a variable behind `learn`."""
    return _no_param(span, text, "a variable", f"ask for its distribution: `query P({text})`")


def _no_param(span: Span, text: str, what: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM701", f"`learn` takes params; `{text}` is {what}", span, hint=hint)


def a_constant(span: Span, name: str) -> Diagnostic:
    """Report a param that says by no type what numbers it may be."""
    hint = f"say what it may be: `param {name} : real = ...`, or probability, simplex, positive"
    return Diagnostic("GM702", f"`{name}` is a constant: a param without a type", span, hint=hint)


def learned_twice(span: Span, name: str, first: Span) -> Diagnostic:
    """Report a param that two `learn`s name."""
    notes = (Note("the first `learn` of it", first),)
    return Diagnostic("GM704", f"`{name}` is learned twice", span, notes)


def not_rows(span: Span, text: str) -> Diagnostic:
    """Report something behind `from` that is no table of cases."""
    hint = f"declare it: `data {text} : rows`" if text.isidentifier() else ""
    message = f"`learn ... from` takes a table of cases; `{text}` is none"
    return Diagnostic("GM705", message, span, hint=hint)


def never_seen(span: Span, text: str) -> Diagnostic:
    """Report something behind `to predict` that no row says anything of."""
    message = f"`{text}` cannot be predicted: nothing says what it was"
    return Diagnostic("GM706", message, span)


def restarts_outside(span: Span, most: int, given: float) -> Diagnostic:
    """Report a number of restarts below 1 or above the most there may be."""
    return _bad_option(span, f"restarts are a number from 1 to {most}; this is {given:g}")


def sweeps_outside(span: Span, text: str, most: int) -> Diagnostic:
    """Report chains that do no sweep between two steps, or more than there may be."""
    return _bad_option(span, f"sweeps of chains are a number from 1 to {most}; this is `{text}`")


def no_method(span: Span, text: str, methods: Sequence[str]) -> Diagnostic:
    """Report a method behind `using` that answers questions, or that nobody knows."""
    *others, last = (f"`using {name}`" for name in methods)
    hint = f"{', '.join(others)} or {last}"
    return _bad_option(span, f"`{text}` is no method of learning", hint)


def _bad_option(span: Span, sentence: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM708", sentence, span, hint=hint)


def nothing_to_learn(span: Span | None) -> Diagnostic:
    """Report that every param has a value already."""
    hint = "declare one without: `param p : probability`, or name those to learn: `learn p`"
    return Diagnostic(
        "GM718", "nothing to learn: no typed param is without a value", span, hint=hint
    )


# --- Declarations ------------------------------------------------------------------------


def bad_prior(span: Span, text: str, kind: str, fitting: str) -> Diagnostic:
    """Report a prior that no parameter of this type has."""
    hint = f"the prior of a param : {kind} is `~ {fitting}`"
    return Diagnostic("GM703", f"`{text}` is no prior of a param : {kind}", span, hint=hint)


def data_of_a_param_type(span: Span, word: str, name: str) -> Diagnostic:
    """Report data that is declared a probability, a simplex or positive."""
    return _bad_type(span, word, "is a type of params", f"`param {name}`")


def param_of_rows(span: Span, name: str) -> Diagnostic:
    """Report a param that is declared a table of cases."""
    return _bad_type(span, "rows", "is a type of data", f"`data {name} : rows`")


def simplex_without_axis(span: Span, name: str) -> Diagnostic:
    """Report a simplex that is a single number."""
    problem = "needs an axis along which it sums to one"
    return _bad_type(span, "simplex", problem, f"`param {name}[3] : simplex`")


def rows_with_axes(span: Span, name: str) -> Diagnostic:
    """Report a table of cases that is declared with a size."""
    return _bad_table(span, name, "has no axes")


def rows_with_value(span: Span, name: str) -> Diagnostic:
    """Report a table of cases that is declared with a value."""
    return _bad_table(span, name, "is given from outside")


def _bad_table(span: Span, name: str, problem: str) -> Diagnostic:
    hint = f"write `data {name} : rows`, and --data {name}=FILE.csv"
    return _bad_type(span, "rows", problem, hint)


def _bad_type(span: Span, word: str, problem: str, hint: str) -> Diagnostic:
    return Diagnostic("GM707", f"`{word}` {problem}", span, hint=hint)


# --- Where a learned param stands --------------------------------------------------------


class Place(StrEnum):
    """Where a param that is learned may not stand, as a message names it."""

    BASE = "a base"
    CLAUSE = "a loop or a condition"
    CONDITION = "a condition"
    DATA = "the value of data"
    INDEX = "an index"
    NO_MECHANISM = "a statement that is no mechanism"
    PARTS = "the parts of a model"
    PRIOR_OF_PARAMS = "a prior of params"
    ROUGH = "what has no derivative"
    SIZE = "a size"


def not_learnable_in(span: Span, name: str, place: Place) -> Diagnostic:
    """Report a param that is to be learned although the program depends on it in another way."""
    return _not_learnable(span, name, place)


def not_learnable_under(span: Span, name: str, operator: str) -> Diagnostic:
    """Report a learned param under an operator without a derivative."""
    return _not_learnable(span, name, f"`{operator}`, which has no derivative")


def prior_used_elsewhere(span: Span, name: str, model: str) -> Diagnostic:
    """Report a learned prior of a model by which a prediction is divided."""
    where = f"the prior of `{model}`, which another model predicts or uses"
    return _not_learnable(span, name, where)


def without_value_somewhere(span: Span, name: str, first: Diagnostic) -> Diagnostic:
    """Report a learned param in a statement that is not defined everywhere, `first` not here."""
    where = "a statement that has no value in some states, or for some numbers that it may be"
    told = Note(f"with a number in its place, {first.message}", first.span)
    return replace(_not_learnable(span, name, where), notes=(told,))


def _not_learnable(span: Span, name: str, where: str) -> Diagnostic:
    hint = "a learned param stands in distributions, log-factors, confidences and priors of models"
    return Diagnostic("GM709", f"`{name}` cannot be learned: it stands in {where}", span, hint=hint)


def needs_other_type(span: Span, text: str, kind: str, needed: str) -> Diagnostic:
    """Report a learned param of a type that may leave 0..1, or does not sum to one."""
    name = text.partition("[")[0]
    hint = f"declare it: `param {name} ... : {needed}`"
    message = f"`{text}` must stay a {needed} while it is learned; it is {kind}"
    return Diagnostic("GM722", message, span, hint=hint)
