"""Heavy programs against the clock: every question ends within half a second of its budget."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import gmlang
from tests.fuzz.heavy import Heavy, heavy

LATE_S = 0.5
"""A run ends within so much of its budget."""


@dataclass(frozen=True, slots=True)
class ClockCase:
    """A heavy program, a question and its budget.

    Attributes:
        heavy: the program with the question.
        budget_s: seconds.
    """

    heavy: Heavy
    budget_s: float

    @property
    def text(self) -> str:
        """The question, its budget, and the program."""
        return f"{self.heavy.question} within {self.budget_s} s of\n{self.heavy.program}"

    @property
    def num_questions(self) -> int:
        """One."""
        return 1


def make(seed: int) -> ClockCase:
    """Choose a program and a budget."""
    rng = random.Random(seed)
    return ClockCase(heavy(rng), rng.choice([0.1, 0.5, 1.0, 2.0]))


def faults(case: ClockCase) -> Iterator[str]:
    """Ask; yield how late the answer was.

    What the machine does besides counts as well, so that a fault here is a hint: the seconds of
    our own are told with it.
    """
    model = gmlang.compile(case.heavy.program)
    model.graph()
    start_s, own_s = time.monotonic(), time.process_time()
    model.query(case.heavy.question, budget_s=case.budget_s)
    spent_s, own_s = time.monotonic() - start_s, time.process_time() - own_s
    if spent_s > case.budget_s + LATE_S:
        yield f"took {spent_s:.2f} s of {case.budget_s} s ({own_s:.2f} s of the processor)"
