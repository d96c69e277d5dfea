"""Copies of answers: who is given one may change it, and what is kept stays as it was."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import TypeVar, cast

import numpy as np

from gmlang.graph.world.axes import Part
from gmlang.queries.answers import Answer

_A = TypeVar("_A", bound=Answer)

_NODES_MAX = 50_000
"""An answer of more numbers, texts and lists is not kept: to copy it takes milliseconds, and what
the runtime said of it is kept as arrays."""

_BYTES_OF_NODE = 100
"""Of a number, and of its place in a list or a map, roughly."""

_BYTES_OF_PART = 500
"""Of what an answer speaks of, its arrays aside."""

_PLAIN = frozenset((float, int, str, bool, type(None)))


def to_keep(answer: _A) -> tuple[_A, int] | None:
    """Return an answer of our own with the bytes it takes; None where it is too large."""
    if answer.array is not None and answer.array.size > _NODES_MAX:
        return None
    size = _size(answer, _NODES_MAX)
    if size is None:
        return None
    return _copied(answer, {}), size


def to_give(answer: _A, seconds: float, note: str) -> _A:
    """Return a copy to give away, with the seconds that it took to find, and a note."""
    return _copied(answer, {"seconds": seconds, "note": note})


@cache
def _names(kind: type[Answer]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))


def _copied(answer: _A, others: Mapping[str, object]) -> _A:
    """Copy an answer but for some fields, which are given, and its parts, which cannot change."""
    kind = type(answer)
    others = {"parts": answer.parts, **others}
    # Not made anew: that would take as long as all the rest.
    twin = object.__new__(kind)
    for name in _names(kind):
        value = others[name] if name in others else _copy(getattr(answer, name))
        object.__setattr__(twin, name, value)
    return twin


def _copy(value: object) -> object:
    """Copy what can be changed; records, which cannot, are shared."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        named = cast("dict[object, object]", value)
        return {key: _copy(held) for key, held in named.items()}
    if isinstance(value, list):
        return [_copy(held) for held in cast("list[object]", value)]
    if type(value) is tuple:
        return tuple([_copy(held) for held in cast("tuple[object, ...]", value)])
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, Answer):
        return _copied(value, {})
    return value


def _size(answer: Answer, num_max: int) -> int | None:
    """Estimate the bytes of an answer; None where it holds more than so many things."""
    waiting: list[object] = [answer]
    count = total = 0
    while waiting:
        held = waiting.pop()
        count += 1
        if count + len(waiting) > num_max:
            return None
        if isinstance(held, np.ndarray):
            total += held.nbytes
        elif isinstance(held, str):
            total += len(held)
        elif isinstance(held, int):
            total += held.bit_length() // 8
        elif isinstance(held, dict):
            waiting.extend(cast("dict[object, object]", held).values())
        elif isinstance(held, list | tuple):
            waiting.extend(cast("list[object]", held))
        elif isinstance(held, Part):
            total += _BYTES_OF_PART
            total += sum(values.nbytes for axis in held.axes for values, _ in axis.loops)
        elif isinstance(held, Answer):
            waiting.extend(getattr(held, name) for name in _names(type(held)))
    return total + _BYTES_OF_NODE * count
