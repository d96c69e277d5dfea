"""What an engine of the anytime search is: something that can take a step and say what it found.

The driver owns the clock, the incumbent and the bound; an engine owns only its own state.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gmruntime.arrays import Int32


@dataclass(frozen=True, slots=True, eq=False)
class Incumbent:
    """The best assignment known to all engines, and what is proven about it.

    Attributes:
        assignment: a state for every variable of the working graph; empty while none is known.
        log_score: of `assignment` on the working graph; -inf while none is known.
        log_bound: certified: no assignment scores higher.
    """

    assignment: Int32[np.ndarray, " variables"]
    log_score: float
    log_bound: float


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What one step brought.

    Attributes:
        assignment: an assignment worth rescoring, or None.
        log_bound: certified upper bound on every assignment's score; +inf when it has none.
        finished: the engine has nothing more to do; for an exact engine, its search is complete.
        expected_s: seconds of work that are left until the engine has proved the best assignment;
            +inf where it cannot say.
    """

    assignment: Int32[np.ndarray, " variables"] | None = None
    log_bound: float = float("inf")
    finished: bool = False
    expected_s: float = float("inf")


class Engine(Protocol):
    """A resumable search. `step` works for about `seconds` and may overrun by a tenth of a second.

    An engine that has proved that nothing beats the incumbent reports the incumbent's score as
    `log_bound` and `finished`.
    """

    @property
    def name(self) -> str:
        """The engine in words, for traces."""
        ...

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Go on from where the last step stopped."""
        ...
