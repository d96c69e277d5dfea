"""The value of a core expression, for all instances and all states at once.

Where an expression has no value (`gmlang.graph.values.environment`) its array holds a 0 that nobody
may use: `and`, `or`, `if`, `match` ask for later parts only where the earlier ones decide to.
"""

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Bind,
    Call,
    Cases,
    Constant,
    Context,
    DataRef,
    Distribution,
    Expression,
    Gate,
    Listed,
    Local,
    QueryValue,
    Reference,
    Size,
    Tabulated,
    VariableRef,
    Where,
    Whole,
)
from gmlang.core.walk import is_random, parts, walk
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors import grounding as errors
from gmlang.graph.functions.values import RaggedItems, call_values
from gmlang.graph.values.aggregates import ItemValue, combined
from gmlang.graph.values.arithmetic import (
    INTEGER_MAX,
    INTEGER_MIN,
    Outcome,
    compute,
    nothing,
    number,
    whole_numbers,
)
from gmlang.graph.values.environment import Env, Place, Slots, no_value, value_at
from gmlang.graph.values.frames import LOOK_AHEAD, check_instances, repeat, spread
from gmlang.graph.values.offending import check_coverage, check_shape
from gmlang.graph.world.world import Frame

# --- Frames ------------------------------------------------------------------------------


def expand(env: Env, context: Context) -> tuple[Frame, np.ndarray]:
    """Repeat a frame's rows over the loops of a context; gates do not matter here.

    Returns:
        The new frame, and for each of its rows the row of the old frame it came from.
    """
    frame, parents = env.frame, np.arange(env.frame.count)
    for place, clause in enumerate(context):
        inner = Env(env.world, frame, Slots(), (), env.names)
        if frame.count >= LOOK_AHEAD:
            _count_ahead(inner, context[place:])
        match clause:
            case Bind():
                first, last = integers(clause.first, inner), integers(clause.last, inner)
                frame, lengths = repeat(
                    env.world, frame, clause, np.asarray(first), np.asarray(last)
                )
                parents = spread(parents, lengths, frame.count)
                env.names[clause.key] = clause.name
            case Where():
                keep = np.broadcast_to(conditions(clause.condition, inner), (frame.count,))
                if not keep.all():
                    rows = np.flatnonzero(keep)
                    frame = Frame(len(rows), {k: v[rows] for k, v in frame.locals.items()})
                    parents = parents[rows]
            case Gate():
                pass
    return frame, parents


def _count_ahead(env: Env, context: Context) -> None:
    """Refuse loops that make too many instances before the first of them is made.

    Counts the loops up to the first filter, or the first one that depends on another.
    """
    counts, bound = np.ones(1), set[str]()
    for clause in context:
        match clause:
            case Bind():
                ends = (*walk(clause.first), *walk(clause.last))
                if any(isinstance(part, Local) and part.key in bound for part in ends):
                    break
                lows, highs = integers(clause.first, env), integers(clause.last, env)
                counts = counts * np.maximum(0.0, (highs - lows).reshape(-1) + 1.0)
                bound.add(clause.key)
            case Where():
                break
            case Gate():
                pass
    total = float(np.broadcast_to(counts, (env.frame.count,)).sum())
    check_instances(env.world, context, total, len(env.frame.locals) + len(bound))


def item_frames(env: Env, aggregate: Aggregate | Distribution) -> list[tuple[int, Frame]]:
    """List each item of an aggregate with the frame it is evaluated in.

    Raises:
        RaggedItems: when the number of items is not the same in every row;
            `gmlang.graph.lowering.lower` splits frames so that it is.
    """
    found = _padded_frames(env, aggregate)
    if any(present is not None for *_, present in found):
        raise RaggedItems
    return [(position, frame) for position, frame, _ in found]


def _padded_frames(
    env: Env, aggregate: Aggregate | Distribution
) -> list[tuple[int, Frame, np.ndarray | None]]:
    """List each item with its frame, and which rows have it: a mask, or None for all.

    A row that lacks an item has loop variables of some other row there.
    """
    found: list[tuple[int, Frame, np.ndarray | None]] = []
    for position, item in enumerate(aggregate.items):
        if not item.context:
            found.append((position, env.frame, None))
            continue
        frame, parents = expand(env, item.context)
        lengths = np.bincount(parents, minlength=env.frame.count)
        most = int(lengths.max(initial=0))
        starts = np.cumsum(lengths) - lengths
        is_even = bool((lengths == most).all())
        for k in range(most):
            if k % LOOK_AHEAD == 0:
                env.world.check_time()
            present = None if is_even else lengths > k
            rows = slice(k, None, most) if present is None else np.where(present, starts + k, 0)
            locals_ = {key: v[rows] for key, v in frame.locals.items()}
            found.append((position, Frame(env.frame.count, locals_), present))
    return found


