"""E: the expectation of an expression."""

from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.asking.additive import Part, additive_parts
from gmlang.core.asking.arguments import need_count, plain
from gmlang.core.asking.givens import is_reference
from gmlang.core.ast import Apply, Array, Constant, Expression, Gate, Integer, Real, Type
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions import scalars
from gmlang.core.expressions.operators import all_of, is_number, join
from gmlang.core.names.scope import Env
from gmlang.core.print import describe
from gmlang.core.program import Asked, Query
from gmlang.core.records.decisions import Maximize
from gmlang.core.walk import type_of
from gmlang.errors import forms as errors
from gmlang.errors.forms import Form
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.values.evaluate import evaluate, expand
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer
from gmlang.queries.composed.intervals import Interval, plus, times
from gmlang.queries.question import Question, Single
from gmlang.queries.reading import Rows, asked_once, flat_rows
from gmlang.queries.session import Prepared
from gmlang.queries.targets import Target, least_and_most, mean_error
from gmlang.syntax import ast
from gmruntime import answer as runtime


@dataclass(frozen=True, slots=True)
class Expectation(Query):
    """The mean of an expression, by the parts that add up to it.

    Attributes:
        coefficients: of each part that is asked for.
        constants: what is added to them.
    """

    takes_joint = True
    kind = "expectation"
    asks_marginals = True
    takes_reals = True
    moment = 1

    coefficients: tuple[Expression, ...] = ()
    constants: tuple[Asked, ...] = ()

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the mean of a single value."""
        is_single = not isinstance(type_of(self.asked[0].value), Array)
        return (self, Real()) if is_single else None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExpectationAnswer(Answer):
    """The mean, or nested lists of means, with what is proven of it.

    Attributes:
        lower: what it is at least, in the form of the value; None where nothing is proven.
        upper: what it is at most.
    """

    kind = "expectation"

    lower: object = None
    upper: object = None

    @property
    def details(self) -> dict[str, object]:
        """The bounds."""
        return {} if self.lower is None else {"lower": self.lower, "upper": self.upper}


def number_asked_for(state: Checking, env: Env, call: ast.Call) -> Expression:
    """Check the one argument of a word about a number: it depends on variables."""
    need_count(state, call, 1, "one expression")
    written = plain(state, call.arguments[0])
    checked = scalars.check(state, env, written)
    type_ = type_of(checked)
    element = type_.element if isinstance(type_, Array) else type_
    if not is_number(element):
        fail(state, errors.type_mismatch(written.span, Form.NUMBER, describe(element)))
    if isinstance(type_, Array):
        if not is_reference(checked):
            scalars.need_scalar(state, checked)
        return scalars.need_one_array(state, checked)
    return scalars.need_random(state, checked)


def _utility_named(state: Checking, env: Env, call: ast.Call) -> list[Part] | None:
    """Return the parts of the utility that `maximize e as name` names; None where none does."""
    if len(call.arguments) != 1 or not isinstance(call.arguments[0], ast.Name):
        return None
    name = call.arguments[0]
    parts = [s for s in state.statements if isinstance(s, Maximize) and s.name == name.text]
    if not parts or name.text in env.module.entries or name.text in env.names:
        return None
    return [_ungated(state, part) for part in parts]


def _ungated(state: Checking, part: Maximize) -> Part:
    """Return a part that is 0 where the conditions around it do not hold."""
    loops = tuple(clause for clause in part.context if not isinstance(clause, Gate))
    gates = tuple(clause.condition for clause in part.context if isinstance(clause, Gate))
    if not gates:
        return Part(part.value, part.coefficient, loops)
    one, zero = (Constant(part.span, number, Integer()) for number in (1, 0))
    value = one if part.value is None else part.value
    chosen = Apply(
        part.span, "if", (all_of(part.span, gates), value, zero), join(state, value, zero)
    )
    return Part(chosen, part.coefficient, loops)


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    named = _utility_named(state, env, call)
    parts = additive_parts(number_asked_for(state, env, call)) if named is None else named
    terms = [part for part in parts if part.value is not None]
    asked = tuple(Asked(p.value.span, p.value, p.context) for p in terms if p.value is not None)
    constants = tuple(
        Asked(p.coefficient.span, p.coefficient, p.context) for p in parts if p.value is None
    )
    coefficients = tuple(part.coefficient for part in terms)
    text = call.span.text
    return Expectation(call.span, text, asked, coefficients=coefficients, constants=constants)


def _question(prepared: Prepared, query: Expectation) -> runtime.Marginals:
    del query
    return runtime.Marginals(asked_once(prepared))


def _known(prepared: Prepared, value: Expression, asked: Asked) -> np.ndarray:
    """Evaluate what is known of each instance of a part."""
    env = environment(prepared.grounder, ONE_INSTANCE)
    frame, _ = expand(env, asked.context)
    found = np.asarray(evaluate(value, replace(env, frame=frame)), np.float64)
    return np.broadcast_to(found.reshape(-1), (frame.count,))


def means(target: Target, flat: Rows) -> np.ndarray:
    """Return the mean of each of a target's variables, in their shape."""
    if not target.variables.size:
        return np.zeros(target.variables.shape)
    p = flat.of(target.variables)
    return np.where(p > 0, p, 0.0) @ target.levels.astype(np.float64)


