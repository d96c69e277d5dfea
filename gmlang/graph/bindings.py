"""Data meets the program: sizes become known, arrays are checked against their domains."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from gmlang.core.ast import Expression
from gmlang.core.program import DataSymbol, Program
from gmlang.core.types import Bool, Enum, Integer, IntRange, Real
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import grounding as errors
from gmlang.graph.evaluate import Env, Slots, evaluate, integers
from gmlang.graph.world import ONE_INSTANCE, World


def bind(program: Program, values: Mapping[str, object]) -> World:
    """Return a world in which every size, data array and parameter of the program is known.

    Args:
        program: a checked program.
        values: arrays and numbers by name; NaN and masked entries are missing observations.

    Raises:
        GmError: naming all data that is missing, unknown, misshapen or outside its domain.
    """
    world = World()
    known = [symbol.name for symbol in program.data]
    diagnostics = [errors.unknown_binding(name, known) for name in values if name not in known]
    for symbol in program.data:
        try:
            _bind_one(world, symbol, values, [name for name in values if name in known])
        except GmError as error:
            diagnostics.extend(error.diagnostics)
    # A size that depends on missing data would only repeat the message about the data.
    missing = [d for d in diagnostics if d.code in ("GM401", "GM402")]
    if diagnostics:
        raise GmError(missing or diagnostics)
    return world


def _bind_one(
    world: World, symbol: DataSymbol, values: Mapping[str, object], given: list[str]
) -> None:
    if symbol.name in values:
        array = _as_array(symbol, values[symbol.name])
    elif symbol.literal is not None:
        array = _as_array(symbol, symbol.literal)
    elif symbol.value is not None:
        array = np.asarray(evaluate(symbol.value, _constants(world)))
        array = array if symbol.shape else array.reshape(())
    else:
        raise GmError([errors.missing_data(symbol.span, symbol.name, given)])
    _match_shape(world, symbol, array)
    _check_domain(world, symbol, array)
    world.data[symbol.name] = array
    if array.ndim == 0 and array.dtype == np.int64:
        world.sizes.setdefault(symbol.name, int(array))


def _constants(world: World) -> Env:
    return Env(world, ONE_INSTANCE, Slots())


def _as_array(symbol: DataSymbol, value: object) -> np.ndarray:
    # Looking at np.ma would import it, which takes longer than most programs.
    if type(value).__name__ == "MaskedArray":
        masked = cast("np.ma.MaskedArray[Any, Any]", value)
        value = np.where(np.ma.getmaskarray(masked), np.nan, np.ma.getdata(masked))
    array = np.asarray(value)
    if isinstance(symbol.type, Enum) and array.dtype.kind in "US":
        return _enum_states(symbol, symbol.type, array)
    if array.dtype.kind not in "bif":
        found = f"values of type {array.dtype}"
        raise GmError([errors.bad_data_value(symbol.span, symbol.name, found, "numbers")])
    if array.dtype.kind == "b":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        finite = array[~np.isnan(array)]
        whole = not isinstance(symbol.type, Real) and (finite == np.round(finite)).all()
        if whole and finite.size == array.size and np.isfinite(finite).all():
            return array.astype(np.int64)
        return array.astype(np.float64)
    return array.astype(np.int64)


def _enum_states(symbol: DataSymbol, domain: Enum, array: np.ndarray) -> np.ndarray:
    places = {value: state for state, value in enumerate(domain.values)}
    flat = [str(value) for value in array.reshape(-1)]
    unknown = next((value for value in flat if value not in places), None)
    if unknown is not None:
        expected = f"one of {', '.join(domain.values)}"
        raise GmError([errors.bad_data_value(symbol.span, symbol.name, repr(unknown), expected)])
    return np.array([places[value] for value in flat], np.int64).reshape(array.shape)


def _match_shape(world: World, symbol: DataSymbol, array: np.ndarray) -> None:
    declared = f"{symbol.name}[{', '.join(_show(part) for part in symbol.shape)}]"
    found = " x ".join(map(str, array.shape)) or "a single number"
    if array.ndim != len(symbol.shape):
        raise GmError([errors.wrong_shape(symbol.span, symbol.name, declared, found)])
    for part, size in zip(symbol.shape, array.shape, strict=True):
        if isinstance(part, str):
            expected = world.sizes.setdefault(part, size)
        else:
            expected = int(np.asarray(integers(part, _constants(world))).reshape(-1)[0])
        if expected != size:
            name = _show(part)
            raise GmError(
                [
                    errors.wrong_shape(
                        symbol.span, symbol.name, f"{declared} with {name} = {expected}", found
                    )
                ]
            )


def _show(part: str | Expression) -> str:
    return part if isinstance(part, str) else part.span.text


def _check_domain(world: World, symbol: DataSymbol, array: np.ndarray) -> None:
    match symbol.type:
        case Bool():
            low, high, shown = 0, 1, "bool"
        case Enum():
            low, high, shown = 0, len(symbol.type.values) - 1, symbol.type.name
        case IntRange():
            env = _constants(world)
            low = int(np.asarray(integers(symbol.type.first, env)).reshape(-1)[0])
            high = int(np.asarray(integers(symbol.type.last, env)).reshape(-1)[0])
            shown = f"{low}..{high}"
        case Integer() | Real():
            return
    bad: np.ndarray = (
        (array < low) | (array > high) | (np.isfinite(array) & (array != np.round(array)))
    )
    if bad.any():
        place = tuple(int(k) for k in np.argwhere(bad)[0])
        what = f"{symbol.name}{list(place)}" if place else symbol.name
        value = f"{float(array[bad].flat[0]):g}"
        raise GmError([errors.value_outside_domain(symbol.span, what, value, shown)])


def collected(diagnostics: list[Diagnostic]) -> None:
    """Raise the diagnostics together, if there are any.

    Raises:
        GmError: with all of them.
    """
    if diagnostics:
        raise GmError(diagnostics)
