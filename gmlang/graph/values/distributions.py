"""The logs of the probabilities that a distribution gives to each state of a variable.

Results have the axes of `gmlang.graph.values.evaluate`; the slot of the variable is one of them.
They are logs from the start: a probability of 1e-400 is not 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import (
    Apply,
    Cases,
    Constant,
    DataRef,
    Distribution,
    Expression,
    Item,
    Tabulated,
    Whole,
)
from gmlang.core.tolerances import PROBABILITY_ROUNDING, SUM_DIGITS
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors import grounding as errors
from gmlang.errors import probabilities as probability_errors
from gmlang.errors.shapes import row_length
from gmlang.families import family_named
from gmlang.families.family import Domains, Draw, Family, Gives, Pairs, Taken
from gmlang.families.weights import WEIGHTS
from gmlang.graph.values.chances import checked, probability, undefined_where
from gmlang.graph.values.environment import Env, Place, no_value, value_at
from gmlang.graph.values.evaluate import (
    conditions,
    evaluate,
    inside,
    inside_axis,
    integers,
    item_frames,
    present,
    rows_of,
)
from gmlang.graph.values.offending import offending
from gmlang.graph.world.states import States, exact_numbers, shown_number
from gmruntime.formats.rows import uneven_rows


def log_probabilities(expression: Expression, env: Env, axis: int) -> np.ndarray:
    """Evaluate a distribution for the variable in slot `axis`, natural logs.

    There is no value where a probability is none, or a parameter is not legal.
    """
    with np.errstate(all="ignore"):
        match expression:
            case Distribution():
                return _log_masses(expression, env, axis)
            case Apply() if expression.operator == "if":
                condition = conditions(expression.arguments[0], env)
                then, otherwise = (
                    log_probabilities(branch, env.guarded(condition, wanted), axis)
                    for branch, wanted in zip(expression.arguments[1:], (True, False), strict=True)
                )
                return np.where(condition, then, otherwise)
            case Cases():
                rows = rows_of(expression, env)
                found = [(c, log_probabilities(v, inner, axis)) for c, v, inner in rows]
                result = found[-1][1]
                for condition, value in found[-2::-1]:
                    result = np.where(condition, value, result)
                return result
            case _:
                raise AssertionError("not a distribution")


def _log_masses(expression: Distribution, env: Env, axis: int) -> np.ndarray:
    family = family_named(expression.family)
    states = env.slots.items[axis].states
    if family.domains is Domains.TWO_VALUES and (states.count > 2 or states.first != 0):
        found = probability_errors.not_two_states(expression.span, family.name, states.describe())
        raise GmError([found])
    parameters = tuple(
        parameter_values(expression, family, position, env, axis)
        for position in range(len(family.parameters))
    )
    _note_empty(expression, family, parameters, env, states)
    values = states.values().reshape(env.shape(axis, states.count))
    pairs = _pairs(expression, family, env, values, states)
    draw = Draw(values, 1 + axis, parameters, env.needed(), pairs)
    found = family.law(draw)
    match family.gives:
        case Gives.LOGS:
            return found
        case Gives.WRITTEN if expression.arguments:
            row = expression.arguments[0]
            is_told = isinstance(row, Tabulated)
            return _log_rows(row.span, found, env, axis, is_told=is_told)
        case Gives.WRITTEN:
            # Constants were looked at, and warned of, when the program was checked.
            is_told = all(isinstance(item.value, Constant) for item in expression.items)
            return _log_rows(expression.span, found, env, axis, is_told=is_told)
        case Gives.LOG_WEIGHTS:
            return _log_shares(expression.span, found, env, axis)


def parameter_values(
    expression: Distribution, family: Family, position: int, env: Env, axis: int = 0
) -> np.ndarray:
    """Evaluate a parameter, and note where it is not what its family takes."""
    parameter, argument = family.parameters[position], expression.arguments[position]
    match parameter.taken:
        case Taken.NUMBER:
            values = np.asarray(evaluate(argument, env), np.float64)
        case Taken.PROBABILITY:
            values = probability(argument, env)
        case Taken.VALUE:
            values = exact_numbers(evaluate(argument, env))
            check_inside(argument, values, env.slots.items[axis].states, env)
        case Taken.LENGTH:
            values = np.asarray(evaluate(argument, env))
            count = env.slots.items[axis].states.count
            span = expression.span
            undefined_where(
                values != count,
                values,
                env,
                lambda value, where: probability_errors.wrong_length(span, value, count, where),
            )
        case Taken.ROW:
            values = _row(argument, env, axis, env.slots.items[axis].states)
    if parameter.range is not None:
        span, needed = argument.span, parameter.range.describe()
        undefined_where(
            ~parameter.range.holds(values),
            values,
            env,
            lambda value, where: probability_errors.bad_parameter(
                span, family.name, parameter.name, value, needed, where
            ),
        )
    return values


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """A distribution's numbers before they become probabilities: what those can be derived by.

    Attributes:
        values: the numbers that the states stand for, along `axis`.
        parameters: of the family, in order.
        pairs: where the key of each pair holds, None for the rest, and its number.
        numbers: for each pair, what its number is written as, and where that is evaluated.
    """

    family: Family
    values: np.ndarray
    axis: int
    parameters: tuple[np.ndarray, ...]
    pairs: tuple[tuple[np.ndarray | None, np.ndarray], ...]
    numbers: tuple[tuple[Expression, Env], ...]

    def logs(self) -> np.ndarray:
        """Return the logs of the probabilities; written ones are divided by their sums."""
        draw = Draw(self.values, self.axis, self.parameters, pairs=iter(self.pairs))
        with np.errstate(all="ignore"):
            found = self.family.law(draw)
            match self.family.gives:
                case Gives.LOGS:
                    return found
                case Gives.WRITTEN:
                    return np.log(found / found.sum(axis=self.axis, keepdims=True))
                case Gives.LOG_WEIGHTS:
                    most = found.max(axis=self.axis, keepdims=True)
                    total = np.exp(found - most).sum(axis=self.axis, keepdims=True)
                    return found - most - np.log(total)


def law_of(expression: Distribution, env: Env, axis: int) -> Law:
    """Return a distribution's numbers for the variable in slot `axis`."""
    family = family_named(expression.family)
    states = env.slots.items[axis].states
    parameters = tuple(
        parameter_values(expression, family, position, env, axis)
        for position in range(len(family.parameters))
    )
    values = states.values().reshape(env.shape(axis, states.count))
    pairs = tuple(_pairs(expression, family, env, values, states))
    if family.pairs is Pairs.VALUES:
        named = _named(expression, env, values, states)
        numbers = tuple((item.value, inner) for item, _, inner in named)
    else:
        frames = enumerate(item_frames(env, expression))
        numbers = tuple(
            (expression.items[position].value, inside(env, frame, number))
            for number, (position, frame) in frames
        )
    return Law(family, values, 1 + axis, parameters, pairs, numbers)


