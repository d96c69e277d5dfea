"""What is kept in memory: what took long, and was asked for lately, stays longest.

Source: Cao and Irani (1997), "Cost-aware WWW proxy caching algorithms", GreedyDual-Size: the worth
of an entry is the seconds it saves for each byte, added to an age that rises to the worth of
whatever was forgotten last.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from threading import Lock

BYTES_MAX = 1 << 26
"""So much is kept of all the answers about a program."""


@dataclass(slots=True, eq=False)
class _Entry:
    """Something that is kept.

    Attributes:
        gain: the seconds that it saves for each of its bytes.
        worth: its gain, added to the age when it was last of use; and that use's number.
        number: of the entry; one that took another's place has its own.
    """

    value: object
    num_bytes: int
    gain: float
    worth: tuple[float, int]
    number: int


@dataclass(slots=True, eq=False)
class Memory:
    """Answers about a program and its data; several threads may share it.

    Attributes:
        bytes_max: what it may hold; what alone takes more than a quarter is not kept.
        num_bytes: what it holds.
    """

    bytes_max: int = BYTES_MAX
    num_bytes: int = 0
    _kept: dict[Hashable, _Entry] = field(default_factory=dict[Hashable, _Entry], repr=False)
    # The least worth first, as it was when it was written there: it may have grown since.
    _queue: list[tuple[tuple[float, int], int, Hashable]] = field(
        default_factory=list[tuple[tuple[float, int], int, Hashable]], repr=False
    )
    _age: float = 0.0
    _num_uses: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __len__(self) -> int:
        """Return how many things are kept."""
        return len(self._kept)

    def bytes_each_max(self) -> int:
        """Return how large what is kept may be."""
        return self.bytes_max // 4

    def find(self, key: Hashable) -> object | None:
        """Return what is kept under a key."""
        with self._lock:
            entry = self._kept.get(key)
            if entry is None:
                return None
            entry.worth = self._worth_now(entry.gain)
            return entry.value

    def keep(self, key: Hashable, value: object, seconds: float, num_bytes: int) -> None:
        """Keep what nobody will change any more.

        Args:
            key: says all that the value depends on.
            value: kept as it is.
            seconds: that it took.
            num_bytes: that it takes.
        """
        if num_bytes > self.bytes_each_max():
            return
        with self._lock:
            self._forget(key)
            gain = max(0.0, seconds) / max(1, num_bytes)
            worth = self._worth_now(gain)
            entry = _Entry(value, num_bytes, gain, worth, self._num_uses)
            self._kept[key] = entry
            heappush(self._queue, (entry.worth, entry.number, key))
            self.num_bytes += num_bytes
            while self.num_bytes > self.bytes_max:
                self._forget_least()

    def _worth_now(self, gain: float) -> tuple[float, int]:
        """Return the worth of what is used now; of what is worth the same, the older goes first."""
        self._num_uses += 1
        return self._age + gain, self._num_uses

    def _forget(self, key: Hashable) -> None:
        entry = self._kept.pop(key, None)
        if entry is not None:
            self.num_bytes -= entry.num_bytes

    def _forget_least(self) -> None:
        """Take one place off the queue, and forget what stands there if it still does."""
        worth, number, key = heappop(self._queue)
        entry = self._kept.get(key)
        if entry is None or entry.number != number:
            return
        if entry.worth > worth:
            heappush(self._queue, (entry.worth, number, key))
            return
        self._age = worth[0]
        self._forget(key)
