"""What is kept between questions about one model, so that it is not worked out again.

Things are found by the contents of what they were made of, not by where those lie: a graph that is
written anew is recognised, and one that has been changed is not taken for what it was.
"""

import hashlib
import sys
from collections import OrderedDict
from dataclasses import dataclass, field, fields, is_dataclass
from threading import Lock
from typing import TypeVar, cast

import numpy as np

_T = TypeVar("_T")

BYTES_MAX = 1 << 28
"""So much a workspace holds unless it is told otherwise."""


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

    >>> digest_of((1, np.arange(3))) == digest_of((1, np.arange(3)))
    True
    """
    digest = hashlib.blake2b(digest_size=16)

    def tell(part: bytes) -> None:
        # With its length: else the end of one part could as well begin the next.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)

    def visit(held: object) -> None:
        if isinstance(held, np.ndarray):
            tell(f"{held.dtype.str} {held.shape}".encode())
            digest.update(np.ascontiguousarray(held).reshape(-1).view(np.uint8).data)
        elif isinstance(held, tuple | list):
            items = cast("tuple[object, ...]", held)
            tell(str(len(items)).encode())
            for item in items:
                visit(item)
        elif is_dataclass(held):
            tell(type(held).__qualname__.encode())
            for one in fields(held):
                visit(getattr(held, one.name))
        else:
            tell(repr(held).encode())

    visit(value)
    return digest.digest()


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
            waiting.extend(getattr(held, one.name) for one in fields(held))
    return total
