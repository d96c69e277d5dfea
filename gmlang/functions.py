"""Pure functions of data from Python: those of the library's modules, and those given by name.

`data e[N] := f(k)` calls one when data is bound. A function that Python gave comes before one of
the library with the same name. Results of the last calls are kept, by what they were made of.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import TypeVar

import numpy as np

from gmruntime.workspace import bytes_of, digest_of

DataFunction = Callable[..., object]
_F = TypeVar("_F", bound=DataFunction)

_KEPT_BYTES_MAX = 1 << 28
"""Of results: 256 MiB."""

_given: dict[str, DataFunction] = {}
_kept: OrderedDict[tuple[DataFunction, bytes], object] = OrderedDict()
_lock = Lock()


def function(f: _F, /, *, name: str = "") -> _F:
    """Let programs derive data by a Python function: `data e[N] := f(k)`.

    It gets arrays as the program declares them (booleans, whole numbers, floats; masked where
    values are missing) and single numbers, and returns what the data could be bound to. It must
    depend on its arguments alone: it is called once for the same ones.

    Args:
        f: the function, which is returned, so that this decorates.
        name: that programs have for it; its own without one.

    >>> @function
    ... def doubled(k):
    ...     return 2 * k
    >>> import gmlang
    >>> model = gmlang.compile('''
    ... data k[N] : int = [1, 2]
    ... data d[N] : int := doubled(k)
    ... var x : 0..9
    ... factor 1 if x == d[1] else 0
    ... ''')
    >>> model.query("MAP(x)").value
    {'x': '4'}
    """
    own = name or getattr(f, "__name__", "")
    if not callable(f) or not own.isidentifier():
        raise ValueError(f"{f!r} is no function with a name; give one: function(f, name='f')")
    _given[own] = f
    return f


def library_functions(module: str) -> Mapping[str, DataFunction]:
    """Return the functions that a module of the library has in Python; none where it has none."""
    name = f"gmstdlib.{module}"
    try:
        is_there = find_spec(name) is not None
    except (ImportError, ValueError):
        is_there = False
    return getattr(import_module(name), "FUNCTIONS", {}) if is_there else {}


def find_function(name: str, modules: Iterable[str]) -> DataFunction | None:
    """Return what Python gave under a name, or else the first of the library's modules that has it.

    Args:
        name: bare, or `module.name`.
        modules: those of the library that are imported.
    """
    module, _, own = name.rpartition(".")
    if not module and own in _given:
        return _given[own]
    for one in [module] if module else modules:
        found = library_functions(one).get(own)
        if found is not None:
            return found
    return None


def known_functions(modules: Iterable[str]) -> list[str]:
    """List the names that `find_function` knows."""
    return sorted({*_given, *(name for one in modules for name in library_functions(one))})


def called(f: DataFunction, arguments: list[object]) -> object:
    """Call a function, or return what it returned for the same arguments.

    Raises:
        Exception: whatever it raises.
    """
    try:
        key = f, digest_of(tuple(arguments))
    except TypeError:
        return f(*arguments)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = f(*arguments)
    if isinstance(found, np.ndarray) and not found.dtype.hasobject:
        # Nobody can change what others are given.
        found = found.copy()
        found.setflags(write=False)
        with _lock:
            _kept[key] = found
            while sum(bytes_of(one) for one in _kept.values()) > _KEPT_BYTES_MAX:
                _kept.popitem(last=False)
    return found
