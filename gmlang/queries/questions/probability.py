"""P: the distribution of a variable, the joint one of several, or the probability of an event."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, cast

import numpy as np

from gmlang.core.asking.arguments import asked_of
from gmlang.core.asking.givens import is_reference
from gmlang.core.ast import AttributeRef, Bool, Real, Type
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions.operators import all_of
from gmlang.core.names.scope import Env
from gmlang.core.program import Asked, Query
from gmlang.core.walk import is_real_reference, type_of
from gmlang.diagnostics import GmError
from gmlang.errors import asking as errors
from gmlang.queries.answers import (
    VALUES_MAX,
    Answer,
    DistributionAnswer,
    left_open,
    nested_maps,
)
from gmlang.queries.question import Question, Single
from gmlang.queries.reading import (
    Rows,
    asked_once,
    asked_variables,
    check_joint,
    flat_rows,
    parts_of,
)
from gmlang.queries.reals.summaries import QUANTILES, Belief, belief_of
from gmlang.queries.session import Prepared
from gmlang.queries.targets import Target
from gmlang.syntax import ast
from gmruntime import answer as runtime

_LINES_MAX = 24
"""Of so many reals of an array a line is written."""

_ROUNDING = 1e-12
"""Probabilities that engines call exact are off by less."""


class Marginal(Query):
    """The distributions of single variables."""

    __slots__ = ()
    takes_joint = True
    may_imagine = True
    kind = "marginal"
    is_listed = True
    asks_marginals = True

    def as_number(self) -> tuple[Query, Type] | None:
        """Ask for the probability of one that is true or false."""
        is_event = len(self.asked) == 1 and isinstance(type_of(self.asked[0].value), Bool)
        event = Event(self.span, self.text, self.asked, self.given, imagined=self.imagined)
        return event.as_number() if is_event else None


class Event(Query):
    """The probabilities of events."""

    __slots__ = ()
    takes_joint = True
    may_imagine = True
    kind = "event"
    is_listed = True
    asks_marginals = True

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the probability."""
        return self, Real()


class Joint(Query):
    """The distribution of several variables together."""

    __slots__ = ()
    takes_joint = True
    may_imagine = True
    kind = "joint"


class RealMarginal(Query):
    """The distribution of a real, or of each of an array of them."""

    __slots__ = ()
    summarises = True
    may_imagine = True
    kind = "summary"
    takes_reals = True
    takes_joint = True


class RealJoint(Query):
    """The distribution of several reals together."""

    __slots__ = ()
    summarises = True
    may_imagine = True
    kind = "moments"
    takes_reals = True
    takes_joint = True
    relates_reals = True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _BoundedAnswer(DistributionAnswer):
    """Probabilities, with what is proven of them.

    Attributes:
        lower: what they are at least, in the form of the value; None where nothing is proven.
        upper: what they are at most.
        others: of events, what is left to 1: far nearer to 0 than a probability is told from 1.
    """

    lower: object = None
    upper: object = None
    others: np.ndarray | None = None

    @property
    def details(self) -> dict[str, object]:
        """The bounds."""
        return {} if self.lower is None else {"lower": self.lower, "upper": self.upper}


class MarginalAnswer(_BoundedAnswer):
    """Distributions, by the names of states."""

    __slots__ = ()
    kind = "marginal"


class EventAnswer(_BoundedAnswer):
    """Probabilities."""

    __slots__ = ()
    kind = "event"
    limits = (0.0, 1.0)

    def number(self, domain: Type) -> float | int | None:
        """Return the probability: that of a bare variable is the one of `true`."""
        if isinstance(self.value, dict) and "true" in self.value:
            return float(cast("dict[str, float]", self.value)["true"])
        return Answer.number(self, domain)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RealAnswer(Answer):
    """The distribution of a real in a few numbers, or nested lists of them.

    Attributes:
        beliefs: the distributions themselves, in C order.
    """

    kind = "summary"

    beliefs: Sequence[Belief] = ()

    def lines(self) -> list[str] | None:
        """Write an array with a line for each of its reals, where all digits are known."""
        is_exact = self.status == runtime.Status.EXACT.value
        if not is_exact or self.array is None or not self.array.shape:
            return None
        shape = self.array.shape
        shown = list(islice(np.ndindex(*shape), _LINES_MAX))
        made = [["", "mean", "sd", *(f"{100 * share:g}%" for share in QUANTILES)]]
        for place in shown:
            one: Any = self.value
            for k in place:
                one = one[k]
            numbers = [one["mean"], one["sd"], *one["quantiles"].values()]
            made.append([f"[{', '.join(map(str, place))}]", *(f"{n:.6g}" for n in numbers)])
        widths = [max(len(row[k]) for row in made if k < len(row)) for k in range(len(made[0]))]
        found = [
            "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
            for row in made
        ]
        rest = math.prod(shape) - len(shown)
        return [*found, f"… {rest} more"] if rest else found

    def density(self, value: float) -> float:
        """Return the density of a single real at a value."""
        (belief,) = self.beliefs
        return belief.density(value)

    def cdf(self, value: float) -> float:
        """Return the probability that a single real is at most a value."""
        (belief,) = self.beliefs
        return belief.cdf(value)

    def quantile(self, share: float) -> float:
        """Return where the probability of at most that reaches a share."""
        (belief,) = self.beliefs
        return belief.quantile(share)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RealJointAnswer(Answer):
    """The means and covariances of reals; the array has the covariances.

    Attributes:
        means: in the order of what was asked for.
    """

    kind = "moments"

    means: np.ndarray | None = None


