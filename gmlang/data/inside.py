"""Whether data lies in the domain that the program declares."""

import numpy as np

from gmlang.core.ast import Bool, Constant, Enum, Integer, IntRange, Real
from gmlang.core.program import DataSymbol
from gmlang.data.fitting import Selection
from gmlang.data.names import shown
from gmlang.diagnostics import GmError
from gmlang.errors import data as data_errors
from gmlang.errors import grounding as errors


def constant_ends(symbol: DataSymbol) -> tuple[float, float] | None:
    """Return the first and last value of data's domain where the program says them as they are.

    None where no value is too small or too large, or the ends are computed.
    """
    match symbol.type:
        case Bool():
            return 0, 1
        case Enum(values=values):
            return 0, len(values) - 1
        case IntRange(first=Constant(value=first), last=Constant(value=last)):
            return first, last
        case IntRange():
            return None
        case Integer() | Real():
            return (-np.inf, np.inf) if symbol.is_param else None


def check_inside(
    symbol: DataSymbol,
    array: np.ndarray,
    low: float,
    high: float,
    written: Selection | None = None,
) -> None:
    """Check that every entry that is not missing lies in the declared domain.

    Args:
        symbol: what declares it.
        array: its value.
        low: the first value of the domain.
        high: the last.
        written: where in a file the entries stand.

    Raises:
        GmError: naming the first entry that does not.
    """
    bad: np.ndarray = (array < low) | (array > high)
    if symbol.is_param and array.dtype == np.float64:
        bad |= ~np.isfinite(array)
    if not bad.any():
        return
    place = tuple(int(k) for k in np.argwhere(bad)[0])
    what = data_errors.entry(shown(symbol), place)
    value = array[bad].flat[0]
    number = str(value) if array.dtype == np.int64 else f"{float(value):g}"
    if symbol.is_param and not np.isfinite(value):
        raise GmError([data_errors.missing_param(symbol.span, what, number)])
    span, notes = symbol.span, ()
    if written is not None:
        span = written.place(int(np.flatnonzero(bad)[0]))
        notes = data_errors.declared_here(symbol.span)
    domain = _domain(symbol, low, high)
    hint = data_errors.threshold_hint(domain)
    raise GmError([errors.value_outside_domain(span, what, number, domain, notes, hint)])


def _domain(symbol: DataSymbol, low: float, high: float) -> str:
    match symbol.type:
        case Bool():
            return "bool"
        case Enum(values=values):
            return f"{low}..{high}, the positions of {', '.join(values[:8])}"
        case _:
            return f"{low}..{high}"
