"""Answers about chains whose laws switch, from histories that were merged: always estimates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from gmlang.core.ast import Array
from gmlang.core.program import Query
from gmlang.core.walk import type_of
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.values.evaluate import evaluate, expand
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer, finite, with_quality
from gmlang.queries.question import Single as SingleQuestion
from gmlang.queries.questions import answer_class, question_of
from gmlang.queries.questions.expectation import Expectation, ExpectationAnswer
from gmlang.queries.questions.logz import LogZ, LogZAnswer
from gmlang.queries.questions.probability import Event, EventAnswer, RealAnswer, RealMarginal
from gmlang.queries.questions.variance import Variance, VarianceAnswer
from gmlang.queries.reals.summaries import QUANTILES
from gmlang.queries.rows.asked import AskedReals, Happening, Item, Single, pieces
from gmlang.queries.rows.beliefs import MixtureBelief, below, chances_between
from gmlang.queries.session import Prepared
from gmlang.queries.settings import Settings
from gmruntime.answer import Marginals, MarginalsAnswer, Quality, Status
from gmruntime.arrays import row_starts
from gmruntime.continuous.beliefs import GaussianMixture
from gmruntime.continuous.switching.engine import AllSwitched, error_of, switch
from gmruntime.continuous.switching.levels import NoChainError
from gmruntime.graph import FactorGraph, by_block, num_states

_METHOD = "merged histories"
_KIND = "window difference"

_HALVINGS = 60
"""An interval of a few standard deviations is halved to rounding."""


def answer_followed(prepared: Prepared, query: Query, settings: Settings) -> Answer:
    """Answer a question about a chain whose laws switch.

    Raises:
        GmError: where the graph is no chain, or the question is not understood of one.
        TimeoutError: when there is no time left.
    """
    histories = prepared.histories
    assert histories is not None
    asked = prepared.asked_reals
    how = question_of(query).answered
    assert isinstance(how, SingleQuestion)
    is_of_states = asked is None and not isinstance(query, LogZ)
    if is_of_states and not isinstance(how.question(prepared, query), Marginals):
        raise GmError([histories.refusal])
    budget = settings.running()
    try:
        found = switch(
            histories.mixed,
            histories.evidence,
            histories.real_evidence,
            goes_back=not isinstance(query, LogZ),
            budget=budget,
            memory=budget.memory_bytes,
        )
    except NoChainError:
        raise GmError([histories.refusal]) from None
    if found.log_z == -np.inf:
        return answer_class(query)(query.text, "impossible")
    if isinstance(query, LogZ):
        answer = LogZAnswer(query.text, value=finite(found.log_z))
        return with_quality(answer, _quality(found, found.log_z_error))
    windows = [_Known(prepared, query, found, place) for place in (-3, -2, -1)]
    if asked is None:
        answers = [_of_states(one) for one in windows]
    else:
        answers = [_of_reals(one, asked) for one in windows]
    error = _error_of_numbers(answers)
    if asked is not None:
        # What later states would tell apart is one part: what their own state tells is as much.
        coarse = _of_reals(replace(windows[-1], is_coarse=True), asked)
        error = max(error, _error_of_numbers([coarse, answers[-1], answers[-1]]))
    return with_quality(answers[-1], _quality(found, error))


def _quality(found: AllSwitched, error: float) -> Quality:
    levels = max((one.num_levels for one in found.chains), default=0)
    note = f"histories of {levels} steps, older ones merged"
    return Quality(Status.ESTIMATE, _METHOD, 0.0, error, _KIND, note)


def _numbers(answer: Answer) -> np.ndarray:
    """Return all the numbers that an answer shows."""
    if isinstance(answer, RealAnswer) and isinstance(answer.beliefs, _Beliefs):
        return answer.beliefs.numbers()
    if answer.array is not None:
        return np.asarray(answer.array, np.float64).reshape(-1)
    values = answer.value
    return np.array([values if isinstance(values, int | float) else np.nan], np.float64)


def _error_of_numbers(answers: Sequence[Answer]) -> float:
    """Return what any number shown may be off by."""
    first, second, third = (_numbers(one) for one in answers)
    apart = np.maximum(np.abs(second - first), np.abs(third - second))
    return error_of([0.0, 0.0, float(apart.max(initial=0.0))])


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is believed with histories of some length.

    Attributes:
        place: of the window among those of each chain.
        is_coarse: whether parts are merged that differ in the states of the real's own level.
    """

    prepared: Prepared
    query: Query
    found: AllSwitched
    place: int
    is_coarse: bool = False

    def real(self, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the weights, means and deviations of the parts of a real."""
        assert self.prepared.histories is not None
        value = self.prepared.histories.real_evidence[place]
        if not np.isnan(value):
            return np.ones(1), np.full(1, value), np.zeros(1)
        for chain in self.found.chains:
            at = np.searchsorted(chain.chain.reals, place)
            if at < len(chain.chain.reals) and chain.chain.reals[at] == place:
                parts = tuple(array[at] for array in chain.windows[self.place].parts)
                level = chain.chain.real_level[at]
                size = int(chain.chain.num_states[level]) if self.is_coarse else 1
                return _merged(parts, size)
        raise GmError([self.prepared.histories.refusal])

    def item(self, item: Item) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return those of what is linear in one real."""
        if isinstance(item, Single) and item.term is None:
            return self.real(item.place)
        (term,) = item.terms()
        weights, means, sds = self.real(int(term.reals[0]))
        by = float(term.coefficients[0])
        return weights, by * means + float(term.constant), abs(by) * sds


def _merged(parts: tuple[np.ndarray, ...], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make each so many parts, one after another, one of the same mean and deviation."""
    weights, means, sds = parts
    if size == 1 or len(weights) % size:
        return weights, means, sds
    own = weights.reshape(-1, size)
    total = own.sum(axis=1)
    share = np.divide(own, total[:, None], out=np.zeros(own.shape), where=total[:, None] > 0.0)
    mean = (share * means.reshape(own.shape)).sum(axis=1)
    square = sds.reshape(own.shape) ** 2 + (means.reshape(own.shape) - mean[:, None]) ** 2
    return total, mean, np.sqrt((share * square).sum(axis=1))


def _of_states(known: _Known) -> Answer:
    """Read a question about finite variables from their probabilities."""
    prepared, found = known.prepared, known.found
    assert prepared.histories is not None
    graph = FactorGraph(prepared.variables(), ())
    starts, counts = row_starts(num_states(graph)), num_states(graph)
    rows = np.full(int(starts[-1]), np.nan)
    for v in np.flatnonzero(prepared.histories.evidence >= 0).tolist():
        rows[starts[v] : starts[v + 1]] = 0.0
        rows[starts[v] + prepared.histories.evidence[v]] = 1.0
    for chain in found.chains:
        chances = chain.windows[known.place].chances
        for v, own in zip(chain.chain.variables.tolist(), chances, strict=True):
            if v < len(counts):
                rows[starts[v] : starts[v + 1]] = own
    how = question_of(known.query).answered
    assert isinstance(how, SingleQuestion)
    answer = MarginalsAnswer(_quality(found, 0.0), by_block(graph, rows), log_partition=found.log_z)
    return how.read(prepared, known.query, answer)


def _of_reals(known: _Known, asked: AskedReals) -> Answer:
    """Read a question about reals."""
    items: list[list[Item]] = [
        own if places is None else [Single(place) for place in places.tolist()]
        for places, own in zip(asked.places, asked.items, strict=True)
    ]
    query, text = known.query, known.query.text
    match query:
        case RealMarginal():
            return _summaries(known, items[0], asked.shapes[0])
        case Event() if len(items) == 1:
            values = np.array([_moments(known, item)[0] for item in items[0]])
            array = values.reshape(asked.shapes[0])
            return EventAnswer(text, value=array.tolist(), array=array, others=1.0 - array)
        case Variance():
            values = np.array([_moments(known, item)[1] for item in items[0]])
            array = values.reshape(asked.shapes[0])
            return VarianceAnswer(text, value=array.tolist(), array=array)
        case Expectation():
            return _expectation(known, query, items, asked.shapes)
        case _:
            raise GmError([later.asked_of_joint(query.span, text)])


def _moments(known: _Known, item: Item) -> tuple[float, float]:
    """Return a mean and a variance; of an event, which is 0 or 1, likewise."""
    weights, means, sds = known.item(item)
    if isinstance(item, Happening):
        total = 0.0
        for (low, high), mask in zip(pieces(item.ends), item.term.masks, strict=True):
            total += float(mask) * float(weights @ chances_between(means, sds, low, high))
        chance = min(max(total, 0.0), 1.0)
        return chance, chance * (1.0 - chance)
    mean = float(weights @ means)
    return mean, float(weights @ (sds**2 + (means - mean) ** 2))


def _expectation(
    known: _Known, query: Expectation, items: list[list[Item]], shapes: list[tuple[int, ...]]
) -> Answer:
    grounder = known.prepared.grounder
    means = [np.array([_moments(known, item)[0] for item in own]) for own in items]
    if isinstance(type_of(query.asked[0].value), Array):
        array = means[0].reshape(shapes[0])
        return ExpectationAnswer(query.text, value=array.tolist(), array=array)
    total = 0.0
    for one in query.constants:
        frame, _ = expand(environment(grounder, ONE_INSTANCE), one.context)
        values = np.asarray(evaluate(one.value, environment(grounder, frame)), np.float64)
        total += float(np.broadcast_to(values.reshape(-1), (frame.count,)).sum())
    for own, asked, by in zip(means, query.asked, query.coefficients, strict=True):
        frame, _ = expand(environment(grounder, ONE_INSTANCE), asked.context)
        values = np.asarray(evaluate(by, environment(grounder, frame)), np.float64)
        total += float(np.broadcast_to(values.reshape(-1), (frame.count,)) @ own)
    return ExpectationAnswer(query.text, value=total, array=np.asarray(total))


# --- Distributions -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Beliefs(Sequence[MixtureBelief]):
    """The distributions of reals: weights, means and deviations of their parts, (reals, parts)."""

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray
    quantiles: np.ndarray

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, place: int) -> MixtureBelief:  # pyright: ignore[reportIncompatibleMethodOverride]
        kept = self.weights[place] > 0.0
        parts = (array[place][kept] for array in (self.weights, self.means, self.sds))
        return MixtureBelief(GaussianMixture(*parts))

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return means and standard deviations."""
        mean = (self.weights * self.means).sum(axis=1)
        square = self.weights * (self.sds**2 + (self.means - mean[:, None]) ** 2)
        return mean, np.sqrt(square.sum(axis=1))

    def numbers(self) -> np.ndarray:
        """Return all that is shown of them."""
        return np.concatenate([np.stack(self.moments()), self.quantiles]).reshape(-1)


def _summaries(known: _Known, items: list[Item], shape: tuple[int, ...]) -> Answer:
    each = [known.item(item) for item in items]
    widest = max((len(one[0]) for one in each), default=0)
    arrays = np.zeros((3, len(each), widest))
    for k, one in enumerate(each):
        for array, own in zip(arrays, one, strict=True):
            array[k, : len(own)] = own
    weights, means, sds = arrays
    quantiles = np.stack([_quantiles(share, weights, means, sds) for share in QUANTILES])
    beliefs = _Beliefs(weights, means, sds, quantiles)
    names = [f"{share:g}" for share in QUANTILES]
    mean, sd = beliefs.moments()
    shown = np.empty(len(each), object)
    shown[:] = [
        {"mean": m, "sd": s, "quantiles": dict(zip(names, row, strict=True))}
        for m, s, row in zip(mean.tolist(), sd.tolist(), quantiles.T.tolist(), strict=True)
    ]
    value = shown.reshape(shape).tolist() if shape else shown[0]
    return RealAnswer(known.query.text, value=value, array=mean.reshape(shape), beliefs=beliefs)


def _quantiles(share: float, weights: np.ndarray, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """Return where a probability is reached, of each real, by halving."""
    counts = weights > 0.0
    ends = means + sds * ndtri(share)
    low = np.where(counts, ends, np.inf).min(axis=1)
    high = np.where(counts, ends, -np.inf).max(axis=1)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        is_below = (weights * below(middle[:, None], means, sds)).sum(axis=1) < share
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        if (high - low <= 1e-12 * np.maximum(1.0, np.abs(high))).all():
            break
    return high
