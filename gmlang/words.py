"""Every word and sign of the language, once: what kind it is, what it does, since when.

The highlighter, the completer and the names that a converted program avoids come from here; the
grammar, the checker and the table in the documents are held to it by a test. Words of the grammar
stand in `gmlang.keywords`; distributions and questions add themselves.
"""

from typing import NamedTuple

from gmlang.families import CALLED, DENSITIES, LATER
from gmlang.keywords import KEYWORDS, Kind
from gmlang.queries.questions import QUESTIONS


class Word(NamedTuple):
    """A word; `since` is the version that understands it, None for one that says "not yet"."""

    text: str
    kind: Kind
    help: str
    since: str | None


_NOW = "0.1"
_NOT_YET = LATER

_HELP: dict[Kind, dict[str, str]] = {
    Kind.STATEMENT: KEYWORDS[Kind.STATEMENT],
    Kind.INNER: KEYWORDS[Kind.INNER],
    Kind.OPERATOR: KEYWORDS[Kind.OPERATOR],
    Kind.VALUE: KEYWORDS[Kind.VALUE],
    Kind.TYPE: {
        "bool": "false and true",
        "int": "whole numbers, of data",
        "integer": "whole numbers, of data",
        "real": "numbers, of data",
        "float": "numbers, of data",
        "probability": "numbers from 0 to 1, of params",
        "simplex": "probabilities that sum to one along the last axis, of params",
        "positive": "numbers above 0, of params",
        "rows": "a table of cases, of data",
        "grid": "places in rows and columns, from (0, 0)",
        "shift": "places up to so many rows and columns from (0, 0), either way",
    },
    Kind.FUNCTION: {
        "abs": "the absolute value",
        "exp": "the exponential",
        "log": "the natural logarithm",
        "log10": "the logarithm to base 10",
        "sqrt": "the square root",
        "logistic": "1 / (1 + exp(-x)), the probability of log-odds",
        "erf": "the error function",
        "normal_cdf": "how much of the standard normal distribution is below",
        "lgamma": "the natural logarithm of |Γ|; of n!, at n + 1",
        "sign": "-1, 0 or 1",
        "floor": "the whole number below",
        "ceil": "the whole number above",
        "round": "the nearest whole number, of two the even one",
        "exists": "whether a thing exists",
        "step": "where a process is: 0 waits, then its calls from 1, then it is done",
        "composite": "what holds of a thing, all together",
        "within": "two places are at most so many rows and columns apart",
        "far": "how many rows and columns two places are apart, together",
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
    Kind.QUERY: {question.word: question.help for question in QUESTIONS},
    Kind.GIVEN: {
        "do": "the world in which a variable was changed",
        "follow": "the world in which choices are the best ones",
    },
    Kind.FAMILY: {**{name: family.help for name, family in CALLED.items()}, **DENSITIES},
    Kind.LATER: {
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
