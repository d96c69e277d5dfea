"""Compiles CUDA for a GPU where there is none: NVIDIA's compiler library, called directly."""

import ctypes
import importlib.util
from pathlib import Path
from typing import Any

import pytest


def library() -> Any:
    """Load NVRTC from the wheel nvidia-cuda-nvrtc-*; skip the test where it is not installed."""
    found = importlib.util.find_spec("nvidia")
    for folder in found.submodule_search_locations or () if found else ():
        for path in sorted(Path(folder).glob("cuda_nvrtc/lib/libnvrtc.so.*")):
            if "builtins" not in path.name:
                return ctypes.CDLL(str(path))
    pytest.skip("needs the wheel nvidia-cuda-nvrtc-cu12")


def compile_to_ptx(source: str) -> str:
    """Compile a source for compute_90; fail the test with the compiler's log when it does not."""
    nvrtc = library()
    program = ctypes.c_void_p()
    code = source.encode()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), code, b"kernel.cu", 0, None, None) == 0
    options = (ctypes.c_char_p * 2)(b"--gpu-architecture=compute_90", b"-std=c++17")
    failed = nvrtc.nvrtcCompileProgram(program, 2, options)
    get_size, get_text = nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX
    if failed:
        get_size, get_text = nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog
    size = ctypes.c_size_t()
    assert get_size(program, ctypes.byref(size)) == 0
    text = ctypes.create_string_buffer(size.value)
    assert get_text(program, text) == 0
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    if failed:
        pytest.fail(text.value.decode())
    return text.value.decode()
