"""Moments of a normal distribution times a site, one after another, compiled.

Of probits of a single trial, and of Laplace distributions, in closed form; of others that are
concave by Gauss-Hermite nodes around the maximum; where the normal distribution is wide, and of
what has a centre, where there may be two maxima, by Gauss-Legendre nodes in panels.
"""

import math
from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop
from gmruntime.continuous.sites.families import Site

_LOGIT, _PROBIT, _POISSON, _STUDENT, _LAPLACE, _LOGISTIC = range(6)
_CODES = {
    "logit": _LOGIT,
    "probit": _PROBIT,
    "poisson": _POISSON,
    "student": _STUDENT,
    "laplace": _LAPLACE,
    "logistic": _LOGISTIC,
}
_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
_ROOT_HALF = math.sqrt(0.5)
_FAR = 37.0
"""Standard deviations below 0 where an error function leaves what floats hold."""
_WIDE = 9.0
"""A normal distribution of more variance than this is wider than nodes around a maximum see."""
_NODES = 24
_PANEL_NODES = 16
_CLIMB_MAX = 30


class Rule(NamedTuple):
    """Nodes and weights: Gauss-Hermite's of exp(-x**2 / 2), Gauss-Legendre's between -1 and 1."""

    nodes: Float64[np.ndarray, " nodes"]
    log_weights: Float64[np.ndarray, " nodes"]
    panel_nodes: Float64[np.ndarray, " panel"]
    panel_weights: Float64[np.ndarray, " panel"]


class Coded(NamedTuple):
    """Sites as loops read them.

    Attributes:
        codes: the family of each.
        numbers: (k, n, 0), (k, 0, 0) or (y, df, scale).
        constants: what their log densities have beside what depends on z, nats.
    """

    codes: Int64[np.ndarray, " sites"]
    numbers: Float64[np.ndarray, "sites 3"]
    constants: Float64[np.ndarray, " sites"]


