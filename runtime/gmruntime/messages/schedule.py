"""The loop of belief propagation: sweep, look at the change, damp more where it does not settle."""

from collections.abc import Callable

from gmruntime.budget import Budget
from gmruntime.messages.options import BpOptions

PATIENCE = 40
"""Sweeps after which an undamped run must have halved its residual, or is damped more."""

_DAMPINGS = (0.0, 0.5, 0.75, 0.9)
"""The dampings tried in turn when none was asked for."""

Settled = tuple[float, int]
"""The change of the last sweep divided by 1 - damping, and how many sweeps were done."""


def sweep_until_settled(
    sweep: Callable[[float], float],
    budget: Budget,
    options: BpOptions,
    *,
    may_damp: bool,
    before_damping: Callable[[int], Settled | None] | None = None,
) -> Settled | None:
    """Sweep until the messages settle, or the sweeps or the budget are spent.

    Args:
        sweep: updates every message with a damping; returns the largest change, negative when a
            message would rule out every state; TimeoutError when it could not update all.
        budget: looked at after every sweep.
        options: tolerance, number of sweeps, and a damping where one was asked for.
        may_damp: damp more where the residual does not halve, unless a damping was asked for.
        before_damping: tried once in its place, given the sweeps done so far.

    Returns:
        None when a message would rule out every state.
    """
    damping = _DAMPINGS[0] if options.damping is None else options.damping
    may_damp = may_damp and options.damping is None
    residual, checkpoint, count = float("inf"), float("inf"), 0
    while True:
        try:
            change = sweep(damping)
        except TimeoutError:
            # What a part of a sweep changed says nothing of how far there is to go.
            return residual, count
        if change < 0.0:
            return None
        count += 1
        residual = change / (1.0 - damping)
        is_over = count >= options.num_sweeps_max or budget.left_s() <= 0.0
        if residual <= options.tolerance or is_over:
            return residual, count
        if not may_damp or count % PATIENCE:
            continue
        more = _calmer(damping, residual, checkpoint)
        if more > damping == 0.0 and before_damping is not None:
            found = before_damping(count)
            if found is None:
                return None
            residual, count = found
            if residual <= options.tolerance or count >= options.num_sweeps_max:
                return residual, count
        damping, checkpoint = more, residual


def _calmer(damping: float, residual: float, checkpoint: float) -> float:
    """Damp more when the residual has not halved since it was last looked at."""
    if residual <= 0.5 * checkpoint:
        return damping
    return _DAMPINGS[min(_DAMPINGS.index(damping) + 1, len(_DAMPINGS) - 1)]
