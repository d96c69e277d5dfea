"""What is kept between questions about one model, so that it is not worked out again.

Things are found by the contents of what they were made of, not by where those lie: a graph that is
written anew is recognised, and one that has been changed is not taken for what it was.
"""

import hashlib
import sys
from collections import Counter, OrderedDict
from copy import copy
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np

_T = TypeVar("_T")

BYTES_MAX = 1 << 28
"""So much a workspace holds unless it is told otherwise."""

DIGESTED_BYTES_MAX = 1 << 25
"""What is made of larger arrays is not kept: to know them again takes longer than small budgets."""

RECORDS_MAX = 10_000
"""Nor what is made of more records."""


class TooLargeError(TypeError):
    """Arrays are too large to be told by what is in them."""


@dataclass(slots=True, eq=False)
class Workspace:
    """Elimination orders, simplified networks and layouts of messages, for questions to come.

    Hand the same one to every question about a model; several threads may share it. No answer
    depends on it: what is found is what would be made again.

    Attributes:
        bytes_max: what it may hold, beside what questions may take; what was not used for longest
            is forgotten, and what alone is larger is not kept.
        num_bytes: what it holds.
    """

    bytes_max: int = BYTES_MAX
    num_bytes: int = 0
    _kept: OrderedDict[tuple[str, bytes], tuple[object, int]] = field(
        default_factory=OrderedDict[tuple[str, bytes], tuple[object, int]], repr=False
    )
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __len__(self) -> int:
        """Return how many things are kept."""
        return len(self._kept)

    def find(self, kind: type[_T], digest: bytes) -> _T | None:
        """Return what is kept of a kind, made of what has this digest."""
        key = kind.__qualname__, digest
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            found = self._kept[key][0]
        return found if isinstance(found, kind) else None

    def keep(self, digest: bytes, value: object) -> None:
        """Keep what nobody will change any more; None is not kept."""
        size = 0 if value is None else bytes_of(value)
        if value is None or size > self.bytes_max:
            return
        key = type(value).__qualname__, digest
        with self._lock:
            _, before = self._kept.pop(key, (None, 0))
            self._kept[key] = value, size
            self.num_bytes += size - before
            while self.num_bytes > self.bytes_max:
                _, (_, freed) = self._kept.popitem(last=False)
                self.num_bytes -= freed


def digest_of(value: object) -> bytes:
    """Say in a few bytes all that a value holds: records, arrays, numbers and texts.

    Of records of one class: two classes are told apart even where they have the same name.

    Raises:
        TypeError: where something is held whose contents are not known, such as a function.
        TooLargeError: a TypeError; arrays hold more than `DIGESTED_BYTES_MAX`.

    >>> digest_of((1, np.arange(3))) == digest_of((1, np.arange(3)))
    True
    """
    digest = hashlib.blake2b(digest_size=16)
    num_bytes = num_records = 0

    def tell(part: bytes) -> None:
        # With its length: else the end of one part could as well begin the next.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)

    def visit(held: object) -> None:
        nonlocal num_bytes, num_records
        if isinstance(held, np.ndarray) and not held.dtype.hasobject:
            num_bytes += held.nbytes
            if num_bytes > DIGESTED_BYTES_MAX:
                raise TooLargeError("arrays are too large to be known again")
            tell(f"{held.dtype.str} {held.shape}".encode())
            digest.update(np.ascontiguousarray(held).reshape(-1).view(np.uint8).data)
        elif isinstance(held, tuple | list):
            items = cast("tuple[object, ...]", held)
            tell(f"{len(items)} items".encode())
            for item in items:
                visit(item)
        elif is_dataclass(held) and not isinstance(held, type):
            num_records += 1
            if num_records > RECORDS_MAX:
                raise TooLargeError("there are too many records to be known again")
            tell(_name_of(type(held)).encode())
            for name, own in _parts_of(held).items():
                tell(name.encode())
                visit(own)
        elif held is None or isinstance(held, bool | int | float | str | bytes | np.generic):
            tell(repr(held).encode())
        else:
            raise TypeError(f"nothing is known of what {type(held).__name__} holds")

    visit(value)
    return digest.digest()


def owned(value: _T) -> _T:
    """Return the same with arrays of its own, which nobody else can change."""
    copies: dict[int, object] = {}

    def visit(held: object) -> object:
        if id(held) not in copies:
            copies[id(held)] = copied(held)
        return copies[id(held)]

    def copied(held: object) -> object:
        if isinstance(held, np.ndarray):
            return held.copy()
        if type(held) in (tuple, list):
            items = cast("tuple[object, ...]", held)
            return type(items)([visit(item) for item in items])
        if is_dataclass(held) and not isinstance(held, type):
            # Not made anew: what a class does when one is made, it has done.
            twin = copy(held)
            for name, own in _parts_of(held).items():
                object.__setattr__(twin, name, visit(own))
            return twin
        return held

    return cast("_T", visit(value))


def _parts_of(record: object) -> dict[str, object]:
    """Return the fields of a record, and what a class that is none itself put beside them."""
    own = {name: getattr(record, name) for name in _field_names(type(record))}
    return own | getattr(record, "__dict__", {})


@lru_cache(maxsize=1024)
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(cast("Any", kind)))


_numbers: WeakKeyDictionary[type, int] = WeakKeyDictionary()
_num_named: Counter[str] = Counter()
_naming = Lock()


def _name_of(kind: type) -> str:
    """Name a class, with how many of that name came before: a cell may define one again."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    with _naming:
        if kind not in _numbers:
            _numbers[kind] = _num_named[name]
            _num_named[name] += 1
        return f"{name} {_numbers[kind]}"


def bytes_of(value: object) -> int:
    """Estimate what keeping a value takes; memory that several of its arrays share counts once."""
    seen: set[int] = set()
    waiting: list[object] = [value]
    total = 0
    while waiting:
        held = waiting.pop()
        if held is None or id(held) in seen:
            continue
        seen.add(id(held))
        if isinstance(held, np.ndarray):
            # A view keeps alive all that it was cut from.
            if held.base is not None:
                waiting.append(held.base)
            else:
                total += held.nbytes
            continue
        total += sys.getsizeof(held)
        if isinstance(held, tuple | list | set | frozenset):
            waiting.extend(cast("tuple[object, ...]", held))
        elif isinstance(held, dict):
            for pair in cast("dict[object, object]", held).items():
                waiting.extend(pair)
        elif is_dataclass(held):
            waiting.extend(getattr(held, name) for name in _field_names(type(held)))
    return total
