"""What is asked of reals after each step: lines, whose means and (co)variances steps write down."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Array
from gmlang.core.program import Query
from gmlang.core.walk import type_of
from gmlang.diagnostics import GmError
from gmlang.errors import filtering as errors
from gmlang.errors import later
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.values.evaluate import evaluate, expand
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer
from gmlang.queries.questions.expectation import Expectation, ExpectationAnswer
from gmlang.queries.questions.probability import (
    Event,
    EventAnswer,
    RealAnswer,
    RealJoint,
    RealJointAnswer,
    RealMarginal,
)
from gmlang.queries.questions.variance import Variance, VarianceAnswer
from gmlang.queries.rows.asked import Happening, Item, Polynomial, Single, Term, pieces
from gmlang.queries.rows.beliefs import chances_between, mixtures_of
from gmlang.queries.session import Prepared
from gmruntime.continuous.beliefs import GaussianMixture

METHOD = "filter"


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A number that is linear in reals: these by number, their coefficients, and a constant."""

    reals: np.ndarray
    coefficients: np.ndarray
    constant: float


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Means and variances of lines after each of some steps; covariances where they are needed.

    Attributes:
        means: (steps, lines).
        variances: (steps, lines), or (steps, lines, lines).
    """

    means: np.ndarray
    variances: np.ndarray

    def of(self, line: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the variance of a line, (steps) each."""
        own = self.variances[:, line]
        return self.means[:, line], own[:, line] if own.ndim > 1 else own


@dataclass(frozen=True, slots=True, eq=False)
class AskedOfReals:
    """A question about reals.

    Attributes:
        query: it.
        items: what is asked for, one list for each of its asked.
        shapes: of these.
        firsts: the first line of each item, by asked.
        lines: all of them.
        weights: of an expectation, what each item is multiplied by, by asked.
        constant: what is added to them.
    """

    query: Query
    items: tuple[tuple[Item, ...], ...]
    shapes: tuple[tuple[int, ...], ...]
    firsts: tuple[tuple[int, ...], ...]
    lines: tuple[Line, ...]
    weights: tuple[np.ndarray, ...]
    constant: float

    @property
    def is_joint(self) -> bool:
        """Whether it needs covariances."""
        products = any(isinstance(i, Polynomial) and i.products for own in self.items for i in own)
        return products or isinstance(self.query, RealJoint)

    @property
    def width(self) -> int:
        """How many numbers of a step it needs."""
        count = len(self.lines)
        return count + (count * count if self.is_joint else count)

    def values(self, found: np.ndarray) -> np.ndarray:
        """Return the answers after some steps.

        Args:
            found: (steps, width).

        Returns:
            time first: of a distribution its mean and standard deviation, of several reals their
            means before their covariances, else a number each.
        """
        count = len(self.lines)
        own = found[:, count:]
        if self.is_joint:
            own = own.reshape(len(found), count, count)
        moments = _Moments(found[:, :count], own)
        match self.query:
            case RealMarginal():
                pairs = [moments.of(line) for line in self.firsts[0]]
                shown = [np.stack([mean, _root(variance)], axis=-1) for mean, variance in pairs]
                return self._shaped(shown, 0, (2,))
            case RealJoint():
                return np.concatenate([moments.means[:, :, None], moments.variances], axis=2)
            case Event():
                chances = [
                    self._chance(item, moments, line)
                    for item, line in zip(self.items[0], self.firsts[0], strict=True)
                ]
                return self._shaped(chances, 0, ())
            case Variance():
                return self._shaped([m[1] for m in self._each(0, moments)], 0, ())
            case _:
                return self._expected(moments)

    def _shaped(self, each: Sequence[np.ndarray], asked: int, rest: tuple[int, ...]) -> np.ndarray:
        stacked = np.stack(each, axis=1)
        return stacked.reshape(len(stacked), *self.shapes[asked], *rest)

    def _each(self, asked: int, moments: _Moments) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the mean and variance of each item."""
        pairs = zip(self.items[asked], self.firsts[asked], strict=True)
        return [self._moments(item, moments, line) for item, line in pairs]

    def _moments(self, item: Item, moments: _Moments, line: int) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(item, Happening):
            chance = self._chance(item, moments, line)
            return chance, chance * (1.0 - chance)
        if not isinstance(item, Polynomial) or not item.products:
            return moments.of(line)
        square = np.zeros((len(self.lines), len(self.lines)))
        for k in range(len(item.products)):
            left, right = line + 1 + 2 * k, line + 2 + 2 * k
            square[left, right] += 0.5
            square[right, left] += 0.5
        turned = square @ moments.variances
        slope = 2.0 * moments.means @ square
        slope[:, line] += 1.0
        mean = moments.means[:, line] + ((moments.means @ square) * moments.means).sum(1)
        mean = mean + np.trace(turned, axis1=1, axis2=2)
        spread = (slope[:, None, :] @ moments.variances)[:, 0]
        return mean, 2.0 * np.trace(turned @ turned, axis1=1, axis2=2) + (spread * slope).sum(1)

    def _chance(self, item: Item, moments: _Moments, line: int) -> np.ndarray:
        assert isinstance(item, Happening)
        mean, variance = moments.of(line)
        total = np.zeros(len(mean))
        sd = _root(variance)
        for (low, high), mask in zip(pieces(item.ends), item.term.masks, strict=True):
            total = total + chances_between(mean, sd, low, high) * float(mask)
        return np.where(np.isnan(mean), np.nan, np.clip(total, 0.0, 1.0))

    def _expected(self, moments: _Moments) -> np.ndarray:
        assert isinstance(self.query, Expectation)
        means = [[mean for mean, _ in self._each(k, moments)] for k in range(len(self.items))]
        if isinstance(type_of(self.query.asked[0].value), Array):
            return self._shaped(means[0], 0, ())
        total = np.full(len(moments.means), self.constant)
        for own, by in zip(means, self.weights, strict=True):
            total = total + np.stack(own, axis=1) @ by
        return total

    def answer(self, found: np.ndarray) -> Answer:
        """Write the answer after one step, as the model's own would be."""
        values = self.values(found[None])[0]
        text = self.query.text
        if np.isnan(values).any():
            return RealAnswer(text, note="nothing says yet where it is")
        match self.query:
            case RealMarginal():
                flat = values.reshape(-1, 2)
                each = [GaussianMixture(np.ones(1), m, s) for m, s in _parts(flat)]
                beliefs = mixtures_of(each)
                shown = np.empty(len(flat), object)
                shown[:] = beliefs.summaries()
                shape = self.shapes[0]
                value = shown.reshape(shape).tolist() if shape else shown[0]
                array = values[..., 0]
                return RealAnswer(text, "exact", value, array=array, beliefs=beliefs, method=METHOD)
            case RealJoint():
                return self._joint(values)
            case Event():
                return EventAnswer(
                    text,
                    "exact",
                    values.tolist(),
                    array=values,
                    others=1.0 - values,
                    method=METHOD,
                )
            case Variance():
                return VarianceAnswer(text, "exact", values.tolist(), array=values, method=METHOD)
            case _:
                return ExpectationAnswer(
                    text, "exact", values.tolist(), array=values, method=METHOD
                )

    def _joint(self, values: np.ndarray) -> Answer:
        names = [" ".join(asked.value.span.text.split()) for asked in self.query.asked]
        means, covariance = values[:, 0], values[:, 1:]
        table = {
            a: dict(zip(names, row, strict=True))
            for a, row in zip(names, covariance.tolist(), strict=True)
        }
        value = {"mean": dict(zip(names, means.tolist(), strict=True)), "covariance": table}
        return RealJointAnswer(
            self.query.text, "exact", value, array=covariance, means=means, method=METHOD
        )


