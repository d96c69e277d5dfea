"""What remembered patterns say together: sums over positions, and over patterns.

A pattern is a row of symbols, and what is said of a symbol is said once for all patterns that have
it. Loops are compiled only where there is much to add up: loading them takes longer than the rest.
"""

import numpy as np

from gmruntime.arrays import Float64, Integer
from gmruntime.budget import Budget

_ENTRIES_MIN = 1 << 20
"""Fewer are added up by NumPy in a hundredth of a second."""

_ENTRIES_AT_ONCE = 1 << 22
"""Between two looks at the clock."""


def sums_of_patterns(
    of_symbols: Float64[np.ndarray, "symbols positions"],
    symbols: Integer[np.ndarray, "patterns positions"] | None,
    budget: Budget,
) -> Float64[np.ndarray, " patterns"]:
    """Add up what is said of each pattern's symbols, one in each position.

    Args:
        of_symbols: what is said of each; -inf is legal.
        symbols: which one each pattern has; None where each has its own.
        budget: asked now and then.

    Raises:
        TimeoutError: when the budget is spent.
    """
    if symbols is None:
        return of_symbols.sum(axis=1)
    sums = np.zeros(len(symbols))
    if symbols.size < _ENTRIES_MIN:
        places = np.arange(symbols.shape[1])
        return of_symbols[symbols, places].sum(axis=1)
    from gmruntime.simplify.memories.attending import add_symbols

    of_symbols = np.ascontiguousarray(of_symbols)
    step = max(1, _ENTRIES_AT_ONCE // symbols.shape[1])
    for first in range(0, len(symbols), step):
        budget.check()
        add_symbols(of_symbols, symbols[first : first + step], sums[first : first + step])
    return sums


def weights_of_symbols(
    weights: Float64[np.ndarray, "rows patterns"],
    symbols: Integer[np.ndarray, "patterns positions"],
    num_symbols: int,
    budget: Budget,
) -> Float64[np.ndarray, "rows symbols positions"]:
    """Add up the weights of the patterns that have a symbol, in each position.

    Args:
        weights: at least 0.
        symbols: which one each pattern has.
        num_symbols: how many there are.
        budget: asked now and then.

    Raises:
        TimeoutError: when the budget is spent.
    """
    found = np.zeros((len(weights), num_symbols, symbols.shape[1]))
    some = np.flatnonzero(weights.any(axis=0))
    step = max(1, _ENTRIES_AT_ONCE // max(1, symbols.shape[1]))
    for first in range(0, len(some), step):
        piece = some[first : first + step]
        own, told = symbols[piece], weights[:, piece]
        for symbol in range(num_symbols):
            budget.check()
            found[:, symbol] += told @ (own == symbol).astype(np.float64)
    return found


def sums_by_products(
    told: Float64[np.ndarray, "symbols rows positions"],
    symbols: Integer[np.ndarray, "patterns positions"],
    budget: Budget,
) -> Float64[np.ndarray, "rows patterns"]:
    """Add up what each row says of each pattern's symbols: a product for each symbol but the first.

    Args:
        told: what is said of each symbol in each position; -inf is legal.
        symbols: which one each pattern has.
        budget: asked now and then.

    Raises:
        TimeoutError: when the budget is spent.
    """
    is_finite = np.isfinite(told)
    forbidden = None
    if not is_finite.all():
        forbidden, told = (~is_finite).astype(np.float64), np.where(is_finite, told, 0.0)
    found = np.repeat(told[0].sum(axis=1)[:, None], len(symbols), axis=1)
    num_forbidden = np.zeros(found.shape if forbidden is not None else (1, 1))
    if forbidden is not None:
        num_forbidden += forbidden[0].sum(axis=1)[:, None]
    step = max(1, _ENTRIES_AT_ONCE // max(1, symbols.shape[1]))
    for first in range(0, len(symbols), step):
        piece = slice(first, first + step)
        for symbol in range(1, len(told)):
            budget.check()
            has = (symbols[piece] == symbol).astype(np.float64).T
            found[:, piece] += (told[symbol] - told[0]) @ has
            if forbidden is not None:
                num_forbidden[:, piece] += (forbidden[symbol] - forbidden[0]) @ has
    return np.where(num_forbidden > 0.5, -np.inf, found)
