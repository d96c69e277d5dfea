"""Arrays, lists and the columns of data frames, read as the array that the program declares.

No library is imported to see whether a value is one of its own: what is not imported yet cannot
have made the value.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, cast

import numpy as np

from gmlang.core.ast import Enum, Real
from gmlang.core.program import DataSymbol
from gmlang.data.names import own_name, shown
from gmlang.data.scalars import (
    EXACT_LAST,
    INT_LAST,
    DataType,
    Unreadable,
    expected,
    from_text,
    read_all,
    stored,
)
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors import data as errors
from gmlang.errors import objects

_NUM_LEVELS_MAX = 64
"""NumPy's own limit of axes."""

_Flat = np.ndarray | tuple[int, Unreadable]
_Ragged = tuple[tuple[int, ...], objects.Length, objects.Length]
"""One axis of values, or the index of the first that cannot be read."""


def from_python(symbol: DataSymbol, value: object) -> np.ndarray:
    """Read a value from Python: of int64, or of float64 where NaN (missing) or reals are.

    Raises:
        GmError: naming the data, the index and the value that is none of the declared type.
    """
    array, result = _flat_of(symbol, value)
    if isinstance(result, tuple):
        raise GmError([_bad_entry(symbol, array.shape, *result)])
    return result


def read_column(
    type_: DataType, name: str, span: Span, value: object
) -> np.ndarray | tuple[int, Unreadable]:
    """Read values as those of a type: an array, or the flat index of the first that is none.

    Raises:
        GmError: for what is no array at all.
    """
    symbol = DataSymbol(span, name, ("rows",), type_, None)
    return _flat_of(symbol, value)[1]


def _flat_of(symbol: DataSymbol, value: object) -> tuple[np.ndarray, _Flat]:
    array, is_missing = _array(symbol, value)
    if is_missing is None or not is_missing.any():
        result = _read(symbol.type, array)
        flat_index = None
    else:
        present = np.flatnonzero(~is_missing.reshape(-1))
        result = _read(symbol.type, array.reshape(-1)[present])
        flat_index = present
        if isinstance(result, np.ndarray):
            result = _with_missing(result, present, array.shape)
    if isinstance(result, tuple):
        index, reason = result
        result = (index if flat_index is None else int(flat_index[index])), reason
    return array, result


def from_setting(symbol: DataSymbol, text: str) -> np.ndarray:
    """Read the text of `--set name=text`: one value.

    Raises:
        GmError: when it is none of the declared type.
    """
    result = from_text(symbol.type, text)
    if isinstance(result, Unreadable):
        raise GmError([_bad_entry(symbol, (), 0, result)])
    array = stored(symbol.type, [result], ())
    assert isinstance(array, np.ndarray)
    return array


def _bad_entry(
    symbol: DataSymbol, shape: tuple[int, ...], index: int, reason: Unreadable
) -> Diagnostic:
    place = np.unravel_index(index, shape) if shape else ()
    what = errors.entry(shown(symbol), tuple(int(k) for k in place))
    return errors.bad_entry(symbol.span, what, reason.shown, expected(symbol.type), reason.hint)


# --- Values by their kind ----------------------------------------------------------------


def _read(type_: DataType, array: np.ndarray) -> _Flat:
    match array.dtype.kind:
        case "b":
            if isinstance(type_, Enum) and array.size:
                return 0, Unreadable(errors.A_BOOL, errors.values_hint(type_.values))
            return array.astype(np.int64)
        case "i" | "u":
            return _integers(type_, array)
        case "f":
            return _floats(type_, array)
        case _:
            values = read_all(type_, array.reshape(-1).tolist())
            return values if isinstance(values, tuple) else stored(type_, values, array.shape)


def _integers(type_: DataType, array: np.ndarray) -> _Flat:
    if array.dtype == np.uint64:
        large = array > INT_LAST
        if large.any() and isinstance(type_, Real):
            return array.astype(np.float64)
        if large.any():
            index = int(np.flatnonzero(large)[0])
            return index, Unreadable(str(array.reshape(-1)[index]), errors.TOO_LARGE)
    return array.astype(np.int64)


