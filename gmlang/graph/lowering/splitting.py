"""Terms made simpler by taking instances, or the values of a random index, apart."""

import numpy as np

from gmlang.core.ast import (
    Aggregate,
    Apply,
    Bool,
    Cases,
    Constant,
    Distribution,
    Expression,
    Integer,
    Reference,
)
from gmlang.core.walk import is_random, parts, replace_part, type_of
from gmlang.graph.lowering import table_sizes
from gmlang.graph.lowering.grounder import Grounder, Job, environment
from gmlang.graph.lowering.sums.linear import linear_form
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import RaggedItems, conditions, expand, integers
from gmlang.graph.values.ranges import num_entries
from gmlang.graph.world.places import collect, index_ranges
from gmlang.graph.world.world import Frame, World, select_rows


def outside_items(expressions: tuple[Expression, ...]) -> list[Expression]:
    """List the parts of expressions that are not repeated by an aggregate."""
    found: list[Expression] = []
    stack = list(expressions)
    seen: set[int] = set()
    while stack:
        part = stack.pop()
        if isinstance(part, Apply) and part.is_shared:
            if id(part) in seen:
                continue
            seen.add(id(part))
        found.append(part)
        if not isinstance(part, Aggregate | Distribution):
            stack.extend(parts(part))
            continue
        for item in part.items:
            if not item.context:
                stack.append(item.value)
                stack.extend(() if item.key is None else (item.key,))
        if isinstance(part, Distribution):
            stack.extend(part.arguments)
        elif part.parameter is not None:
            stack.append(part.parameter)
    return found


# --- Conditions known before inference ---------------------------------------------------


def split_on_condition(
    grounder: Grounder, frame: Frame, job: Job, parts_: list[Expression]
) -> bool:
    """Resolve a conditional on compile-time values, among the parts, by splitting the instances."""
    for part in parts_:
        if not isinstance(part, Apply) or part.operator != "if":
            continue
        condition = part.arguments[0]
        if is_random(condition):
            continue
        then, otherwise = part.arguments[1:]
        _split(grounder, frame, job, part, condition, (then, otherwise, condition))
        return True
    return False


