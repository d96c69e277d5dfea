"""What is shown of reals over weighted settings, and by how much the worst of it may be off."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.queries.reals.summaries import QUANTILES, Belief
from gmlang.queries.rows.asked import Term
from gmlang.queries.rows.beliefs import Mixtures, below
from gmlang.queries.rows.settings import Scan
from gmruntime.continuous.outer.points import PointBelief

_PART_MIN = 1e-12
"""Parts of a mixture that weigh less are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class _PointsBelief:
    """The distribution of a real that is a number at each setting."""

    points: PointBelief

    def mean(self) -> float:
        """Return the mean."""
        return self.points.mean().value

    def sd(self) -> float:
        """Return the standard deviation."""
        return self.points.sd().value

    def density(self, value: float) -> float:
        """Return the density at a value."""
        return self.points.density(value).value

    def cdf(self, value: float) -> float:
        """Return the probability of at most a value."""
        return self.points.cdf(value).value

    def quantile(self, share: float) -> float:
        """Return where the probability of at most that reaches a share."""
        return self.points.quantile(share).value


@dataclass(frozen=True, slots=True, eq=False)
class Summaries:
    """Means, standard deviations and quantiles of reals.

    Attributes:
        beliefs: the distribution of each real.
        values: what is shown of each.
        error: by how much any number shown may be off, but for a deviation that has no error;
            infinite where a mean has none.
        has_deviations: whether all standard deviations have an error: else one may have no value.
    """

    beliefs: tuple[Belief, ...]
    values: tuple[dict[str, object], ...]
    error: float
    has_deviations: bool


def summarise(found: Scan, terms: Sequence[Term]) -> Summaries:
    """Return what is known of each term, by what holds of it at all settings."""
    is_number = [
        found.varies(term) and is_number_at_each(mean, variance)
        for term, mean, variance in zip(terms, found.means, found.variances, strict=True)
    ]
    numbers, mixed = np.flatnonzero(is_number), np.flatnonzero(np.logical_not(is_number))
    each = dict[int, tuple[Belief, dict[str, object]]]()
    errors, deviations = [0.0], [0.0]
    for k in numbers.tolist():
        belief = found.points.belief(found.means[k][0])
        mean, sd = belief.mean(), belief.sd()
        quantiles = {f"{share:g}": belief.quantile(share) for share in QUANTILES}
        shown = {name: one.value for name, one in quantiles.items()}
        each[k] = _PointsBelief(belief), _shown(mean.value, sd.value, shown)
        errors += [mean.error, *(one.error for one in quantiles.values())]
        deviations.append(sd.error)
    if len(mixed):
        mixtures = _mixtures(found, mixed)
        rows = zip(mixed.tolist(), mixtures, mixtures.summaries(), strict=True)
        each.update((k, (belief, shown)) for k, belief, shown in rows)
        of_means, of_deviations = _errors_of_moments(found, mixed, mixtures)
        errors += [float(of_means.max()), _error_of_quantiles(found, mixed, mixtures)]
        deviations.append(float(of_deviations.max()))
    has_deviations = bool(np.isfinite(deviations).all())
    return Summaries(
        tuple(each[k][0] for k in range(len(terms))),
        tuple(each[k][1] for k in range(len(terms))),
        max(errors + deviations) if has_deviations else max(errors),
        has_deviations,
    )


def is_number_at_each(mean: np.ndarray, spread: np.ndarray) -> bool:
    """Say whether a term is a number at each setting, whatever the finite variables are."""
    return not spread.any() and bool((mean == mean[:1]).all())


def tails(found: Scan, sizes: np.ndarray) -> float:
    """Return what may be lacking of an average, by its sizes at the settings; inf: has none."""
    return found.points.belief(sizes).tails(sizes)


def _shown(mean: float, sd: float, quantiles: dict[str, float]) -> dict[str, object]:
    return {"mean": mean, "sd": sd, "quantiles": quantiles}


def _mixtures(found: Scan, which: np.ndarray) -> Mixtures:
    weights = (found.shares * found.weights).reshape(-1)
    kept = weights > _PART_MIN * weights.sum()
    means = np.stack([found.means[k].reshape(-1)[kept] for k in which], axis=1)
    variances = np.stack([found.variances[k].reshape(-1)[kept] for k in which], axis=1)
    sds = np.sqrt(np.maximum(variances, 0.0))
    return Mixtures(
        len(which), ((np.arange(len(which)), weights[kept] / weights[kept].sum(), means, sds),)
    )


def _errors_of_moments(
    found: Scan, which: np.ndarray, mixtures: Mixtures
) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much means and standard deviations may be off, (reals,) each."""
    centres, sds = mixtures.mean(), mixtures.sd()
    firsts = [found.given_setting(found.means[k]) for k in which]
    squares = [
        found.given_setting(found.variances[k] + (found.means[k] - centre) ** 2)
        for k, centre in zip(which, centres, strict=True)
    ]
    means = found.average(np.array(firsts))[1] + [tails(found, np.sqrt(one)) for one in squares]
    variances = found.average(np.array(squares))[1] + [tails(found, one) for one in squares]
    return means, np.where(sds > 0, variances / (2 * np.where(sds > 0, sds, 1)), variances**0.5)


def _error_of_quantiles(found: Scan, which: np.ndarray, mixtures: Mixtures) -> float:
    """Return by how much any quantile may be off: by what its probability may be off by."""
    worst, lacking = 0.0, tails(found, np.ones(len(found.weights)))
    for share in QUANTILES:
        ends = mixtures.quantiles(share)
        if ends is None:
            break
        each = [
            found.given_setting(below(end, found.means[k], np.sqrt(found.variances[k])))
            for k, end in zip(which, ends, strict=True)
        ]
        error = found.average(np.array(each))[1] + lacking
        least, most = (
            mixtures.quantiles(np.clip(share + sign * error, 1e-9, 1 - 1e-9)) for sign in (-1, 1)
        )
        assert least is not None
        assert most is not None
        worst = max(worst, float(np.maximum(ends - least, most - ends).max()))
    return worst
