"""How floods run on a GPU: a look now and then; fewer messages sent where they do not settle."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gmruntime.budget import Budget
from gmruntime.messages.options import BpOptions

SWEEPS_PER_LOOK = 8
"""Sweeps between two looks at the largest change, each of which waits for the device."""

CHANCES = (1.0, 0.7, 0.4, 0.1)
"""Shares of the messages that are sent, tried in turn while they do not settle."""

PATIENCE = 5
"""Looks after which the change must have halved, or a smaller share is sent."""


@dataclass(slots=True)
class _Pace:
    """What share of the messages is sent: all, until they no longer settle."""

    options: BpOptions
    damping: float
    step: int = 0
    looks: int = 0
    checkpoint: float = float("inf")

    @property
    def chance(self) -> float:
        """The share at present."""
        return CHANCES[self.step]

    def is_settled(self, change: float) -> bool:
        """Look at the largest change; send fewer messages when it has not halved for long."""
        self.looks += 1
        if change <= self.options.tolerance * (1.0 - self.damping):
            return True
        if self.looks % PATIENCE == 0 and self.options.damping is None:
            if change > 0.5 * self.checkpoint and self.step + 1 < len(CHANCES):
                self.step += 1
            self.checkpoint = change
        return False


def sweep_on_gpu(
    sweep: Callable[[int, float], None],
    change: Any,  # noqa: ANN401
    budget: Budget,
    options: BpOptions,
    damping: float,
    is_lost: Callable[[], bool] = lambda: False,
) -> tuple[float, int]:
    """Sweep until the messages settle, or the sweeps or the budget are spent.

    Args:
        sweep: starts the sweep of a number, sending a share of the messages.
        change: on the device, of each row; written by the sweep.
        budget: looked at before every sweep.
        options: tolerance and number of sweeps.
        damping: of the sweeps.
        is_lost: looked at now and then; ends the run.

    Returns:
        the largest change of the last sweep, and the sweeps done.
    """
    count, pace = 0, _Pace(options, damping)
    while count < options.num_sweeps_max and budget.left_s() > 0.0:
        change.fill(0)
        sweep(count, pace.chance)
        count += 1
        if count % SWEEPS_PER_LOOK and count < options.num_sweeps_max:
            continue
        if is_lost() or pace.is_settled(float(change.max())):
            break
    return float(change.max()), count