def _root(variance: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(variance, 0.0))


def _parts(flat: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(row[:1], row[1:]) for row in flat]


def asked_of_reals(prepared: Prepared, query: Query) -> AskedOfReals:
    """Write what a question needs of reals, which its `asked_reals` has by their numbers.

    Raises:
        GmError: where a filter does not answer it.
    """
    asked = prepared.asked_reals
    assert asked is not None
    items: list[tuple[Item, ...]] = []
    for places, own in zip(asked.places, asked.items, strict=True):
        items.append(tuple(own if places is None else map(Single, places.tolist())))
    lines: list[Line] = []
    firsts: list[tuple[int, ...]] = []
    for own in items:
        starts: list[int] = []
        for item in own:
            starts.append(len(lines))
            lines += _lines(item, query)
        firsts.append(tuple(starts))
    if isinstance(query, RealJoint):
        for shape, one in zip(asked.shapes, query.asked, strict=True):
            if int(np.prod(shape, dtype=np.int64)) != 1:
                raise GmError([later.real_elsewhere(one.span, one.span.text)])
    weights, constant = _coefficients(prepared, query)
    return AskedOfReals(
        query, tuple(items), tuple(asked.shapes), tuple(firsts), tuple(lines), weights, constant
    )


def _lines(item: Item, query: Query) -> list[Line]:
    if isinstance(item, Single) and item.term is None:
        return [Line(np.array([item.place]), np.ones(1), 0.0)]
    return [_line(term, query) for term in item.terms()]


def _line(term: Term, query: Query) -> Line:
    if term.scope:
        raise GmError([errors.not_asked_here(query.span, query.text)])
    return Line(term.reals, term.coefficients, float(term.constant))


def _coefficients(prepared: Prepared, query: Query) -> tuple[tuple[np.ndarray, ...], float]:
    """Return what an expectation multiplies its items by, and what it adds."""
    if not isinstance(query, Expectation):
        return (), 0.0
    grounder = prepared.grounder
    total = 0.0
    for one in query.constants:
        frame, _ = expand(environment(grounder, ONE_INSTANCE), one.context)
        values = np.asarray(evaluate(one.value, environment(grounder, frame)), np.float64)
        total += float(np.broadcast_to(values.reshape(-1), (frame.count,)).sum())
    found: list[np.ndarray] = []
    for asked, by in zip(query.asked, query.coefficients, strict=True):
        frame, _ = expand(environment(grounder, ONE_INSTANCE), asked.context)
        values = np.asarray(evaluate(by, environment(grounder, frame)), np.float64)
        found.append(np.broadcast_to(values.reshape(-1), (frame.count,)))
    return tuple(found), total