def _note_empty(
    expression: Distribution,
    family: Family,
    parameters: tuple[np.ndarray, ...],
    env: Env,
    states: States,
) -> None:
    """Note where no value of the variable is possible."""
    given = dict(zip(family.parameter_names(), parameters, strict=True))

    def end(of: float | str) -> np.ndarray:
        return given[of] if isinstance(of, str) else np.full(1, of)

    first, last = end(family.first), end(family.last)

    def tell(place: Place, where: str) -> Diagnostic:
        ends = [of for of in (family.first, family.last) if isinstance(of, str)]
        said = ", ".join(f"{of} = {value_at(given[of], place):.10g}" for of in ends)
        return probability_errors.no_mass(
            expression.span, family.name, said, states.describe(), where
        )

    no_value(env, (states.first + states.count - 1 < first) | (last < states.first), tell)


def _pairs(
    expression: Distribution, family: Family, env: Env, values: np.ndarray, states: States
) -> Iterator[tuple[np.ndarray | None, np.ndarray]]:
    """Yield where the key of each pair holds, None for what the others leave, and its number."""
    match family.pairs:
        case None:
            pass
        case Pairs.VALUES:
            for item, here, inner in _named(expression, env, values, states):
                if family.gives is Gives.LOG_WEIGHTS:
                    yield here, _log_weight(item.value, inner)
                    continue
                value = 0.0 if here is None else evaluate(item.value, inner)
                yield here, np.asarray(value, np.float64)
        case Pairs.CAUSES:
            for number, (position, frame) in enumerate(item_frames(env, expression)):
                item, inner = expression.items[position], inside(env, frame, number)
                assert item.key is not None
                holds = conditions(item.key, inner)
                yield holds, probability(item.value, inner.guarded(holds, wanted=True))


