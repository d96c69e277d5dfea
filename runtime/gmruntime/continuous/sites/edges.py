"""Expectation propagation by messages from rows to reals, where a joint Gaussian is too large.

A row keeps a Gaussian exp(-tau x**2 / 2 + nu x) for each of its reals; what is believed of a real
is the product of these, and the reals are taken for independent. One pass over the rows, there and
back, is a sweep. Spreads may be too small where rows go in circles.

Sources: Herbrich, Minka and Graepel (2007), "TrueSkill: a Bayesian skill rating system"; Minka
(2005), "Divergence measures and message passing", for the integral.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Bool, Float64, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.compiling import loop
from gmruntime.continuous.dense import loaded
from gmruntime.continuous.errors import NotProperError
from gmruntime.continuous.sites.fields import seen_of, site_rows
from gmruntime.continuous.sites.tilted import Coded, Rule, coded, rule, tilt
from gmruntime.continuous.system import System

_SWEEPS_MAX = 200
_RESIDUAL = 1e-5
"""In standard deviations: means that move by less stand still."""
_ROWS_AT_ONCE = 1 << 14
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class _Rows(NamedTuple):
    """Rows, each a Gaussian of its weight or a site.

    Attributes:
        start: where the entries of each begin.
        columns, coefficients: of the entries.
        offsets, weights: of the rows.
        site_of: the site of each; -1 where it is Gaussian.
    """

    start: Int64[np.ndarray, " rows_and_end"]
    columns: Int32[np.ndarray, " entries"]
    coefficients: Float64[np.ndarray, " entries"]
    offsets: Float64[np.ndarray, " rows"]
    weights: Float64[np.ndarray, " rows"]
    site_of: Int64[np.ndarray, " rows"]


class _Room(NamedTuple):
    """What is believed of the reals, and what rows say of them, in natural parameters."""

    tau: Float64[np.ndarray, " reals"]
    nu: Float64[np.ndarray, " reals"]
    message_tau: Float64[np.ndarray, " entries"]
    message_nu: Float64[np.ndarray, " entries"]


@loop
def _tell(rows: _Rows, room: _Room, p: int, tau: float, nu: float, damping: float) -> float:
    """Put a message in the place of the last, and return how far the mean moves, in deviations."""
    i = rows.columns[p]
    tau = damping * tau + (1.0 - damping) * room.message_tau[p]
    nu = damping * nu + (1.0 - damping) * room.message_nu[p]
    old_tau, old_nu = room.tau[i], room.nu[i]
    new_tau = old_tau + tau - room.message_tau[p]
    new_nu = old_nu + nu - room.message_nu[p]
    room.tau[i], room.nu[i] = new_tau, new_nu
    room.message_tau[p], room.message_nu[p] = tau, nu
    if old_tau <= 0.0 or new_tau <= 0.0:
        return 1.0
    return abs(new_nu / new_tau - old_nu / old_tau) * math.sqrt(new_tau)


@loop
def _pass_gaussian(rows: _Rows, room: _Room, row: int, damping: float) -> float:
    """Say what a Gaussian row says of each of its reals, given the others."""
    moved = 0.0
    for p in range(rows.start[row], rows.start[row + 1]):
        mean, spread, is_open = -rows.offsets[row], 1.0 / rows.weights[row], True
        for q in range(rows.start[row], rows.start[row + 1]):
            if q == p:
                continue
            j = rows.columns[q]
            tau = room.tau[j] - room.message_tau[q]
            if tau <= 1e-12 * room.tau[j]:
                is_open = False
                break
            mean += rows.coefficients[q] * (room.nu[j] - room.message_nu[q]) / tau
            spread += rows.coefficients[q] ** 2 / tau
        a = rows.coefficients[p]
        if is_open:
            moved = max(moved, _tell(rows, room, p, a * a / spread, -a * mean / spread, damping))
    return moved


@loop
def _pass_site(
    rows: _Rows, room: _Room, sites: Coded, nodes: Rule, row: int, damping: float
) -> float:
    """Say what a site says of each of its reals; nothing where one is not known without it."""
    k, moved = rows.site_of[row], 0.0
    mean, spread = -rows.offsets[row], 0.0
    for p in range(rows.start[row], rows.start[row + 1]):
        i = rows.columns[p]
        tau = room.tau[i] - room.message_tau[p]
        if tau <= 1e-12 * room.tau[i]:
            return 1.0
        mean += rows.coefficients[p] * (room.nu[i] - room.message_nu[p]) / tau
        spread += rows.coefficients[p] ** 2 / tau
    _, new_mean, new_spread = tilt(
        int(sites.codes[k]),
        sites.numbers[k, 0],
        sites.numbers[k, 1],
        sites.numbers[k, 2],
        mean,
        spread,
        nodes,
    )
    # What it says of z alone; of each real it is that, beside the others.
    shift, shrink = (new_mean - mean) / spread, (spread - new_spread) / (spread * spread)
    for p in range(rows.start[row], rows.start[row + 1]):
        i, a = rows.columns[p], rows.coefficients[p]
        tau, nu = room.tau[i] - room.message_tau[p], room.nu[i] - room.message_nu[p]
        own = nu / tau + a * shift / tau
        variance = 1.0 / tau - a * a * shrink / (tau * tau)
        if variance > 0.0:
            found = _tell(rows, room, p, 1.0 / variance - tau, own / variance - nu, damping)
            moved = max(moved, found)
    return moved


@loop
def _pass(
    rows: _Rows,
    room: _Room,
    sites: Coded,
    nodes: Rule,
    span: tuple[int, int, int],
    damping: float,
) -> float:
    """Go through some rows, and return the most that a mean moved, in standard deviations."""
    moved, row = 0.0, span[0]
    while row != span[1]:
        if rows.start[row + 1] > rows.start[row] and rows.weights[row] != 0.0:
            if rows.site_of[row] < 0:
                moved = max(moved, _pass_gaussian(rows, room, row, damping))
            else:
                moved = max(moved, _pass_site(rows, room, sites, nodes, row, damping))
        row += span[2]
    return moved


@loop
def _log_value(rows: _Rows, room: _Room, sites: Coded, nodes: Rule) -> float:
    """Return the log of the integral by Bethe's formula; NaN where something is not known."""
    total = 0.0
    for i in range(len(room.tau)):
        if room.tau[i] <= 0.0:
            return np.nan
        total += _HALF_LOG_2PI - 0.5 * math.log(room.tau[i])
        total += 0.5 * room.nu[i] ** 2 / room.tau[i]
    for row in range(len(rows.weights)):
        begin, end = rows.start[row], rows.start[row + 1]
        if begin == end or rows.weights[row] == 0.0:
            continue
        mean, spread, last = -rows.offsets[row], 0.0, -1
        if rows.site_of[row] < 0:
            spread, last = 1.0 / rows.weights[row], begin
            for p in range(begin, end):
                own, least = room.tau[rows.columns[p]], room.tau[rows.columns[last]]
                if own - room.message_tau[p] < least - room.message_tau[last]:
                    last = p
        for p in range(begin, end):
            i = rows.columns[p]
            tau, nu = room.tau[i] - room.message_tau[p], room.nu[i] - room.message_nu[p]
            total -= (
                _HALF_LOG_2PI - 0.5 * math.log(room.tau[i]) + 0.5 * room.nu[i] ** 2 / room.tau[i]
            )
            if p == last:
                continue
            if tau <= 0.0:
                return np.nan
            total += _HALF_LOG_2PI - 0.5 * math.log(tau) + 0.5 * nu * nu / tau
            mean += rows.coefficients[p] * nu / tau
            spread += rows.coefficients[p] ** 2 / tau
        if last < 0:
            k = rows.site_of[row]
            log, _, _ = tilt(
                int(sites.codes[k]),
                sites.numbers[k, 0],
                sites.numbers[k, 1],
                sites.numbers[k, 2],
                mean,
                spread,
                nodes,
            )
            total += log + sites.constants[k]
            continue
        # The others integrated, what is left is a Gaussian of the last.
        i, a = rows.columns[last], rows.coefficients[last]
        tau = room.tau[i] - room.message_tau[last] + a * a / spread
        nu = room.nu[i] - room.message_nu[last] - a * mean / spread
        total += -0.5 * math.log(rows.weights[row] * spread) - 0.5 * mean * mean / spread
        total += _HALF_LOG_2PI - 0.5 * math.log(tau) + 0.5 * nu * nu / tau
    return float(total)


