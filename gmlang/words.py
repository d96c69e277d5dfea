"""Every word and sign of the language, once: what kind it is, what it does, since when.

The lexer's reserved words, the hints about mistyped words, the highlighter, the completer and the
names that a converted program avoids come from here; the grammar, the checker and the table in the
documents are held to it by a test. Distributions add themselves.
"""

from enum import Enum
from typing import NamedTuple

from gmlang.families import CALLED, LATER


class Kind(Enum):
    """What a word is; the value heads its row in the documents."""

    STATEMENT = "begins a statement"
    INNER = "inside a statement"
    OPERATOR = "operator"
    VALUE = "value"
    TYPE = "type"
    FUNCTION = "function"
    AGGREGATE = "over several"
    QUERY = "question"
    FAMILY = "distribution"
    RESERVED = "will begin a statement"
    LATER = "reserved"


class Word(NamedTuple):
    """A word; `since` is the version that understands it, None for one that says "not yet"."""

    text: str
    kind: Kind
    help: str
    since: str | None


_NOW = "0.1"
_NOT_YET = "had", "learn", "choose", "maximize", "do", "then", *LATER

_HELP: dict[Kind, dict[str, str]] = {
    Kind.STATEMENT: {
        "import": "use another file's names, as `file.name`",
        "from": "use some names of another file",
        "domain": "name a set of values",
        "data": "declare numbers that come from outside",
        "param": "declare a number that can be set",
        "def": "name a formula",
        "var": "declare a random variable, or a thing",
        "model": "declare a concept: what holds of a thing where it applies",
        "entity": "declare what there is to predict about a thing",
        "factor": "add nats",
        "prefer": "add nats where a condition holds",
        "constraint": "forbid what does not hold",
        "observe": "say what was seen",
        "predict": "say what a model expects",
        "use": "rely on another model",
        "consider": "let instances of models exist",
        "query": "ask",
        "assert": "check an answer",
        "for": "repeat",
        "if": "only where a condition holds",
        "elif": "else, if",
        "else": "otherwise",
        "match": "tell cases apart",
    },
    Kind.INNER: {
        "weight": "how many nats a preference adds",
        "base": "a distribution where no mechanism says one",
        "like": "likelihoods of the values of something observed",
        "except": "predictions of a used model that do not count",
        "within": "the time for an answer",
        "using": "the method for an answer",
        "prior": "the probability that a model applies",
        "soft": "compose models that go together badly",
        "as": "give a name",
        "had": "what would have been",
    },
    Kind.OPERATOR: {
        "and": "both",
        "or": "one or both",
        "not": "the opposite",
        "in": "among values, or in a range",
        "is": "a model applies to a thing",
    },
    Kind.VALUE: {
        "true": "the value 1",
        "false": "the value 0",
        "rest": "the values not named",
        "_": "any value, or the values not named",
    },
    Kind.TYPE: {
        "bool": "false and true",
        "int": "whole numbers, of data",
        "integer": "whole numbers, of data",
        "real": "numbers, of data",
        "float": "numbers, of data",
    },
    Kind.FUNCTION: {
        "abs": "the absolute value",
        "exp": "the exponential",
        "log": "the natural logarithm",
        "sqrt": "the square root",
        "floor": "the whole number below",
        "ceil": "the whole number above",
        "round": "the nearest whole number",
    },
    Kind.AGGREGATE: {
        "sum": "the sum",
        "count": "how many hold; as a query, how many assignments are possible",
        "all": "all hold",
        "any": "one or more hold",
        "min": "the least",
        "max": "the largest",
        "exactly": "k hold",
        "exactly_one": "one holds",
        "at_most": "k or fewer hold",
        "at_least": "k or more hold",
        "alldifferent": "no two are equal",
        "xor": "an odd number hold",
    },
    Kind.QUERY: {
        "P": "probabilities",
        "MAP": "the most probable assignment",
        "MMAP": "the most probable states, the rest summed out",
        "best": "the k most probable assignments",
        "sample": "draws",
        "count": "how many assignments are possible",
        "logZ": "the log partition function",
        "compat": "how well models go together",
        "blame": "which attributes make models go together, or not",
        "why": "what speaks for and against",
        "active": "the models that apply to a thing",
        "indep": "whether variables are independent",
    },
    Kind.FAMILY: {name: family.help for name, family in CALLED.items()},
    Kind.RESERVED: {
        "learn": "fit parameters",
        "choose": "decide",
        "maximize": "what decisions are for",
    },
    Kind.LATER: {
        "do": "what would be if",
        "then": "the next moment",
        **dict.fromkeys(LATER, "a continuous distribution"),
    },
}

WORDS = tuple(
    Word(text, kind, help_, None if text in _NOT_YET else _NOW)
    for kind, words in _HELP.items()
    for text, help_ in words.items()
)
"""The words, each kind together; `count` is of two kinds."""

SIGNS = (
    *("..<", "..", ":=", "->", "==", "!=", "<=", ">=", "**", "//"),
    *("+", "-", "*", "/", "%", "<", ">", "=", "~", "@", "&", "|"),
    *("(", ")", "[", "]", "{", "}", ",", ":", "."),
)
"""Signs, the longer before those that they begin with."""


def of_kind(*kinds: Kind) -> tuple[str, ...]:
    """List the words of some kinds.

    >>> of_kind(Kind.VALUE)
    ('true', 'false', 'rest', '_')
    """
    return tuple(text for kind in kinds for text in _HELP[kind])