def split_on_guard(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Resolve an `and`, `or` or `match` that compile-time values decide for some instances.

    What such a condition guards may not exist where it does not hold: `i > 0 and x[i - 1]`.
    """
    for part in outside_items(job.expressions()):
        match part:
            case Apply(operator="and" | "or"):
                place = _first_known(part.arguments[:-1])
                if place is None:
                    continue
                guard = part.arguments[place]
                before, after = part.arguments[:place], part.arguments[place + 1 :]
                decided = Constant(guard.span, part.operator == "or", Bool())
                on = _junction(part, (*before, *after))
                off = _junction(part, (*before, decided))
                if part.operator == "or":
                    on, off = off, on
                undefined = _junction(part, (*before, guard))
            case Cases():
                place = _first_known(part.conditions[:-1])
                if place is None:
                    continue
                guard = part.conditions[place]
                on = _with_last(part, place, Constant(guard.span, True, Bool()))
                off = Cases(
                    part.span,
                    part.conditions[:place] + part.conditions[place + 1 :],
                    part.values[:place] + part.values[place + 1 :],
                    part.type,
                )
                undefined = _with_last(part, place, guard)
            case _:
                continue
        _split(grounder, frame, job, part, guard, (on, off, undefined))
        return True
    return False


def _first_known(guards: tuple[Expression, ...]) -> int | None:
    return next((k for k, guard in enumerate(guards) if not is_random(guard)), None)


def _junction(part: Apply, arguments: tuple[Expression, ...]) -> Expression:
    if len(arguments) == 1:
        return arguments[0]
    return Apply(part.span, part.operator, arguments, part.type)


def _with_last(part: Cases, place: int, condition: Expression) -> Cases:
    kept = (*part.conditions[:place], condition)
    return Cases(part.span, kept, part.values[: place + 1], part.type)


def _split(
    grounder: Grounder,
    frame: Frame,
    job: Job,
    part: Expression,
    condition: Expression,
    become: tuple[Expression, Expression, Expression],
) -> None:
    """Lower a job with a part replaced: where a condition holds, where not, where undefined."""
    env = environment(grounder, frame).gathering()
    holds = np.broadcast_to(conditions(condition, env), (frame.count,))
    undefined = np.zeros(frame.count, np.bool_)
    for hole in env.holes or ():
        undefined |= hole.mask
    groups = (holds & ~undefined, ~holds & ~undefined, undefined)
    for new, keep in zip(become, groups, strict=True):
        rows = frame if keep.all() else select_rows(frame, keep)
        grounder.lower(rows, job.replaced(part, new))


# --- Random indices ----------------------------------------------------------------------


def split_on_switch(grounder: Grounder, frame: Frame, job: Job, parts_: list[Expression]) -> bool:
    """Resolve an index that is random, x[z], into one gated instance for each value of z.

    Where z misses the array the statement still stands, with an element that has no value.
    """
    for part in parts_:
        found = _random_index(grounder.world, part)
        if found is None:
            continue
        index, first, size = found
        span = index.span
        for value in range(first, first + size):
            constant = Constant(span, value, Integer())
            gate = Apply(span, "is", (index, constant), Bool())
            chosen = job.replaced(part, replace_part(part, index, constant))
            grounder.lower(frame, chosen.gated(gate))
        if _may_miss(grounder, frame, index, first, size):
            ends = (Constant(span, first, Integer()), Constant(span, first + size - 1, Integer()))
            missed = Apply(part.span, "element", (index, *ends), type_of(part))
            gate = Apply(span, "misses", (index, *ends), Bool())
            grounder.lower(frame, job.replaced(part, missed).gated(gate))
        return True
    return False


def _random_index(world: World, part: Expression) -> tuple[Expression, int, int] | None:
    """Find a random index of a reference: the index, its first legal value, and how many."""
    if not isinstance(part, Reference):
        return None
    for index, first, size in index_ranges(world, part):
        if not is_random(index):
            continue
        # An index within the index comes first.
        if all(_random_index(world, inner) is None for inner in outside_items((index,))):
            return index, first, size
    return None


def _may_miss(grounder: Grounder, frame: Frame, index: Expression, first: int, size: int) -> bool:
    """Say whether an index may be outside first..first + size - 1, or have no value."""
    env: Env = environment(grounder, frame)
    try:
        collect(index, env)
    except RaggedItems:
        return True
    if num_entries(env.slots) <= table_sizes.PLAIN_ENTRIES:
        inner = env.gathering()
        values = integers(index, inner)
        return bool(inner.holes) or bool(((values < first) | (values >= first + size)).any())
    form = linear_form(index, env)
    if form is None:
        return True
    low, high = form.bounds()
    return bool(low.min() < first or high.max() >= first + size)


# --- Aggregates --------------------------------------------------------------------------


def uniform_groups(grounder: Grounder, frame: Frame, parts_: list[Expression]) -> list[Frame]:
    """Split a frame so that every aggregate has one number of items throughout each part."""
    env = environment(grounder, frame)
    counts: list[np.ndarray] = []
    for part in parts_:
        if not isinstance(part, Aggregate | Distribution):
            continue
        for item in part.items:
            if item.context:
                _, parents = expand(env, item.context)
                counts.append(np.bincount(parents, minlength=frame.count))
    if not counts:
        return [frame]
    signature = np.stack(counts, axis=1)
    if (signature == signature[:1]).all():
        return [frame]
    groups, group_of = np.unique(signature, axis=0, return_inverse=True)
    return [
        select_rows(frame, np.flatnonzero(group_of.reshape(-1) == g)) for g in range(len(groups))
    ]