class JointAnswer(_BoundedAnswer):
    """A joint distribution, by the names of states after one another."""

    __slots__ = ()
    kind = "joint"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    span, text = call.span, call.span.text
    if not call.arguments:
        fail(state, errors.asks_for_nothing(span, call.function.span.text))
    asked = asked_of(state, env, call.arguments)
    if len(asked) == 1 and is_real_reference(asked[0].value):
        return RealMarginal(span, text, asked)
    if len(asked) > 1 and all(is_real_reference(one.value) for one in asked):
        return RealJoint(span, text, asked)
    are_events = [
        isinstance(type_of(one.value), Bool) and not is_reference(one.value) for one in asked
    ]
    if not any(are_events):
        return (Joint if len(call.arguments) > 1 else Marginal)(span, text, asked)
    if len(asked) == 1 or any(one.context for one in asked):
        return Event(span, text, asked)
    for one, is_event in zip(asked, are_events, strict=True):
        if not is_event and not isinstance(type_of(one.value), Bool):
            fail(state, errors.event_and_distribution(one.span))
    whole = all_of(span, tuple(one.value for one in asked))
    return Event(span, text, (Asked(span, whole),))


def _question(prepared: Prepared, query: Query) -> runtime.Marginals | runtime.Joint:
    if not isinstance(query, Joint):
        return runtime.Marginals(asked_once(prepared))
    for target, asked in zip(prepared.targets, query.asked, strict=True):
        if target.variables.shape:
            raise GmError([errors.joint_of_array(asked.span, asked.span.text)])
    check_joint(query, [t.states.count for t in prepared.targets])
    return runtime.Joint(asked_variables(prepared))


def _read(
    prepared: Prepared, query: Query, found: runtime.MarginalsAnswer | runtime.JointAnswer
) -> Answer:
    is_impossible = found.quality.status is runtime.Status.IMPOSSIBLE
    if isinstance(query, RealMarginal):
        return RealAnswer(query.text) if is_impossible else read_reals(prepared, query, found)
    if isinstance(found, runtime.JointAnswer):
        return JointAnswer(query.text) if is_impossible else _read_joint(prepared, query, found)
    if is_impossible:
        return (
            MarginalAnswer(query.text) if isinstance(query, Marginal) else EventAnswer(query.text)
        )
    return _read_marginals(prepared, query, found)


def read_reals(
    prepared: Prepared, query: Query, found: runtime.MarginalsAnswer | runtime.JointAnswer
) -> Answer:
    """Write the distribution of reals that were looked at in nodes."""
    assert isinstance(found, runtime.MarginalsAnswer)
    flat = flat_rows(prepared, found.probabilities)
    (target,), world = prepared.targets, prepared.grounding.world
    reference = query.asked[0].value
    assert isinstance(reference, AttributeRef)
    hidden = world.hidden_reals[reference.thing.entity, reference.attribute]
    shaped = _shaped(target, flat)
    beliefs = [belief_of(world, hidden, row) for row in shaped.reshape(-1, target.states.count)]
    values = [belief.summary() for belief in beliefs]
    value = np.array(values, object).reshape(target.variables.shape).tolist()
    return RealAnswer(query.text, value=value, beliefs=tuple(beliefs))


