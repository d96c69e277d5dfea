"""Params that can be learned: whether their values are of their types, and where they begin."""

from collections.abc import Callable, Sequence

import numpy as np

from gmlang.core.parameters import ParameterKind
from gmlang.core.program import DataSymbol
from gmlang.data.names import shown
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors.learning import course as errors

SUM_ROUNDING = 1e-6
"""Rows that sum to one up to this are divided by their sums; others are refused."""

_PLACEHOLDERS = {
    ParameterKind.PROBABILITY: 0.5,
    ParameterKind.REAL: 0.0,
    ParameterKind.POSITIVE: 1.0,
}
"""What stands for a param until it is learned; each entry of a simplex has the same share."""


def placeholder(kind: ParameterKind, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers that a parameter may be.

    >>> placeholder(ParameterKind.SIMPLEX, (2,)).tolist()
    [0.5, 0.5]
    """
    if kind is ParameterKind.SIMPLEX:
        return np.full(shape, 1.0 / max(1, shape[-1]))
    return np.full(shape, _PLACEHOLDERS[kind])


def checked_parameter(symbol: DataSymbol, array: np.ndarray) -> np.ndarray:
    """Return a param's value with the rows of a simplex divided by their sums.

    Raises:
        GmError: naming the first entry or row that its type does not have.
    """
    if symbol.parameter is None:
        return array
    values = array.astype(np.float64)
    match symbol.parameter.kind:
        case ParameterKind.REAL:
            return array
        case ParameterKind.POSITIVE:
            _refuse(symbol, values, ~(values > 0), errors.not_positive)
            return array
        case ParameterKind.PROBABILITY:
            outside = ~((values >= 0) & (values <= 1))
            _refuse(symbol, values, outside, errors.not_a_probability)
            return array
        case ParameterKind.SIMPLEX:
            outside = ~((values >= 0) & (values <= 1 + SUM_ROUNDING))
            _refuse(symbol, values, outside, errors.not_a_probability)
            sums = values.sum(axis=-1)
            bad = ~(np.abs(sums - 1.0) <= SUM_ROUNDING)
            _refuse(symbol, sums, bad, errors.not_summing_to_one)
            return values / sums[..., None]


def _refuse(
    symbol: DataSymbol,
    values: np.ndarray,
    bad: np.ndarray,
    mistake: Callable[[Span, str, Sequence[int], float], Diagnostic],
) -> None:
    if bad.any():
        place = tuple(int(k) for k in np.argwhere(bad)[0]) if bad.ndim else ()
        raise GmError([mistake(symbol.span, shown(symbol), place, float(values[place]))])