def _read(prepared: Prepared, query: Expectation, found: runtime.MarginalsAnswer) -> Answer:
    if found.quality.status is runtime.Status.IMPOSSIBLE:
        return ExpectationAnswer(query.text)
    flat = flat_rows(prepared, found.probabilities)
    if isinstance(type_of(query.asked[0].value), Array):
        (target,) = prepared.targets
        shaped = means(target, flat)
        lower, upper = _array_ends(prepared, target, found)
        return ExpectationAnswer(
            query.text, value=shaped.tolist(), array=shaped, lower=lower, upper=upper
        )
    total = sum(float(_known(prepared, one.value, one).sum()) for one in query.constants)
    ends: Interval | None = (total, total)
    is_bounded = found.lower is not None and found.upper is not None
    lower = flat_rows(prepared, found.lower) if found.lower is not None else flat
    upper = flat_rows(prepared, found.upper) if found.upper is not None else flat
    for target, asked, by in zip(prepared.targets, query.asked, query.coefficients, strict=True):
        coefficients = _known(prepared, by, asked)
        total += float(coefficients @ means(target, flat).reshape(-1))
        if not is_bounded:
            continue
        for c, v in zip(coefficients.tolist(), target.variables.reshape(-1).tolist(), strict=True):
            part = times((c, c), least_and_most(target.levels, lower[v], upper[v]))
            ends = plus(ends, part) if ends is not None and part is not None else None
    made = ExpectationAnswer(query.text, value=total, array=np.asarray(total))
    if not is_bounded or ends is None:
        return made
    return replace(made, lower=ends[0], upper=ends[1])


def _array_ends(
    prepared: Prepared, target: Target, found: runtime.MarginalsAnswer
) -> tuple[object, object]:
    """Return what each mean of an array is at least and at most, as nested lists."""
    if found.lower is None or found.upper is None:
        return None, None
    lower, upper = flat_rows(prepared, found.lower), flat_rows(prepared, found.upper)
    ends = [
        least_and_most(target.levels, lower[v], upper[v])
        for v in target.variables.reshape(-1).tolist()
    ]
    shaped = np.array(ends).reshape(*target.variables.shape, 2)
    return shaped[..., 0].tolist(), shaped[..., 1].tolist()


def _quality(
    prepared: Prepared, query: Expectation, found: runtime.MarginalsAnswer
) -> runtime.Quality:
    """Say how far off the mean may be where each probability is off by the error of an estimate."""
    quality = found.quality
    if quality.status is not runtime.Status.ESTIMATE or quality.error_kind == "residual":
        return quality
    if isinstance(type_of(query.asked[0].value), Array):
        worst = max(mean_error(target.levels, quality.error) for target in prepared.targets)
        return replace(quality, error=worst)
    error = 0.0
    for target, asked, by in zip(prepared.targets, query.asked, query.coefficients, strict=True):
        weight = float(np.abs(_known(prepared, by, asked)).sum())
        error += weight * mean_error(target.levels, quality.error)
    return replace(quality, error=error)


EXPECTATION = Question(
    word="E",
    help="the expectation of an expression",
    shortest="E(x)",
    form="E(x + y | c, z = v)",
    example="var x[2] : 1..6\n"
    "var a : bool ~ Bernoulli(0.2)\n"
    "query E(x), E(x[0] * x[1] | x[0] > 3), E(2 * a - 1)\n"
    "assert abs(E(x[0] * x[1] | x[0] > 3) - 5 * 3.5) < 1e-9\n"
    "assert abs(E(x[0] + x[1] / 2 + 1) - 6.25) < 1e-9\n",
    check=_check,
    kinds=((Expectation, ExpectationAnswer),),
    answered=Single(_question, _read, quality=_quality, puts=(runtime.Marginals,)),
)
