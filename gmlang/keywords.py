"""The words that the grammar itself knows: what kind each is, and what it does.

The lexer's reserved words and the hints about mistyped words come from here. `gmlang.words`, above
all that has words of its own, lists every word.
"""

from enum import Enum


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
    LATER = "reserved"


KEYWORDS: dict[Kind, dict[str, str]] = {
    Kind.STATEMENT: {
        "import": "use another file's names, as `file.name`",
        "from": "use some names of another file",
        "domain": "name a set of values",
        "data": "declare numbers that come from outside",
        "param": "declare a number that can be set",
        "def": "name a formula",
        "var": "declare a random variable, or a thing",
        "some": "declare things that may not exist",
        "choose": "declare a decision: a variable that is set, not drawn",
        "model": "declare a concept: what holds of a thing where it applies",
        "entity": "declare what there is to predict about a thing",
        "maximize": "add to the utility that decisions are for",
        "factor": "add nats",
        "prefer": "add nats where a condition holds",
        "constraint": "forbid what does not hold",
        "observe": "say what was seen",
        "predict": "say what a model expects",
        "cover": "say what a model puts in front of what is farther away",
        "use": "rely on another model",
        "consider": "let instances of models exist",
        "query": "ask",
        "assert": "check an answer",
        "learn": "fit parameters to what was seen",
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
        "depth": "which of several that cover the same is in front: the lowest",
        "soft": "compose models that go together badly",
        "as": "give a name",
        "to": "say what is to be predicted",
        "restarts": "how many beginnings are tried",
        "about": "in `consider all about`: every model of a thing",
        "but": "things that a learned model does not apply to",
        "size": "how many models, or operators and operands, what is learned may consist of",
        "refit": "fit the confidences of what a learned model is made of to its examples",
        "knows": "what a decision may depend on",
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
}
"""What each word does, the words of a kind together."""
