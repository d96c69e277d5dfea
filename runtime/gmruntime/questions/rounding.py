"""What adding strong weights may have lost, and what an answer says of it."""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.quality import Quality, Status

TOLERANCE = 1e-9
"""Where weights are strong, an answer that may be further off, in nats, is not called exact."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What may have been lost, nats."""

    nats: float

    def if_lossy(self) -> float:
        """Return it where it counts, else 0."""
        return self.nats if self.nats > TOLERANCE else 0.0

    def at_least(self, nats: float) -> "Lost":
        """Return the larger loss."""
        return Lost(max(self.nats, nats))

    def said(self, quality: Quality, status: Status) -> Quality:
        """Return the quality of an answer that was exact but for the loss."""
        if quality.status is not Status.EXACT or self.nats <= TOLERANCE:
            return quality
        far = f"{self.nats:.1g} nats" if math.isfinite(self.nats) else "any amount"
        note = f"weights this strong round: adding them may be off by {far}"
        return replace(quality, status=status, error=self.nats, error_kind="rounding", note=note)


def loss_of_sum(log_value: float) -> float:
    """Return what a large number cannot say about itself."""
    return float(np.spacing(abs(log_value))) if np.isfinite(log_value) else 0.0
