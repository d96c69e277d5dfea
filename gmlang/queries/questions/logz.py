"""logZ: the log partition function, the log evidence."""

from dataclasses import replace

from gmlang.core.asking.arguments import no_arguments
from gmlang.core.ast import Real, Type
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.queries.answers import Answer, NatsAnswer, finite
from gmlang.queries.question import Question, Single
from gmlang.queries.reals.flat import flat_priors
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime


class LogZ(Query):
    """The log of the weight of all assignments."""

    __slots__ = ()
    takes_joint = True
    kind = "logz"

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the nats."""
        return self, Real()


class LogZAnswer(NatsAnswer):
    """Nats."""

    __slots__ = ()
    kind = "logz"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    del env
    no_arguments(state, call)
    return LogZ(call.span, call.span.text)


def _question(prepared: Prepared, query: LogZ) -> runtime.LogPartition:
    del query
    flat_priors(prepared.grounding)
    return runtime.LogPartition()


def _read(prepared: Prepared, query: LogZ, found: runtime.LogPartitionAnswer) -> Answer:
    del prepared
    return LogZAnswer(
        query.text,
        value=finite(found.log_value),
        log_lower=finite(found.log_lower),
        log_upper=finite(found.log_upper),
    )


def _quality(prepared: Prepared, query: LogZ, found: runtime.LogPartitionAnswer) -> runtime.Quality:
    del query
    notes = (found.quality.note, flat_priors(prepared.grounding))
    return replace(found.quality, note=" · ".join(filter(None, notes)))


LOG_Z = Question(
    word="logZ",
    help="the log partition function",
    shortest="logZ()",
    form="logZ()",
    example="var a : bool\n"
    "factor 2 * a\n"
    "query logZ()\n"
    "assert abs(logZ() - log(1 + exp(2))) < 1e-9\n",
    check=_check,
    kinds=((LogZ, LogZAnswer),),
    answered=Single(_question, _read, quality=_quality, puts=(runtime.LogPartition,)),
)
