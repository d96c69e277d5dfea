"""How questions are answered: seconds, bytes, seed, device, workers, what is remembered."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import grounding as errors
from gmlang.limits import (
    FOLDER,
    MEMORY,
    MEMORY_MAX,
    SECONDS,
    SECONDS_MAX,
    SEED,
    SEED_MAX,
    is_seconds,
)
from gmlang.queries.remembered.memory import Memory
from gmruntime.budget import Budget, Watch, begin_budget, free_memory_bytes
from gmruntime.graph import FactorGraph
from gmruntime.workers.workers import Workers, workers_of
from gmruntime.workspace import Workspace

if TYPE_CHECKING:
    from concurrent.futures import Executor

Guide = Callable[[FactorGraph, np.ndarray], np.ndarray]
"""What proposes where a search for a maximum begins, for a graph and what is observed: a state for
each variable, -1 where it proposes none."""

DEVICES = ("auto", "cpu", "cuda")


class Options(TypedDict, total=False):
    """Settings as a caller in Python may give them."""

    budget_s: float
    seed: int
    device: str
    memory_bytes: int | None
    executor: "Executor | None"
    num_workers: int | None
    remember: bool | str | PathLike[str]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to answer.

    Attributes:
        budget_s: seconds for each query.
        seed: of everything random.
        device: "auto", "cpu" or "cuda".
        memory_bytes: cap on tables and messages; None takes half of what is free.
        workspace: what is kept from earlier queries.
        watch: shared with who waits for the answer on another thread.
        budget: of the question that is being answered, once that has begun; its inner questions
            share it.
        workers: who help; None answers alone.
        cores: how many may be kept busy; None for all.
        estimate_share: of the time that is left, for an answer that is not exact, where several
            queries share a budget.
        remembers: whether to look for answers that were given before, and to keep those to come.
        memory: where they are; of the session.
        folder: where they are on disk; None for nowhere.
        heard: is told of each question what became of models that may sleep.
        guide: says where searches begin; of the session.
    """

    budget_s: float = 5.0
    seed: int = 0
    device: str = "auto"
    memory_bytes: int | None = None
    workspace: Workspace | None = None
    watch: Watch | None = None
    budget: Budget | None = None
    workers: Workers | None = None
    cores: int | None = None
    estimate_share: float = 1.0
    remembers: bool = True
    memory: Memory | None = None
    folder: Path | None = None
    heard: "Callable[[str, list[dict[str, object]]], None] | None" = None
    guide: Guide | None = None

    def allowed_bytes(self) -> int:
        """Return the cap on tables and messages."""
        return self.memory_bytes or free_memory_bytes() // 2

    def running(self) -> Budget:
        """Return the budget of the question that is being answered."""
        assert self.budget is not None
        return self.budget


def begin(settings: Settings, within_s: float | None) -> Settings:
    """Start a question's budget; that of an inner question ends with the outer one's."""
    if settings.budget is None:
        budget = begin_budget(within_s or settings.budget_s, settings.memory_bytes)
        budget = budget.on_cores(settings.cores)
        if settings.watch is not None:
            budget = settings.watch.budget = budget.ending_with(settings.watch.ended)
    else:
        budget = settings.budget if within_s is None else settings.budget.until(within_s)
    return replace(settings, budget=budget)


def checked_settings(
    budget_s: float = 5.0,
    seed: int = 0,
    device: str = "auto",
    memory_bytes: int | None = None,
    executor: "Executor | None" = None,
    num_workers: int | None = None,
    remember: object = True,
) -> Settings:
    """Return settings as a caller in Python gave them.

    Raises:
        GmError: naming each that is out of range.
    """
    wrong: list[Diagnostic] = []
    if not (isinstance(budget_s, Real) and is_seconds(float(min(budget_s, 2 * SECONDS_MAX)))):
        wrong.append(errors.bad_setting("budget_s", SECONDS, budget_s))
    if not (isinstance(seed, Integral) and 0 <= seed <= SEED_MAX):
        wrong.append(errors.bad_setting("seed", SEED, seed))
    if device not in DEVICES:
        wrong.append(errors.bad_setting("device", " or ".join(map(repr, DEVICES)), device))
    if memory_bytes is not None and not (isinstance(memory_bytes, Real) and memory_bytes > 0):
        wrong.append(errors.bad_setting("memory_bytes", MEMORY, memory_bytes))
    workers = folder = None
    try:
        workers = workers_of(executor, num_workers)
    except ValueError as error:
        wrong.append(errors.bad_workers(error))
    if not isinstance(remember, bool):
        from gmlang.queries.remembered.folder import opened

        try:
            folder = opened(remember)
        except (OSError, TypeError, ValueError):
            wrong.append(errors.bad_setting("remember", FOLDER, remember))
    if wrong:
        raise GmError(wrong)
    memory = None if memory_bytes is None else max(1, int(min(memory_bytes, MEMORY_MAX)))
    return Settings(
        float(budget_s),
        int(seed),
        device,
        memory,
        workers=workers,
        remembers=remember is not False,
        folder=folder,
    )
