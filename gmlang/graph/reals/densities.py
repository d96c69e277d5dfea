"""Densities of reals, in logs: of numbers and of arrays together; attributes that have them."""

from collections.abc import Callable

import numpy as np

from gmlang.core.records.reals import Density, RealSymbol
from gmlang.diagnostics import GmError, Span
from gmlang.errors import probabilities as errors
from gmlang.errors.shapes import observed_shape
from gmlang.families.priors import PRIORS, frozen, is_above_zero
from gmlang.graph.observations import array_value
from gmlang.graph.values.environment import Env
from gmlang.graph.world.world import RealArray, where_text

_LOG_2PI = float(np.log(2 * np.pi))

_LEAST, _MOST = 1e-60, 1e60
"""So large may numbers be, and so small their deviations and ranges: any two of them may be divided
by each other, and squared, in float64."""

_ASYMMETRY_MAX = 1e-9
"""Of a covariance, relative to its largest entry: more is no rounding."""


def declared_real(
    symbol: RealSymbol, shape: tuple[int, ...], num_things: int, env: Env
) -> RealArray:
    """Return an attribute of which nothing is observed yet.

    Raises:
        GmError: where its range is empty, or its base is none.
    """
    ends = [
        default if end is None else float(array_value(end, env, 1).reshape(-1)[0])
        for end, default in ((symbol.low, -np.inf), (symbol.high, np.inf))
    ]
    if not ends[0] < ends[1]:
        raise GmError([errors.bad_ends(symbol.span, symbol.span.text)])
    finite = np.array([end for end in ends if np.isfinite(end)])
    check_proportion(symbol.span, finite, np.array(ends[1] - ends[0]))
    size = int(np.prod(shape, dtype=np.int64))
    starts = size * np.arange(num_things, dtype=np.int64)
    values = np.full(size * num_things, np.nan)
    low, high = ends[0], ends[1]
    if symbol.base is None:
        return RealArray(symbol.name, starts, shape, values, low, high, None, None, symbol.span)
    log_base, low, high, normal = _base_of(symbol.base, (low, high), env)
    prior = symbol.base.family, numbers_of(symbol.base, (low, high), env)
    own = symbol.name, starts, shape, values, low, high, normal, log_base, symbol.span
    return RealArray(*own, prior)


def numbers_of(base: Density, ends: tuple[float, float], env: Env) -> tuple[float, ...]:
    """Return the numbers of a base; the ends of its range where a uniform one has none."""
    found = tuple(float(array_value(a, env, 1).reshape(-1)[0]) for a in base.arguments)
    return found or ends


_Base = tuple[Callable[[np.ndarray], np.ndarray], float, float, tuple[float, float] | None]
"""The log density of a base, of each number on its own; its ends; what a normal one is."""


def _base_of(base: Density, ends: tuple[float, float], env: Env) -> _Base:
    """Return what a base is; a normal one is divided by its mass between the ends."""
    if base.family in PRIORS:
        return _prior(base, ends, env)
    first, second = (
        (float(array_value(a, env, 1).reshape(-1)[0]) for a in base.arguments)
        if base.arguments
        else ends
    )
    if base.family == "Normal":
        _check_above_zero(base, np.array([second]), env)
        mean, sd = np.array(first), np.array(second)
        check_proportion(base.span, mean, sd)
        log_mass = log_mass_inside(mean, sd, *ends)
        if not np.isfinite(log_mass):
            raise GmError([errors.base_outside(base.span, base.span.text)])

        def normal(values: np.ndarray) -> np.ndarray:
            inside = (values >= ends[0]) & (values <= ends[1])
            return np.where(inside, log_normal(values, mean, sd) - log_mass, -np.inf)

        return normal, *ends, (first, second)
    if not (np.isfinite([first, second]).all() and first < second):
        raise GmError([errors.bad_ends(base.span, base.span.text)])
    check_proportion(base.span, np.array([first, second]), np.array(second - first))
    low, high = max(ends[0], first), min(ends[1], second)
    if not low < high:
        raise GmError([errors.base_outside(base.span, base.span.text)])

    def uniform(values: np.ndarray) -> np.ndarray:
        inside = (values >= low) & (values <= high)
        return np.where(inside, -np.log(high - low), -np.inf)

    return uniform, low, high, None


