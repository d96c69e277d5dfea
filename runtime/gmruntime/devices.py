"""Which devices there are, and how kernels of one thread for each item run on them."""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

THREADS, BLOCKS_MAX = 128, 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """Where kernels run: a module with NumPy's names, how to launch, and the precision.

    A launch names the kernel, its items, its rows and its arguments; kernels take strides through
    their items, so any number of threads will do.
    """

    arrays: Any
    launch: Callable[[str, int, int, tuple[Any, ...]], None]
    is_double: bool


def on_gpu(source: str, *, is_double: bool = False) -> Device:
    """Compile a source of that precision for the GPU at hand; cupy keeps it on disk."""
    cupy: Any = import_module("cupy")
    module = cupy.RawModule(code=source, options=("-std=c++17",))

    def launch(name: str, items: int, rows: int, arguments: tuple[Any, ...]) -> None:
        blocks = max(1, min(BLOCKS_MAX, -(-items // THREADS)))
        module.get_function(name)((blocks, rows), (THREADS,), arguments)

    return Device(cupy, launch, is_double)


def has_gpu() -> bool:
    """Say whether CuPy is installed and finds a CUDA device."""
    if not _has_driver():
        return False
    try:
        cupy: Any = import_module("cupy")
    except ImportError:
        return False
    return bool(cupy.cuda.is_available())


def _has_driver() -> bool:
    """Say whether CUDA's driver is there; importing CuPy to find out takes a second."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