def rule() -> Rule:
    """Return the nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return Rule(
        nodes,
        np.log(weights) + 0.5 * nodes**2,
        *np.polynomial.legendre.leggauss(_PANEL_NODES),
    )


def coded(parts: tuple[tuple[slice, Site], ...], count: int) -> Coded:
    """Write sites as loops read them."""
    codes, numbers, constants = np.zeros(count, np.int64), np.zeros((count, 3)), np.zeros(count)
    for part, site in parts:
        own = site.numbers
        codes[part] = _CODES[site.family]
        numbers[part, : own.shape[1]] = own
        if site.family in ("laplace", "logistic"):
            numbers[part, 1:] = np.stack([np.zeros(len(own)), own[:, 1]], axis=1)
        zeros = np.zeros(len(own))
        raw = np.empty(len(own))
        _all_logs(codes[part], numbers[part], raw)
        constants[part] = site.log_density(zeros) - raw
    return Coded(codes, numbers, constants)


@loop
def _log_phi(z: float) -> float:
    """Return the log of the normal distribution function."""
    if z > -_FAR:
        return math.log(0.5 * math.erfc(-z * _ROOT_HALF))
    return -0.5 * z * z - _LOG_ROOT_2PI - math.log(-z) + math.log1p(-1.0 / (z * z))


@loop
def _hazard(z: float) -> float:
    """Return its slope, phi / Phi."""
    return math.exp(-0.5 * z * z - _LOG_ROOT_2PI - _log_phi(z))


@loop
def _log_one_plus(z: float) -> float:
    if z > 0.0:
        return z + math.log1p(math.exp(-z))
    return math.log1p(math.exp(z))


@loop
def _log_site(code: int, a: float, b: float, c: float, z: float) -> float:
    """Return the log density of a site, without what does not depend on z."""
    found = 0.0
    if code == _LOGIT:
        found = a * z - b * _log_one_plus(z)
    elif code == _PROBIT:
        if a > 0.0:
            found += a * _log_phi(z)
        if b > a:
            found += (b - a) * _log_phi(-z)
    elif code == _POISSON:
        found = a * z - math.exp(min(z, 700.0))
    elif code == _STUDENT:
        away = (a - z) / c
        found = -0.5 * (b + 1.0) * math.log1p(away * away / b)
    elif code == _LAPLACE:
        found = -abs(a - z) / c
    elif code == _LOGISTIC:
        away = abs(a - z) / c
        found = -away - 2.0 * math.log1p(math.exp(-away))
    return found


@loop
def _all_logs(
    codes: Int64[np.ndarray, " sites"],
    numbers: Float64[np.ndarray, "sites 3"],
    found: Float64[np.ndarray, " sites"],
) -> None:
    """Fill in the log densities at 0."""
    for k in range(len(codes)):
        found[k] = _log_site(codes[k], numbers[k, 0], numbers[k, 1], numbers[k, 2], 0.0)


@loop
def _slopes(code: int, a: float, b: float, c: float, z: float) -> tuple[float, float]:
    """Return the first derivative, and minus the second, of a concave site."""
    if code == _LOGIT:
        small = math.exp(-abs(z))
        yes, no = 1.0 / (1.0 + small), small / (1.0 + small)
        if z < 0.0:
            yes, no = no, yes
        return a * no - (b - a) * yes, b * yes * no
    if code == _PROBIT:
        first, second = 0.0, 0.0
        if a > 0.0:
            yes = _hazard(z)
            first += a * yes
            second += a * yes * (yes + z)
        if b > a:
            no = _hazard(-z)
            first -= (b - a) * no
            second += (b - a) * no * (no - z)
        return first, second
    if code == _POISSON:
        rate = math.exp(min(z, 700.0))
        return a - rate, rate
    bend = math.tanh(0.5 * (a - z) / c)
    return bend / c, 0.5 * (1.0 - bend * bend) / (c * c)


@loop
def _of_laplace(a: float, c: float, m: float, v: float) -> tuple[float, float, float]:
    """Return log integral, mean and variance: of normal distributions cut off at the kink."""
    sd, by = math.sqrt(v), v / c
    left, right = (a - m - by) / sd, (m - by - a) / sd
    log_left = (m - a) / c + 0.5 * by / c + _log_phi(left)
    log_right = (a - m) / c + 0.5 * by / c + _log_phi(right)
    top = max(log_left, log_right)
    low, high = math.exp(log_left - top), math.exp(log_right - top)
    below, above = _hazard(left), _hazard(right)
    share = low / (low + high)
    first, second = m + by - sd * below, m - by + sd * above
    mean = share * first + (1.0 - share) * second
    spread = share * (v * (1.0 - below * (below + left)) + (first - mean) ** 2)
    spread += (1.0 - share) * (v * (1.0 - above * (above + right)) + (second - mean) ** 2)
    return top + math.log(low + high), mean, spread


@loop
def _by_panels(
    code: int, a: float, b: float, c: float, m: float, v: float, rule: Rule
) -> tuple[float, float, float]:
    """Return the same by panels, around the centre of the site and the normal mean."""
    sd, centre, scale = math.sqrt(v), a, c
    if code == _POISSON:
        centre, scale = math.log(a + 0.5), 1.0 / math.sqrt(a + 0.5)
    elif code in (_LOGIT, _PROBIT):
        centre, scale = 0.0, 1.0
    narrow = min(sd, scale)
    end, high = min(m, centre) - 8.0 * sd, max(m, centre) + 8.0 * sd
    total, first, second, top = 0.0, 0.0, 0.0, -np.inf
    while end < high:
        begin = end
        # Panels are as wide as what they look at is near, so that none steps over a centre.
        near = min(abs(begin - centre), abs(begin - m))
        width = min(max(narrow, 0.5 * near), max(0.5 * sd, narrow))
        end = min(begin + width, high)
        for k in range(len(rule.panel_nodes)):
            x = 0.5 * (begin + end) + 0.5 * (end - begin) * rule.panel_nodes[k]
            log = _log_site(code, a, b, c, x) - 0.5 * (x - m) ** 2 / v
            if log > top:
                shrink = math.exp(top - log) if top > -np.inf else 0.0
                total, first, second, top = total * shrink, first * shrink, second * shrink, log
            weight = 0.5 * (end - begin) * rule.panel_weights[k] * math.exp(log - top)
            total += weight
            first += weight * (x - m)
            second += weight * (x - m) ** 2
    mean = first / total
    log_value = top + math.log(total) - _LOG_ROOT_2PI - math.log(sd)
    return log_value, m + mean, second / total - mean * mean


@loop
def tilt(
    code: int, a: float, b: float, c: float, m: float, v: float, rule: Rule
) -> tuple[float, float, float]:
    """Return log integral, mean and variance of a normal distribution of z times a site.

    Args:
        code: the family of the site.
        a: the first of its numbers.
        b: the second.
        c: the third.
        m: the mean.
        v: the variance.
        rule: nodes.
    """
    if code == _PROBIT and b == 1.0:
        sign = 1.0 if a > 0.0 else -1.0
        spread = math.sqrt(1.0 + v)
        z = sign * m / spread
        ratio = _hazard(z)
        mean = m + sign * v * ratio / spread
        return _log_phi(z), mean, v - v * v * ratio * (ratio + z) / (1.0 + v)
    if code == _LAPLACE:
        return _of_laplace(a, c, m, v)
    if code in (_STUDENT, _LOGISTIC) or v > _WIDE:
        return _by_panels(code, a, b, c, m, v, rule)
    x, sd, bend = m, math.sqrt(v), 0.0
    for _ in range(_CLIMB_MAX):
        slope, bend = _slopes(code, a, b, c, x)
        step = (slope - (x - m) / v) / (bend + 1.0 / v)
        step = min(max(step, -3.0 * sd), 3.0 * sd)
        if code == _POISSON:
            step = min(max(step, -3.0), 3.0)
        x += step
        if abs(step) < 1e-7 * sd:
            break
    slope, bend = _slopes(code, a, b, c, x)
    width = 1.0 / math.sqrt(bend + 1.0 / v)
    total, first, second, top = 0.0, 0.0, 0.0, -np.inf
    for k in range(len(rule.nodes)):
        log = _log_site(code, a, b, c, x + width * rule.nodes[k])
        log += rule.log_weights[k] - 0.5 * (x + width * rule.nodes[k] - m) ** 2 / v
        top = max(top, log)
    for k in range(len(rule.nodes)):
        away = width * rule.nodes[k]
        log = _log_site(code, a, b, c, x + away)
        weight = math.exp(log + rule.log_weights[k] - 0.5 * (x + away - m) ** 2 / v - top)
        total += weight
        first += weight * away
        second += weight * away * away
    mean = first / total
    log_value = top + math.log(total) + math.log(width / sd) - _LOG_ROOT_2PI
    return log_value, x + mean, second / total - mean * mean


@loop
def tilt_all(
    sites: Coded,
    rule: Rule,
    means: Float64[np.ndarray, " sites"],
    variances: Float64[np.ndarray, " sites"],
    found: Float64[np.ndarray, "3 sites"],
) -> None:
    """Fill in log integral, mean and variance of each site whose normal variance is above 0."""
    for k in range(len(sites.codes)):
        if variances[k] > 0.0:
            log, mean, variance = tilt(
                sites.codes[k],
                sites.numbers[k, 0],
                sites.numbers[k, 1],
                sites.numbers[k, 2],
                means[k],
                variances[k],
                rule,
            )
            found[0, k], found[1, k] = log + sites.constants[k], mean
            found[2, k] = variance
