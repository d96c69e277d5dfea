"""compat: how well two models go together."""

import numpy as np

from gmlang.core.asking.arguments import two_models
from gmlang.core.ast import Real, Type
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.queries.answers import Answer, NatsAnswer, finite
from gmlang.queries.composition.compatibility import (
    Comparison,
    Compatibility,
    LogZ,
    joint_compatibility,
    rounded,
)
from gmlang.queries.question import Question, Several
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmlang.syntax import ast
from gmruntime.answer import Status


class Compat(Comparison):
    """log Z of two models together, less log Z of each."""

    __slots__ = ()
    kind = "compat"

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the nats."""
        return self, Real()


class CompatAnswer(NatsAnswer):
    """Nats."""

    __slots__ = ()
    kind = "compat"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    return Compat(call.span, call.span.text, models=two_models(state, env, call))


def _answer(session: Session, query: Compat, settings: Settings) -> Answer:
    groups = query.groups(session.program)
    value = joint_compatibility(Compatibility(session, groups, query.span, settings, query))
    return CompatAnswer(
        query.text,
        value.status.value,
        rounded(value.value),
        method="log Z of the models together and apart",
        log_lower=finite(value.lower),
        log_upper=finite(value.upper),
        note=_why_infinite(value),
    )


def _why_infinite(value: LogZ) -> str:
    if np.isfinite(value.value):
        return ""
    if value.status is Status.IMPOSSIBLE:
        return "one of these models cannot be active at all"
    if value.upper == float("-inf"):
        return "these models cannot be active together"
    return "no estimate was found"


COMPAT = Question(
    word="compat",
    help="how well models go together",
    shortest="compat(a, b)",
    form="compat(a, b)",
    example="entity Thing:\n"
    "    big : bool\n"
    "model house(x: Thing):\n"
    "    predict x.big = true @ 0.9\n"
    "model mouse(x: Thing):\n"
    "    predict x.big = false @ 0.8\n"
    "query compat(house, mouse)\n"
    "assert compat(house, mouse) < 0\n",
    check=_check,
    kinds=((Compat, CompatAnswer),),
    answered=Several(_answer, needs_graph=False),
)
