"""Expressions too wide for a table, cut into pieces by auxiliary variables."""

import math

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Distribution, Expression
from gmlang.core.types import Bool
from gmlang.core.walk import is_random, parts
from gmlang.graph import lower
from gmlang.graph.evaluate import Env, Slots, evaluate
from gmlang.graph.linear import integer_states, linear_form
from gmlang.graph.places import collect
from gmlang.graph.states import BOOL, States
from gmlang.graph.structure import SUM_RANGE_MAX
from gmlang.graph.terms import Defined
from gmlang.graph.world import Frame


def lower_narrowed(grounder: "lower.Grounder", frame: Frame, job: "lower.Job") -> bool:
    """Replace the widest part that fits a table, or has a rule, by an auxiliary variable."""
    best: tuple[float, Expression, States] | None = None
    target = getattr(job.term, "target", None)
    roots = (
        {id(part) for part in job.expressions()} if isinstance(job.term, Defined) else set[int]()
    )
    for part in _candidates(job):
        if part is target or id(part) in roots:
            continue
        states = _value_states(grounder, frame, part)
        if states is None:
            continue
        width = _width(grounder, frame, part)
        gain = width - math.log2(max(2, states.count))
        if gain > 0 and (best is None or gain > best[0]):
            best = (gain, part, states)
    if best is None:
        return False
    _, part, states = best
    frame, reference = lower.auxiliary(grounder, frame, part, states)
    lower.lower(grounder, frame, job.replaced(part, reference))
    return True


def _candidates(job: "lower.Job") -> list[Expression]:
    found: list[Expression] = []
    stack = list(job.expressions())
    while stack:
        part = stack.pop()
        if isinstance(part, Apply | Aggregate) and is_random(part):
            found.append(part)
        if not isinstance(part, Aggregate) and not (
            isinstance(part, Distribution) and any(item.context for item in part.items)
        ):
            stack.extend(parts(part))
    return found


def _slots(grounder: "lower.Grounder", frame: Frame, parts: tuple[Expression, ...]) -> Slots:
    env: Env = lower.environment(grounder, frame)
    for part in parts:
        collect(part, env)
    return env.slots


def _width(grounder: "lower.Grounder", frame: Frame, part: Expression) -> float:
    return sum(math.log2(s.states.count) for s in _slots(grounder, frame, (part,)).items)


def _value_states(grounder: "lower.Grounder", frame: Frame, part: Expression) -> States | None:
    """Find the states of an auxiliary variable for an expression; None when it can have none."""
    if isinstance(part, Aggregate | Apply) and isinstance(part.type, Bool):
        return BOOL
    form = linear_form(part, lower.environment(grounder, frame))
    if form is not None:
        low, high = form.bounds()
        span = int(high.max(initial=0) - low.min(initial=0))
        return None if span > SUM_RANGE_MAX else integer_states(int(low.min()), int(high.max()))
    env = lower.environment(grounder, frame)
    collect(part, env)
    if len(env.slots.items) > lower.AXES_MAX:
        return None
    if math.prod(s.states.count for s in env.slots.items) > lower.ENTRIES_MAX:
        return None
    values = np.asarray(evaluate(part, env), np.float64)
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        return None
    if values.max() - values.min() > SUM_RANGE_MAX:
        return None
    return integer_states(int(values.min()), int(values.max()))
