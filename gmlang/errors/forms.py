"""Expressions of another form or type than is needed (GM301), and words for forms."""

from enum import StrEnum

from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors.syntax.languages import BETWEEN


class Form(StrEnum):
    """What an expression is, or must be, as a message names it."""

    ANOTHER = "another form"
    CHANGE = "a mechanism"
    COMPOSITION = "a composition of models"
    COMPREHENSION = "a comprehension"
    CONDITION = "a condition"
    DEF = "a def"
    DISTRIBUTION = "a distribution"
    DOMAIN = "a domain"
    ENTITY = "an entity"
    EQUATION = "an equation"
    EVENT = "a variable or an event"
    FUNCTION = "a model or function"
    INTEGER_VARIABLE = "a variable over integers"
    LIST = "a list"
    MEMBERS = "a range `a..b` or a set `{a, b}`"
    MODEL = "a model"
    MODULE = "a module"
    NOTHING = "nothing"
    NO_FUNCTION = "not a function"
    NUMBER = "a number"
    NUMBER_OF_ANSWERS = "a number, or a comparison"
    ONE_ARGUMENT = "one argument"
    PAIR = "a pair"
    PROBABILITIES = "a vector of probabilities"
    PROBABILITY = "a probability"
    QUERY = "a query"
    RANGE = "a range"
    ROWS = "a table of cases"
    SET = "a set of values"
    SINGLE_VALUE = "a single value"
    STRING = "a string"
    TUPLE = "a tuple"
    VALUE = "a value"
    WILDCARD = "the wildcard `_`"


class MadeWhole(StrEnum):
    """How what is no integer becomes one."""

    BY_ITSELF = ""
    DECLARED = "declare it `: int`"
    ROUNDED = "`round(...)` makes an integer of a real number"


def _mismatch(span: Span, needed: str, found: str, hint: str = "") -> Diagnostic:
    if found == Form.STRING and not hint:
        hint = "values are names, written without quotes"
    return Diagnostic("GM301", f"{needed} is needed here; this is {found}", span, hint=hint)


def type_mismatch(span: Span, needed: str, found: str) -> Diagnostic:
    """Report an expression of the wrong type; both are forms, or name a type."""
    return _mismatch(span, needed, found)


def not_whole(
    span: Span, needed: str, found: str, way: MadeWhole, written: int | None = None
) -> Diagnostic:
    """Report what is no integer; `written` is the integer that a float stands for."""
    return _mismatch(span, needed, found, str(way) if written is None else f"write `{written}`")


def not_a_condition(span: Span, found: str, *, is_bit: bool) -> Diagnostic:
    """Report what is neither true nor false; a bit is the constant 0 or 1."""
    hint = "write `true` or `false`" if is_bit else "compare it: `... == ...`"
    return _mismatch(span, Form.CONDITION, found, "" if found == Form.DISTRIBUTION else hint)


def negative_index(span: Span, index: int, size: str | None) -> Diagnostic:
    """Report a constant index below 0."""
    hint = "" if size is None else f"the last one is `{size} - 1`"
    return _mismatch(span, "an index from 0", str(index), hint)


def wrong_rank(span: Span, rank: int, like: str, found: str) -> Diagnostic:
    """Report an array with other axes than the variables that it is about."""
    return _mismatch(span, f"an array of {rank} axes, like {like},", found)


def equation_for_value(span: Span) -> Diagnostic:
    """Report `=` inside an expression."""
    return _mismatch(span, Form.VALUE, Form.EQUATION, "a comparison is written `==`")


def change_for_value(span: Span, operator: str) -> Diagnostic:
    """Report `a ~ d` or `a := e` inside an expression."""
    hint = f"what is done is said so: `do(... {operator} ...)`, behind the bar of a question"
    return _mismatch(span, Form.VALUE, Form.CHANGE, hint)


