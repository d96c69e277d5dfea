"""Answers where parameters of rows are unknown: averages over weighted settings, with their errors.

They are estimates, always.
"""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Array
from gmlang.core.program import Query
from gmlang.core.walk import type_of
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.errors import probabilities as real_errors
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.values.evaluate import evaluate, expand
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer, finite, nested_maps, with_quality
from gmlang.queries.questions import answer_class
from gmlang.queries.questions.density import Density, DensityAnswer
from gmlang.queries.questions.expectation import Expectation, ExpectationAnswer
from gmlang.queries.questions.logz import LogZ, LogZAnswer
from gmlang.queries.questions.probability import (
    Event,
    EventAnswer,
    Marginal,
    MarginalAnswer,
    RealAnswer,
    RealMarginal,
)
from gmlang.queries.questions.variance import Variance, VarianceAnswer
from gmlang.queries.reading import parts_of
from gmlang.queries.rows.asked import AskedReals, Happening, Item, Polynomial, Single, Term, pieces
from gmlang.queries.rows.beliefs import chances_between, nearly_lies_on
from gmlang.queries.rows.settings import Scan, Settled, scan
from gmlang.queries.rows.summarising import Summaries, is_number_at_each, summarise, tails
from gmlang.queries.session import Prepared
from gmlang.queries.settings import Settings
from gmlang.queries.targets import Target
from gmruntime.answer import Quality, Status

_METHOD = "weighted settings, Gaussian elimination"


def answer_settled(prepared: Prepared, query: Query, settings: Settings) -> Answer:
    """Answer a question over the settings of parameters.

    Raises:
        GmError: where it is not understood.
        TimeoutError: when there is no time left.
    """
    settled = prepared.settled
    assert settled is not None
    if not np.isfinite(settled.points.log_z):
        # Not found is not impossible; cut off is not even not found.
        budget = settings.running()
        if budget.is_spent() or budget.spent_s() > _SEARCHED * budget.seconds:
            raise TimeoutError
        return answer_class(query)(query.text, "estimate", note=_NONE_FOUND)
    asked = prepared.asked_reals or AskedReals()
    items = [_items(one, own) for one, own in zip(asked.places, asked.items, strict=True)]
    terms = [term for own in items for item in own for term in _terms(item)]
    # What the settings cost is spent; to look at them once more is always worth it.
    found = scan(settled, terms, settings.running().at_least(_LOOK_S))
    known = _Asked(query, prepared, settled, found, items, asked.shapes)
    if isinstance(query, RealMarginal) and items:
        answer, summaries = _summaries(known, query)
        told = () if summaries.has_deviations else (_NO_DEVIATION,)
        return with_quality(answer, _quality(settled, summaries.error, *told))
    answer, error = _read(known, query)
    return with_quality(answer, _quality(settled, error))


_LOOK_S = 0.4
"""Settings that were found are looked at for so long, however little time is left."""

_SEARCHED = 0.2
"""Of the time; where less was spent the search for maxima, which has more, had come to an end."""

_NO_ERROR = "not to be trusted: no error is known, so much lies far out that it may have no value"

_NONE_FOUND = "no values of the parameters were found that allow what is observed"


_NO_DEVIATION = "standard deviation not to be trusted: so much lies far out, it may have no value"


