"""MMAP: the most probable states of some variables, the rest summed out."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.asking.arguments import check_references
from gmlang.core.checking import Checking, fail
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.errors import asking as errors
from gmlang.queries.answers import Answer, finite
from gmlang.queries.question import Question, Single
from gmlang.queries.questions.probability import Event, Joint, Marginal
from gmlang.queries.reading import asked_names, asked_once, assignment_map, parts_of
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime


class MarginalMap(Query):
    """The most probable states of some variables."""

    __slots__ = ()
    takes_joint = True
    kind = "mmap"
    frees_choices = True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MarginalMapAnswer(Answer):
    """States by name.

    Attributes:
        log_value: log of the weight of all assignments with these states, nats.
    """

    kind = "mmap"

    log_value: float | None = None

    @property
    def log_score(self) -> float | None:
        """Of the states, nats."""
        return self.log_value


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    if not call.arguments:
        fail(state, errors.maximises_over_nothing(call.span, call.function.span.text))
    return MarginalMap(call.span, call.span.text, check_references(state, env, call.arguments))


def _question(prepared: Prepared, query: MarginalMap) -> runtime.MarginalMap:
    del query
    return runtime.MarginalMap(asked_once(prepared))


def _read(prepared: Prepared, query: MarginalMap, found: runtime.MarginalMapAnswer) -> Answer:
    flat = asked_once(prepared)
    if found.quality.status is runtime.Status.IMPOSSIBLE or len(found.states) < len(flat):
        return MarginalMapAnswer(query.text)
    assignment = np.zeros(prepared.builder.num_variables, np.int64)
    assignment[flat] = found.states
    return MarginalMapAnswer(
        query.text,
        value=assignment_map(asked_names(prepared, query), assignment),
        log_value=float(found.log_value),
        log_lower=finite(found.log_lower),
        log_upper=finite(found.log_upper),
        parts=parts_of(prepared, query),
    )


def distribution_of(query: Query) -> Query | None:
    """Return what asks how probable states are, of a query about some; None of any other.

    Of one that asks for the most probable states, what asks for their distribution.
    """
    if isinstance(query, Marginal | Joint | Event):
        return query
    if not isinstance(query, MarginalMap):
        return None
    kind = Marginal if len(query.asked) == 1 else Joint
    return kind(query.span, query.text, query.asked, query.given, query.within_s)


MMAP = Question(
    word="MMAP",
    help="the most probable states, the rest summed out",
    shortest="MMAP(x)",
    form="MMAP(x | ...)",
    example="var a : 0..2 ~ Categorical([0.4, 0.3, 0.3])\n"
    "var b : bool ~ Bernoulli(0.5 if a == 0 else 0.9)\n"
    "query MMAP(b), MMAP(a | b = true)\n",
    check=_check,
    kinds=((MarginalMap, MarginalMapAnswer),),
    answered=Single(_question, _read, puts=(runtime.MarginalMap,)),
)
