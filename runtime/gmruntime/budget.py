"""What an inference may spend: seconds of wall clock, bytes of memory, and cores.

A question has one budget, begun with the first step that is done for it. Whatever is done on the
way gets a part of it (`share`, `until`), which ends no later than the whole.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import inf
from threading import Event
from time import monotonic
from typing import TypeVar

QUICK_SHARE = 0.1
"""Of the budget, for trying whether constraints, layers or elimination settle a maximisation."""

_T = TypeVar("_T")


def now_s() -> float:
    """Return what the wall clock reads, seconds that only ever grow: whoever asks, asks here."""
    return monotonic()


@dataclass(frozen=True, slots=True)
class Budget:
    """A deadline and a memory cap; engines ask it, and only it, what time it is.

    Attributes:
        start_s: the clock's reading when the question was asked.
        seconds: wall-clock seconds that may pass from then on.
        memory_bytes: cap on what tables and messages may occupy together.
        clock: seconds that only ever grow; a test passes its own.
        ends: events that each end it at once: an interrupt, a search that is over.
        cores: how many may be kept busy; None for all that this process may use.
    """

    start_s: float
    seconds: float
    memory_bytes: int
    clock: Callable[[], float] = monotonic
    ends: tuple[Event, ...] = ()
    cores: int | None = None

    def num_cores(self) -> int:
        """Return how many cores may be kept busy.

        >>> Budget(0.0, 8.0, 1 << 30, cores=1).num_cores()
        1
        """
        return num_cores() if self.cores is None else min(self.cores, num_cores())

    def on_cores(self, cores: int | None) -> "Budget":
        """Return the budget with so many cores; None leaves it as it is."""
        return self if cores is None else replace(self, cores=max(1, cores))

    def spent_s(self) -> float:
        """Return the seconds that have passed."""
        return self.clock() - self.start_s

    def left_s(self) -> float:
        """Return the seconds that are left, 0 when none are."""
        if any(end.is_set() for end in self.ends):
            return 0.0
        return max(0.0, self.seconds - self.spent_s())

    def is_spent(self) -> bool:
        """Say whether nothing is left."""
        return self.left_s() <= 0.0

    def check(self) -> None:
        """Give up, with a TimeoutError, when nothing is left."""
        if self.left_s() <= 0.0:
            raise TimeoutError

    def share(self, part: float) -> "Budget":
        """Return the budget that begins now and has a part of what is left.

        >>> Budget(0.0, 8.0, 1 << 30, clock=lambda: 4.0).share(0.25).left_s()
        1.0
        """
        return self.until(part * self.left_s())

    def until(self, seconds: float) -> "Budget":
        """Return the budget that begins now and ends so many seconds later, or with this one.

        >>> Budget(0.0, 8.0, 1 << 30, clock=lambda: 4.0).until(9.0).left_s()
        4.0
        """
        return replace(self, start_s=self.clock(), seconds=min(seconds, self.left_s()))

    def at_least(self, seconds: float) -> "Budget":
        """Return the budget that begins now and has so many seconds: to finish with, if it is late.

        >>> Budget(0.0, 8.0, 1 << 30, clock=lambda: 9.0).at_least(0.25).left_s()
        0.25
        """
        return replace(self, start_s=self.clock(), seconds=max(seconds, self.left_s()))

    def ending_with(self, ended: Event) -> "Budget":
        """Return the budget that is also spent as soon as `ended` is set, by any thread."""
        return replace(self, ends=(*self.ends, ended))

    def standing(self) -> "Budget":
        """Return the budget with all its time and a clock that stands still, to count steps by."""
        return replace(self, start_s=0.0, clock=lambda: 0.0)

    def with_memory(self, part: float) -> "Budget":
        """Return the budget with a part of the bytes."""
        return replace(self, memory_bytes=int(part * self.memory_bytes))


@dataclass(slots=True, eq=False)
class Watch:
    """What someone who waits for an answer shares with who finds it, on another thread.

    Attributes:
        ended: set by who waits: the budget is over.
        budget: set by who finds: of the question, once that has begun.
        when_left: added to by who finds, done by who goes without an answer: such as to wipe what
            shows how far it is.
    """

    ended: Event = field(default_factory=Event)
    budget: Budget | None = None
    when_left: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])


UNLIMITED = Budget(0.0, inf, 1 << 62, clock=lambda: 0.0)
"""For callers who do not hurry: nothing ends early."""


def within(items: Iterable[_T], budget: Budget, every: int = 64) -> Iterator[_T]:
    """Yield the items, and ask now and then whether there is time for more.

    Raises:
        TimeoutError: when there is none.
    """
    for number, item in enumerate(items):
        if number % every == 0:
            budget.check()
        yield item


def start_budget(
    seconds: float, memory_bytes: int, clock: Callable[[], float] = monotonic
) -> Budget:
    """Start the clock on a budget."""
    return Budget(clock(), seconds, memory_bytes, clock)


def begin_budget(seconds: float, memory_bytes: int | None) -> Budget:
    """Start the clock on what a user allows; None for the bytes takes half of what is free.

    Raises:
        ValueError: when no time or no memory is allowed.
    """
    if not seconds > 0:
        raise ValueError(f"budget_s must be positive, not {seconds}")
    if memory_bytes is not None and not memory_bytes > 0:
        raise ValueError(f"memory_bytes must be positive, not {memory_bytes}")
    return start_budget(seconds, memory_bytes or free_memory_bytes() // 2)


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory_bytes() -> int:
    """Return what this machine has free, as the operating system estimates it.

    Falls back to 4 GiB where the system does not say.
    """
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 4 << 30
