"""What more cases are added to, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gmlang.core.parameters import Learn
from gmruntime.rows.batches import Programs


@dataclass(frozen=True, slots=True)
class Pace:
    """How more cases are added; the attributes are the arguments of `Learned.add`."""

    batch: int
    half_life: float | None
    skip_impossible: bool
    budget_s: float
    memory_bytes: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What the cases so far come to, to which more can be added.

    Attributes:
        counts: how often each entry was used, by block of the program's tables.
        is_complete: whether no case left anything open, so that the counts are no expectations.
        learn: what was learned.
        weight: the column of weights.
        programs: that rows were compiled to; those that are added later share them.
    """

    counts: Mapping[int, np.ndarray]
    is_complete: bool
    learn: Learn
    weight: str | None
    programs: Programs = field(default_factory=Programs)