class Messages(NamedTuple):
    """What is believed of each real, as if they were independent.

    Attributes:
        means, variances: of the reals.
        log_value: of the integral, nats.
        residual: the most that the last sweep moved a mean, in standard deviations.
    """

    means: Float64[np.ndarray, " reals"]
    variances: Float64[np.ndarray, " reals"]
    log_value: float
    residual: float


def send(system: System, state: int, budget: Budget) -> Messages | None:
    """Send messages until nothing moves; None where rows forbid the state.

    Raises:
        NotProperError: nothing says where a real is.
        TimeoutError: when there is no time left.
    """
    numbers, log_scale = loaded(system, state)
    if log_scale == -np.inf:
        return None
    is_site = site_rows(system)
    single = (np.diff(system.row_start) == 1) & ~is_site
    rows, room, log_value = _laid_out(system, is_site, single, numbers)
    seen = seen_of(system, numbers.weights)
    sites, nodes = coded(seen.parts, len(seen.weights)), rule()
    count = len(rows.weights)
    residual, damping, before = np.inf, 1.0, np.inf
    for _ in range(_SWEEPS_MAX):
        moved = 0.0
        for span in (*_spans(0, count), *_spans(count - 1, -1)):
            budget.check()
            moved = max(moved, _pass(rows, room, sites, nodes, span, damping))
        before, residual = residual, moved
        if moved < _RESIDUAL:
            break
        if moved > before:
            damping = max(0.7 * damping, 0.1)
    if not (room.tau > 0.0).all() or not np.isfinite(room.nu).all():
        raise NotProperError(state, int(np.argmin(room.tau)))
    log_value += _log_value(rows, room, sites, nodes)
    return Messages(room.nu / room.tau, 1.0 / room.tau, log_value + log_scale, residual)