def _floats(type_: DataType, array: np.ndarray) -> _Flat:
    with np.errstate(all="ignore"):
        floats = array.astype(np.float64)
        reason = errors.TOO_LARGE
        if isinstance(type_, Real):
            bad = np.isinf(floats) & np.isfinite(array)
        else:
            is_seen = ~np.isnan(array)
            bad = is_seen & (np.abs(floats) >= EXACT_LAST)
            if bad.any():
                is_infinite = np.isinf(array[bad]).any()
                reason = errors.NOT_WHOLE if is_infinite else errors.TOO_LARGE_FOR_FLOAT
            else:
                bad = is_seen & (array != np.floor(array))
                reason = errors.NOT_WHOLE
            if is_seen.all() and not bad.any():
                return floats.astype(np.int64)
    if bad.any():
        index = int(np.flatnonzero(bad)[0])
        return index, Unreadable(str(array.reshape(-1)[index]), reason)
    return floats


def _with_missing(values: np.ndarray, present: np.ndarray, shape: tuple[int, ...]) -> _Flat:
    if values.dtype == np.int64:
        large = np.abs(values) >= EXACT_LAST
        if large.any():
            index = int(np.flatnonzero(large)[0])
            return index, Unreadable(str(values[index]), errors.TOO_LARGE_BESIDE_MISSING)
    result = np.full(int(np.prod(shape)), np.nan)
    result[present] = values
    return result.reshape(shape)


# --- Arrays of whatever is given ---------------------------------------------------------


def _array(symbol: DataSymbol, value: object) -> tuple[np.ndarray, np.ndarray | None]:
    """Return any value as an array, and which of its entries a mask hides."""
    if _is_of("pandas", value):
        return _of_pandas(symbol, value), None
    value = _masked_list(value)
    if _is_masked(value):
        masked = cast("np.ma.MaskedArray[Any, Any]", value)
        mask = np.ma.getmaskarray(masked)
        array = _plain(symbol, np.ma.getdata(masked))
        if mask.dtype.names is not None:
            fields = cast("Any", mask)
            mask = np.asarray(fields[own_name(symbol)], np.bool_)
        return array, mask
    _refuse_other(symbol, value)
    try:
        array = np.asarray(value)
    # Foreign arrays raise whatever they like when they cannot be converted.
    except Exception as error:
        _refuse_ragged(symbol, value)
        kind = type(value).__name__
        raise GmError([objects.no_array(symbol.span, shown(symbol), kind, error)]) from None
    return _plain(symbol, array), None


def _plain(symbol: DataSymbol, array: np.ndarray) -> np.ndarray:
    """Choose a structured array's field, and refuse what has no reading at all."""
    name = shown(symbol)
    if array.dtype.names is not None:
        fields = array.dtype.names
        if own_name(symbol) not in fields:
            raise GmError([objects.no_such_field(symbol.span, name, fields, own_name(symbol))])
        array = array[own_name(symbol)]
    match array.dtype.kind:
        case "b" | "i" | "u" | "f" | "S" | "U" | "O" | "T":
            return array
        case "c":
            raise GmError([objects.complex_numbers(symbol.span, name)])
        case "M" | "m":
            raise GmError([objects.times(symbol.span, name, str(array.dtype))])
        case _:
            raise GmError([objects.other_values(symbol.span, name, str(array.dtype))])


def _refuse_other(symbol: DataSymbol, value: object) -> None:
    """Refuse a thing that NumPy would take for a single object."""
    if hasattr(value, "__array__"):
        return
    place = symbol.span, shown(symbol), type(value).__name__
    if isinstance(value, Iterator):
        raise GmError([objects.an_iterator(*place)])
    if isinstance(value, Set):
        raise GmError([objects.a_set(*place)])
    if isinstance(value, Mapping):
        raise GmError([objects.a_mapping(*place)])
    if hasattr(value, "toarray"):
        raise GmError([objects.a_sparse_matrix(*place)])


