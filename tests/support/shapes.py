"""Shapes checked while tests run: a plugin of pytest, `-p tests.support.shapes`, for `.ci/run`.

Whatever the runtime says that its arrays look like is held to it, except in files with compiled
loops, which Numba compiles as they are written, and in the contract's records: `validate` looks
at those, and tests make wrong ones on purpose.
"""

import os
import re
from pathlib import Path
from typing import Any, get_args

os.environ["GM_CHECK_SHAPES"] = "1"

from beartype import beartype
from jaxtyping import AbstractArray, install_import_hook

RUNTIME = Path(__file__).resolve().parents[2] / "runtime"
_NOT_PLAIN = re.compile(r"gmruntime\.compiling import|import numba|from numba")
_RECORDS = ("gmruntime.arrays", "gmruntime.graph", "gmruntime.factors.kinds")


def plain_modules() -> list[str]:
    """List the modules that are checked."""
    found = [
        ".".join(path.relative_to(RUNTIME).with_suffix("").parts)
        for path in sorted((RUNTIME / "gmruntime").rglob("*.py"))
        if path.name != "__init__.py" and not _NOT_PLAIN.search(path.read_text("utf-8"))
    ]
    return [name for name in found if not name.startswith(_RECORDS)]


def checked(function: Any) -> Any:
    """Check the arrays among what a function takes and returns; the rest is left to pyright."""
    if isinstance(function, type):
        return function
    hints = function.__annotations__
    function.__annotations__ = {name: hint for name, hint in hints.items() if _has_shape(hint)}
    return beartype(function)


def _has_shape(hint: object) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(_has_shape(part) for part in get_args(hint))


install_import_hook(plain_modules(), "tests.support.shapes.checked")
