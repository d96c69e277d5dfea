"""H: the entropy of variables and expressions, nats."""

from dataclasses import replace

import numpy as np

from gmlang.core.asking.arguments import asked_of
from gmlang.core.ast import Real, Type
from gmlang.core.checking import Checking, fail
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.errors import asking as errors
from gmlang.queries.answers import Answer, NatsAnswer
from gmlang.queries.question import Question, Single
from gmlang.queries.reading import joint_over, joint_table
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime


class Entropy(Query):
    """How uncertain variables are together, given others."""

    __slots__ = ()
    takes_joint = True
    kind = "entropy"

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the nats."""
        return self, Real()


class EntropyAnswer(NatsAnswer):
    """Nats."""

    __slots__ = ()
    kind = "entropy"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    if not call.arguments:
        fail(state, errors.asks_for_nothing(call.span, call.function.span.text))
    return Entropy(call.span, call.span.text, asked_of(state, env, call.arguments))


def _question(prepared: Prepared, query: Entropy) -> runtime.Joint:
    return joint_over(prepared, query)


def _read(prepared: Prepared, query: Entropy, found: runtime.JointAnswer) -> Answer:
    if found.quality.status is runtime.Status.IMPOSSIBLE:
        return EntropyAnswer(query.text)
    table = joint_table(prepared, found, [range(len(prepared.targets))])
    return EntropyAnswer(query.text, value=_entropy(table))


def _entropy(p: np.ndarray) -> float:
    """Return H(A | C) of a table over A and C."""
    given = np.broadcast_to(p.sum(axis=0, keepdims=True), p.shape)
    used = p > 0
    return max(0.0, float(-(p[used] * (np.log(p[used]) - np.log(given[used]))).sum()))


def unknown_error(prepared: Prepared, query: Query, found: runtime.JointAnswer) -> runtime.Quality:
    """Say that no error is known of a number made of an estimated joint distribution."""
    del prepared, query
    quality = found.quality
    if quality.status is not runtime.Status.ESTIMATE:
        return quality
    return replace(quality, error=float("nan"), error_kind="")


ENTROPY = Question(
    word="H",
    help="the entropy of variables, nats",
    shortest="H(x)",
    form="H(x, y | z, c = v)",
    example="var a : bool\n"
    "var b : bool ~ Bernoulli(0.9 if a else 0.5)\n"
    "query H(a), H(a, b), H(b | a), H(b | a = true)\n"
    "assert abs(H(a, b) - H(a) - H(b | a)) < 1e-9 and abs(H(a) - log(2)) < 1e-9\n",
    check=_check,
    leaves_open=True,
    kinds=((Entropy, EntropyAnswer),),
    answered=Single(_question, _read, quality=unknown_error, puts=(runtime.Joint,)),
)
