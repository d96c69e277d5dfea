"""The value of a core expression, for all instances and all states at once.

An array of values has one axis for the instances of a frame (length 1 where they are all alike)
and then one axis for each slot: a random variable of the instance, whose states run along it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Bind,
    Cases,
    Constant,
    Context,
    DataRef,
    Distribution,
    Expression,
    Gate,
    Local,
    QueryValue,
    Size,
    VariableRef,
    Where,
    Whole,
)
from gmlang.diagnostics import GmError, Span
from gmlang.errors import grounding as errors
from gmlang.graph.states import States
from gmlang.graph.world import Frame, World, where_text


@dataclass(slots=True, eq=False)
class Slot:
    """A random variable of each instance: its index, and its states."""

    variables: np.ndarray
    states: States


@dataclass(slots=True, eq=False)
class Slots:
    """The slots of a statement, filled by `collect` before anything is evaluated.

    Attributes:
        known: the slots by their shape and their first and last variable.
        of: which slot a reference is, by the reference's identity and its path of item numbers.
    """

    items: list[Slot] = field(default_factory=list[Slot])
    known: dict[tuple[object, ...], list[int]] = field(
        default_factory=dict[tuple[object, ...], list[int]]
    )
    of: dict[tuple[int, tuple[int, ...]], int] = field(
        default_factory=dict[tuple[int, tuple[int, ...]], int]
    )


@dataclass(frozen=True, slots=True, eq=False)
class Env:
    """Where an expression is evaluated: a frame, its slots, and the path of aggregate items."""

    world: World
    frame: Frame
    slots: Slots
    path: tuple[int, ...] = ()
    names: dict[str, str] = field(default_factory=dict[str, str])

    def shape(self, axis: int, size: int) -> tuple[int, ...]:
        """Return the shape of an array that varies along slot `axis` alone."""
        shape = [1] * (1 + len(self.slots.items))
        shape[1 + axis] = size
        return tuple(shape)


# --- Frames ------------------------------------------------------------------------------


def expand(env: Env, context: Context) -> tuple[Frame, np.ndarray]:
    """Repeat a frame's rows over the loops of a context; gates do not matter here.

    Returns:
        The new frame, and for each of its rows the row of the old frame it came from.
    """
    frame, parents = env.frame, np.arange(env.frame.count)
    for clause in context:
        inner = Env(env.world, frame, Slots(), (), env.names)
        match clause:
            case Bind():
                frame, lengths = _repeat(inner, clause)
                parents = _spread(parents, lengths, frame.count)
                env.names[clause.key] = clause.name
            case Where():
                keep = np.broadcast_to(
                    np.asarray(evaluate(clause.condition, inner), np.bool_), (frame.count,)
                )
                if not keep.all():
                    rows = np.flatnonzero(keep)
                    frame = Frame(len(rows), {k: v[rows] for k, v in frame.locals.items()})
                    parents = parents[rows]
            case Gate():
                pass
    return frame, parents


def _repeat(env: Env, clause: Bind) -> tuple[Frame, np.ndarray]:
    """Repeat each row for every value of a loop; return the new frame, and how often each was."""
    frame = env.frame
    first = np.asarray(integers(clause.first, env))
    last = np.asarray(integers(clause.last, env))
    if first.size == 1 and last.size == 1:
        low, high = int(first.reshape(-1)[0]), int(last.reshape(-1)[0])
        lengths = np.array([max(0, high - low + 1)])
        count = frame.count * int(lengths[0])
        values = np.tile(np.arange(low, low + int(lengths[0]), dtype=np.int64), frame.count)
    else:
        lows = np.broadcast_to(first, (frame.count,))
        lengths = np.maximum(0, np.broadcast_to(last, (frame.count,)) - lows + 1)
        count = int(lengths.sum())
        starts = np.cumsum(lengths) - lengths
        values = np.arange(count, dtype=np.int64) - np.repeat(starts - lows, lengths)
    locals_ = {key: _spread(old, lengths, count) for key, old in frame.locals.items()}
    locals_[clause.key] = values
    return Frame(count, locals_), lengths


def _spread(old: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """Repeat each row's value as often as the row; one value for all takes no memory."""
    if old.size == 1:
        return np.broadcast_to(old, (count,))
    return np.repeat(old, lengths)


