"""MAP: the most probable assignment."""

import numpy as np

from gmlang.core.asking.arguments import check_references
from gmlang.core.ast import Array, Bool, Enum, Type
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.core.walk import type_of
from gmlang.queries.answers import Answer, finite, nested_values
from gmlang.queries.question import Question, Single
from gmlang.queries.reading import asked_names, assignment_map, parts_of
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime


class Map(Query):
    """The states of some variables, or all, in the most probable assignment."""

    __slots__ = ()
    takes_joint = True
    kind = "map"
    frees_choices = True
    names_states = True

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the state of the only variable asked for."""
        if len(self.asked) != 1 or isinstance(type_of(self.asked[0].value), Array):
            return None
        return self, type_of(self.asked[0].value)


class MapAnswer(Answer):
    """States by name; `log_lower` is the score of the whole assignment."""

    __slots__ = ()
    kind = "map"

    @property
    def log_score(self) -> float | None:
        """Of the assignment, nats."""
        return self.log_lower

    def number(self, domain: Type) -> float | int | None:
        """Return what the only state is worth."""
        if not isinstance(self.value, dict):
            return Answer.number(self, domain)
        (state,) = self.value.values()
        match domain:
            case Bool():
                return float(state == "true")
            case Enum(values=values):
                return float(values.index(str(state)))
            case _:
                return float(str(state))

    def shown_number(self, number: float) -> str:
        """Write the state by its name."""
        if not isinstance(self.value, dict):
            return Answer.shown_number(self, number)
        return ", ".join(map(str, self.value.values()))

    def remarks(self) -> list[str]:
        """Write the score."""
        return [] if self.log_score is None else [f"log score {self.log_score:.6g}"]


def map_answer(
    prepared: Prepared, query: Query, assignment: np.ndarray, log_score: float, log_bound: float
) -> MapAnswer:
    """Write an assignment that was found, with its score and the proven bound, nats."""
    names = asked_names(prepared, query)
    lone = names[0] if len(names) == 1 else None
    return MapAnswer(
        query.text,
        value=assignment_map(names, assignment),
        array=None if lone is None else nested_values(assignment[lone.variables], lone.states),
        log_lower=log_score,
        log_upper=finite(log_bound),
        parts=parts_of(prepared, query),
    )


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    return Map(call.span, call.span.text, check_references(state, env, call.arguments))


def _question(prepared: Prepared, query: Map) -> runtime.Map:
    del prepared, query
    return runtime.Map()


def _read(prepared: Prepared, query: Map, found: runtime.AssignmentsAnswer) -> Answer:
    if found.quality.status is runtime.Status.IMPOSSIBLE or not len(found.assignments):
        return MapAnswer(query.text, log_upper=finite(found.log_upper))
    log_score = float(found.log_scores[0])
    return map_answer(prepared, query, found.assignments[0], log_score, found.log_upper)


MAP = Question(
    word="MAP",
    help="the most probable assignment",
    shortest="MAP()",
    form="MAP(x, y | ...)",
    example="domain Color = {red, green}\n"
    "var rain : bool ~ Bernoulli(0.2)\n"
    "var color : Color ~ Categorical([0.2, 0.8] if rain else [0.7, 0.3])\n"
    "query MAP(), MAP(color | rain = true)\n"
    "assert MAP(rain) == false and MAP(color | rain = true) == green\n",
    check=_check,
    kinds=((Map, MapAnswer),),
    answered=Single(_question, _read, puts=(runtime.Map,)),
)
