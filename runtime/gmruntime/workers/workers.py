"""An executor of the caller's, with how many workers stand behind it."""

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from gmruntime.budget import Budget, free_memory_bytes, num_cores, start_budget

if TYPE_CHECKING:
    from concurrent.futures import Executor

NUM_WORKERS_MAX = 100_000
"""More is a mistake: each has at least one share of its own."""

_COUNTS = ("num_workers", "_max_workers")
"""Where executors say how many workers they have: those of mpi4py and of this package, and those
of the standard library, which keep it to themselves."""


@dataclass(frozen=True, slots=True, eq=False)
class Workers:
    """Who may be asked to help.

    Attributes:
        executor: of the caller, who also shuts it down.
        count: how many shares it runs at a time.
    """

    executor: "Executor"
    count: int

    def cores_here(self) -> int | None:
        """Return how many cores are left to this process; None for all of them."""
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

        from gmruntime.workers.processes import Processes

        if isinstance(self.executor, ThreadPoolExecutor | ProcessPoolExecutor | Processes):
            return cores_of_each(self.count)
        return None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a share may take, wherever it runs.

    Attributes:
        seconds: so long from when the worker begins: clocks of machines are never compared.
        memory_bytes: cap for all on the machine that asks, or for this worker on another.
        asked_by: the machine that asks.
        num_workers: who may share that machine with it.
    """

    seconds: float
    memory_bytes: int
    asked_by: str
    num_workers: int

    def begin(self) -> Budget:
        """Begin the budget that a worker has where it runs."""
        cores, memory = num_cores(), min(self.memory_bytes, free_memory_bytes() // 2)
        if self.asked_by == machine():
            cores = cores_of_each(self.num_workers)
            memory = self.memory_bytes // (self.num_workers + 1)
        return start_budget(self.seconds, max(1, memory)).on_cores(cores)


def allowance(budget: Budget, num_workers: int, seconds: float) -> Allowance:
    """Return what one of some workers may take of a budget."""
    return Allowance(seconds, budget.memory_bytes, machine(), num_workers)


def workers_of(executor: object, num_workers: object = None) -> Workers | None:
    """Return who may be asked, or None without an executor.

    Args:
        executor: any `concurrent.futures.Executor`, or what has its `submit`.
        num_workers: how many shares it runs at a time; None asks the executor.

    Raises:
        ValueError: when it is none, or nobody says how many workers it has.
    """
    if executor is None:
        if num_workers is not None:
            raise ValueError("num_workers is about an executor, and there is none")
        return None
    if isinstance(executor, type) or not callable(getattr(executor, "submit", None)):
        raise ValueError(f"executor must be a concurrent.futures.Executor, not {executor!r}")
    count = _count_of(executor) if num_workers is None else num_workers
    if count is None:
        raise ValueError("num_workers must be given: this executor does not say how many it has")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= NUM_WORKERS_MAX:
        expected = f"a whole number from 1 to {NUM_WORKERS_MAX}"
        raise ValueError(f"num_workers must be {expected}, not {count!r}")
    return Workers(cast("Executor", executor), count)


def _count_of(executor: object) -> int | None:
    """Ask an executor; Dask's counts the cluster's processes: a share keeps several cores busy."""
    for name in _COUNTS:
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    client: Any = getattr(executor, "_client", None)
    return len(client.nthreads()) if hasattr(client, "nthreads") else None


def cores_of_each(num_workers: int) -> int:
    """Return the cores of each where so many, and the caller, share a machine."""
    return max(1, num_cores() // (num_workers + 1))


def machine() -> str:
    """Name the machine this runs on."""
    import socket

    return socket.gethostname()


def worker_name() -> str:
    """Name the worker that this is: no two that run at the same time have the same name."""
    return f"{machine()}:{os.getpid()}:{threading.get_ident()}"
