"""Params that can be learned: whether their values are of their types, and where they begin."""

import numpy as np

from gmlang.core.parameters import ParameterKind
from gmlang.core.program import DataSymbol
from gmlang.data.names import shown
from gmlang.diagnostics import GmError
from gmlang.errors import data as data_errors
from gmlang.errors.learning import mistakes as errors

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
            _refuse(symbol, values, ~(values > 0), "a param : positive is above 0")
            return array
        case ParameterKind.PROBABILITY:
            needed = "a probability lies between 0 and 1"
            _refuse(symbol, values, ~((values >= 0) & (values <= 1)), needed)
            return array
        case ParameterKind.SIMPLEX:
            needed = "a probability lies between 0 and 1"
            _refuse(symbol, values, ~((values >= 0) & (values <= 1 + SUM_ROUNDING)), needed)
            sums = values.sum(axis=-1)
            bad = ~(np.abs(sums - 1.0) <= SUM_ROUNDING)
            if bad.any():
                place = tuple(int(k) for k in np.argwhere(bad)[0]) if bad.ndim else ()
                what = data_errors.entry(shown(symbol), place)
                reason = f"sums to {float(sums[place]):.10g}, not to 1"
                raise GmError([errors.bad_value(symbol.span, what, reason)])
            return values / sums[..., None]


def _refuse(symbol: DataSymbol, values: np.ndarray, bad: np.ndarray, needed: str) -> None:
    if bad.any():
        place = tuple(int(k) for k in np.argwhere(bad)[0]) if bad.ndim else ()
        what = data_errors.entry(shown(symbol), place)
        reason = f"is {float(values[place]):g}: {needed}"
        raise GmError([errors.bad_value(symbol.span, what, reason)])
