"""Expressions too wide for a table, cut into pieces by auxiliary variables."""

import math
from dataclasses import dataclass

from gmlang.core.ast import Aggregate, Apply, Constant, DataRef, Distribution, Expression
from gmlang.core.types import Bool, Integer, Real
from gmlang.core.walk import is_random, parts
from gmlang.graph import lower
from gmlang.graph.columns import NUM_VALUES_MAX, ranked, values_of
from gmlang.graph.evaluate import Env, Slots
from gmlang.graph.linear import SUM_RANGE_MAX, linear_form
from gmlang.graph.places import collect
from gmlang.graph.ranges import integer_steps
from gmlang.graph.states import BOOL, States
from gmlang.graph.sums import OPPOSITE, difference
from gmlang.graph.terms import Defined
from gmlang.graph.world import Frame


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A part that may become a variable, and by how many bits that narrows what is left."""

    part: Expression
    states: States
    gain: float


def lower_narrowed(grounder: "lower.Grounder", frame: Frame, job: "lower.Job") -> bool:
    """Replace the widest part that fits a table, or has a rule, by an auxiliary variable.

    False when there is none, or when one table of everything is possible and no larger.
    """
    best = _best_cut(grounder, frame, job)
    if best is None:
        return job.num_entries > lower.ENTRIES_MAX and _narrowed_by_values(grounder, frame, job)
    if job.num_entries <= lower.ENTRIES_MAX:
        definition = _definition_entries(grounder, frame, best)
        if definition + _rest_entries(grounder, frame, job, best) >= job.num_entries:
            return False
    frame, reference = lower.auxiliary(grounder, frame, best.part, best.states)
    lower.lower(grounder, frame, job.replaced(best.part, reference))
    return True


def _best_cut(grounder: "lower.Grounder", frame: Frame, job: "lower.Job") -> _Cut | None:
    best: _Cut | None = None
    for part in _candidates(job):
        states = _value_states(grounder, frame, part)
        if states is None:
            continue
        gain = _width(grounder, frame, part) - math.log2(max(2, states.count))
        if gain > 0 and (best is None or gain > best.gain):
            best = _Cut(part, states, gain)
    return best


def _candidates(job: "lower.Job") -> list[Expression]:
    target = getattr(job.term, "target", None)
    roots = [*job.expressions()] if isinstance(job.term, Defined) else []
    found: list[Expression] = []
    stack = list(job.expressions())
    while stack:
        part = stack.pop()
        is_whole = part is target or any(part is root for root in roots)
        if isinstance(part, Apply | Aggregate) and is_random(part) and not is_whole:
            found.append(part)
        if not isinstance(part, Aggregate) and not (
            isinstance(part, Distribution) and any(item.context for item in part.items)
        ):
            stack.extend(parts(part))
    return found


def _slots(grounder: "lower.Grounder", frame: Frame, expressions: tuple[Expression, ...]) -> Slots:
    env: Env = lower.environment(grounder, frame)
    for part in expressions:
        collect(part, env)
    return env.slots


def _width(grounder: "lower.Grounder", frame: Frame, part: Expression) -> float:
    return sum(math.log2(s.states.count) for s in _slots(grounder, frame, (part,)).items)


def _value_states(grounder: "lower.Grounder", frame: Frame, part: Expression) -> States | None:
    """Find the states of an auxiliary variable for an expression; None when it can have none."""
    if isinstance(part, Aggregate | Apply) and isinstance(part.type, Bool):
        return BOOL
    env = lower.environment(grounder, frame)
    form = linear_form(part, env)
    if form is not None:
        low, high = form.bounds()
        first, last = int(low.min(initial=0)), int(high.max(initial=0))
        return None if last - first > SUM_RANGE_MAX else States(first, last - first + 1)
    steps = integer_steps(part, env, num_entries_max=lower.PLAIN_ENTRIES)
    if steps is None or (steps.count - 1) * steps.step > SUM_RANGE_MAX:
        return None
    return States(steps.first, (steps.count - 1) * steps.step + 1)


# --- What a cut costs --------------------------------------------------------------------


def _definition_entries(grounder: "lower.Grounder", frame: Frame, cut: _Cut) -> float:
    """Estimate how many entries the factors have that define a part's variable."""
    part, env = cut.part, lower.environment(grounder, frame)
    form = linear_form(part, env, parts=True)
    if form is None or len(form.terms) < 2:
        form = None
        if isinstance(part, Apply) and part.operator in OPPOSITE:
            left, right = part.arguments
            form = difference(left, right, grounder, frame, parts=True)
    if form is not None and len(form.terms) >= 2:
        return form.num_entries()
    slots = _slots(grounder, frame, (part,)).items
    if isinstance(part, Aggregate):
        return float(sum(slot.states.count for slot in slots))
    return math.prod(float(slot.states.count) for slot in slots) * cut.states.count


def _rest_entries(grounder: "lower.Grounder", frame: Frame, job: "lower.Job", cut: _Cut) -> float:
    """Count the entries of a table over a part's variable and everything else."""
    rest = job.replaced(cut.part, Constant(cut.part.span, 0, Integer()))
    slots = _slots(grounder, frame, rest.expressions()).items
    return math.prod(float(slot.states.count) for slot in slots) * cut.states.count


# --- Parts that are no integers ----------------------------------------------------------


def _narrowed_by_values(grounder: "lower.Grounder", frame: Frame, job: "lower.Job") -> bool:
    """Replace the widest part that takes few values, whatever numbers they are."""
    best: tuple[float, Expression] | None = None
    env = lower.environment(grounder, frame)
    for part in _candidates(job):
        values = values_of(part, env)
        if values is None or len(values) > NUM_VALUES_MAX:
            continue
        gain = _width(grounder, frame, part) - math.log2(max(2, len(values)))
        if gain > 0 and (best is None or gain > best[0]):
            best = gain, part
    if best is None:
        return False
    part = best[1]
    values = values_of(part, env)
    assert values is not None
    variables = ranked(grounder, part, env, values)
    states = States(0, len(values))
    frame, rank = lower.hidden_reference(grounder, frame, variables, states, part.span)
    grounder.num_hidden += 1
    name = f"#{grounder.num_hidden}"
    grounder.world.data[name] = values
    lower.lower(grounder, frame, job.replaced(part, DataRef(part.span, name, (rank,), Real())))
    return True
