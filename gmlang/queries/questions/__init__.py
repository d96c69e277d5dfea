"""The questions of the language: one module each, listed once.

A question is a record (`gmlang.queries.question`) beside what it is asked by, a `Query`, and what
it is answered by, an `Answer`. The core checks calls of a word by its record, which the pipeline
hands down; everything else that depends on the kind of a question goes through these records too.

**Invariants:** a query's class says its question, and the class of its answers; an answer's status
is what the runtime said, never better.
"""

from collections.abc import Mapping

from gmlang.core.checking import QueryForm
from gmlang.core.program import Query
from gmlang.queries.answers import Answer
from gmlang.queries.composed.calculation import CALCULATION
from gmlang.queries.composed.listed import LIST
from gmlang.queries.composition.conjunctions import COMPOSITE
from gmlang.queries.question import Composed, Part, Question
from gmlang.queries.questions.active import ACTIVE
from gmlang.queries.questions.best import BEST
from gmlang.queries.questions.blame import BLAME
from gmlang.queries.questions.compat import COMPAT
from gmlang.queries.questions.count import COUNT
from gmlang.queries.questions.density import DENSITY
from gmlang.queries.questions.entropy import ENTROPY
from gmlang.queries.questions.expectation import EXPECTATION
from gmlang.queries.questions.indep import INDEP
from gmlang.queries.questions.information import INFORMATION
from gmlang.queries.questions.logz import LOG_Z
from gmlang.queries.questions.map import MAP
from gmlang.queries.questions.meu import MEU
from gmlang.queries.questions.mmap import MMAP
from gmlang.queries.questions.policy import POLICY
from gmlang.queries.questions.probability import PROBABILITY
from gmlang.queries.questions.sample import SAMPLE
from gmlang.queries.questions.surprise import SURPRISE
from gmlang.queries.questions.variance import VARIANCE
from gmlang.queries.questions.why import WHY
from gmlang.queries.questions.woke import WOKE
from gmlang.queries.questions.worth import WORTH

QUESTIONS: tuple[Question, ...] = (
    PROBABILITY,
    EXPECTATION,
    VARIANCE,
    DENSITY,
    ENTROPY,
    INFORMATION,
    MAP,
    MMAP,
    BEST,
    SAMPLE,
    COUNT,
    LOG_Z,
    COMPAT,
    BLAME,
    WHY,
    SURPRISE,
    ACTIVE,
    WOKE,
    INDEP,
    MEU,
    POLICY,
    WORTH,
)

QUERY_FORMS: Mapping[str, QueryForm] = {question.word: question for question in QUESTIONS}
"""What the checks know of each word."""

_COMPOSED: tuple[Composed, ...] = (CALCULATION, LIST)
"""What is asked without a word."""

_ALL: tuple[Question | Part | Composed, ...] = (*QUESTIONS, COMPOSITE, *_COMPOSED)
_QUESTIONS = {query: question for question in _ALL for query, _ in question.kinds}
_ANSWERS = {query: answer for question in _ALL for query, answer in question.kinds}


def question_of(query: Query) -> Question | Part | Composed:
    """Return the question that a query asks."""
    return _QUESTIONS[type(query)]


def answer_class(query: Query) -> type[Answer]:
    """Return the class of a query's answers."""
    return _ANSWERS[type(query)]
