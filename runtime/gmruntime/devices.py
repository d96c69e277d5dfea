"""Which devices there are."""

import ctypes
import sys
from importlib import import_module
from typing import Any


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