def _quality(settled: Settled, error: float, *told: str) -> Quality:
    points = settled.points
    notes = [*points.notes, *told]
    if not np.isfinite(error):
        notes.append(_NO_ERROR)
    return Quality(
        Status.ESTIMATE,
        _METHOD,
        0.0,
        error if np.isfinite(error) else float("nan"),
        points.error_kind,
        " · ".join(notes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What is asked for, and what holds of it."""

    query: Query
    prepared: Prepared
    settled: Settled
    scan: Scan
    items: list[list[Item]]
    shapes: list[tuple[int, ...]]

    def number_of(self, asked: int, item: int) -> int:
        """Return the number of the first term of an item."""
        before = sum(len(_terms(one)) for own in self.items[:asked] for one in own)
        return before + sum(len(_terms(one)) for one in self.items[asked][:item])


def _items(places: np.ndarray | None, items: list[Item]) -> list[Item]:
    return items if places is None else [Single(place) for place in places.tolist()]


def _terms(item: Item) -> tuple[Term, ...]:
    if isinstance(item, Single) and item.term is None:
        return (Term((), (), np.array([item.place]), np.ones(1), np.zeros(())),)
    return item.terms()


def _read(asked: _Asked, query: Query) -> tuple[Answer, float]:
    match query:
        case LogZ():
            points = asked.settled.points
            return LogZAnswer(query.text, value=finite(points.log_z)), points.log_z_error
        case Density() if asked.items:
            return _density(asked, query)
        case Event() if asked.items:
            return _events(asked, query)
        case Marginal() | Event():
            return _finite(asked, query)
        case Expectation() if asked.items:
            return _expectation(asked, query)
        case Variance() if asked.items:
            return _variance(asked, query)
        case _:
            raise _not_asked(asked)


def _not_asked(asked: _Asked) -> GmError:
    """Say that a question is not understood over settings."""
    has_sites = bool(len(asked.settled.inside.chosen))
    tell = later.asked_of_sites if has_sites else later.asked_of_parameters
    return GmError([tell(asked.query.span, asked.query.text)])


# --- Finite variables --------------------------------------------------------------------


def _finite(asked: _Asked, query: Query) -> tuple[Answer, float]:
    values: list[object] = []
    arrays: list[np.ndarray] = []
    error = 0.0
    for target in asked.prepared.targets:
        p, own = _probabilities(asked.scan, target)
        error = max(error, own)
        arrays.append(p[..., 1] if target.is_event else p)
        values.append(p[..., 1].tolist() if target.is_event else nested_maps(p, target.states))
    made = MarginalAnswer if isinstance(query, Marginal) else EventAnswer
    parts = parts_of(asked.prepared, query)
    if len(values) > 1:
        return made(query.text, value=values, parts=parts), error
    (target,) = asked.prepared.targets
    labels = () if target.is_event else tuple(target.states.all_labels())
    return made(query.text, value=values[0], array=arrays[0], labels=labels, parts=parts), error


def _probabilities(found: Scan, target: Target) -> tuple[np.ndarray, float]:
    flat, count = target.variables.reshape(-1), target.states.count
    p, worst = np.zeros((len(flat), count)), 0.0
    for k, variable in enumerate(flat.tolist()):
        holds = found.assignments[:, variable][None, :] == np.arange(count)[:, None]
        own, errors = found.average(holds.astype(np.float64) @ found.shares)
        p[k], worst = own, max(worst, float(errors.max(initial=0.0)))
    return p.reshape(*target.variables.shape, count), worst


# --- Reals -------------------------------------------------------------------------------


def _summaries(asked: _Asked, query: RealMarginal) -> tuple[Answer, Summaries]:
    found = summarise(asked.scan, [_terms(item)[0] for item in asked.items[0]])
    values = np.empty(len(found.values), object)
    values[:] = found.values
    shape = asked.shapes[0]
    value = values.reshape(shape).tolist() if shape else values[0]
    means = np.array([belief.mean() for belief in found.beliefs]).reshape(shape)
    return RealAnswer(query.text, value=value, array=means, beliefs=found.beliefs), found


def _density(asked: _Asked, query: Density) -> tuple[Answer, float]:
    env = environment(asked.prepared.grounder, ONE_INSTANCE)
    value = float(np.asarray(evaluate(query.value, env)).reshape(-1)[0])
    mean, sd = asked.scan.means[0], np.sqrt(asked.scan.variances[0])
    if asked.scan.varies(_terms(asked.items[0][0])[0]) and is_number_at_each(mean, sd):
        density, error = asked.settled.points.belief(mean[0]).density(value)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.exp(-0.5 * ((value - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        own, errors = asked.scan.average(asked.scan.given_setting(np.nan_to_num(each))[None, :])
        density, error = float(own[0]), float(errors[0])
    return DensityAnswer(query.text, value=density, array=np.asarray(density)), error


def _events(asked: _Asked, query: Query) -> tuple[Answer, float]:
    values: list[object] = []
    arrays: list[np.ndarray] = []
    worst = 0.0
    for number, (items, shape) in enumerate(zip(asked.items, asked.shapes, strict=True)):
        own: list[float] = []
        for k, item in enumerate(items):
            chance, error = _chance(asked, asked.number_of(number, k), item)
            own.append(chance)
            worst = max(worst, error)
        arrays.append(np.array(own).reshape(shape))
        values.append(arrays[-1].tolist())
    if len(values) > 1:
        return EventAnswer(query.text, value=values), worst
    return EventAnswer(query.text, value=values[0], array=arrays[0]), worst


def _chance(asked: _Asked, number: int, item: Item) -> tuple[float, float]:
    if not isinstance(item, Happening) or not _is_plain(item):
        raise _not_asked(asked)
    found = asked.scan
    mean, sd = found.means[number], np.sqrt(found.variances[number])
    points = np.zeros(0) if found.varies(item.term) else np.unique(mean[sd == 0.0])
    if nearly_lies_on(points, item.ends):
        raise GmError([real_errors.point_on_end(asked.query.span, asked.query.text)])
    if is_number_at_each(mean, sd):
        # Steps of points: where one lies is known by interpolation between them.
        belief = asked.settled.points.belief(mean[0])
        cdfs = [belief.cdf(end) for end in item.ends.tolist()]
        below = np.array([0.0, *(c.value for c in cdfs), 1.0])
        truth = np.array([float(np.ravel(mask)[0]) for mask in item.term.masks[::2]])
        chance = float(np.clip(truth @ np.diff(below), 0.0, 1.0))
        return chance, sum(c.error for c in cdfs)
    each = np.zeros(mean.shape)
    for (low, high), mask in zip(pieces(item.ends), item.term.masks, strict=True):
        each += float(np.ravel(mask)[0]) * chances_between(mean, sd, low, high)
    own, off_by = found.average(found.given_setting(each)[None, :])
    return float(np.clip(own[0], 0.0, 1.0)), float(off_by[0])


def _is_plain(item: Happening) -> bool:
    """Say whether an event depends on where its term lies alone."""
    return all(np.ptp(mask) == 0.0 for mask in item.term.masks)


# --- Expectations ------------------------------------------------------------------------


def _numbers(asked: _Asked, number: int, item: Item) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and second moment of an item at each setting."""
    if isinstance(item, Polynomial) and item.products:
        raise _not_asked(asked)
    found = asked.scan
    mean, variance = found.means[number], found.variances[number]
    return found.given_setting(mean), found.given_setting(variance + mean**2)


def _expectation(asked: _Asked, query: Expectation) -> tuple[Answer, float]:
    found, grounder = asked.scan, asked.prepared.grounder
    if isinstance(type_of(query.asked[0].value), Array):
        rows = [
            _numbers(asked, asked.number_of(0, k), item)[0] for k, item in enumerate(asked.items[0])
        ]
        means, errors = found.average(np.array(rows))
        shaped = means.reshape(asked.shapes[0])
        made = ExpectationAnswer(query.text, value=shaped.tolist(), array=shaped)
        return made, float(errors.max(initial=0.0))
    total, squares = np.zeros(len(found.weights)), np.zeros(len(found.weights))
    for one in query.constants:
        frame, _ = expand(environment(grounder, ONE_INSTANCE), one.context)
        values = np.asarray(evaluate(one.value, environment(grounder, frame)), np.float64)
        total = total + float(np.broadcast_to(values.reshape(-1), (frame.count,)).sum())
    for number, (one, by) in enumerate(zip(query.asked, query.coefficients, strict=True)):
        frame, _ = expand(environment(grounder, ONE_INSTANCE), one.context)
        values = np.asarray(evaluate(by, environment(grounder, frame)), np.float64)
        coefficients = np.broadcast_to(values.reshape(-1), (frame.count,))
        for k, item in enumerate(asked.items[number]):
            first, second = _numbers(asked, asked.number_of(number, k), item)
            total = total + coefficients[k] * first
            squares = squares + coefficients[k] ** 2 * np.maximum(second - first**2, 0.0)
    means, errors = found.average(total[None, :])
    value = float(means[0])
    error = float(errors[0]) + tails(found, np.sqrt(squares + (total - value) ** 2))
    return ExpectationAnswer(query.text, value=value, array=np.asarray(value)), error


def _variance(asked: _Asked, query: Query) -> tuple[Answer, float]:
    found, values, worst = asked.scan, list[float](), 0.0
    for k, item in enumerate(asked.items[0]):
        first, second = _numbers(asked, asked.number_of(0, k), item)
        mean = float(found.weights @ first)
        # Around the mean, whose own error then is of second order.
        about = second - 2 * mean * first + mean**2
        own, errors = found.average(about[None, :])
        values.append(float(own[0]))
        worst = max(worst, float(errors[0]) + tails(found, np.abs(about)))
    shaped = np.array(values).reshape(asked.shapes[0])
    return VarianceAnswer(query.text, value=shaped.tolist(), array=shaped), worst
