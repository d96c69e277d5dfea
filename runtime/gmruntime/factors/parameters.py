"""The arrays that define factors, turned into what the engines read, or refused by name.

Engines read float64, int64 and booleans, laid out in C order, and nothing else: sums of smaller
numbers wrap, round or overflow. Only symbols, which nobody adds, take fewer bytes. An array that is
like that already is taken as it is.
"""

import operator

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64, Integer

INTEGER_MAX = 1 << 53
"""Float64 holds every integer up to here."""


LOG_VALUE_MAX = 1e302
"""Nothing is stronger and yet finite: sums of a few stronger values leave float64."""


FINITE_MIN = float(np.finfo(np.float64).min)
"""No finite number is below."""


class ParameterError(ValueError):
    """A parameter of a kind of factor is not what the kind needs."""


def floats(
    name: str, values: object, axes: int, *, lowest: float = -np.inf, highest: float = np.inf
) -> Float64[np.ndarray, "tables *rest"]:
    """Return numbers as float64: each at least `lowest`, at most `highest` and below +inf.

    >>> floats("weights", np.array([1, -2], np.int8), 1).tolist()
    [1.0, -2.0]
    """
    array = _plain(name, values, axes)
    if array.dtype.kind not in "biuf":
        raise ParameterError(f"{name} holds {array.dtype}, which is no real number")
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        _refuse(name, array, (array > INTEGER_MAX) | (array < -INTEGER_MAX), "it is beyond 2**53")
    found = np.ascontiguousarray(array, np.float64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        _refuse(name, array, np.isfinite(array) != np.isfinite(found), "it is beyond float64")
    # One pass without a temporary array settles it, but for what is refused: NaN spreads.
    least, most = found.min(initial=np.inf), found.max(initial=-np.inf)
    if not (least >= lowest and most <= highest and most < np.inf):
        if np.isnan(least) or most == np.inf:
            _refuse(name, found, np.isnan(found) | (found == np.inf), "NaN and +inf mean nothing")
        least_said = "finite" if lowest == FINITE_MIN else f"at least {lowest:g}"
        _refuse(name, found, found < lowest, f"it must be {least_said}")
        _refuse(name, found, found > highest, f"it must be at most {highest:g}")
    return found


def non_negative(name: str, values: object, axes: int) -> Float64[np.ndarray, "tables *rest"]:
    """Return finite numbers of at least 0 as float64."""
    return floats(name, values, axes, lowest=0.0)


def integers(name: str, values: object, axes: int) -> Int64[np.ndarray, "tables *rest"]:
    """Return integers as int64."""
    array = _plain(name, values, axes)
    if array.dtype.kind not in "biu":
        raise ParameterError(f"{name} holds {array.dtype}, not integers")
    if array.dtype == np.uint64:
        _refuse(name, array, array > np.iinfo(np.int64).max, "it is beyond 64-bit integers")
    return np.ascontiguousarray(array, np.int64)


def small_integers(
    name: str, values: object, axes: int, count: int
) -> Integer[np.ndarray, "tables *rest"]:
    """Return numbers from 0 to below `count`, without sign, in as few bytes as hold them all.

    >>> small_integers("symbols", [[0, 2]], 2, 3).dtype
    dtype('uint8')
    """
    array = _plain(name, values, axes)
    if array.dtype.kind not in "biu":
        raise ParameterError(f"{name} holds {array.dtype}, not integers")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < count:
        _refuse(name, array, (array < 0) | (array >= count), f"it must be in 0..{count - 1}")
    return np.ascontiguousarray(array, np.min_scalar_type(max(count - 1, 0)))


def flags(name: str, values: object, axes: int) -> Bool[np.ndarray, "tables *rest"]:
    """Return booleans; 0 and 1 stand for them too."""
    array = _plain(name, values, axes)
    if array.dtype.kind not in "biu":
        raise ParameterError(f"{name} holds {array.dtype}, not booleans")
    if array.dtype != np.bool_:
        _refuse(name, array, (array != 0) & (array != 1), "it must be 0 or 1")
    return np.ascontiguousarray(array, np.bool_)


def integer(name: str, value: object, *, lowest: int) -> int:
    """Return one integer of at least `lowest`."""
    try:
        found = operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise ParameterError(f"{name} is {value!r}, not an integer") from None
    if not lowest <= found <= np.iinfo(np.int32).max:
        raise ParameterError(f"{name} is {found}; it must be in {lowest}..{2**31 - 1}")
    return found


def same_length(name: str, values: np.ndarray, length: int, of: str, axis: int = 0) -> None:
    """Check that an array is as long as another parameter, or as the kind's arity, asks for."""
    if values.shape[axis] != length:
        raise ParameterError(
            f"{name} has shape {values.shape}: axis {axis} must be {length} long, {of}"
        )


def shared(**parameters: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give parameters as many rows as the longest has, where one row stands for all.

    >>> [len(values) for values in shared(slopes=np.ones(1), caps=np.ones(3))]
    [3, 3]
    """
    lengths = {name: len(values) for name, values in parameters.items()}
    several = {length for length in lengths.values() if length != 1}
    if len(several) > 1:
        rows = " and ".join(f"{length} of {name}" for name, length in lengths.items())
        raise ParameterError(f"it has {rows}; each needs a row for every factor, or one for all")
    count = next(iter(several), 1)
    return tuple(
        values if len(values) == count else np.repeat(values, count, axis=0)
        for values in parameters.values()
    )


def needs_two(arity: int) -> None:
    """Check that a kind is about pairs."""
    if arity != 2:
        raise ParameterError(f"it relates 2 variables, and its scopes hold {arity}")


def needs_last(arity: int) -> None:
    """Check that there is a variable for the others to cause."""
    if arity < 1:
        raise ParameterError("its scopes hold no variable; the last one is what the others cause")


def unmasked(name: str, values: object) -> np.ndarray:
    """Return an array without a mask; a list, or any other sequence of numbers, becomes one."""
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise ParameterError(f"{name} is a masked array with entries left out; fill them in")
        return np.asarray(values.data)
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError):
        raise ParameterError(f"{name} is no array of numbers") from None


def _plain(name: str, values: object, axes: int) -> np.ndarray:
    array = unmasked(name, values)
    if array.ndim != axes:
        raise ParameterError(f"{name} has shape {array.shape}; it needs {axes} axes, tables first")
    return array


def _refuse(name: str, array: np.ndarray, wrong: np.ndarray, why: str) -> None:
    """Name the first entry that is wrong, if there is one."""
    places = np.argwhere(wrong)
    if len(places):
        place = tuple(int(k) for k in places[0])
        where = ", ".join(map(str, place))
        raise ParameterError(f"{name}[{where}] is {array[place]}: {why}")
