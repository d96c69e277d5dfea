"""What is kept between questions about one model, so that it is not worked out again.

Things are found by the contents of what they were made of, not by where those lie: a graph that is
written anew is recognised, and one that has been changed is not taken for what it was.
"""

import hashlib
import sys
from collections import Counter, OrderedDict
from collections.abc import Iterator
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

_TOLD_MAX = 8
"""So many large records are known by identity: a search may make thousands on its way."""

_FEW_BYTES = 1 << 12
"""So small arrays are copied sooner than they are read where they lie."""


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


Told = dict[int, tuple[object, bytes | None]]
"""Digests of large records by identity, with the records: while one question is answered they do
not change, and each is gone through once. None where one is too large."""


def digest_of(value: object, told: Told | None = None) -> bytes:
    """Say in a few bytes all that a value holds: records, arrays, numbers and texts.

    Of records of one class: two classes are told apart even where they have the same name.

    Args:
        value: whose contents count.
        told: what was gone through before, by whoever knows that it has not changed; added to.

    Raises:
        TypeError: where something is held whose contents are not known, such as a function.
        TooLargeError: a TypeError; arrays hold more than `DIGESTED_BYTES_MAX`.

    >>> digest_of((1, np.arange(3))) == digest_of((1, np.arange(3)))
    True
    """
    digest = hashlib.blake2b(digest_size=16)
    parts: list[bytes] = []
    num_bytes = num_records = 0

    def tell(part: bytes) -> None:
        # With its length: else the end of one part could as well begin the next.
        parts.append(len(part).to_bytes(8, "little"))
        parts.append(part)

    def visit(held: object) -> None:
        nonlocal num_bytes, num_records
        if isinstance(held, np.ndarray) and not held.dtype.hasobject:
            num_bytes += held.nbytes
            if num_bytes > DIGESTED_BYTES_MAX:
                raise TooLargeError("arrays are too large to be known again")
            tell(f"{held.dtype.str} {held.shape}".encode())
            if held.nbytes <= _FEW_BYTES:
                parts.append(held.tobytes())
                return
            digest.update(b"".join(parts))
            parts.clear()
            digest.update(np.ascontiguousarray(held).reshape(-1).view(np.uint8).data)
        elif isinstance(held, tuple | list):
            items = cast("tuple[object, ...]", held)
            if items and _record_of(type(items[0])) and num_records + len(items) > RECORDS_MAX:
                raise TooLargeError("there are too many records to be known again")
            tell(b"%d items" % len(items))
            for item in items:
                visit(item)
        elif (record := _record_of(type(held))) is not None:
            num_records += 1
            if num_records > RECORDS_MAX:
                raise TooLargeError("there are too many records to be known again")
            tell(record.name)
            if record.is_told_once and held is not value:
                parts.append(_told_once(held, {} if told is None else told))
                return
            for name in record.fields:
                visit(getattr(held, name))
            for name, own in _beside(held, record):
                tell(name.encode())
                visit(own)
        elif held is None or isinstance(held, bool | int | float | str | bytes | np.generic):
            tell(repr(held).encode())
        else:
            raise TypeError(f"nothing is known of what {type(held).__name__} holds")

    visit(value)
    digest.update(b"".join(parts))
    return digest.digest()


def _told_once(held: object, told: Told) -> bytes:
    """Return the digest of a large record, which is held so that no other takes its identity."""
    if id(held) not in told:
        try:
            _note(told, held, digest_of(held))
        except TooLargeError:
            _note(told, held, None)
    known = told[id(held)][1]
    if known is None:
        raise TooLargeError("it is too large to be known again")
    return known


def _note(told: Told, held: object, digest: bytes | None) -> None:
    """Note what was gone through in place of what has been known for longest."""
    if len(told) >= _TOLD_MAX:
        del told[next(iter(told))]
    told[id(held)] = held, digest


def owned(value: _T, told: Told | None = None) -> _T:
    """Return the same with arrays of its own, which nobody else can change.

    Args:
        value: stays as it is.
        told: what was gone through before: the copies say the same, which is noted.
    """
    copies: dict[int, object] = {}

    def visit(held: object) -> object:
        if id(held) not in copies:
            twin = copies[id(held)] = copied(held)
            if told is not None and id(held) in told:
                _note(told, twin, told[id(held)][1])
        return copies[id(held)]

    def copied(held: object) -> object:
        if isinstance(held, np.ndarray):
            return held.copy()
        if type(held) in (tuple, list):
            items = cast("tuple[object, ...]", held)
            return type(items)([visit(item) for item in items])
        record = _record_of(type(held))
        if record is not None:
            # Not made anew: what a class does when one is made, it has done.
            twin = object.__new__(type(held)) if record.is_plain else copy(held)
            for name in record.fields:
                object.__setattr__(twin, name, visit(getattr(held, name)))
            for name, own in _beside(held, record):
                object.__setattr__(twin, name, visit(own))
            return twin
        return held

    return cast("_T", visit(value))


_numbers: WeakKeyDictionary[type, int] = WeakKeyDictionary()
_num_named: Counter[str] = Counter()
_naming = Lock()


@dataclass(frozen=True, slots=True)
class _Record:
    """What is known of a class of records.

    Attributes:
        name: that no other class has, as bytes.
        fields: their names.
        is_plain: they are all that it holds; else a class that is no record may have put more
            beside them.
        is_told_once: it says of itself that going through it takes long.
    """

    name: bytes
    fields: tuple[str, ...]
    is_plain: bool
    is_told_once: bool


@lru_cache(maxsize=1024)
def _record_of(kind: type) -> _Record | None:
    """Return what is known of a class; None where it is none of records."""
    if not is_dataclass(kind):
        return None
    is_told_once = bool(getattr(kind, "IS_TOLD_ONCE", False))
    names = tuple(one.name for one in fields(cast("Any", kind)))
    slots = {slot for each in kind.__mro__ for slot in getattr(each, "__slots__", ())}
    is_plain = slots <= set(names) and "__dict__" not in dir(kind)
    return _Record(_name_of(kind).encode(), names, is_plain, is_told_once)


def _beside(held: object, record: _Record) -> Iterator[tuple[str, object]]:
    """Yield what stands in a record beside its fields."""
    if not record.is_plain:
        for name, own in getattr(held, "__dict__", {}).items():
            if name not in record.fields:
                yield name, own


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
        elif (record := _record_of(type(held))) is not None:
            waiting.extend(getattr(held, name) for name in record.fields)
    return total
