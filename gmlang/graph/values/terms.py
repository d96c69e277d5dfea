"""The kinds of factor a statement can make, and their values in all states."""

from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import Distribution, Expression, Reference
from gmlang.errors import grounding as errors
from gmlang.errors import probabilities as probability_errors
from gmlang.families import family_named
from gmlang.graph.values.arithmetic import number
from gmlang.graph.values.chances import probability
from gmlang.graph.values.distributions import check_inside, log_probabilities, log_weights
from gmlang.graph.values.environment import Env, Tell, no_value
from gmlang.graph.values.evaluate import conditions, evaluate
from gmlang.graph.values.offending import offending
from gmruntime.factors.parameters import LOG_VALUE_MAX


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A log-factor: the value of an expression, nats."""

    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A hard constraint."""

    condition: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """log P(target), or with a base log P(target) - log base(target).

    Attributes:
        confidence: c of a prediction: P = c D + (1 - c) base; None is 1.
        log_base: of a prediction, the base of each state; None for a mechanism.
    """

    target: Reference
    distribution: Expression
    confidence: Expression | None = None
    log_base: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Covered:
    """What one coverer says of a site; it makes no factor but is noted, and joins the others.

    Attributes:
        own: the activation whose model says so.
    """

    target: Reference
    distribution: Expression
    confidence: Expression | None
    depth: Expression | None
    own: Reference


@dataclass(frozen=True, slots=True, eq=False)
class Coverer:
    """A coverer of a site: when it is there, with which probability it takes the site, and how."""

    when: Expression
    distribution: Expression
    confidence: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Covers:
    """log P(target) - log base(target): each coverer that is there takes it, or lets the next.

    Attributes:
        coverers: the nearest first; what none takes is drawn from the base.
        log_base: of each state.
    """

    target: Reference
    coverers: tuple[Coverer, ...]
    log_base: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Defined:
    """The target equals the value."""

    target: Reference
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Likely:
    """Likelihood evidence about the target."""

    target: Reference
    weights: Distribution


@dataclass(frozen=True, slots=True, eq=False)
class Undefined:
    """What a statement says here has no value, whatever the states."""

    tell: Tell


@dataclass(frozen=True, slots=True, eq=False)
class Needed:
    """A value that must exist; it says nothing else."""

    value: Expression


Term = Value | Condition | Drawn | Covered | Covers | Defined | Likely | Undefined | Needed


def expressions(term: Term) -> tuple[Expression, ...]:
    """List the expressions of a term, the target last."""
    match term:
        case Value() | Needed():
            return (term.value,)
        case Condition():
            return (term.condition,)
        case Drawn():
            confidence = () if term.confidence is None else (term.confidence,)
            return (term.distribution, *confidence, term.target)
        case Covered():
            extra = tuple(e for e in (term.confidence, term.depth) if e is not None)
            return (term.distribution, *extra, term.target)
        case Covers():
            return (*(e for c in term.coverers for e in _said(c)), term.target)
        case Defined():
            return (term.value, term.target)
        case Likely():
            return (term.weights, term.target)
        case Undefined():
            return ()


def _said(coverer: Coverer) -> tuple[Expression, ...]:
    confidence = () if coverer.confidence is None else (coverer.confidence,)
    return (coverer.when, coverer.distribution, *confidence)


def with_expressions(term: Term, parts: tuple[Expression, ...]) -> Term:
    """Return the term with other expressions, in the order of `expressions`."""
    match term:
        case Value():
            return Value(parts[0])
        case Condition():
            return Condition(parts[0])
        case Drawn():
            target = parts[-1]
            assert isinstance(target, Reference)
            confidence = None if term.confidence is None else parts[1]
            return replace(term, distribution=parts[0], confidence=confidence, target=target)
        case Covered():
            target, rest = parts[-1], iter(parts[1:])
            if not isinstance(target, Reference):
                # An index misses the array: there is no site to be covered.
                return Needed(target)
            confidence = None if term.confidence is None else next(rest)
            depth = None if term.depth is None else next(rest)
            return Covered(target, parts[0], confidence, depth, term.own)
        case Covers():
            target, rest = parts[-1], iter(parts)
            assert isinstance(target, Reference)
            coverers = tuple(
                Coverer(next(rest), next(rest), None if c.confidence is None else next(rest))
                for c in term.coverers
            )
            return Covers(target, coverers, term.log_base)
        case Defined():
            assert isinstance(parts[1], Reference)
            return Defined(parts[1], parts[0])
        case Likely():
            assert isinstance(parts[1], Reference)
            assert isinstance(parts[0], Distribution)
            return Likely(parts[1], parts[0])
        case Undefined():
            return term
        case Needed():
            return Needed(parts[0])


