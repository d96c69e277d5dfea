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
from gmruntime.elimination.passes.program import Sheet, Step, write_upward
from gmruntime.elimination.solutions import LOG_TOLERANCE, Counted
from gmruntime.simplify.network import Network

PRIMES_BELOW = 1 << 31
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
    sheet = write_upward(network, order).sheet
    done = _pass(sheet, budget, is_max=False)
    if not done.finished:
        # What vanished may have been too small for floats; maxima of logs know whether it is 0.
        found = None if budget.is_spent() else _pass(sheet, budget, is_max=True)
        vanished = found is not None and not found.finished and not budget.is_spent()
        return Counted(-np.inf, 0) if vanished else None
    log_count = done.log_constant
    if log_count + math.log(_rounding(network, sheet)) < _LOG_DOUBT_MAX:
        return Counted(log_count, round(math.exp(log_count)))
    # Its tables take as much memory as those of a pass in whole numbers.
    del done
    log_most = log_count + LOG_TOLERANCE * max(1.0, log_count)
    count = _count_below(sheet, log_most, budget)
    if count is not None and not _agree(count, log_count):
        # Floats lost what was too small for them and larger in the end; there are at most all.
        count = _count_below(sheet, _log_states(network), budget)
        if count is None:
            return None
        return Counted(math.log(count) if count else -np.inf, count)
    return Counted(log_count if count is None else math.log(count), count)


def _count_below(sheet: Sheet, log_most: float, budget: Budget) -> int | None:
    """Count in whole numbers, of which there are at most e^log_most; None when time ran out."""
    num_primes = int(log_most / math.log(PRIMES_BELOW / 2)) + 1
    num_entries = sum(float(sheet.entries(step.axes)) for step in sheet.steps)
    if num_primes * num_entries / ENTRIES_PER_SECOND > budget.left_s():
        return None
    count, product = 0, 1
    for _, prime in zip(range(num_primes), _primes(), strict=False):
        remainder = _count_modulo(sheet, prime, budget)
        if remainder is None:
            return None
        # The one number below the new product that leaves both remainders.
        count += product * ((remainder - count) * pow(product, -1, prime) % prime)
        product *= prime
    return count


def _agree(count: int, log_count: float) -> bool:
    """Say whether floats found the same; a remainder of another number is not so close."""
    return count > 0 and abs(math.log(count) - log_count) <= LOG_TOLERANCE * max(1.0, log_count)


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
        roundings += _num_terms(sheet, step) + len(step.operands) + log_states + 4.0
    return 4.0 * float(np.finfo(np.float64).eps) * roundings


def _log_states(network: Network) -> float:
    """Return the log of how many assignments the free variables have."""
    return float(np.log(network.num_states[list(network.free)].astype(np.float64)).sum())


def _num_terms(sheet: Sheet, step: Step) -> float:
    """Bound how many terms an entry of the result is a sum of.

    One entry may have far more than the mean where only possible states of groups are listed.
    """
    axes = sheet.axes
    kept = {v for axis in sheet.scopes[step.result] for v in axes.variables(axis)}
    summed = {v for axis in step.axes for v in axes.variables(axis)} - kept
    return min(float(sheet.entries(step.axes)), math.prod(float(axes.size(v)) for v in summed))


def _count_modulo(sheet: Sheet, prime: int, budget: Budget) -> int | None:
    """Return the remainder of the number of solutions; None when time ran out."""
    from gmruntime.elimination.passes.counting_kernel import run_part_modulo

    sizes = np.array([sheet.entries(scope) for scope in sheet.scopes], np.int64)
    starts, num_entries = allocate(sheet, sizes, reuse=True)
    values = np.empty(num_entries, np.int64)
    for table, log_table in sheet.given.items():
        values[starts[table] : starts[table] + sizes[table]] = log_table.reshape(-1) > -np.inf
    program = program_of(sheet, starts, sizes, np.zeros(len(sheet.steps), np.bool_))
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
    """Yield the primes below `PRIMES_BELOW`, the largest first."""
    for candidate in range(PRIMES_BELOW - 1, 2, -2):
        if all(candidate % odd for odd in range(3, math.isqrt(candidate) + 1, 2)):
            yield candidate