class RaggedItems(Exception):
    """An aggregate has more items in some instances than in others."""


def item_frames(env: Env, aggregate: Aggregate | Distribution) -> list[tuple[int, Frame]]:
    """List each item of an aggregate with the frame it is evaluated in.

    Raises:
        RaggedItems: when the number of items is not the same in every row; `gmlang.graph.lower`
            splits frames so that it is.
    """
    found: list[tuple[int, Frame]] = []
    for position, item in enumerate(aggregate.items):
        if not item.context:
            found.append((position, env.frame))
            continue
        frame, parents = expand(env, item.context)
        count = env.frame.count
        each = frame.count // count if count else 0
        if (np.bincount(parents, minlength=count) != each).any():
            raise RaggedItems
        for k in range(each):
            locals_ = {key: v.reshape(count, each)[:, k] for key, v in frame.locals.items()}
            found.append((position, Frame(count, locals_)))
    return found


def inside(env: Env, frame: Frame, number: int) -> Env:
    """Return the environment of the `number`-th item of an aggregate."""
    return Env(env.world, frame, env.slots, (*env.path, number), env.names)


# --- Values ------------------------------------------------------------------------------


def integers(expression: Expression, env: Env) -> np.ndarray:
    """Evaluate an expression whose value is used as an integer."""
    value = evaluate(expression, env)
    return value if value.dtype == np.int64 else np.round(value).astype(np.int64)


def evaluate(expression: Expression, env: Env) -> np.ndarray:
    """Evaluate an expression; the result broadcasts to (instances, states of each slot...)."""
    match expression:
        case Constant():
            return np.asarray(expression.value)
        case Local():
            values = env.frame.locals[expression.key]
            return values.reshape(-1, *([1] * len(env.slots.items)))
        case Size():
            if expression.name not in env.world.sizes:
                raise GmError([errors.size_unknown(expression.span, expression.name)])
            return np.asarray(env.world.sizes[expression.name])
        case DataRef():
            return _data(expression, env)
        case VariableRef() | AttributeRef() | Activation():
            axis = env.slots.of[(id(expression), env.path)]
            states = env.slots.items[axis].states
            values = states.first + np.arange(states.count, dtype=np.int64)
            return (values > 0 if states.is_bool else values).reshape(env.shape(axis, states.count))
        case Apply():
            return _apply(expression, env)
        case Aggregate():
            return _aggregate(expression, env)
        case Cases():
            return _cases(expression, env)
        case Distribution() | QueryValue():
            raise AssertionError("not a value")


def _data(expression: DataRef, env: Env) -> np.ndarray:
    array = env.world.data[expression.name]
    if not expression.indices:
        return array
    index: list[np.ndarray] = []
    for axis, part in enumerate(expression.indices):
        assert not isinstance(part, Whole), "a whole axis where an element is needed"
        values = np.asarray(integers(part, env))
        _check_index(part.span, expression.name, values, array.shape[axis], env)
        index.append(values)
    return array[tuple(index)]


def _check_index(span: Span, what: str, values: np.ndarray, size: int, env: Env) -> None:
    if not values.size or (values.min() >= 0 and values.max() < size):
        return
    bad = (values < 0) | (values >= size)
    row = int(np.argwhere(bad)[0][0]) if bad.ndim and bad.shape[0] == env.frame.count else 0
    where = where_text(env.frame, row, env.names) if env.frame.count else ""
    raise GmError([errors.index_outside(span, what, int(values[bad].flat[0]), size, where)])


def check_index(span: Span, what: str, values: np.ndarray, size: int, env: Env) -> None:
    """Check that indices lie in 0..size - 1.

    Raises:
        GmError: naming the first index outside, and its instance.
    """
    _check_index(span, what, values, size, env)


def _number(value: np.ndarray) -> np.ndarray:
    return value.astype(np.int64) if value.dtype == np.bool_ else value


_BINARY: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "//": np.floor_divide,
    "%": np.mod,
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_UNARY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
}