def _check_named(item: Item, key: np.ndarray, states: States, env: Env) -> None:
    """Note the places where a value that has a probability lies outside a variable's domain."""
    if (outside := _outside(key, states)).any():
        weight = np.asarray(evaluate(item.value, env.guarded(outside, wanted=True)), np.float64)
        check_inside(item.key or item.value, key, states, env.guarded(weight != 0, wanted=True))


def _outside(value: np.ndarray, states: States) -> np.ndarray:
    inside = (value >= states.first) & (value < states.first + states.count)
    return ~inside | (value != np.round(value))


def check_inside(expression: Expression, value: np.ndarray, states: States, env: Env) -> None:
    """Note the places where a value lies outside a variable's domain."""
    bad, text = _outside(value, states), expression.span.text
    if not bad.any():
        return

    def tell(place: Place, where: str) -> Diagnostic:
        found = shown_number(value_at(value, place))
        return errors.outside_target(expression.span, text, found, states.describe(), where)

    no_value(env, bad, tell)


# --- Rows of probabilities ---------------------------------------------------------------


def _row(expression: Expression, env: Env, axis: int, states: States) -> np.ndarray:
    if isinstance(expression, Tabulated):
        return _tabulated(expression, env, axis)
    assert isinstance(expression, DataRef), "a vector is data"
    array = env.world.data[expression.name]
    index: list[np.ndarray] = []
    for position, part in enumerate(expression.indices):
        if isinstance(part, Whole):
            size = array.shape[position]
            if size != states.count:
                span, name = expression.span, expression.name
                raise GmError([row_length(span, name, states.describe(), states.count, size)])
            along: np.ndarray = np.arange(size, dtype=np.int64)
            index.append(along.reshape(env.shape(axis, size)))
            continue
        values = np.asarray(integers(part, env))
        index.append(inside_axis(part.span, expression.name, values, array.shape[position], env))
    p = np.asarray(present(expression, array[tuple(index)], env), np.float64)
    return p.reshape(*([1] * (1 + len(env.slots.items) - p.ndim)), *p.shape)


def _tabulated(expression: Tabulated, env: Env, axis: int) -> np.ndarray:
    """Look up rows that the program writes out; where an index has no value, any will do."""
    index: list[np.ndarray] = []
    for part, first, size in zip(
        expression.indices, expression.firsts, expression.table.shape[:-1], strict=True
    ):
        index.append(np.clip(integers(part, env) - first, 0, size - 1))
    size = expression.table.shape[-1]
    index.append(np.arange(size).reshape(env.shape(axis, size)))
    return expression.table[tuple(index)]


def _log_rows(
    span: Span, p: np.ndarray, env: Env, axis: int, *, is_told: bool = False
) -> np.ndarray:
    """Divide rows by their sums, which must be close to one, and return the logs."""
    p = checked(span, p, env, above=SUM_DIGITS, skip=axis)
    total = p.sum(axis=1 + axis, keepdims=True)
    uneven = uneven_rows(total)
    if uneven.any():
        _check_sums(span, total, env, axis, np.asarray(uneven & env.needed()), is_told=is_told)
        total = np.where(total > 0, total, 1.0)
    return np.log(p / total)


