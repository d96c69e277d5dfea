"""A process as variables: in which step it is, for how many slots, and what it calls then.

    step[0] ~ where it begins, if it is active; else 0, waiting
    step[t] ~ the same step, or where it goes when that ends
    spent[t] := spent[t-1] + 1 in the same step, else 1

A step that lasts a..b slots and has lasted e ends with probability 0 below a, and 1 / (b - e + 1)
from there on, so that all lengths are equally probable (the discrete hazard of a uniform duration;
Murphy 2002, "Hidden semi-Markov models", section 2), times 1 - its stall.
"""

from gmlang.core.ast import (
    Apply,
    AttributeRef,
    Bind,
    Bool,
    Cases,
    Constant,
    Dist,
    Distribution,
    Enum,
    Expression,
    Gate,
    Integer,
    IntRange,
    Item,
    Real,
    Thing,
    Where,
    Whole,
)
from gmlang.core.expressions.operators import with_rank
from gmlang.core.processes.process import Leaf, Process
from gmlang.core.processes.walking import Chances, after_each, number, rest_of, times, walk
from gmlang.core.program import Define, Draw, ParameterSymbol, Statement, Use, VariableSymbol
from gmlang.core.records.processes import spent_attribute, step_attribute
from gmlang.diagnostics import Span
from gmlang.families.point import POINT
from gmlang.families.probabilities import PROBABILITIES

_WAITING = 0


def attributes_of(process: Process) -> tuple[str, tuple[VariableSymbol, ...]]:
    """Return the entity that a process is about, and the attributes that it has for that."""
    span, leaves = process.own.span, _leaves(process)
    parameters = process.parameters
    shape = shape_of(parameters, process.time)
    domain = IntRange(_whole(span, _WAITING), _whole(span, len(leaves) + 1))
    name = step_attribute(process.name)
    found = [VariableSymbol(span, name, shape, domain, _point(span, _WAITING))]
    if (longest := _longest(leaves)) > 1:
        domain = IntRange(_whole(span, 1), _whole(span, longest))
        name = spent_attribute(process.name)
        found.append(VariableSymbol(span, name, shape, domain, _point(span, 1)))
    return next(p.entity for p in parameters if p.domain is None), tuple(found)


def shape_of(parameters: tuple[ParameterSymbol, ...], time: Bind) -> tuple[Expression, ...]:
    """Return the shape of what stands for a process: its parameters that are values, and time."""
    values = tuple(_size(p) for p in parameters if p.domain is not None)
    return (*values, _plus_one(time.last))


def statements_of(process: Process) -> tuple[Statement, ...]:
    """Return what the model of a process says."""
    span, leaves = process.own.span, _leaves(process)
    begun = Where(span, Apply(span, "==", (process.at, _whole(span, 0)), Bool()))
    later = Where(span, Apply(span, ">=", (process.at, _whole(span, 1)), Bool()))
    step = _step(process, process.at)
    found: list[Statement] = [
        Draw(span, (process.time, begun), step, _first(process)),
        Draw(span, (process.time, later), step, _next(process)),
    ]
    if _longest(leaves) > 1:
        spent = _spent(process, process.at)
        one = _whole(span, 1)
        found.append(Define(span, (process.time, begun), spent, one))
        found.append(Define(span, (process.time, later), spent, _longer(process)))
    for leaf in leaves:
        here = _equal(step, leaf.number)
        context: tuple[Bind | Gate, ...] = (process.time, Gate(leaf.call.span, here))
        found.append(Use(leaf.call.span, context, leaf.call, ()))
    return tuple(found)


def _leaves(process: Process) -> list[Leaf]:
    return [leaf for leaf, _, _ in after_each(process.own.span, process.steps)]


def _longest(leaves: list[Leaf]) -> int:
    return max((leaf.longest for leaf in leaves), default=1)


# --- Moving on ---------------------------------------------------------------------------


def _first(process: Process) -> Expression:
    """Return where a process is in the first slot."""
    return _if_active(process, _beginning(process))


def _beginning(process: Process) -> Distribution:
    span = process.own.span
    chances, over = walk(span, process.steps, 0, process.begins)
    waits = None if process.begins is None else rest_of(span, process.begins)
    return _row(process, [] if waits is None else [(_WAITING, waits)], chances, over)


def _if_active(process: Process, drawn: Distribution) -> Expression:
    span = process.own.span
    return Apply(span, "if", (process.own, drawn, _point(span, _WAITING)), Dist())


def _next(process: Process) -> Expression:
    """Return where a process is, given where it was in the slot before."""
    span, after = process.own.span, after_each(process.own.span, process.steps)
    before = _step(process, _before(process))
    rows: list[tuple[Expression, Expression]] = []
    if process.begins is not None:
        rows.append((_equal(before, _WAITING), _if_active(process, _beginning(process))))
    for leaf, chances, over in after:
        leaves, stays = _leaves_step(process, leaf)
        moved = [(k, times(leaves, p) or number(span, 1.0)) for k, p in chances]
        end = None if over is None else times(leaves, over)
        same = [] if stays is None else [(leaf.number, stays)]
        rows.append((_equal(before, leaf.number), _row(process, same, moved, end)))
    # Who waits without ever beginning, or is done, stays so.
    same = Distribution(span, POINT.name, (before,), (), Dist())
    conditions = (*(condition for condition, _ in rows), Constant(span, True, Bool()))
    return Cases(span, conditions, (*(row for _, row in rows), same), Dist())


def _row(process: Process, same: Chances, moved: Chances, over: Expression | None) -> Distribution:
    span = process.own.span
    end = [] if over is None else [(1 + len(_leaves(process)), over)]
    items = tuple(Item(span, (), p, _whole(span, k)) for k, p in (*same, *moved, *end))
    return Distribution(span, PROBABILITIES.name, (), items, Dist())