def _spans(first: int, last: int) -> list[tuple[int, int, int]]:
    step = 1 if last > first else -1
    marks = [*range(first, last, step * _ROWS_AT_ONCE), last]
    return [(a, b, step) for a, b in pairwise(marks)]


def _laid_out(
    system: System,
    is_site: Bool[np.ndarray, " rows"],
    single: Bool[np.ndarray, " rows"],
    numbers: "tuple[np.ndarray, np.ndarray, np.ndarray]",
) -> tuple[_Rows, _Room, float]:
    """Take Gaussian rows of one real together; the others are passed messages by."""
    coefficients, weights, offsets = numbers
    tau, nu = np.zeros(system.num_reals), np.zeros(system.num_reals)
    entries = system.row_start[:-1][single]
    a, w, b = coefficients[entries], weights[single], offsets[single]
    np.add.at(tau, system.columns[entries], w * a * a)
    np.add.at(nu, system.columns[entries], w * a * b)
    site_of = np.full(len(weights), -1, np.int64)
    site_of[is_site] = np.arange(int(is_site.sum()))
    kept = np.where(single, 0.0, weights)
    rows = _Rows(system.row_start, system.columns, coefficients, offsets, kept, site_of)
    room = _Room(tau, nu, np.zeros(len(coefficients)), np.zeros(len(coefficients)))
    return rows, room, -0.5 * float(w @ b**2)