def _check_sums(
    span: Span, total: np.ndarray, env: Env, axis: int, uneven: np.ndarray, *, is_told: bool
) -> None:
    if not uneven.any():
        return
    totals = np.broadcast_to(total, uneven.shape)
    bad = uneven & ~(np.abs(totals - 1.0) <= SUM_DIGITS)
    if bad.any():

        def tell(place: Place, where: str) -> Diagnostic:
            return errors.bad_sum(span, float(value_at(total, place)), where)

        no_value(env, bad, tell)
        uneven = uneven & ~bad
    if uneven.any() and not is_told:
        others = int(uneven.sum()) - 1
        row = (offending(uneven, env, axis), float(totals[uneven][0]), others)
        env.world.uneven.append(probability_errors.UnevenRow(span, *row))


def _log_shares(span: Span, logs: np.ndarray, env: Env, axis: int) -> np.ndarray:
    """Divide weights by their sum; where one is none, or all are zero, there is no value."""
    bad = ~(logs < np.inf)
    if bad.any():
        tell = probability_errors.bad_weight
        undefined_where(bad, np.exp(logs), env, lambda value, where: tell(span, value, where))
        logs = np.where(bad, 0.0, logs)
    most = logs.max(axis=1 + axis, keepdims=True)
    if (most == -np.inf).any():
        no_value(env, most == -np.inf, lambda _, where: probability_errors.no_weight(span, where))
        most = np.where(most == -np.inf, 0.0, most)
    total = np.exp(logs - most).sum(axis=1 + axis, keepdims=True)
    return logs - most - np.log(total)


def log_weights(expression: Distribution, env: Env, axis: int, states: States) -> np.ndarray:
    """Evaluate the logs of `{value: weight, ...}`, which need not sum to one.

    Values not named have the weight of `_`, or none. NaN where a weight is negative.
    """
    values = states.values().reshape(env.shape(axis, states.count))
    named = _named(expression, env, values, states)
    pairs = ((here, _log_weight(item.value, inner)) for item, here, inner in named)
    with np.errstate(all="ignore"):
        return WEIGHTS.law(Draw(values, 1 + axis, pairs=pairs))


def _named(
    expression: Distribution, env: Env, values: np.ndarray, states: States
) -> Iterator[tuple[Item, np.ndarray | None, Env]]:
    """Yield each item, the states that it names, and where it is evaluated.

    Those that no other names are known last; None where they have what the others leave.
    """
    named = np.zeros(values.shape, np.bool_)
    others: list[tuple[Item, Env]] = []
    for number, (position, frame) in enumerate(item_frames(env, expression)):
        item, item_env = expression.items[position], inside(env, frame, number)
        if item.key is None:
            others.append((item, item_env))
            continue
        key = exact_numbers(evaluate(item.key, item_env))
        _check_named(item, key, states, item_env)
        named = named | (here := values == key)
        yield item, here, item_env
    for item, item_env in others:
        yield item, None if item.is_left else ~named, item_env


def _log_weight(expression: Expression, env: Env) -> np.ndarray:
    # exp overflows for log-likelihood ratios above 709, which decoders do reach.
    if isinstance(expression, Apply) and expression.operator == "exp":
        return np.asarray(evaluate(expression.arguments[0], env), np.float64)
    if isinstance(expression, Apply) and expression.operator == "if":
        condition, then, otherwise = expression.arguments
        holds = conditions(condition, env)
        on, off = env.guarded(holds, wanted=True), env.guarded(holds, wanted=False)
        return np.where(holds, _log_weight(then, on), _log_weight(otherwise, off))
    weight = np.asarray(evaluate(expression, env), np.float64)
    is_zero = (weight < 0) & (weight >= -PROBABILITY_ROUNDING)
    return np.log(np.where(is_zero, 0.0, weight))