def _prior(base: Density, ends: tuple[float, float], env: Env) -> _Base:
    """Return a base of another family, divided by its mass between the ends."""
    numbers = numbers_of(base, ends, env)
    for name, value, argument in zip(PRIORS[base.family], numbers, base.arguments, strict=True):
        above = is_above_zero(name)
        if not np.isfinite(value) or (above and value <= 0):
            raise GmError([errors.bad_number(argument.span, base.family, name, value, above)])
    law = frozen(base.family, numbers)
    low, high = max(ends[0], law.support()[0]), min(ends[1], law.support()[1])
    mass = float(law.cdf(high) - law.cdf(low)) if low < high else 0.0
    if not mass > 0.0:
        raise GmError([errors.base_outside(base.span, base.span.text)])

    def inside(values: np.ndarray) -> np.ndarray:
        is_inside = (values >= low) & (values <= high)
        return np.where(is_inside, law.logpdf(values) - np.log(mass), -np.inf)

    return inside, float(low), float(high), None


_SHORT = 1e-4
"""Standard deviations over which the second order of a density is enough: 1e-16 of it is left."""


def log_mass_inside(
    mean: np.ndarray, sd: np.ndarray, low: float | np.ndarray, high: float | np.ndarray
) -> np.ndarray:
    """Return the log of a normal distribution's probability of an interval, far out as well."""
    if np.all(np.isneginf(low)) and np.all(np.isposinf(high)):
        return np.zeros(np.broadcast(mean, sd, low, high).shape)
    from scipy.special import log_ndtr

    a, b = (low - mean) / sd, (high - mean) / sd
    # On the side on which the tail is: the difference of two numbers near 1 would be lost.
    a, b = np.where(a > 0, -b, a), np.where(a > 0, -a, b)
    upper, lower = log_ndtr(b), log_ndtr(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = upper + np.log1p(-np.exp(lower - upper))
        # So short that the tails of its ends are all but the same.
        width, middle = b - a, (a + b) / 2
        is_short = width * (1 + np.abs(middle)) < _SHORT
        width = np.where(is_short, (high - low) / sd, 1.0)
        bent = np.log1p((middle**2 - 1) * width**2 / 24)
        short = np.log(width) - 0.5 * middle**2 - 0.5 * _LOG_2PI + bent
        inside = np.where(is_short, short, inside)
    # So far out that even the logs of tails are beyond float64.
    return np.where(np.isneginf(upper), -np.inf, inside)


def normal_parameters(density: Density, env: Env) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of a number in each instance, or in all alike.

    Means may be missing, NaN.

    Raises:
        GmError: where one leaves the density without meaning.
    """
    mean, sd = (array_value(a, env, 1).astype(np.float64) for a in density.arguments)
    _check_numbers(density, "mean", np.where(np.isnan(mean), 0.0, mean), env)
    _check_numbers(density, "spread", sd, env)
    _check_above_zero(density, sd, env)
    check_proportion(density.span, mean, sd)
    return mean.reshape(-1), sd.reshape(-1)


def log_densities(
    density: Density, values: np.ndarray, env: Env, ends: tuple[float, float]
) -> np.ndarray:
    """Evaluate a density at what was observed in each instance.

    Normal densities of single numbers are divided by their mass between the ends.

    Args:
        density: of numbers, or of arrays together.
        values: (instances, axes...).
        env: of the instances.
        ends: of the range of each number.

    Raises:
        GmError: where shapes differ, or a parameter leaves it without meaning.
    """
    mean, spread = (array_value(a, env, values.ndim) for a in density.arguments)
    shape = values.shape[1:]
    _check_shape(density, 0, mean, shape)
    _check_numbers(density, "mean", mean, env)
    _check_numbers(density, "spread", spread, env)
    away = (values - mean).reshape(len(values), -1)
    count = away.shape[1]
    is_matrix = spread.ndim == 3 and spread.shape[1:] == (count, count) and len(shape) == 1
    if density.family == "MultiNormal" or (is_matrix and spread.shape[1:] != shape):
        if not is_matrix:
            _check_shape(density, 1, spread, (count, count))
        return _log_multinormal(density, away, spread, env)
    _check_shape(density, 1, spread, shape)
    _check_above_zero(density, spread, env)
    logs = log_normal(values, mean, spread) - log_mass_inside(mean, spread, *ends)
    return np.broadcast_to(logs, values.shape).reshape(len(values), -1).sum(axis=1)


def log_normal(values: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Evaluate the log of a normal density."""
    with np.errstate(over="ignore"):
        return -0.5 * ((values - mean) / sd) ** 2 - np.log(sd) - 0.5 * _LOG_2PI


def _log_multinormal(
    density: Density, away: np.ndarray, covariance: np.ndarray, env: Env
) -> np.ndarray:
    """Evaluate a normal density of vectors; each instance has a covariance, or all share one."""
    scale = np.abs(covariance).max(axis=(1, 2), initial=0.0)
    skew = np.abs(covariance - covariance.transpose(0, 2, 1)).max(axis=(1, 2), initial=0.0)
    _check_rows(density, "asymmetry of the covariance", skew, skew <= _ASYMMETRY_MAX * scale, env)
    least = np.linalg.eigvalsh(covariance)[:, 0]
    _check_rows(density, "smallest eigenvalue of the covariance", least, least > 0.0, env)
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(
        np.broadcast_to(factor, (len(away), *factor.shape[1:])), away[..., None]
    )[..., 0]
    log_det = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    return -0.5 * (white**2).sum(axis=1) - log_det - 0.5 * away.shape[1] * _LOG_2PI


def _check_shape(
    density: Density, position: int, found: np.ndarray, shape: tuple[int, ...]
) -> None:
    """Refuse a parameter that is neither one number nor of a shape."""
    own = found.shape[1:]
    if all(size == 1 for size in own) or own == shape:
        return
    argument = density.arguments[position]
    raise GmError([observed_shape(argument.span, argument.span.text, shape, own, is_list=False)])


def _check_numbers(density: Density, parameter: str, found: np.ndarray, env: Env) -> None:
    flat = found.reshape(len(found), -1)
    bad = ~np.isfinite(flat)
    worst = np.where(bad, flat, 0.0)[np.arange(len(flat)), bad.argmax(axis=1)]
    _check_rows(density, parameter, worst, np.asarray(~bad.any(axis=1)), env, needed="a number")


def check_proportion(span: Span, numbers: np.ndarray, spreads: np.ndarray) -> None:
    """Refuse numbers, and lengths or deviations, that are too large or too small to be squared."""
    large = numbers[np.abs(numbers) > _MOST]
    other = spreads[(spreads < _LEAST) | ((spreads > 2 * _MOST) & np.isfinite(spreads))]
    for number in (*large.flat, *other.flat):
        raise GmError([errors.out_of_proportion(span, span.text, float(number), _LEAST, _MOST)])


def _check_above_zero(density: Density, found: np.ndarray, env: Env) -> None:
    flat = found.reshape(len(found), -1)
    is_above = np.asarray((flat > 0).all(axis=1))
    _check_rows(density, "standard deviation", flat.min(axis=1), is_above, env)


def _check_rows(
    density: Density,
    parameter: str,
    found: np.ndarray,
    holds: np.ndarray,
    env: Env,
    needed: str = "a number above 0",
) -> None:
    """Refuse a parameter where something does not hold, naming the first instance."""
    if holds.all():
        return
    row = int(np.argmin(holds))
    where = where_text(env.frame, row, env.names) if len(holds) > 1 else ""
    if "asymmetry" in parameter:
        needed = "0"
    value = float(found[row])
    span = density.arguments[1 if parameter != "mean" else 0].span
    raise GmError([errors.bad_parameter(span, density.family, parameter, value, needed, where)])
