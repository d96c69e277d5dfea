"""I: the mutual information of two variables, or two lists of them, nats."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.asking.arguments import asked_of, need_count
from gmlang.core.ast import Real, Type
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.queries.answers import Answer, NatsAnswer
from gmlang.queries.question import Question, Single
from gmlang.queries.questions.entropy import unknown_error
from gmlang.queries.reading import joint_over, joint_table
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime

_NEAR = 0.5
"""A share nearer to that of independence has its log from how far it is from there."""


@dataclass(frozen=True, slots=True)
class Information(Query):
    """How much variables say about others, given further ones.

    Attributes:
        num_first: how many of those asked for are on the first side.
    """

    takes_joint = True
    kind = "information"

    num_first: int = 1

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the nats."""
        return self, Real()


class InformationAnswer(NatsAnswer):
    """Nats."""

    __slots__ = ()
    kind = "information"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    need_count(state, call, 2, "two variables, or two lists of them in brackets")
    first, second = (asked_of(state, env, (argument,)) for argument in call.arguments)
    text = call.span.text
    return Information(call.span, text, first + second, num_first=len(first))


def _question(prepared: Prepared, query: Information) -> runtime.Joint:
    return joint_over(prepared, query)


def _read(prepared: Prepared, query: Information, found: runtime.JointAnswer) -> Answer:
    if found.quality.status is runtime.Status.IMPOSSIBLE:
        return InformationAnswer(query.text)
    sides = [range(query.num_first), range(query.num_first, len(prepared.targets))]
    return InformationAnswer(query.text, value=_information(joint_table(prepared, found, sides)))


def _information(p: np.ndarray) -> float:
    """Return I(A; B | C) of a table over A, B and C.

    As the divergence of p from the product of its margins, of which no term is below 0: in a plain
    sum of p log p what is nearly independent would be lost in the rounding of the rest.
    """
    used = p > 0
    first, second = p.sum(axis=1, keepdims=True), p.sum(axis=0, keepdims=True)
    both = p.sum(axis=(0, 1), keepdims=True)
    product = first * (second / np.where(both > 0, both, 1.0))
    logs = [np.log(np.broadcast_to(t, p.shape)[used]) for t in (both, first, second)]
    of_ratio = np.log(p[used]) + logs[0] - logs[1] - logs[2]
    apart = p[used] - product[used]
    with np.errstate(divide="ignore", over="ignore"):
        change = apart / product[used]
    is_near = np.abs(change) < _NEAR
    of_ratio[is_near] = np.log1p(change[is_near])
    return max(0.0, float((p[used] * of_ratio - apart).sum() + product[~used].sum()))


INFORMATION = Question(
    word="I",
    help="the mutual information of variables, nats",
    shortest="I(x, y)",
    form="I(x, y | z, c = v)",
    example="var a : bool\n"
    "var b : bool ~ Bernoulli(0.9 if a else 0.5)\n"
    "var c : bool := a != b\n"
    "query I(a, b), I(a, [b, c])\n"
    "assert abs(I(a, b) - H(b) + H(b | a)) < 1e-9 and abs(I(a, [b, c]) - H(a)) < 1e-9\n",
    check=_check,
    leaves_open=True,
    kinds=((Information, InformationAnswer),),
    answered=Single(_question, _read, quality=unknown_error, puts=(runtime.Joint,)),
)