def composition_for_value(span: Span, word: str) -> Diagnostic:
    """Report `purple jar` as a value; `word` stands behind its first part."""
    hint = BETWEEN.get(word, "say of what: `it is ...`")
    return _mismatch(span, Form.VALUE, Form.COMPOSITION, hint)


def family_for_value(span: Span, name: str) -> Diagnostic:
    """Report a distribution called inside an expression."""
    return _mismatch(span, Form.VALUE, Form.DISTRIBUTION, f"draw from it: `x ~ {name}(...)`")


def query_for_value(span: Span) -> Diagnostic:
    """Report a question asked inside an expression."""
    hint = "ask with `query ...`, or compare it in an `assert`"
    return _mismatch(span, Form.VALUE, Form.QUERY, hint)


# --- Questions ---------------------------------------------------------------------------


def value_asked_for(span: Span, domain: str) -> Diagnostic:
    """Report a value of a domain where a question is about a variable."""
    return _mismatch(span, Form.EVENT, f"a value of {domain}", "write `x = value`")


def known_asked_for(span: Span, found: str) -> Diagnostic:
    """Report a question about something that has no distribution."""
    return _mismatch(span, Form.EVENT, found, "only what depends on variables has a distribution")


# --- Predictions -------------------------------------------------------------------------


def several_predicted(span: Span) -> Diagnostic:
    """Report `predict (purple jar)(x)`."""
    hint = "name the composition, `model both = ...`, and predict `both(x)`"
    return _mismatch(span, "one model", "a composition without a name", hint)


def activation_drawn(span: Span) -> Diagnostic:
    """Report `predict m(x) ~ ...`."""
    return _mismatch(
        span,
        "a model, predicted or not,",
        "a distribution of a model's activation",
        "write `predict m(x) @ c` or `predict not m(x) @ c`",
    )


def no_value_predicted(span: Span, text: str) -> Diagnostic:
    """Report `predict x` of a variable that is neither true nor false."""
    return _mismatch(span, f"a value, `predict {text} = ...`,", Form.NOTHING)


# --- Aggregates --------------------------------------------------------------------------


def without_number(span: Span, word: str) -> Diagnostic:
    """Report `exactly()` and its like without their first argument."""
    return _mismatch(span, f"`{word}(k, ...)`", "a call without its k")


def number_is_none(span: Span, word: str, found: str) -> Diagnostic:
    """Report `exactly` and its like with a first argument that is no number."""
    return _mismatch(span, f"`{word}(k, ...)` with a number k", found)


# --- Distributions -----------------------------------------------------------------------


def other_arguments(span: Span, form: str) -> Diagnostic:
    """Report an argument that does not fit the form in which a distribution is called."""
    return _mismatch(span, f"`{form}`", Form.ANOTHER)


def over_other_values(span: Span, domain: str) -> Diagnostic:
    """Report a distribution over false and true for a variable with other values."""
    needed = "a distribution over the variable's values"
    return _mismatch(span, needed, f"over {domain}", "use `{value: p, ...}` or `Categorical(...)`")


def other_length(span: Span, needed: int, found: int) -> Diagnostic:
    """Report a list of probabilities that is not as long as its variable has values."""
    return _mismatch(
        span, f"a vector of {needed} probabilities, one for each value", f"one of {found}"
    )


def chosen_probabilities(span: Span) -> Diagnostic:
    """Report a comprehension of probabilities that has a condition."""
    hint = "give each value its own: `{v: p for v in ... if ...}`"
    return _mismatch(span, "one probability for each value, in order", "a choice of them", hint)


def cause_alone(span: Span) -> Diagnostic:
    """Report a cause of a noisy-or without its probability."""
    return _mismatch(span, "`cause: probability`", "a value alone")


def left_by_several(span: Span) -> Diagnostic:
    """Report `wet: rest` beside pairs that a comprehension repeats."""
    hint = "give the values not named what is left: `rest: _`"
    return _mismatch(span, Form.NUMBER, "what several others leave", hint)
