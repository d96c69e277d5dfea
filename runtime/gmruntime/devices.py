"""Which devices there are."""

from importlib import import_module
from typing import Any


def has_gpu() -> bool:
    """Say whether CuPy is installed and finds a CUDA device."""
    try:
        cupy: Any = import_module("cupy")
    except ImportError:
        return False
    return bool(cupy.cuda.is_available())