def log_values(term: Term, env: Env) -> np.ndarray:
    """Evaluate a term in all states of the slots, -inf where it forbids.

    Where a probability, a value or a log-factor is not legal there is no value.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        match term:
            case Value():
                return _finite(term.value, log_value(term.value, env), env)
            case Condition():
                return np.where(conditions(term.condition, env), 0.0, -np.inf)
            case Drawn():
                return _drawn(term, env)
            case Covered():
                raise AssertionError("what covers is noted, and makes no factor of its own")
            case Covers():
                return _covers(term, env)
            case Defined():
                axis = env.slots.of[(id(term.target), env.path)]
                assert axis is not None
                states = env.slots.items[axis].states
                values = states.first + np.arange(states.count, dtype=np.int64)
                value = number(np.asarray(evaluate(term.value, env)))
                check_inside(term.value, value, states, env)
                same = values.reshape(env.shape(axis, states.count)) == value
                return np.where(same, 0.0, -np.inf)
            case Likely():
                axis = env.slots.of[(id(term.target), env.path)]
                assert axis is not None
                return _likely(term, env, axis)
            case Undefined():
                no_value(env, np.ones((), np.bool_), term.tell)
                return np.zeros(())
            case Needed():
                evaluate(term.value, env)
                return np.zeros(())


def log_value(expression: Expression, env: Env) -> np.ndarray:
    """Evaluate a log-factor."""
    value = np.asarray(evaluate(expression, env))
    return value.astype(np.float64, copy=False)


def _finite(expression: Expression, values: np.ndarray, env: Env) -> np.ndarray:
    text = expression.span.text
    good = values < np.inf
    if not good.all():
        no_value(env, ~good, lambda _, where: errors.not_finite(expression.span, text, where))
    strong = good & (np.abs(values) > LOG_VALUE_MAX) & (values > -np.inf)
    if strong.any():
        most = LOG_VALUE_MAX
        no_value(
            env, strong, lambda _, where: errors.too_strong(expression.span, text, where, most)
        )
        good &= ~strong
    return values if good.all() else np.where(good, values, 0.0)


def _drawn(term: Drawn, env: Env) -> np.ndarray:
    axis = env.slots.of[(id(term.target), env.path)]
    assert axis is not None
    log_p = log_probabilities(term.distribution, env, axis)
    if term.log_base is None:
        return log_p
    states = env.slots.items[axis].states
    log_base = term.log_base.reshape(env.shape(axis, states.count))
    possible = log_base > -np.inf
    if not possible.all():
        _warn_forbidden(term, env, ~possible & (log_p > -np.inf) & env.needed(), axis)
    if term.confidence is not None:
        c = probability(term.confidence, env)
        log_p = _with_confidence(term.distribution, log_p, log_base, c, 1 + axis)
    return np.where(possible, log_p - log_base, np.where(log_p > -np.inf, -np.inf, 0.0))


def _covers(term: Covers, env: Env) -> np.ndarray:
    taken: np.ndarray = np.full(1, -np.inf)
    still: np.ndarray = np.zeros(1)
    for coverer in term.coverers:
        holds = conditions(coverer.when, env)
        takes, passes = taking(term, coverer, env.guarded(holds, wanted=True))
        taken = np.where(holds, np.logaddexp(taken, still + takes), taken)
        still = np.where(holds, still + passes, still)
    return np.logaddexp(taken, still)


def taking(term: Covers, coverer: Coverer, env: Env) -> tuple[np.ndarray, np.ndarray]:
    """Return log (c D(v) / base(v)) and log (1 - c) of a coverer that is there.

    What the base forbids is not taken: nobody else gives it any weight.
    """
    axis = env.slots.of[(id(term.target), env.path)]
    assert axis is not None
    states = env.slots.items[axis].states
    log_base = term.log_base.reshape(env.shape(axis, states.count))
    log_p = log_probabilities(coverer.distribution, env, axis)
    c = np.ones(1) if coverer.confidence is None else probability(coverer.confidence, env)
    with np.errstate(divide="ignore", invalid="ignore"):
        takes = np.where(log_base > -np.inf, np.log(c) + log_p - log_base, -np.inf)
        return takes, np.log1p(-c)


def _warn_forbidden(term: Drawn, env: Env, forbidden: np.ndarray, axis: int) -> None:
    """Warn of a prediction of what cannot be: its base has no weight."""
    if not forbidden.any():
        return
    state = int(np.argwhere(forbidden)[0][1 + axis])
    label = env.slots.items[axis].states.label(state)
    where = offending(forbidden, env, axis)
    found = probability_errors.predicts_forbidden(
        term.distribution.span, term.target.span.text, label, where
    )
    env.world.warnings.append(found)


def _with_confidence(
    distribution: Expression,
    log_p: np.ndarray,
    log_base: np.ndarray,
    c: np.ndarray,
    axis: int,
) -> np.ndarray:
    """Return log(c P + (1 - c) base); of a point, what it leaves is shared as the base says."""
    if not is_point(distribution):
        return np.logaddexp(np.log(c) + log_p, np.log1p(-c) + log_base)
    named = log_p > -np.inf
    others = np.where(named, 0.0, np.exp(log_base)).sum(axis=axis, keepdims=True)
    shared = np.where(named, np.log(c), np.log1p(-c) + log_base - np.log(others))
    return np.where(others > 0, shared, log_p)


def is_point(distribution: Expression) -> bool:
    """Say whether a distribution gives one value everything."""
    if isinstance(distribution, Distribution):
        return family_named(distribution.family).is_certain
    return False


def _likely(term: Likely, env: Env, axis: int) -> np.ndarray:
    states = env.slots.items[axis].states
    return _finite(term.weights, log_weights(term.weights, env, axis, states), env)
