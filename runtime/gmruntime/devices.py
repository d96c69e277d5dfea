"""Which devices there are, and how kernels of one thread for each item run on them.

Nothing else imports CuPy.
"""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

THREADS = 128
"""Of a block, for every kernel that is launched by its items."""

_BLOCKS_MAX = 1 << 20


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
    """Compile a source of that precision for the GPU at hand, for kernels of `THREADS` a block."""
    module = compiled(source)

    def launch(name: str, items: int, rows: int, arguments: tuple[Any, ...]) -> None:
        blocks = max(1, min(_BLOCKS_MAX, -(-items // THREADS)))
        module.get_function(name)((blocks, rows), (THREADS,), arguments)

    return Device(gpu_arrays(), launch, is_double)


def gpu_arrays() -> Any:  # noqa: ANN401
    """Return CuPy: NumPy's names for arrays on the GPU. Importing it takes a second."""
    return import_module("cupy")


@cache
def compiled(source: str) -> Any:  # noqa: ANN401
    """Compile a source for the GPU at hand: a module of kernels, which CuPy keeps on disk."""
    return gpu_arrays().RawModule(code=source, options=("-std=c++17",))


def free_bytes() -> int:
    """Return how much memory of the GPU nobody has taken."""
    return int(gpu_arrays().cuda.runtime.memGetInfo()[0])


def has_gpu() -> bool:
    """Say whether CuPy is installed and finds a CUDA device."""
    if not _has_driver():
        return False
    try:
        found = gpu_arrays()
    except ImportError:
        return False
    return bool(found.cuda.is_available())


def device_here(device: str) -> str:
    """Return a device that another machine named: "cpu" where this one has no GPU to offer."""
    return "cpu" if device == "cuda" and not has_gpu() else device


def check_gpu() -> None:
    """Refuse to go on without a GPU where one is asked for.

    Raises:
        ValueError: when CuPy or the device is missing.
    """
    if not has_gpu():
        raise ValueError("device 'cuda' needs cupy and a CUDA device; there is none here")


def _has_driver() -> bool:
    """Say whether CUDA's driver is there; importing CuPy to find out takes a second."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
