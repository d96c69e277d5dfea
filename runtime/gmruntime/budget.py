"""What an inference may spend: seconds of wall clock, bytes of memory, and cores."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from threading import Event
from time import monotonic


@dataclass(frozen=True, slots=True)
class Budget:
    """A deadline and a memory cap; engines ask it, and only it, what time it is.

    Attributes:
        start_s: the clock's reading when the question was asked.
        seconds: wall-clock seconds that may pass from then on.
        memory_bytes: cap on what tables and messages may occupy together.
        clock: seconds that only ever grow; a test passes its own.
    """

    start_s: float
    seconds: float
    memory_bytes: int
    clock: Callable[[], float] = monotonic

    def spent_s(self) -> float:
        """Return the seconds that have passed."""
        return self.clock() - self.start_s

    def left_s(self) -> float:
        """Return the seconds that are left, 0 when none are."""
        return max(0.0, self.seconds - self.spent_s())


def start_budget(
    seconds: float, memory_bytes: int, clock: Callable[[], float] = monotonic
) -> Budget:
    """Start the clock on a budget."""
    return Budget(clock(), seconds, memory_bytes, clock)


def ending_with(budget: Budget, ended: Event) -> Budget:
    """Return a budget that is also spent as soon as `ended` is set, for work on other threads."""
    clock = budget.clock
    return replace(budget, clock=lambda: inf if ended.is_set() else clock())


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