def inside(env: Env, frame: Frame, number: int) -> Env:
    """Return the environment of the `number`-th item of an aggregate."""
    path = (*env.path, number)
    return Env(env.world, frame, env.slots, path, env.names, env.guards, env.holes)


# --- Values ------------------------------------------------------------------------------


def integers(expression: Expression, env: Env) -> np.ndarray:
    """Evaluate an expression whose value is used as an integer; others have no value."""
    return _noted(expression.span, whole_numbers(evaluate(expression, env)), env)


def conditions(expression: Expression, env: Env) -> np.ndarray:
    """Evaluate an expression that is true or false."""
    return np.asarray(evaluate(expression, env), np.bool_)


def evaluate(expression: Expression, env: Env) -> np.ndarray:
    """Evaluate an expression; the result broadcasts to (instances, states of each slot...).

    Raises:
        NoValue: where it has no value, unless the surroundings gather holes.
    """
    match expression:
        case Constant():
            return _constant(expression, env)
        case Local():
            absent = env.world.absent.get(expression.key)
            if absent is not None:
                no_value(env, np.ones((), np.bool_), lambda _, where: absent.tell(where))
            values = env.frame.locals[expression.key]
            return values.reshape(-1, *([1] * len(env.slots.items)))
        case Size():
            if expression.name not in env.world.sizes:
                raise GmError([errors.size_unknown(expression.span, expression.name)])
            return np.asarray(env.world.sizes[expression.name])
        case DataRef():
            return _data(expression, env)
        case VariableRef() | AttributeRef() | Activation():
            return _variable(expression, env)
        case Apply(is_shared=False):
            return _apply(expression, env)
        case Apply():
            return env.once("value", expression, lambda: _apply(expression, env))
        case Call():
            return call_values(expression, env, evaluate)
        case Aggregate():
            return _aggregate(expression, env)
        case Cases():
            return _cases(expression, env)
        case Distribution() | Tabulated() | QueryValue() | Listed():
            raise AssertionError("not a value")


def _noted(span: Span, found: Outcome, env: Env) -> np.ndarray:
    """Return the values of an operation, noting where there are none."""
    if found.bad is not None:
        why = found.why
        no_value(env, found.bad, lambda _, where: errors.without_value(span, why, where))
    return found.values


def _constant(expression: Constant, env: Env) -> np.ndarray:
    value = expression.value
    if isinstance(value, int) and not INTEGER_MIN <= value <= INTEGER_MAX:
        return _noted(expression.span, nothing(errors.Undefined.BEYOND), env)
    return np.asarray(value)


def _data(expression: DataRef, env: Env) -> np.ndarray:
    array = env.world.data[expression.name]
    index: list[np.ndarray] = []
    for axis, part in enumerate(expression.indices):
        assert not isinstance(part, Whole), "a whole axis where an element is needed"
        values = np.asarray(integers(part, env))
        index.append(inside_axis(part.span, expression.name, values, array.shape[axis], env))
    if any(size == 0 for size in array.shape):
        return np.zeros((), array.dtype)
    return present(expression, array[tuple(index)] if index else array, env)


def present(expression: DataRef, values: np.ndarray, env: Env) -> np.ndarray:
    """Return data as it is, noting the places where it is missing."""
    if expression.name not in env.world.missing:
        return values
    gaps = np.isnan(values)
    text = expression.span.text
    no_value(env, gaps, lambda _, where: errors.missing_value(expression.span, text, where))
    return np.where(gaps, 0.0, values)


def inside_axis(span: Span, what: str, values: np.ndarray, size: int, env: Env) -> np.ndarray:
    """Return indices that lie in 0..size - 1, noting the places where one does not.

    Raises:
        NoValue: naming the first index outside and its instance, unless holes are gathered.
    """
    if not values.size or (values.min() >= 0 and values.max() < size):
        return values

    def tell(place: Place, where: str) -> Diagnostic:
        index = int(value_at(values, place))
        return errors.index_outside(span, what, index, size, where)

    no_value(env, (values < 0) | (values >= size), tell)
    return np.clip(values, 0, max(0, size - 1))


def _variable(expression: Reference, env: Env) -> np.ndarray:
    key = (id(expression), env.path)
    if key in env.slots.choices:
        return _chosen(expression, env)
    stray = env.slots.strays.get(key)
    if stray is not None:
        rows = stray.rows.reshape(-1, *([1] * len(env.slots.items)))
        no_value(env, rows, stray.tell)
    axis = env.slots.of.get(key)
    if axis is None:
        return env.tried(key)
    states = env.slots.items[axis].states
    values = states.values()
    return (values > 0 if states.is_bool else values).reshape(env.shape(axis, states.count))


