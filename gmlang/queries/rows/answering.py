"""Answers about joint reals: mixtures of normal distributions, one part for each state around."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Array
from gmlang.core.program import Query
from gmlang.core.walk import type_of
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.errors import probabilities as errors
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.values.evaluate import evaluate, expand
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer, with_quality
from gmlang.queries.questions.density import Density, DensityAnswer
from gmlang.queries.questions.expectation import Expectation, ExpectationAnswer
from gmlang.queries.questions.map import Map
from gmlang.queries.questions.probability import (
    Event,
    EventAnswer,
    RealAnswer,
    RealJoint,
    RealJointAnswer,
    RealMarginal,
)
from gmlang.queries.questions.sample import Sample
from gmlang.queries.questions.variance import Variance, VarianceAnswer
from gmlang.queries.rows.asked import AskedReals, Happening, Item, Polynomial, Single, Term, pieces
from gmlang.queries.rows.beliefs import Mixtures, chances_between, mixtures_of, nearly_lies_on
from gmlang.queries.rows.borders import (
    Around,
    ImpossibleError,
    Probabilities,
    around,
    belief,
    given_border,
    probabilities_of,
)
from gmlang.queries.rows.integrating import Integrated
from gmlang.queries.rows.moments import Moments, moments_of, of_polynomial
from gmlang.queries.rows.whole import draws, maximum
from gmlang.queries.session import Prepared
from gmlang.queries.settings import Settings
from gmruntime.continuous.beliefs import GaussianMixture

_ALONE_MAX = 4
"""Of a patch of which so few reals are asked for, each is worked out on its own."""


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """All that an answer is read from."""

    prepared: Prepared
    integrated: Integrated
    asked: AskedReals
    probabilities: Probabilities

    def around(self, terms: Iterable[Term]) -> Around:
        return around(self.integrated, terms)

    def p(self, around_it: Around) -> np.ndarray:
        return self.probabilities.of[around_it.border]


def answer_reals(prepared: Prepared, query: Query, settings: Settings) -> Answer:
    """Answer a question that mentions joint reals.

    Raises:
        GmError: where it is not understood of them.
        TimeoutError: when there is no time left.
    """
    match query:
        case Map():
            return maximum(prepared, query, settings)
        case Sample():
            return draws(prepared, query, settings)
        case _:
            read, made = _reader(query)
    asked, integrated = prepared.asked_reals, prepared.integrated
    assert asked is not None
    assert integrated is not None
    try:
        p = probabilities_of(prepared, query, settings, _needed(integrated, asked))
    except ImpossibleError:
        return made(query.text, "impossible")
    known = _Known(prepared, integrated, asked, p)
    return with_quality(read(known, query), p.quality)


def _reader(query: Query) -> tuple[Callable[[_Known, Query], Answer], type[Answer]]:
    match query:
        case RealMarginal():
            return _summaries, RealAnswer
        case RealJoint():
            return _joint, RealJointAnswer
        case Event():
            return _events, EventAnswer
        case Expectation():
            return _expectation, ExpectationAnswer
        case Variance():
            return _variance, VarianceAnswer
        case Density():
            return _density, DensityAnswer
        case _:
            raise GmError([later.asked_of_joint(query.span, query.text)])


def _needed(integrated: Integrated, asked: AskedReals) -> Iterator[Around]:
    """Give what lies around all that is asked for."""
    for places, items in zip(asked.places, asked.items, strict=True):
        if places is not None:
            first = np.unique(integrated.eliminated.patch_of[places], return_index=True)[1]
            for place in places[first].tolist():
                yield around(integrated, (), [place])
        for item in items:
            yield around(integrated, item.terms(), _own(item))


def _own(item: Item) -> tuple[int, ...]:
    return (item.place,) if isinstance(item, Single) and item.place >= 0 else ()


# --- Distributions of reals --------------------------------------------------------------


def _mixtures(known: _Known, number: int) -> Mixtures:
    """Return the distribution of each real of what is asked for."""
    places, items = known.asked.places[number], known.asked.items[number]
    if places is None:
        return mixtures_of([_mixture(known, item) for item in items])
    return _of_places(known, places)


def _mixture(known: _Known, item: Item) -> GaussianMixture:
    match item:
        case Single(term=None, place=place):
            (one,) = _of_places(known, np.array([place]))
            return one.mixture
        case Single(term=Term() as term) | Polynomial(term=term):
            given_around = known.around([term])
            given = given_border(known.integrated, term, given_around)
            return belief(given, known.p(given_around))[1]
        case _:
            raise AssertionError("no real")


def _of_places(known: _Known, places: np.ndarray) -> Mixtures:
    eliminated, observed = known.integrated.eliminated, known.integrated.real_evidence
    patch_of = eliminated.patch_of[places]
    groups: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    for number in np.unique(patch_of).tolist():
        own = np.flatnonzero(patch_of == number)
        if number < 0:
            values = observed[places[own]]
            groups.append((own, np.ones(1), values[None, :], np.zeros((1, len(own)))))
            continue
        patch = eliminated.patches[number]
        p = known.probabilities.of[patch.border]
        if len(own) <= min(_ALONE_MAX, len(patch.reals) - 1):
            for k in own.tolist():
                one = patch.belief(p, np.ones(1), reals=places[k : k + 1])
                groups.append((np.array([k]), one.weights, one.means[:, None], one.sds[:, None]))
            continue
        found = patch.all_beliefs(p)
        columns = np.searchsorted(patch.reals, places[own])
        groups.append((own, found.weights, found.means[:, columns], found.sds[:, columns]))
    return Mixtures(len(places), tuple(groups))


def _summaries(known: _Known, query: Query) -> Answer:
    shape = known.asked.shapes[0]
    found = _mixtures(known, 0)
    values = found.summaries()
    value = _nested(values, shape)
    means = found.mean().reshape(shape)
    made = RealAnswer(query.text, value=value, array=means, beliefs=found)
    return made


def _nested(values: list[object] | list[dict[str, object]], shape: tuple[int, ...]) -> object:
    flat = np.empty(len(values), object)
    flat[:] = values
    return flat.reshape(shape).tolist() if shape else values[0]


def _density(known: _Known, query: Query) -> Answer:
    assert isinstance(query, Density)
    env = environment(known.prepared.grounder, ONE_INSTANCE)
    value = float(np.asarray(evaluate(query.value, env)).reshape(-1)[0])
    found = _mixtures(known, 0)[0].density(value)
    return DensityAnswer(query.text, value=found, array=np.asarray(found))


# --- Events ------------------------------------------------------------------------------


def _events(known: _Known, query: Query) -> Answer:
    values: list[object] = []
    arrays: list[np.ndarray] = []
    others: list[np.ndarray] = []
    for items, shape in zip(known.asked.items, known.asked.shapes, strict=True):
        found = np.array([_chance(known, query, item) for item in items]).reshape(-1, 2)
        arrays.append(found[:, 0].reshape(shape))
        others.append(found[:, 1].reshape(shape))
        values.append(arrays[-1].tolist())
    if len(values) > 1:
        return EventAnswer(query.text, value=values)
    return EventAnswer(query.text, value=values[0], array=arrays[0], others=others[0])


def _chance(known: _Known, query: Query, item: Item) -> tuple[float, float]:
    """Return the probability of an event, and of its opposite."""
    if isinstance(item, Polynomial):
        # It depends on finite variables alone.
        mean = _mixture(known, item).mean
        return mean, 1.0 - mean
    assert isinstance(item, Happening)
    given_around = known.around([item.term])
    given = given_border(known.integrated, item.term, given_around)
    p = known.p(given_around)
    states, found = belief(given, p)
    if nearly_lies_on(found.means[found.sds == 0.0], item.ends):
        raise GmError([errors.point_on_end(query.span, query.text)])
    total = np.zeros(2)
    for (low, high), mask in zip(pieces(item.ends), given.masks, strict=True):
        truth = np.broadcast_to(mask, p.shape).reshape(-1)[states]
        inside = found.weights * chances_between(found.means, found.sds, low, high)
        total += inside @ truth, inside @ (1.0 - truth)
    total /= total.sum()
    return float(total[0]), float(total[1])


# --- Expectations ------------------------------------------------------------------------


def _moments(known: _Known, query: Query, item: Item) -> Moments:
    """Return the mean and variance of a number, or of an event, which is 0 or 1."""
    if isinstance(item, Happening):
        chance, other = _chance(known, query, item)
        return Moments(chance, chance * other)
    if isinstance(item, Polynomial) and item.products:
        given_around = known.around(item.terms())
        return of_polynomial(known.integrated, item, given_around, known.p(given_around))
    return moments_of(_mixture(known, item))


def _expectation(known: _Known, query: Query) -> Answer:
    assert isinstance(query, Expectation)
    if isinstance(type_of(query.asked[0].value), Array):
        means = _mixtures(known, 0).mean().reshape(known.asked.shapes[0])
        return ExpectationAnswer(query.text, value=means.tolist(), array=means)
    grounder = known.prepared.grounder
    total = 0.0
    for one in query.constants:
        frame, _ = expand(environment(grounder, ONE_INSTANCE), one.context)
        values = np.asarray(evaluate(one.value, environment(grounder, frame)), np.float64)
        total += float(np.broadcast_to(values.reshape(-1), (frame.count,)).sum())
    for number, (asked, by) in enumerate(zip(query.asked, query.coefficients, strict=True)):
        frame, _ = expand(environment(grounder, ONE_INSTANCE), asked.context)
        values = np.asarray(evaluate(by, environment(grounder, frame)), np.float64)
        coefficients = np.broadcast_to(values.reshape(-1), (frame.count,))
        if known.asked.places[number] is not None:
            means = _mixtures(known, number).mean()
        else:
            items = known.asked.items[number]
            means = np.array([_moments(known, query, item).mean for item in items])
        total += float(coefficients @ means)
    return ExpectationAnswer(query.text, value=total, array=np.asarray(total))


def _variance(known: _Known, query: Query) -> Answer:
    shape = known.asked.shapes[0]
    if known.asked.places[0] is not None:
        found = _mixtures(known, 0).sd() ** 2
    else:
        found = np.array([_moments(known, query, item).variance for item in known.asked.items[0]])
    shaped = found.reshape(shape)
    return VarianceAnswer(query.text, value=shaped.tolist(), array=shaped)


# --- Several reals -----------------------------------------------------------------------


def _joint(known: _Known, query: Query) -> Answer:
    """Write means and covariances of reals, in the order they are asked for."""
    names = [" ".join(asked.value.span.text.split()) for asked in query.asked]
    terms: list[Term] = []
    for number in range(len(names)):
        places = known.asked.places[number]
        items = known.asked.items[number] if places is None else []
        if places is not None and len(places) == 1:
            terms.append(Term((), (), places, np.ones(1), np.zeros(())))
            continue
        if len(items) != 1 or not isinstance(items[0], Single) or items[0].term is None:
            raise GmError([later.real_elsewhere(query.asked[number].span, names[number])])
        terms.append(items[0].term)
    given_around = known.around(terms)
    p = known.p(given_around)
    mean, covariance = _covariance(known, terms, given_around, p)
    table = {
        a: dict(zip(names, row, strict=True))
        for a, row in zip(names, covariance.tolist(), strict=True)
    }
    value = {"mean": dict(zip(names, mean.tolist(), strict=True)), "covariance": table}
    return RealJointAnswer(query.text, value=value, array=covariance, means=mean)


def _covariance(
    known: _Known, terms: list[Term], given_around: Around, p: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the means and covariances of terms."""
    given = [given_border(known.integrated, term, given_around) for term in terms]
    reals = np.unique(np.concatenate([one.reals for one in given]))
    total, square, weight = np.zeros(len(terms)), np.zeros((len(terms), len(terms))), 0.0
    found: list[tuple[float, np.ndarray, np.ndarray]] = []
    for state, share in _states(p):
        mean, covariance = np.zeros(0), np.zeros((0, 0))
        if given_around.patch is not None and len(reals):
            alone = np.zeros(p.shape)
            alone[state] = 1.0
            mean, covariance = given_around.patch.moments(alone, reals)
        rows = np.zeros((len(terms), len(reals)))
        constants = np.zeros(len(terms))
        for k, one in enumerate(given):
            here = tuple(s if n > 1 else 0 for s, n in zip(state, one.constant.shape, strict=True))
            constants[k] = one.constant[here]
            at = tuple(
                s if n > 1 else 0 for s, n in zip(state, one.coefficients.shape[:-1], strict=True)
            )
            np.add.at(rows[k], np.searchsorted(reals, one.reals), one.coefficients[at])
        found.append((share, rows @ mean + constants, rows @ covariance @ rows.T))
        weight += share
    for share, mean, _ in found:
        total += share / weight * mean
    for share, mean, covariance in found:
        away = mean - total
        square += share / weight * (covariance + np.outer(away, away))
    return total, square


def _states(p: np.ndarray) -> Iterator[tuple[tuple[int, ...], float]]:
    """Give the states of a border that have a probability."""
    for place in np.flatnonzero(p.reshape(-1) > 0.0).tolist():
        yield tuple(int(k) for k in np.unravel_index(place, p.shape)), float(p.reshape(-1)[place])
