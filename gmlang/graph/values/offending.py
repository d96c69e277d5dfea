"""Where a value is not legal: its instance, and the states of the variables it depends on."""

from collections.abc import Sequence

import numpy as np

from gmlang.core.ast import Cases
from gmlang.diagnostics import GmError, Span
from gmlang.errors import grounding as errors
from gmlang.errors.shapes import observed_shape
from gmlang.graph.values.environment import Env
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.world import where_text


def offending(bad: np.ndarray, env: Env, skip: int | None = None) -> str:
    """Describe the first place of a mask, such as " (i = 3, y = 4)"; "" where nothing varies.

    Args:
        bad: has the axes of `gmlang.graph.values.evaluate`, or broadcasts to them; not all false.
        env: where it was evaluated.
        skip: a slot whose state is left out: the variable that a distribution is about.
    """
    slots = env.slots.items
    full = bad.reshape(*([1] * (1 + len(slots) - bad.ndim)), *bad.shape)
    place = np.argwhere(full)[0]
    row = int(place[0]) if full.shape[0] == env.frame.count else 0
    parts: list[str] = []
    for axis, slot in enumerate(slots):
        if full.shape[1 + axis] > 1 and axis != skip:
            variable = int(np.broadcast_to(slot.variables, env.frame.count)[row])
            name = variable_name(env.world, variable)
            parts.append(f"{name} = {slot.states.label(int(place[1 + axis]))}")
    return with_states(where_text(env.frame, row, env.names), parts)


def with_states(instance: str, states: list[str]) -> str:
    """Say which instance and states a place is, such as " (i = 3, y = 4)"."""
    if not states:
        return instance
    told = ", ".join(states)
    return f"{instance[:-1]}, {told})" if instance else f" ({told})"


def check_coverage(expression: Cases, uncovered: np.ndarray, env: Env) -> None:
    """Refuse values, of those asked for, that no row of a match covers."""
    for condition, wanted in env.guards:
        uncovered = uncovered & (condition if wanted else ~condition)
    for hole in env.holes or ():
        uncovered = uncovered & ~hole.mask
    if not uncovered.any():
        return
    raise GmError([errors.uncovered_match(expression.span, offending(uncovered, env))])


def check_shape(span: Span, ends: Sequence[int]) -> np.ndarray:
    """Refuse a list of another shape than the array has: the sizes of one, then of the other."""
    half = len(ends) // 2
    if tuple(ends[:half]) != tuple(ends[half:]):
        told = observed_shape(span, span.text, ends[:half], ends[half:], is_list=True)
        raise GmError([told])
    return np.ones((), np.bool_)
