"""What makes the command start quickly; Python users and tests never come here.

Array shapes in signatures are documentation and are checked while tests run. Importing jaxtyping
and building some hundreds of its types would take a fifth of the time in which a small program is
answered, so the command puts stand-ins in their place.
"""

import dataclasses
import functools
import sys
from types import ModuleType


class _AnyArray:
    """Stands for `Float64`, `Int32` and the like: subscripting gives the plain array type."""

    def __class_getitem__(cls, item: tuple[object, str]) -> object:
        return item[0]


class _Names(ModuleType):
    """A module in which every name is `_AnyArray`."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _AnyArray


def skip_shape_annotations() -> None:
    """Put a stand-in for jaxtyping where nothing has imported it yet."""
    if "jaxtyping" not in sys.modules:
        sys.modules["jaxtyping"] = _Names("jaxtyping")


def skip_representations() -> None:
    """Let the records that are defined from now on do without a `repr`.

    The command shows none, and compiling some hundreds of them takes a tenth of the time.
    """
    if not isinstance(dataclasses.dataclass, functools.partial):
        plain = functools.partial(dataclasses.dataclass, repr=False)
        dataclasses.dataclass = plain  # pyright: ignore[reportAttributeAccessIssue]