def _refuse_ragged(symbol: DataSymbol, value: object) -> None:
    found = _ragged(value, ())
    if found is not None:
        place, here, first = found
        raise GmError([objects.ragged(symbol.span, shown(symbol), place, here, first)])


def _ragged(value: object, place: tuple[int, ...]) -> _Ragged | None:
    """Find the first list that is not as long as those beside it.

    Returns:
        Its place, its length and that of the first beside it: a number, the shape of an array, or
        None of a single value.
    """
    if not isinstance(value, list | tuple) or len(place) > _NUM_LEVELS_MAX:
        return None
    items: Sequence[object] = value
    shapes = [_length(item) for item in items]
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            return (*place, index), shape, shapes[0]
    for index, item in enumerate(items):
        found = _ragged(item, (*place, index))
        if found is not None:
            return found
    sizes: list[objects.Length] = [getattr(item, "shape", None) for item in items]
    for index, size in enumerate(sizes):
        if size != sizes[0]:
            return (*place, index), size, sizes[0]
    return None


def _length(item: object) -> int | None:
    if isinstance(item, str | bytes) or not hasattr(item, "__len__"):
        return None
    try:
        return len(cast("Sequence[object]", item))
    except TypeError:
        return None


# --- Masked arrays and pandas ------------------------------------------------------------


def _is_masked(value: object) -> bool:
    # Looking at np.ma would import it, which takes longer than most programs.
    return "numpy.ma" in sys.modules and isinstance(value, np.ma.MaskedArray)


def _masked_list(value: object) -> object:
    """Join lists of masked arrays, whose masks NumPy would forget."""
    if "numpy.ma" not in sys.modules or not _has_masked(value):
        return value
    try:
        return _joined(value)
    except (TypeError, ValueError):
        # Rows of different shapes: `np.asarray` refuses them too.
        return value


def _has_masked(value: object) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    items: Sequence[object] = value
    check = _has_masked if isinstance(items[0], list | tuple) else _is_masked
    return any(check(item) for item in items if item is not value)


def _joined(value: object) -> Any:  # noqa: ANN401 - masked arrays have no precise type
    if isinstance(value, list | tuple):
        items: Sequence[object] = value
        return np.ma.stack([_joined(item) for item in items])
    return np.ma.asarray(cast("Any", value))


def _is_of(library: str, value: object) -> bool:
    if library not in sys.modules:
        return False
    return any(kind.__module__.partition(".")[0] == library for kind in type(value).__mro__)


def _of_pandas(symbol: DataSymbol, value: Any) -> np.ndarray:  # noqa: ANN401 - pandas is no dependency
    if hasattr(value, "columns"):
        value = _of_frame(symbol, value)
    dtypes = list(value.dtypes) if hasattr(value, "columns") else [getattr(value, "dtype", None)]
    kinds = {dtype.kind if isinstance(dtype, np.dtype) else "extension" for dtype in dtypes}
    # Columns of several kinds would be made floats, or text: True becomes 1.0 and "True".
    if kinds <= {"i", "u", "f"} or kinds in ({"b"}, {"c"}, {"M"}, {"m"}):
        return _plain(symbol, np.asarray(value))
    return _plain(symbol, np.asarray(value, dtype=object))


def _of_frame(symbol: DataSymbol, frame: Any) -> Any:  # noqa: ANN401 - pandas is no dependency
    """Choose the column of a data frame that has the data's name; a matrix takes them all."""
    if len(symbol.shape) != 1:
        return frame
    columns = [str(column) for column in frame.columns]
    if columns.count(own_name(symbol)) == 1:
        return frame.iloc[:, columns.index(own_name(symbol))]
    if len(columns) == 1:
        return frame.iloc[:, 0]
    raise GmError([objects.no_one_column(symbol.span, shown(symbol), columns)])
