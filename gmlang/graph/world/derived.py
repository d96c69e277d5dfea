"""Data that a function makes of other data, called once for the same arguments."""

from importlib.resources import files
from pathlib import Path
from typing import TypeGuard

import numpy as np

from gmlang.core.ast import Bool, Expression, Real
from gmlang.core.program import DataSymbol, Derived
from gmlang.data.arrays import from_python
from gmlang.data.places import as_pairs, pairs_of
from gmlang.diagnostics import GmError
from gmlang.errors import declarations as errors
from gmlang.functions import called, find_function, known_functions, library_functions
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.world import ONE_INSTANCE, World

_PACKAGES = {"PIL": "Pillow", "skimage": "scikit-image"}
"""What packages are called where they are imported, and where they are installed."""


def is_expression(argument: object) -> TypeGuard[Expression]:
    """Say whether an argument is a number that has to be worked out."""
    return not isinstance(argument, DataSymbol | tuple)


def derived_array(world: World, symbol: DataSymbol, derived: Derived) -> np.ndarray:
    """Call the function that makes data, and read what it returns as the type that is declared.

    Args:
        world: with all that the function is called with.
        symbol: the data.
        derived: how it is made.

    Raises:
        GmError: where there is no such function, it fails, or its result is none of the type.
    """
    name, span = derived.function, derived.span
    function = find_function(name, derived.modules)
    if function is None:
        raise GmError([errors.no_function(span, name, *_others(derived))])
    arguments = [_argument(world, one) for one in derived.arguments]
    try:
        found = called(function, arguments)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise GmError(
            [errors.needs_package(span, name, _PACKAGES.get(package, package))]
        ) from error
    except Exception as error:
        raise GmError([errors.failed(span, span.text, error)]) from error
    return from_python(symbol, found)


def _others(derived: Derived) -> tuple[list[str], str]:
    """Return the names that are known, and the module of the library that has this one."""
    own = derived.function.rpartition(".")[2]
    for file in sorted(files("gmstdlib").iterdir(), key=lambda one: one.name):
        stem = Path(file.name).stem
        is_other = file.name.endswith(".py") and stem not in derived.modules
        if is_other and own in library_functions(stem):
            return known_functions(derived.modules), stem
    return known_functions(derived.modules), ""


def _argument(world: World, argument: DataSymbol | tuple[object, ...] | Expression) -> object:
    """Return data as the program declares it, or a number."""
    if isinstance(argument, tuple):
        return np.array(argument)
    if is_expression(argument):
        found = evaluate(argument, Env(world, ONE_INSTANCE, Slots()))
        return np.asarray(found).reshape(-1)[0].item()
    assert isinstance(argument, DataSymbol)
    return _typed(argument, world.data[argument.name])


def _typed(symbol: DataSymbol, array: np.ndarray) -> np.ndarray:
    """Copy data in NumPy's type for its own, masked where whole numbers are missing.

    Places are pairs, as they are bound.
    """
    if as_pairs(symbol) is not symbol:
        array = pairs_of(symbol, array)
    if isinstance(symbol.type, Real):
        return array.copy()
    whole: type = np.bool_ if isinstance(symbol.type, Bool) else np.int64
    if array.dtype != np.float64:
        return array.astype(whole)
    is_missing = np.isnan(array)
    return np.ma.MaskedArray(np.where(is_missing, 0, array).astype(whole), mask=is_missing)
