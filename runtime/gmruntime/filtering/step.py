"""What happens in one step of a chain: tables over what was believed, what is new, what is seen."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64

NUM_ENTRIES_MAX = 1 << 22
"""Larger tables are not made for a step."""


class TooWideError(ValueError):
    """A step needs a table of too many entries.

    Attributes:
        num_entries: of it.
    """

    def __init__(self, num_entries: int) -> None:
        """Say how many."""
        super().__init__(f"a step needs a table of {num_entries} entries")
        self.num_entries = num_entries


@dataclass(frozen=True, slots=True, eq=False)
class Potential:
    """A factor of a step: the log of its values, an axis for each variable of its scope."""

    scope: tuple[int, ...]
    log_values: Float64[np.ndarray, "..."]


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """A distribution that is wanted after a step.

    Attributes:
        scope: of which variables, in this order.
        potentials: what holds beside the step's own, of this question alone.
    """

    scope: tuple[int, ...]
    potentials: tuple[Potential, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step. Its variables are numbered from 0.

    Attributes:
        num_states: of each variable.
        before: those of which the step before left a joint belief, in its order.
        after: those of which it leaves one, in their order.
        potentials: what is new in this step.
        seen: for each place of what may be seen, its variable; -1 where there is none yet.
        shown: what is seen in this step whatever these places hold.
        wanted: distributions; None where one does not exist yet.
        log_constant: of what is new and depends on nothing.
    """

    num_states: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    potentials: tuple[Potential, ...]
    seen: tuple[int, ...] = ()
    shown: tuple[Potential, ...] = ()
    wanted: tuple[Wanted | None, ...] = ()
    log_constant: float = 0.0