def _leaves_step(process: Process, leaf: Leaf) -> tuple[Expression | None, Expression | None]:
    """Return the probability that a step ends, None for 1, and that it goes on, None for 0."""
    span = process.own.span
    ends, stays = rest_of(span, leaf.stall), leaf.stall
    if leaf.longest == 1:
        return ends, stays
    spent = _spent(process, _before(process))
    hazard: Expression = number(span, 1.0)
    if leaf.longest > leaf.shortest:
        left = Apply(span, "-", (_whole(span, leaf.longest), spent), Integer())
        left = Apply(span, "max", (_whole(span, 0), left), Integer())
        left = Apply(span, "+", (_whole(span, 1), left), Integer())
        hazard = Apply(span, "/", (number(span, 1.0), left), Real())
    if leaf.shortest > 1:
        early = Apply(span, "<", (spent, _whole(span, leaf.shortest)), Bool())
        hazard = Apply(span, "if", (early, number(span, 0.0), hazard), Real())
    ends = times(ends, hazard)
    return ends, rest_of(span, ends)


def _longer(process: Process) -> Expression:
    """Return for how many slots a process has been where it is."""
    span, leaves = process.own.span, _leaves(process)
    now, before = _step(process, process.at), _step(process, _before(process))
    same = Apply(span, "==", (now, before), Bool())
    ends = _whole(span, 1), _whole(span, len(leaves))
    inside = Apply(span, "in_range", (now, *ends), Bool())
    spent = _spent(process, _before(process))
    more = Apply(span, "+", (spent, _whole(span, 1)), Integer())
    more = Apply(span, "min", (_whole(span, _longest(leaves)), more), Integer())
    stays = Apply(span, "and", (same, inside), Bool())
    return Apply(span, "if", (stays, more, _whole(span, 1)), Integer())


# --- Pieces ------------------------------------------------------------------------------


def step_reference(
    span: Span,
    name: str,
    arguments: tuple[Expression | Thing, ...],
    parameters: tuple[ParameterSymbol, ...],
    at: Expression | Whole,
    num_steps: int,
) -> AttributeRef:
    """Return the step of a process in a slot.

    Args:
        span: of the mention.
        name: of the process.
        arguments: of its activation.
        parameters: of its model.
        at: the slot, or all of them.
        num_steps: how many steps it has.
    """
    domain = IntRange(_whole(span, _WAITING), _whole(span, num_steps + 1))
    return _attribute(span, step_attribute(name), arguments, parameters, at, domain)


def _attribute(
    span: Span,
    attribute: str,
    arguments: tuple[Expression | Thing, ...],
    parameters: tuple[ParameterSymbol, ...],
    at: Expression | Whole,
    domain: IntRange,
) -> AttributeRef:
    (thing,) = (a for a in arguments if isinstance(a, Thing))
    pairs = zip(arguments, parameters, strict=True)
    values = tuple(_place(a, p) for a, p in pairs if not isinstance(a, Thing))
    type_ = with_rank(domain, 1) if isinstance(at, Whole) else domain
    return AttributeRef(span, thing, attribute, (*values, at), type_)


def _step(process: Process, at: Expression) -> AttributeRef:
    span, own = process.own.span, process.own
    steps = len(_leaves(process))
    return step_reference(span, own.model, own.arguments, process.parameters, at, steps)


def _spent(process: Process, at: Expression) -> AttributeRef:
    span, own = process.own.span, process.own
    domain = IntRange(_whole(span, 1), _whole(span, _longest(_leaves(process))))
    name = spent_attribute(process.name)
    return _attribute(span, name, own.arguments, process.parameters, at, domain)


def _before(process: Process) -> Expression:
    span = process.own.span
    return Apply(span, "-", (process.at, _whole(span, 1)), Integer())


def _size(parameter: ParameterSymbol) -> Expression:
    """Return how many values a parameter has."""
    span = parameter.span
    match parameter.domain:
        case IntRange(first=first, last=last):
            if _is_zero(first):
                return _plus_one(last)
            return _plus_one(Apply(span, "-", (last, first), Integer()))
        case Enum(values=values):
            return _whole(span, len(values))
        case _:
            return _whole(span, 2)


def _place(argument: Expression, parameter: ParameterSymbol) -> Expression:
    """Return the place of a value among those of its parameter."""
    span = argument.span
    match parameter.domain:
        case IntRange(first=first) if not _is_zero(first):
            return Apply(span, "-", (argument, first), Integer())
        case Bool():
            return Apply(span, "if", (argument, _whole(span, 1), _whole(span, 0)), Integer())
        case _:
            return argument


def value_at_place(place: Expression, parameter: ParameterSymbol) -> Expression:
    """Return the value of a parameter whose place among all is known: undo `_place`."""
    span = place.span
    match parameter.domain:
        case IntRange(first=first) if not _is_zero(first):
            return Apply(span, "+", (place, first), Integer())
        case Bool():
            return _equal(place, 1)
        case _:
            return place


def _is_zero(value: Expression) -> bool:
    return isinstance(value, Constant) and value.value == 0


def _plus_one(value: Expression) -> Expression:
    if isinstance(value, Constant):
        return _whole(value.span, int(value.value) + 1)
    return Apply(value.span, "+", (value, _whole(value.span, 1)), Integer())


def _whole(span: Span, value: int) -> Constant:
    return Constant(span, value, Integer())


def _equal(left: Expression, value: int) -> Expression:
    return Apply(left.span, "==", (left, _whole(left.span, value)), Bool())


def _point(span: Span, value: int) -> Distribution:
    return Distribution(span, POINT.name, (_whole(span, value),), (), Dist())
