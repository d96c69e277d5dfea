"""CUDA kernels of one thread for each item, compiled as plain C++ and run on NumPy's arrays."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# One thread that runs through all items; the row is set from outside.
_AS_CPP = """
#include <cmath>
#include <cstring>
using namespace std;
#define __global__
#define __device__
#define __restrict__
struct Place { long long x, y; };
static Place blockIdx{0, 0}, blockDim{1, 1}, threadIdx{0, 0}, gridDim{1, 1};
static int __float_as_int(float value) { int bits; memcpy(&bits, &value, 4); return bits; }
static float __int_as_float(int bits) { float value; memcpy(&value, &bits, 4); return value; }
static double __longlong_as_double(long long bits) {
  double value; memcpy(&value, &bits, 8); return value;
}
static void atomicAdd(double* place, double value) { *place += value; }
static void atomicMax(int* place, int value) { if (value > *place) *place = value; }
extern "C" void set_row(long long row) { blockIdx.y = row; }
"""

_NUMBERS: dict[str, Any] = {
    "int64": ctypes.c_longlong,
    "int32": ctypes.c_int,
    "uint32": ctypes.c_uint,
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
}

Launch = Callable[[str, int, int, tuple[Any, ...]], None]


class Arrays:
    """NumPy with CuPy's way back to NumPy."""

    asnumpy = staticmethod(np.asarray)
    empty = staticmethod(np.empty)
    zeros = staticmethod(np.zeros)
    asarray = staticmethod(np.array)


def plain_launch(source: str, folder: Path, name: str) -> Launch:
    """Compile a source; skips the test where there is no C++ compiler."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    code, library = folder / f"{name}.cpp", folder / f"{name}.so"
    code.write_text(_AS_CPP + source)
    command = [compiler, "-O1", "-std=c++17", "-shared", "-fPIC", "-w"]
    subprocess.run([*command, "-o", str(library), str(code)], check=True)
    loaded = ctypes.CDLL(str(library))

    def launch(kernel: str, items: int, rows: int, arguments: tuple[Any, ...]) -> None:
        del items
        passed: list[Any] = []
        for value in arguments:
            if isinstance(value, np.ndarray):
                assert value.flags.c_contiguous
                passed.append(ctypes.c_void_p(value.ctypes.data))
            else:
                passed.append(_NUMBERS[value.dtype.name](value.item()))
        for row in range(rows):
            loaded.set_row(ctypes.c_longlong(row))
            getattr(loaded, kernel)(*passed)

    return launch