def _apply(expression: Apply, env: Env) -> np.ndarray:
    operator = expression.operator
    with np.errstate(all="ignore"):
        values = [np.asarray(evaluate(argument, env)) for argument in expression.arguments]
        if operator in ("and", "or"):
            reduce_ = np.logical_and if operator == "and" else np.logical_or
            result = values[0]
            for value in values[1:]:
                result = reduce_(result, value)
            return np.asarray(result, np.bool_)
        if operator == "not":
            return np.logical_not(values[0])
        if operator == "if":
            return np.where(values[0], _number(values[1]), _number(values[2]))
        # Beside a real number a truth value counts as 0 or 1 without a copy.
        if not any(value.dtype == np.float64 for value in values):
            values = [_number(value) for value in values]
        return _numeric(operator, values)


def _numeric(operator: str, numbers: list[np.ndarray]) -> np.ndarray:
    if operator in _UNARY:
        return np.asarray(_UNARY[operator](numbers[0]))
    if operator == "**":
        integral = all(n.dtype == np.int64 for n in numbers) and numbers[1].min(initial=0) >= 0
        return np.power(*(numbers if integral else [n.astype(np.float64) for n in numbers]))
    if operator in ("min", "max"):
        choose = np.minimum if operator == "min" else np.maximum
        result = numbers[0]
        for number in numbers[1:]:
            result = choose(result, number)
        return result
    if operator == "in_range":
        return (numbers[0] >= numbers[1]) & (numbers[0] <= numbers[2])
    if operator == "in_set":
        result = np.zeros(1, np.bool_)
        for member in numbers[1:]:
            result = result | (numbers[0] == member)
        return result
    return np.asarray(_BINARY[operator](numbers[0], numbers[1]))


def _aggregate(expression: Aggregate, env: Env) -> np.ndarray:
    values: list[np.ndarray] = []
    for number, (position, frame) in enumerate(item_frames(env, expression)):
        item_env = inside(env, frame, number)
        values.append(_number(np.asarray(evaluate(expression.items[position].value, item_env))))
    operator = expression.operator
    if operator == "alldifferent":
        different = np.ones(1, np.bool_)
        for i, left in enumerate(values):
            for right in values[:i]:
                different = different & (left != right)
        return different
    if operator in ("min", "max"):
        if not values:
            raise GmError([errors.cannot_ask(expression.span, f"{operator} of nothing")])
        return _numeric(operator, values)
    total = np.zeros((), np.int64)
    for value in values:
        total = total + value
    parameter = 1 if expression.parameter is None else evaluate(expression.parameter, env)
    return compare_count(operator, total, len(values), parameter)


def compare_count(
    operator: str, total: np.ndarray, num_items: int, parameter: np.ndarray | int
) -> np.ndarray:
    """Turn the sum of an aggregate's items into the aggregate's value."""
    match operator:
        case "sum" | "count":
            return total
        case "all":
            return np.asarray(total == num_items)
        case "any":
            return np.asarray(total > 0)
        case "xor":
            return np.asarray(total % 2 == 1)
        case "exactly" | "exactly_one":
            return np.asarray(total == parameter)
        case "at_most":
            return np.asarray(total <= parameter)
        case "at_least":
            return np.asarray(total >= parameter)
        case _:
            raise AssertionError(operator)


def _cases(expression: Cases, env: Env) -> np.ndarray:
    conditions = [np.asarray(evaluate(c, env), np.bool_) for c in expression.conditions]
    values = [_number(np.asarray(evaluate(v, env))) for v in expression.values]
    check_coverage(expression, conditions, env)
    result = values[-1]
    for condition, value in zip(conditions[-2::-1], values[-2::-1], strict=True):
        result = np.where(condition, value, result)
    return result


def check_coverage(expression: Cases, conditions: list[np.ndarray], env: Env) -> None:
    """Check that some case applies everywhere.

    Raises:
        GmError: naming values that no case covers.
    """
    covered = np.zeros(1, np.bool_)
    for condition in conditions:
        covered = covered | condition
    if covered.all():
        return
    place = np.argwhere(~covered)[0]
    covered_shape = covered.shape
    parts: list[str] = []
    for axis, slot in enumerate(env.slots.items):
        position = len(covered_shape) - len(env.slots.items) + axis
        if position >= 0 and covered_shape[position] > 1:
            parts.append(slot.states.label(int(place[position])))
    raise GmError([errors.uncovered_match(expression.span, ", ".join(parts) or "every value")])