def _read_joint(prepared: Prepared, query: Query, found: runtime.JointAnswer) -> Answer:
    labels = [target.states.all_labels() for target in prepared.targets]
    names = list(map(", ".join, product(*labels)))

    def table(chances: np.ndarray) -> dict[str, float]:
        return dict(zip(names, chances.reshape(-1).tolist(), strict=True))

    p = found.probabilities
    made = JointAnswer(query.text, value=table(p), array=p, parts=parts_of(prepared, query))
    if found.quality.status is not runtime.Status.BOUNDED:
        return made
    # With so much, at most, somebody who was left out is on: see `gmruntime.waking.widening`.
    eps = found.quality.error
    least, most = (1.0 - eps) * p - _ROUNDING, (1.0 - eps) * p + eps + _ROUNDING
    ends = table(np.maximum(0.0, least)), table(np.minimum(1.0, most))
    return replace(made, lower=ends[0], upper=ends[1])


def _read_marginals(prepared: Prepared, query: Query, found: runtime.MarginalsAnswer) -> Answer:
    flat = flat_rows(prepared, found.probabilities)
    values: list[object] = []
    arrays: list[np.ndarray] = []
    all_shaped: list[np.ndarray] = []
    for target in prepared.targets:
        shaped = _shaped(target, flat)
        all_shaped.append(shaped)
        arrays.append(shaped[..., 1] if target.is_event else shaped)
        is_open = len(prepared.targets) == 1 and not target.is_event and shaped.size > VALUES_MAX
        values.append(None if is_open else _written(target, shaped))
    made = MarginalAnswer if isinstance(query, Marginal) else EventAnswer
    parts = parts_of(prepared, query)
    lower, upper = _bounds(prepared, found.lower), _bounds(prepared, found.upper)
    if len(values) > 1:
        return made(query.text, value=values, lower=lower, upper=upper, parts=parts)
    (target,), shaped = prepared.targets, all_shaped[0]
    labels = () if target.is_event else tuple(target.states.all_labels())
    found_one = made(
        query.text,
        value=values[0],
        array=arrays[0],
        labels=labels,
        lower=lower,
        upper=upper,
        parts=parts,
        others=shaped[..., 0] if target.is_event else None,
    )
    is_open = values[0] is None
    return left_open(found_one) if is_open else found_one


def _bounds(prepared: Prepared, ends: tuple[np.ndarray, ...] | None) -> object:
    """Write what probabilities are at least, or at most, as they are written themselves."""
    if ends is None:
        return None
    flat = flat_rows(prepared, ends)
    found = [_written(target, _shaped(target, flat)) for target in prepared.targets]
    return found[0] if len(found) == 1 else found


def written_bounds(
    prepared: Prepared, chances: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
) -> tuple[object, object]:
    """Write what probabilities are at least, and at most, as they are written themselves.

    Args:
        prepared: the question.
        chances: bounds on the probabilities of the states of variables, (*shape, states).
    """
    ends = [chances(target.variables) for target in prepared.targets]
    written = [
        [_written(target, end[k]) for target, end in zip(prepared.targets, ends, strict=True)]
        for k in range(2)
    ]
    lower, upper = (one[0] if len(one) == 1 else one for one in written)
    return lower, upper


def _shaped(target: Target, flat: Rows) -> np.ndarray:
    rows = flat.of(target.variables)
    return rows.reshape(*target.variables.shape, target.states.count)


def _written(target: Target, shaped: np.ndarray) -> object:
    return shaped[..., 1].tolist() if target.is_event else nested_maps(shaped, target.states)


PROBABILITY = Question(
    word="P",
    help="probabilities",
    shortest="P(x)",
    form="P(x | c, y = v)",
    example="var a : bool ~ Bernoulli(0.2)\n"
    "var b : 0..2 ~ Categorical([0.2, 0.3, 0.5] if a else [1, 0, 0])\n"
    "var h : real ~ Normal(0, 1)\n"
    "var g[2] : real ~ Normal(0, 1)\n"
    "query P(b | a = true), P(a, b), P(b > 0), [P(b = k) for k in 0..2], P(h), P(g[0], g[1])\n"
    "assert abs(P(b > 0) - 0.16) < 1e-9 and abs(P(a | b = 0) - 0.04 / 0.84) < 1e-9\n",
    check=_check,
    kinds=(
        (Marginal, MarginalAnswer),
        (Joint, JointAnswer),
        (Event, EventAnswer),
        (RealMarginal, RealAnswer),
        (RealJoint, RealJointAnswer),
    ),
    answered=Single(_question, _read, puts=(runtime.Marginals, runtime.Joint)),
)
