"""How many assignments have a score above zero, by compiled passes, as an integer of any size.

A pass in floats says how large the number is, and which one where its rounding cannot reach half of
one. Otherwise passes in whole numbers modulo a few primes, whose product is larger, say which.

Source: the Chinese remainder theorem; von zur Gathen and Gerhard (2013), "Modern computer
algebra", section 5.4.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gmruntime.budget import Budget
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.passes.cores import PARALLEL_ENTRIES, Run, allocate, program_of, run
from gmruntime.elimination.passes.losses import num_terms
from gmruntime.elimination.passes.program import Sheet, write_upward
from gmruntime.elimination.solutions import LOG_TOLERANCE, Counted
from gmruntime.simplify.network import Network

_PRIMES_BELOW = 1 << 31
"""Products of two remainders fit 64 bits."""

ENTRIES_PER_SECOND = 6e7
"""Clique entries that one core goes through a second, modulo a prime, as measured."""

_PARTS_PER_CORE = 4

# How far from a whole number the result of a pass in floats may be.
_LOG_DOUBT_MAX = math.log(0.25)

# Logs of numbers that lie so close together can be told apart from 0 by floats.
_LOG_RANGE = 600.0


def count_compiled(network: Network, order: Order, budget: Budget) -> Counted | None:
    """Count by compiled passes; None when time ran out before anything was known.

    Args:
        network: of tables of 0 and -inf.
        order: its cliques sorted by when each variable is eliminated.
        budget: asked now and then.
    """
    try:
        sheet = write_upward(network, order, budget).sheet
    except TimeoutError:
        return None
    done = _pass(sheet, budget, is_max=False)
    if not done.finished:
        return _count_small(network, sheet, budget)
    log_count = done.log_constant
    if log_count + math.log(_rounding(network, sheet)) < _LOG_DOUBT_MAX:
        return Counted(log_count, round(math.exp(log_count)))
    # Its tables take as much memory as those of a pass in whole numbers.
    del done
    margin = LOG_TOLERANCE * max(1.0, log_count)
    count = _count_below(sheet, log_count + margin, budget)
    if count is None:
        return Counted(log_count, None)
    assert abs(math.log(count) - log_count) <= margin
    return Counted(math.log(count), count)


def _count_small(network: Network, sheet: Sheet, budget: Budget) -> Counted | None:
    """Count what was too small for floats: maxima of logs know whether it is 0."""
    if budget.is_spent():
        return None
    is_possible = _pass(sheet, budget, is_max=True).finished
    if budget.is_spent():
        return None
    if not is_possible:
        return Counted(-np.inf, 0)
    count = _count_below(sheet, _log_states(network), budget)
    return None if count is None else Counted(math.log(count), count)


def _count_below(sheet: Sheet, log_most: float, budget: Budget) -> int | None:
    """Count in whole numbers, of which there are at most e^log_most; None when time ran out."""
    num_primes = int(log_most / math.log(_PRIMES_BELOW / 2)) + 1
    num_entries = sum(float(sheet.entries(step.axes)) for step in sheet.steps)
    if num_primes * num_entries / ENTRIES_PER_SECOND > budget.left_s():
        return None
    count, product = 0, 1
    for _, prime in zip(range(num_primes), _primes(), strict=False):
        try:
            remainder = _count_modulo(sheet, prime, budget)
        except TimeoutError:
            return None
        if remainder is None:
            return None
        # The one number below the new product that leaves both remainders.
        count += product * ((remainder - count) * pow(product, -1, prime) % prime)
        product *= prime
    return count


def _pass(sheet: Sheet, budget: Budget, *, is_max: bool) -> Run:
    count = sum(step.clique >= 0 for step in sheet.steps)
    return run(sheet, np.full(count, is_max), budget, reuse=True)


def _rounding(network: Network, sheet: Sheet) -> float:
    """Bound the relative error of a pass in floats; inf where small numbers may have vanished.

    Every term is positive, so that the errors of a product add up, and a sum of n terms has at
    most n - 1 roundings more than its worst. What was taken out to rescale is a sum of logs, none
    of them more than that of all states.
    """
    log_states = _log_states(network)
    if log_states > _LOG_RANGE:
        return math.inf
    roundings = 1.0
    for step in sheet.steps:
        roundings += num_terms(sheet, step) + len(step.operands) + log_states + 4.0
    return 4.0 * float(np.finfo(np.float64).eps) * roundings


def _log_states(network: Network) -> float:
    """Return the log of how many assignments the free variables have."""
    return float(np.log(network.num_states[list(network.free)].astype(np.float64)).sum())


def _count_modulo(sheet: Sheet, prime: int, budget: Budget) -> int | None:
    """Return the remainder of the number of solutions; None when time ran out."""
    from gmruntime.elimination.passes.counting_kernel import run_part_modulo

    sizes = np.array([sheet.entries(scope) for scope in sheet.scopes], np.int64)
    starts, num_entries = allocate(sheet, sizes, reuse=True)
    values = np.empty(num_entries, np.int64)
    for table, log_table in sheet.given.items():
        values[starts[table] : starts[table] + sizes[table]] = log_table.reshape(-1) > -np.inf
    never = np.zeros(len(sheet.steps), np.bool_)
    program = program_of(sheet, starts, sizes, never, never)
    cores, remainder = budget.num_cores(), 1
    with ThreadPoolExecutor(cores) as pool:
        for number, step in enumerate(sheet.steps):
            if budget.is_spent():
                return None
            begin, size = int(starts[step.result]), int(sizes[step.result])
            values[begin : begin + size] = 0
            is_large = sheet.entries(step.axes) >= PARALLEL_ENTRIES
            parts = _PARTS_PER_CORE * cores if is_large else 1

            def do(part: int, number: int = number, parts: int = parts) -> None:
                if not budget.is_spent():
                    run_part_modulo(values, program, number, part, parts, prime)

            list(pool.map(do, range(parts))) if is_large else do(0)
            if not sheet.scopes[step.result]:
                remainder = remainder * int(values[begin]) % prime
    return None if budget.is_spent() else remainder


def _primes() -> Iterator[int]:
    """Yield the primes below `_PRIMES_BELOW`, the largest first."""
    for candidate in range(_PRIMES_BELOW - 1, 2, -2):
        if all(candidate % odd for odd in range(3, math.isqrt(candidate) + 1, 2)):
            yield candidate
