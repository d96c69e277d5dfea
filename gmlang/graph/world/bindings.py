"""Data meets the program: sizes become known, arrays are checked against their domains."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np

from gmlang.core.ast import Constant, DataRef, Expression, IntRange, Size
from gmlang.core.program import DataSymbol, Program
from gmlang.core.walk import walk
from gmlang.data.arrays import from_python, from_setting
from gmlang.data.fitting import Selection, Sizes, from_table
from gmlang.data.inside import check_inside, constant_ends
from gmlang.data.names import shown
from gmlang.data.places import as_pairs, as_values
from gmlang.data.settings import Setting
from gmlang.data.tables import Table
from gmlang.diagnostics import Diagnostic, GmError, Note, Span
from gmlang.errors import data as data_errors
from gmlang.errors import grounding as errors
from gmlang.errors.learning import course as learning_errors
from gmlang.errors.learning import functions as function_errors
from gmlang.errors.shapes import wrong_shape
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.derived import derived_array, is_expression
from gmlang.graph.world.parameters import checked_parameter, placeholder
from gmlang.graph.world.world import ONE_INSTANCE, World

_CELLS_MAX = 1 << 16
"""A function that is learned has at most so many combinations of arguments."""


@dataclass(slots=True, eq=False)
class _Binding:
    """A world whose data is being bound.

    Attributes:
        given: the values, by the names of the core program.
        refused: data with a mistake, and sizes that only such data would say.
        free: params that are to be learned, which need no value.
        size_from: for each size the data that fixed it, and where that is declared.
    """

    world: World
    given: Mapping[str, object]
    free: frozenset[str] = frozenset()
    refused: set[str] = field(default_factory=set[str])
    size_from: dict[str, tuple[str, Span]] = field(default_factory=dict[str, tuple[str, Span]])


def bind(
    program: Program, values: Mapping[str, object], free: frozenset[str] = frozenset()
) -> World:
    """Return a world in which every size, data array and parameter of the program is known.

    Args:
        program: a checked program.
        values: what is given, by the names of the core program (`gmlang.data.names`): anything
            that `gmlang.data` reads; NaN, None and masked entries are missing observations.
        free: params that are to be learned: without a value, a placeholder stands for them.

    Raises:
        GmError: naming all data that is missing, unknown, misshapen or outside its domain.
    """
    binding = _Binding(World(), values, free)
    known = [symbol.name for symbol in (*program.data, *program.rows)]
    diagnostics = [data_errors.unknown_binding(n, known) for n in values if n not in known]
    # Other data may say how large a param is that has no value yet.
    for symbol in sorted(program.data, key=lambda s: s.name in free):
        try:
            if binding.refused.isdisjoint(needed_by(symbol)):
                _bind_one(binding, symbol)
                continue
        except GmError as error:
            diagnostics.extend(error.diagnostics)
        # What needs it could only repeat the mistake in other words.
        sizes = {part for part in symbol.shape if isinstance(part, str)}
        binding.refused |= {symbol.name, *sizes.difference(binding.world.sizes)}
    # A size that depends on missing data would only repeat the message about the data.
    missing = [d for d in diagnostics if d.code in ("GM401", "GM402", "GM711", "GM716")]
    if diagnostics:
        raise GmError(missing or diagnostics)
    return binding.world


def bound_again(
    program: Program, world: World, values: Mapping[str, object], changed: Collection[str]
) -> World:
    """Return a world with other values of some data, and with what is made of it.

    Args:
        program: a checked program.
        world: in which all of its data is known.
        values: the other values, by the names of the core program.
        changed: these names, and those of all that is made of them.

    Raises:
        GmError: where they do not fit, as they would not in `bind`.
    """
    own = World(dict(world.sizes), dict(world.data), world.missing - set(changed))
    binding = _Binding(own, values)
    for symbol in program.data:
        if symbol.name in changed:
            _bind_one(binding, symbol)
    return own


def needed_by(symbol: DataSymbol) -> set[str]:
    """List the data and sizes that must be known before a symbol is."""
    expressions = [part for part in symbol.shape if not isinstance(part, str)]
    if isinstance(symbol.type, IntRange):
        expressions += [symbol.type.first, symbol.type.last]
    if symbol.value is not None:
        expressions.append(symbol.value)
    whole: set[str] = set()
    if symbol.derived is not None:
        expressions += [one for one in symbol.derived.arguments if is_expression(one)]
        whole = {one.name for one in symbol.derived.arguments if isinstance(one, DataSymbol)}
    found = [part for expression in expressions for part in walk(expression)]
    return whole | {part.name for part in found if isinstance(part, DataRef | Size)}


def _bind_one(binding: _Binding, symbol: DataSymbol) -> None:
    world = binding.world
    is_given = symbol.name in binding.given and not isinstance(binding.given[symbol.name], Setting)
    is_made = symbol.derived is not None and symbol.name not in binding.given
    plain = as_pairs(symbol) if is_given or is_made else symbol
    array, written = _read(binding, plain)
    _match_shape(binding, plain, array, written.num_skipped if written is not None else 0)
    if plain is not symbol:
        array = as_values(symbol, array, written)
    _check_domain(world, symbol, array, None if plain is not symbol else written)
    array = checked_parameter(symbol, array)
    world.data[symbol.name] = array
    if array.dtype == np.float64 and np.isnan(array).any():
        world.missing.add(symbol.name)
    if array.ndim == 0 and array.dtype == np.int64:
        world.sizes.setdefault(symbol.name, int(array))


def _read(binding: _Binding, symbol: DataSymbol) -> tuple[np.ndarray, Selection | None]:
    """Return the value of data, and where in a file it is written."""
    if symbol.name in binding.given:
        match binding.given[symbol.name]:
            case Table() as table:
                declared, sizes = _declared(symbol), _known_sizes(binding.world, symbol)
                return from_table(symbol, table, declared, sizes)
            case Setting(text=text):
                return from_setting(symbol, text), None
            case value:
                return from_python(symbol, value), None
    if symbol.literal is not None:
        return from_python(symbol, symbol.literal), None
    if symbol.value is not None:
        array = np.asarray(evaluate(symbol.value, _constants(binding.world)))
        return (array if symbol.shape else array.reshape(())), None
    if symbol.derived is not None:
        return derived_array(binding.world, symbol, symbol.derived), None
    if symbol.is_function:
        if symbol.name in binding.free:
            return _any_function(binding, symbol), None
        raise GmError([function_errors.not_learned_yet(symbol.span, symbol.name)])
    if symbol.parameter is not None:
        if symbol.name in binding.free:
            return _placeholder(binding, symbol), None
        raise GmError([learning_errors.no_value_yet(symbol.span, shown(symbol))])
    raise GmError([errors.missing_data(symbol.span, shown(symbol), list(binding.given))])


def _placeholder(binding: _Binding, symbol: DataSymbol) -> np.ndarray:
    assert symbol.parameter is not None
    sizes = _known_sizes(binding.world, symbol)
    for size, part in zip(sizes, symbol.shape, strict=True):
        if size is None:
            found = learning_errors.size_not_known(symbol.span, shown(symbol), _show(part))
            raise GmError([found])
    return placeholder(symbol.parameter.kind, tuple(size or 0 for size in sizes))


def _any_function(binding: _Binding, symbol: DataSymbol) -> np.ndarray:
    """Return some value for all arguments of a function that is still to be learned."""
    # A range that ends before it begins is told of when its states are looked at.
    sizes = tuple(max(0, size or 0) for size in _known_sizes(binding.world, symbol))
    if prod(sizes) > _CELLS_MAX:
        name = symbol.name
        raise GmError([function_errors.too_many_cells(symbol.span, name, prod(sizes), _CELLS_MAX)])
    first = symbol.type.first if isinstance(symbol.type, IntRange) else None
    return np.full(sizes, 0 if first is None else _whole(binding.world, first), np.int64)


def _constants(world: World) -> Env:
    return Env(world, ONE_INSTANCE, Slots())


def _size(world: World, part: str | Expression) -> int | None:
    if isinstance(part, str):
        return world.sizes.get(part)
    return _whole(world, part)


def _whole(world: World, expression: Expression) -> int:
    """Return the value of a size, or of an end of a range; their types say that it is whole."""
    return int(np.asarray(evaluate(expression, _constants(world))).reshape(-1)[0])


def _known_sizes(world: World, symbol: DataSymbol) -> Sizes:
    return tuple(_size(world, part) for part in symbol.shape)


def _declared(symbol: DataSymbol) -> str:
    if not symbol.shape:
        return f"{shown(symbol)}, a single value"
    return f"{shown(symbol)}[{', '.join(_show(part) for part in symbol.shape)}]"


def _match_shape(
    binding: _Binding, symbol: DataSymbol, array: np.ndarray, num_skipped: int
) -> None:
    world = binding.world
    declared, name = _declared(symbol), shown(symbol)
    if array.ndim != len(symbol.shape):
        raise GmError([wrong_shape(symbol.span, name, declared, array.shape, (), num_skipped)])
    for part, size in zip(symbol.shape, array.shape, strict=True):
        expected = _size(world, part)
        if expected == size:
            continue
        if isinstance(part, str) and expected is None:
            world.sizes[part] = size
            binding.size_from[part] = (name, symbol.span)
            continue
        said = _show(part)
        shape = declared if said == str(expected) else f"{declared} with {said} = {expected}"
        notes: tuple[Note, ...] = ()
        if isinstance(part, str) and part in binding.size_from:
            notes = data_errors.size_said_by(part, *binding.size_from[part])
        raise GmError([wrong_shape(symbol.span, name, shape, array.shape, notes, num_skipped)])


def _show(part: str | Expression) -> str:
    match part:
        case str():
            return part
        case Constant(value=value):
            return str(value)
        case _:
            return part.span.text


def _check_domain(
    world: World, symbol: DataSymbol, array: np.ndarray, written: Selection | None
) -> None:
    if isinstance(symbol.type, IntRange):
        ends = _whole(world, symbol.type.first), _whole(world, symbol.type.last)
    else:
        ends = constant_ends(symbol)
    if ends is not None:
        check_inside(symbol, array, *ends, written)


def collected(diagnostics: list[Diagnostic]) -> None:
    """Raise the diagnostics together, if there are any.

    Raises:
        GmError: with all of them.
    """
    if diagnostics:
        raise GmError(diagnostics)
