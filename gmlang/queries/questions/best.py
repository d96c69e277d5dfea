"""best: the k most probable assignments."""

from typing import cast

import numpy as np

from gmlang.core.asking.arguments import check_references, how_many
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.queries.answers import Answer, finite
from gmlang.queries.composition.conjunctions import check_composite, is_composite
from gmlang.queries.question import Question, Single
from gmlang.queries.reading import (
    Numbered,
    asked_names,
    assignment_maps,
    flat_variables,
    number_asked,
    parts_of,
)
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime
from gmruntime.arrays import num_entries
from gmruntime.graph import num_states


class Best(Numbered):
    """The most probable states of some variables, or all."""

    __slots__ = ()
    kind = "best"
    frees_choices = True
    names_states = True


class BestAnswer(Answer):
    """Assignments by name, each with its score, the best first."""

    __slots__ = ()
    kind = "best"

    @property
    def log_score(self) -> float | None:
        """Of the best, nats."""
        listed = cast("list[dict[str, float]] | None", self.value)
        return listed[0]["log_score"] if listed else None


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    if is_composite(call):
        return check_composite(state, env, call)
    number = how_many(state, env, call)
    asked = check_references(state, env, call.arguments[1:])
    return Best(call.span, call.span.text, asked, number=number)


def _question(prepared: Prepared, query: Best) -> runtime.Best:
    count = number_asked(prepared, query)
    variables = np.unique(flat_variables(asked_names(prepared, query)))
    sizes = num_states(prepared.graph())[variables]
    # There are no more answers than assignments; who asks for more is told.
    count = int(min(count, num_entries(sizes.tolist()) + 1))
    return runtime.Best(count, variables.astype(np.int32))


def _read(prepared: Prepared, query: Best, found: runtime.AssignmentsAnswer) -> Answer:
    log_upper = finite(found.log_upper)
    if found.quality.status is runtime.Status.IMPOSSIBLE or not len(found.assignments):
        return BestAnswer(query.text, log_upper=log_upper)
    maps = assignment_maps(asked_names(prepared, query), found.assignments)
    listed: list[object] = [
        {"assignment": m, "log_score": float(s)}
        for m, s in zip(maps, found.log_scores, strict=True)
    ]
    return BestAnswer(
        query.text, value=listed, log_upper=log_upper, parts=parts_of(prepared, query)
    )


BEST = Question(
    word="best",
    help="the k most probable assignments",
    shortest="best(5)",
    form="best(k, x)",
    example="var a : 0..3 ~ Categorical([0.4, 0.3, 0.2, 0.1])\nquery best(2, a), best(3)\n",
    check=_check,
    kinds=((Best, BestAnswer),),
    answered=Single(_question, _read, puts=(runtime.Best,)),
)