def _chosen(expression: Reference, env: Env) -> np.ndarray:
    """Evaluate `x[z]`: the value of the variable that z picks."""
    picking = [np.asarray(integers(index, env)) for index in random_indices(expression)]
    result: np.ndarray | None = None
    found = np.zeros(1, np.bool_)
    for choice in env.slots.choices[id(expression), env.path]:
        here = np.ones(1, np.bool_)
        for values, wanted in zip(picking, choice.picked_by, strict=True):
            here = here & (values == wanted)
        found = found | here
        value = _variable(choice.reference, env.guarded(here, wanted=True))
        result = value if result is None else np.where(here, value, result)
    text = expression.span.text

    def tell(place: Place, where: str) -> Diagnostic:
        shown = ", ".join(str(int(value_at(values, place))) for values in picking)
        return errors.no_such_element(expression.span, text, shown, where)

    no_value(env, ~found, tell)
    return np.zeros((), np.int64) if result is None else result


def random_indices(reference: Reference) -> list[Expression]:
    """List the indices of a reference that depend on random variables."""
    return [part for part in parts(reference) if is_random(part)]


def _apply(expression: Apply, env: Env) -> np.ndarray:
    operator, arguments = expression.operator, expression.arguments
    env.world.check_time()
    match operator:
        case "and" | "or":
            return _junction(arguments, env, is_and=operator == "and")
        case "not":
            return np.logical_not(conditions(arguments[0], env))
        case "if":
            condition = conditions(arguments[0], env)
            then = evaluate(arguments[1], env.guarded(condition, wanted=True))
            otherwise = evaluate(arguments[2], env.guarded(condition, wanted=False))
            return np.where(condition, number(then), number(otherwise))
        case "is" | "misses" | "element":
            return _index_test(expression, env)
        case "has_shape":
            ends = [int(integers(end, env).reshape(-1)[0]) + 1 for end in arguments]
            return check_shape(expression.span, ends)
        case _:
            values = [np.asarray(evaluate(argument, env)) for argument in arguments]
            return _noted(expression.span, compute(operator, values), env)


def _index_test(expression: Apply, env: Env) -> np.ndarray:
    """Evaluate what `gmlang.graph.lowering.splitting` makes of a random index.

    "is" says whether the index is a value, "misses" whether it is outside a range or has no value
    at all; "element" is the element that an index outside the range does not name.
    """
    index, *ends = expression.arguments
    inner = env if expression.operator == "element" else env.gathering()
    values = integers(index, inner)
    bounds = [evaluate(end, env) for end in ends]
    nowhere = np.zeros(1, np.bool_)
    for hole in (inner.holes or ()) if inner is not env else ():
        nowhere = nowhere | hole.mask
    if expression.operator == "is":
        return (values == bounds[0]) & ~nowhere
    outside = (values < bounds[0]) | (values > bounds[1])
    if expression.operator == "misses":
        return outside | nowhere
    span = expression.span

    def tell(place: Place, where: str) -> Diagnostic:
        shown = str(int(value_at(values, place)))
        return errors.no_such_element(span, span.text, shown, where)

    no_value(env, outside, tell)
    return np.zeros((), np.int64)


def _junction(arguments: tuple[Expression, ...], env: Env, *, is_and: bool) -> np.ndarray:
    combine = np.logical_and if is_and else np.logical_or
    result = conditions(arguments[0], env)
    for argument in arguments[1:]:
        result = combine(result, conditions(argument, env.guarded(result, wanted=is_and)))
    return np.asarray(result, np.bool_)


def _aggregate(expression: Aggregate, env: Env) -> np.ndarray:
    if env.world.is_calling and not np.any(env.needed()):
        return np.zeros((), np.int64)
    items: list[ItemValue] = []
    for place, (position, frame, present) in enumerate(_padded_frames(env, expression)):
        item_env = inside(env, frame, place)
        if present is not None:
            present = present.reshape(-1, *([1] * len(env.slots.items)))
            item_env = item_env.guarded(present, wanted=True)
        values = evaluate(expression.items[position].value, item_env)
        items.append(ItemValue(number(np.asarray(values)), present))
    parameter = 1 if expression.parameter is None else evaluate(expression.parameter, env)
    return combined(expression, items, parameter, env)


def _cases(expression: Cases, env: Env) -> np.ndarray:
    found = [
        (c, number(np.asarray(evaluate(v, inner)))) for c, v, inner in rows_of(expression, env)
    ]
    result = found[-1][1]
    for condition, value in found[-2::-1]:
        result = np.where(condition, value, result)
    return result


def rows_of(expression: Cases, env: Env) -> list[tuple[np.ndarray, Expression, Env]]:
    """List the rows of a match: its condition, its value, and where that is asked for.

    Raises:
        GmError: naming values that no row covers.
    """
    found: list[tuple[np.ndarray, Expression, Env]] = []
    left, open_ = np.ones(1, np.bool_), env
    # One guard stands for all the rows before: with one for each, rows would cost their square.
    for condition, value in zip(expression.conditions, expression.values, strict=True):
        holds = conditions(condition, open_)
        found.append((holds, value, env.guarded(left & holds, wanted=True)))
        left = left & ~holds
        open_ = env.guarded(left, wanted=True)
    check_coverage(expression, left, env)
    return found
