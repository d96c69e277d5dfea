"""density: how dense the distribution of a real is at a value."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.asking import arguments
from gmlang.core.ast import Array, Expression, Real, Type
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions import scalars
from gmlang.core.expressions.operators import need_known
from gmlang.core.names.scope import Env
from gmlang.core.program import Asked, Query
from gmlang.core.walk import is_real_reference, type_of
from gmlang.errors import asking as errors
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer
from gmlang.queries.question import Question, Single
from gmlang.queries.questions.probability import RealAnswer, read_reals
from gmlang.queries.reading import asked_once
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Density(Query):
    """The density of a real at a value.

    Attributes:
        value: known before inference.
    """

    kind = "density"
    takes_reals = True
    takes_joint = True

    value: Expression

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the density."""
        return self, Real()


class DensityAnswer(Answer):
    """A density, in one over the unit of the real."""

    __slots__ = ()
    kind = "density"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    span = call.span
    arguments.need_count(state, call, 1, "one equation, `x = 1.8`")
    written = call.arguments[0]
    if not isinstance(written, ast.Equation):
        fail(state, errors.density_of_what(span))
    target = scalars.check(state, env, written.left)
    if not is_real_reference(target) or isinstance(type_of(target), Array):
        fail(state, errors.density_of_what(span))
    value = need_known(state, scalars.check_number(state, env, written.right), "a value")
    return Density(span, span.text, (Asked(target.span, target),), value=value)


def _question(prepared: Prepared, query: Density) -> runtime.Marginals:
    del query
    return runtime.Marginals(asked_once(prepared))


def _read(prepared: Prepared, query: Density, found: runtime.MarginalsAnswer) -> Answer:
    if found.quality.status is runtime.Status.IMPOSSIBLE:
        return DensityAnswer(query.text)
    summary = read_reals(prepared, query, found)
    assert isinstance(summary, RealAnswer)
    env = environment(prepared.grounder, ONE_INSTANCE)
    value = float(np.asarray(evaluate(query.value, env)).reshape(-1)[0])
    density = summary.density(value)
    return DensityAnswer(query.text, value=density, array=np.asarray(density))


DENSITY = Question(
    word="density",
    help="the density of a real at a value",
    shortest="density(x = 1)",
    form="density(x = v | ...)",
    example="var a : real ~ Normal(0, 1)\n"
    "var b : real ~ Normal(a, 1)\n"
    "query density(b = 0.5), density(a = 0 | b = 0.5)\n"
    "assert abs(density(b = 0) - 1 / sqrt(4 * 3.141592653589793)) < 1e-9\n",
    check=_check,
    kinds=((Density, DensityAnswer),),
    answered=Single(_question, _read, puts=(runtime.Marginals,)),
)
