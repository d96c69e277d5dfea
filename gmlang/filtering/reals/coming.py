"""What the next step will observe of reals: each value by what it is drawn from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gmlang.filtering.places import Known
from gmlang.filtering.reals.asked import METHOD
from gmlang.filtering.reals.carrying import Carried
from gmlang.filtering.reals.rules import RealRule
from gmlang.filtering.rules import Rules
from gmlang.queries.answers import Answer
from gmlang.queries.questions.probability import RealAnswer
from gmlang.queries.rows.beliefs import mixtures_of
from gmruntime.arrays import Float64
from gmruntime.continuous.beliefs import GaussianMixture
from gmruntime.continuous.chains.following import all_shown, followed


@dataclass(frozen=True, slots=True, eq=False)
class _Coming:
    """The reals of the next step, as far as it is known before anything is seen."""

    rule: RealRule
    data: Float64[np.ndarray, " data"]
    mean: Float64[np.ndarray, " reals"]
    covariance: Float64[np.ndarray, "reals reals"]

    def of_entry(self, place: int) -> tuple[float, float] | None:
        """Return the mean and the variance of data that is drawn from reals; None of other."""
        rule = self.rule.rule
        by = rule.constants.by_data[:, place]
        (rows,) = np.nonzero((by != 0.0) & (rule.weights > 0.0))
        if len(rows) != 1 or self.rule.needed[place]:
            return None
        row = int(rows[0])
        others = np.where(
            np.arange(len(by_all := rule.constants.by_data[row])) == place, 0.0, by_all
        )
        coefficients = rule.coefficients.value[row] + _dot(
            rule.coefficients.by_data[row], self.data
        )
        known = float(rule.constants.value[row] + _dot(others, self.data))
        scale = float(by[row])
        mean = -(coefficients @ self.mean + known) / scale
        spread = coefficients @ self.covariance @ coefficients + 1.0 / rule.weights[row]
        return float(mean), float(spread) / scale**2

    def of_real(self, known: Known) -> tuple[float, float] | None:
        """Return the mean and variance of a real."""
        if known not in self.rule.knowns:
            return None
        place = self.rule.knowns.index(known)
        return float(self.mean[place]), float(self.covariance[place, place])


def _dot(by: np.ndarray, data: np.ndarray) -> np.ndarray:
    return by @ np.where(np.isnan(data), 0.0, data) if by.any() else np.zeros(by.shape[:-1])


def next_reals(
    rules: Rules, reals: Carried, rows: Mapping[str, np.ndarray], now: np.ndarray, num_steps: int
) -> dict[str, Answer]:
    """Write the distribution of each real value that the next step may observe, by its data.

    Args:
        rules: of the program.
        reals: what is believed.
        rows: what is given of the next step.
        now: the numbers of it that enter linearly; what it will observe is left aside.
        num_steps: of the window.

    Raises:
        GmError: where the step depends on something that is not given.
    """
    entries = reals.entries
    places = [place for place in entries.places() if place[2] == 0]
    blank = np.full(now.shape[1], np.nan)
    seen = rules.of_step(rows, np.zeros(now.shape[1]), 0, num_steps).window.real
    coming = rules.of_step(rows, blank, 0, num_steps).window.real
    assert seen is not None
    assert coming is not None
    is_input = coming.needed[: len(places)]
    given = np.where(is_input, now[0], np.nan)
    reals.check([coming], given[None])
    known = _found(reals, coming, reals.data(given[None])[0])
    exact = _exact(seen, len(places))
    found: dict[str, list[tuple[float, float] | None]] = {}
    for place, (name, _, _) in enumerate(places):
        one = known.of_entry(place)
        if place in exact:
            one = known.of_real(exact[place])
        found.setdefault(name, []).append(one)
    return {
        rules.inputs.outside[name]: _answer(
            rules.inputs.outside[name], entries.shapes[entries.names.index(name)], own
        )
        for name, own in found.items()
        if all(one is not None for one in own)
    }


def _found(reals: Carried, rule: RealRule, data: np.ndarray) -> _Coming:
    step = followed(all_shown(rule.rule), reals.belief.spread)
    count = len(rule.knowns)
    found = np.zeros(count + count * count)
    step.take(reals.belief, data[None], np.zeros(1), found, len(found))
    return _Coming(rule, data, found[:count], found[count:].reshape(count, count))


def _exact(rule: RealRule, num_now: int) -> dict[int, Known]:
    """Return which real is observed to be which data."""
    num_before = rule.rule.num_before
    pairs = np.argwhere(rule.rule.known.by_data[:, :num_now] != 0.0)
    known = ((place, rule.knowns[num_before + real]) for real, place in pairs.tolist())
    return {place: one for place, one in known if one is not None}


def _answer(name: str, shape: tuple[int, ...], each: list[tuple[float, float] | None]) -> Answer:
    parts = list(_mixtures(each))
    beliefs = mixtures_of(parts)
    means = np.array([one.mean for one in parts]).reshape(shape)
    if np.isnan(means).any():
        return RealAnswer(f"P({name})", note="nothing says yet where it is")
    flat = np.empty(len(parts), object)
    flat[:] = beliefs.summaries()
    value = flat.reshape(shape).tolist() if shape else flat[0]
    return RealAnswer(f"P({name})", "exact", value, array=means, beliefs=beliefs, method=METHOD)


def _mixtures(each: list[tuple[float, float] | None]) -> Iterator[GaussianMixture]:
    for one in each:
        mean, variance = one or (np.nan, np.nan)
        sd = np.array([np.sqrt(np.maximum(variance, 0.0))])
        yield GaussianMixture(np.ones(1), np.array([mean]), sd)
