"""Expressions too wide for a table, cut into pieces by auxiliary variables."""

import math
from dataclasses import dataclass, field

from gmlang.core.ast import (
    Aggregate,
    Apply,
    Bool,
    Cases,
    Constant,
    Distribution,
    Expression,
    Integer,
)
from gmlang.core.walk import is_random, parts
from gmlang.graph.lowering import table_sizes
from gmlang.graph.lowering.cuts import widths_of
from gmlang.graph.lowering.forms.columns import NUM_VALUES_MAX, ranked, values_of
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    auxiliary,
    environment,
    hidden_entry,
    hidden_reference,
)
from gmlang.graph.lowering.sums.comparisons import OPPOSITE
from gmlang.graph.lowering.sums.linear import SUM_RANGE_MAX, LinearForm, linear_form
from gmlang.graph.values.environment import Env, NoValue, Slots
from gmlang.graph.values.ranges import integer_steps
from gmlang.graph.values.terms import Defined, Needed, expressions
from gmlang.graph.world.places import collect
from gmlang.graph.world.states import BOOL, States
from gmlang.graph.world.world import Frame

Guards = tuple[Expression, ...]
"""Conditions under which a part is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A part that may become a variable, and the states that this would have."""

    part: Expression
    guards: Guards
    states: States


def lower_narrowed(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Replace the widest part that fits a table, or has a rule, by an auxiliary variable.

    False when there is none, or when one table of everything is possible and no larger.
    """
    best = _best_cut(grounder, frame, job)
    if best is None:
        return job.num_entries > table_sizes.ENTRIES_MAX and _narrowed_by_values(
            grounder, frame, job
        )
    if job.num_entries <= table_sizes.ENTRIES_MAX:
        definition = _definition_entries(grounder, frame, best.part, best.states.count)
        if definition + _rest_entries(grounder, frame, job, best) >= job.num_entries:
            return False
    frame, reference = auxiliary(grounder, frame, best.part, best.states, best.guards)
    grounder.lower(frame, job.replaced(best.part, reference))
    return True


def _best_cut(grounder: Grounder, frame: Frame, job: Job) -> _Cut | None:
    env = environment(grounder, frame)
    widths = widths_of(job.expressions(), env)
    measured: list[tuple[float, Expression, Guards]] = []
    for part, guards in candidates(job):
        if widths is not None and widths.has(part):
            width = widths.inside(part)
        else:
            width = _width(grounder, frame, part)
        measured.append((width, part, guards))
    cuts = _Cuts(env, measured)
    widest = cuts.best([-width for width, _, _ in measured], [0.0] * len(measured))
    if widest is None or widths is None or _ruled_entries(grounder, frame, widest.part) is not None:
        return widest
    # It would be a table, and perhaps the first in a row of ever smaller ones: both tables are to
    # be small, wherever the cut must be for that.
    bits = [widths.of_both(part) for _, part, _ in measured]
    return cuts.best(bits, [-width for width, _, _ in measured])


@dataclass(slots=True, eq=False)
class _Cuts:
    """The parts that may become variables; which values they take is found when it is needed."""

    env: Env
    measured: list[tuple[float, Expression, Guards]]
    known: dict[int, States | None] = field(default_factory=dict[int, States | None])

    def best(self, bits: list[float], or_else: list[float]) -> _Cut | None:
        """Return the narrowing cut with the fewest bits, those of its variable added."""
        found: tuple[float, _Cut] | None = None
        for number in sorted(range(len(bits)), key=lambda k: (bits[k], or_else[k])):
            if found is not None and found[0] <= bits[number] + 1:
                break
            self.env.world.check_time()
            width, part, guards = self.measured[number]
            if number not in self.known:
                self.known[number] = _value_states(part, self.env)
            states = self.known[number]
            own = math.inf if states is None else math.log2(max(2, states.count))
            if states is not None and width > own and (not found or bits[number] + own < found[0]):
                found = bits[number] + own, _Cut(part, guards, states)
        return None if found is None else found[1]


def candidates(job: Job) -> list[tuple[Expression, Guards]]:
    """List the parts that may be replaced, each with what it is asked for under."""
    target = getattr(job.term, "target", None)
    roots = {id(e) for e in job.expressions()} if isinstance(job.term, Defined) else set[int]()
    found: dict[int, tuple[Expression, Guards]] = {}
    stack = with_guards(job)
    seen: dict[int, set[int]] = {}
    while stack:
        part, guards = stack.pop()
        if isinstance(part, Apply) and part.is_shared:
            # Again only under guards that exclude less.
            before, now = seen.get(id(part)), {id(guard) for guard in guards}
            if before is not None and before <= now:
                continue
            seen[id(part)] = now if before is None else before & now
        is_whole = part is target or id(part) in roots
        if isinstance(part, Apply | Aggregate) and is_random(part) and not is_whole:
            if id(part) in found:
                known = {id(guard) for guard in found[id(part)][1]}
                guards = tuple(guard for guard in guards if id(guard) in known)
            found[id(part)] = (part, guards)
        if not isinstance(part, Aggregate) and not (
            isinstance(part, Distribution) and any(item.context for item in part.items)
        ):
            stack.extend((inner, (*guards, *new)) for inner, new in guarded_parts(part))
    return list(found.values())


def with_guards(job: Job) -> list[tuple[Expression, Guards]]:
    """List the expressions of a job, each with the conditions that it is asked for under."""
    gates = [(gate, (*job.guards, *job.gates[:k])) for k, gate in enumerate(job.gates)]
    if isinstance(job.term, Needed):
        # The value itself has been made a table already; only what asks for it is too wide.
        return gates
    return [(part, (*job.guards, *job.gates)) for part in expressions(job.term)] + gates


def guarded_parts(expression: Expression) -> list[tuple[Expression, Guards]]:
    """List the immediate parts of an expression, each with the conditions it is asked for under."""
    match expression:
        case Apply(operator="and" | "or", arguments=arguments):
            before = [a if expression.operator == "and" else _not(a) for a in arguments]
            return [(part, tuple(before[:k])) for k, part in enumerate(arguments)]
        case Apply(operator="if", arguments=(condition, then, otherwise)):
            return [(condition, ()), (then, (condition,)), (otherwise, (_not(condition),))]
        case Cases(conditions=conditions, values=values):
            failed = [_not(condition) for condition in conditions]
            rows = [(part, tuple(failed[:k])) for k, part in enumerate(conditions)]
            pairs = zip(conditions, values, strict=True)
            return rows + [(v, (*failed[:k], c)) for k, (c, v) in enumerate(pairs)]
        case _:
            return [(part, ()) for part in parts(expression)]


def _not(condition: Expression) -> Expression:
    return Apply(condition.span, "not", (condition,), Bool())


def _slots(grounder: Grounder, frame: Frame, expressions: tuple[Expression, ...]) -> Slots:
    env: Env = environment(grounder, frame)
    for part in expressions:
        collect(part, env)
    return env.slots


def _width(grounder: Grounder, frame: Frame, part: Expression) -> float:
    return sum(math.log2(s.states.count) for s in _slots(grounder, frame, (part,)).items)


def _value_states(part: Expression, env: Env) -> States | None:
    """Find the states of an auxiliary variable for an expression; None when it can have none."""
    if isinstance(part, Aggregate | Apply) and isinstance(part.type, Bool):
        return BOOL
    form = _form(part, env)
    if form is not None:
        low, high = form.bounds()
        first, last = int(low.min(initial=0)), int(high.max(initial=0))
        return None if last - first > SUM_RANGE_MAX else States(first, last - first + 1)
    steps = integer_steps(part, env, num_entries_max=table_sizes.PLAIN_ENTRIES)
    if steps is None or (steps.count - 1) * steps.step > SUM_RANGE_MAX:
        return None
    return States(steps.first, (steps.count - 1) * steps.step + 1)


def _form(part: Expression, env: Env, *, parts: bool = False) -> LinearForm | None:
    try:
        return linear_form(part, env, parts=parts)
    except NoValue:
        return None


# --- What a cut costs --------------------------------------------------------------------


def _definition_entries(grounder: Grounder, frame: Frame, part: Expression, count: int) -> float:
    """Estimate how many entries the factors have that define a part's variable.

    Args:
        grounder: with the world.
        frame: the instances.
        part: that is defined.
        count: how many states its variable has.
    """
    ruled = _ruled_entries(grounder, frame, part)
    return 2.0 ** min(1000.0, _width(grounder, frame, part)) * count if ruled is None else ruled


def _ruled_entries(grounder: Grounder, frame: Frame, part: Expression) -> float | None:
    """Estimate how many entries there are by rules of sums and aggregates; None without a rule."""
    env = environment(grounder, frame)
    form = _form(part, env, parts=True)
    if form is None or len(form.terms) < 2:
        form = None
        if isinstance(part, Apply) and part.operator in OPPOSITE:
            left, right = part.arguments
            form = _form(Apply(part.span, "-", (left, right), Integer()), env, parts=True)
    if form is not None and len(form.terms) >= 2:
        return form.num_entries()
    if isinstance(part, Aggregate):
        return float(sum(s.states.count for s in _slots(grounder, frame, (part,)).items))
    if isinstance(part, Apply) and part.operator in ("and", "or"):
        return sum(_definition_entries(grounder, frame, inner, 2) for inner in part.arguments)
    return None


def _rest_entries(grounder: Grounder, frame: Frame, job: Job, cut: _Cut) -> float:
    """Count the entries of a table over a part's variable and everything else."""
    rest = job.replaced(cut.part, Constant(cut.part.span, 0, Integer()))
    slots = _slots(grounder, frame, rest.expressions()).items
    return math.prod(float(slot.states.count) for slot in slots) * cut.states.count


# --- Parts that are no integers ----------------------------------------------------------


def _narrowed_by_values(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Replace the widest part that takes few values, whatever numbers they are."""
    best: tuple[float, Expression] | None = None
    env = environment(grounder, frame)
    for part, _ in candidates(job):
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
    frame, rank = hidden_reference(grounder, frame, variables, states, part.span)
    value = hidden_entry(grounder, values, rank, part.span)
    grounder.lower(frame, job.replaced(part, value))
    return True
