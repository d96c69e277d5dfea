"""The values of functions for arguments that are known: each found once, level by level.

What a body calls is found first, and then the body is evaluated again; so no depth of calls is a
depth of Python's. All the calls of one place are evaluated together.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from gmlang.core.ast import Bool, Call, Expression, Function, Local, Real, Thing
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import recursion as errors
from gmlang.graph.values.environment import Env, Hole, NoValue, Place, Slots, no_value
from gmlang.graph.world.world import Absent, Found, Frame, Given, World, where_text

Evaluate = Callable[[Expression, Env], np.ndarray]

LEVELS_MAX = 5_000
"""A function may call itself through so many levels."""

CALLS_MAX = 1 << 20
"""One call may amount to so many, those for the same arguments counted once."""

_ROUNDS_MAX = 1 << 13
"""So often may one wait for others; those that wait together count once."""


class RaggedItems(Exception):
    """An aggregate has more items in some instances than in others."""


class _Wanted(Exception):
    """Values of a function are needed first."""

    def __init__(self, call: Call, rows: Sequence[Given]) -> None:
        super().__init__()
        self.call = call
        self.rows = rows


def call_values(call: Call, env: Env, evaluate: Evaluate) -> np.ndarray:
    """Return the values of a call that mentions no random variable, where they are asked for.

    Args:
        call: the call.
        env: where it stands.
        evaluate: evaluates an expression of any form.

    Raises:
        GmError: when the calls do not end.
    """
    arguments = [_argument(argument, env, evaluate) for argument in call.arguments]
    columns = [found for found in arguments if found is not None]
    inner = (1,) * (1 + len(env.slots.items))
    shape = np.broadcast_shapes(inner, *(values.shape for values, _ in columns))
    asked = _asked(env, shape)
    places = np.argwhere(asked)
    rows = _rows(call.function, columns, places, shape)
    known = env.world.calls.setdefault(call.function, {})
    fresh = [row for row in dict.fromkeys(rows) if row not in known]
    if fresh and env.world.is_calling:
        raise _Wanted(call, fresh)
    if fresh:
        at = int(places[rows.index(fresh[0])][0])
        where = where_text(env.frame, at if shape[0] > 1 else 0, env.names)
        _find(_Wanted(call, fresh), env, where if env.frame.count else "", evaluate)
    values = np.zeros(shape, np.float64 if isinstance(call.type, Real) else np.int64)
    values[asked] = [known[row][0] for row in rows]
    bad = np.zeros(shape, np.bool_)
    bad[asked] = [known[row][1] is not None for row in rows]
    if bad.any():
        tells = {tuple(p): known[r][1] for p, r in zip(places.tolist(), rows, strict=True)}

        def tell(place: Place, where: str) -> Diagnostic:
            own = tuple(k if size > 1 else 0 for k, size in zip(place, shape, strict=True))
            return cast("Callable[[str], Diagnostic]", tells[own])(where)

        no_value(env, bad, tell)
    return values > 0 if isinstance(call.type, Bool) else values


def _asked(env: Env, shape: tuple[int, ...]) -> np.ndarray:
    """Say where the guards ask for values of a shape."""
    needed = np.asarray(env.needed())
    needed = needed.reshape(*([1] * (len(shape) - needed.ndim)), *needed.shape)
    axes = tuple(k for k, size in enumerate(shape) if size == 1 < needed.shape[k])
    needed = np.logical_or.reduce(needed, axis=axes, keepdims=True)
    return np.broadcast_to(needed, shape).copy()


_Column = tuple[np.ndarray, Sequence[Hole]]


def _argument(argument: Expression | Thing, env: Env, evaluate: Evaluate) -> _Column | None:
    """Evaluate an argument; where it has no value, only who mentions it has none either."""
    if isinstance(argument, Thing):
        return None
    inner = env.gathering()
    values = np.asarray(evaluate(argument, inner))
    return values, inner.holes or ()


def _rows(
    function: Function, columns: list[_Column], places: np.ndarray, shape: tuple[int, ...]
) -> list[Given]:
    """Return what the function is given at each place."""
    parameters = [p for p in function.parameters if isinstance(p, Local)]
    if not parameters:
        return [()] * len(places)
    read: list[list[int | float | Absent]] = []
    at = tuple(places.T)
    for parameter, (values, holes) in zip(parameters, columns, strict=True):
        kind = float if isinstance(parameter.type, Real) else int
        own: list[int | float | Absent] = [kind(v) for v in np.broadcast_to(values, shape)[at]]
        for hole in holes:
            for k in np.flatnonzero(np.broadcast_to(hole.mask, shape)[at]).tolist():
                place: Place = tuple(places[k].tolist())
                own[k] = Absent(lambda where, hole=hole, place=place: hole.tell(place, where))
        read.append(own)
    return list(zip(*read, strict=True))


def _find(first: _Wanted, env: Env, where: str, evaluate: Evaluate) -> None:
    """Find values of functions, and before them those that they call."""
    world = replace(env.world, is_calling=True)
    stack, num_calls, num_rounds = [first], 0, 0
    while stack:
        world.check_time()
        wanted = stack[-1]
        function = wanted.call.function
        known = world.calls.setdefault(function, {})
        rows = [row for row in wanted.rows if row not in known]
        try:
            found = _evaluated(function, rows, world, env.names, evaluate)
        except _Wanted as more:
            stack.append(more)
            num_calls, num_rounds = num_calls + len(more.rows), num_rounds + 1
            span, text = first.call.span, first.call.span.text
            if len(stack) > LEVELS_MAX:
                raise GmError([_endless(stack, where)]) from None
            if num_calls > CALLS_MAX or num_rounds > _ROUNDS_MAX:
                most = min(num_calls - 1, CALLS_MAX)
                raise GmError([errors.too_many_calls(span, text, where, most)]) from None
            continue
        known.update(zip(rows, found, strict=True))
        stack.pop()


def _endless(stack: list[_Wanted], where: str) -> Diagnostic:
    call = stack[0].call
    shown = [f"{w.call.function.name}({_shown(w.rows[0])})" for w in stack[-1000:]]
    if shown[-1] in shown[:-1]:
        round_ = shown[-1 - shown[-2::-1].index(shown[-1]) - 1 :]
        return errors.goes_round(call.span, call.span.text, where, " -> ".join(round_[:6]))
    trail = ", ".join(f"{w.call.function.name}({_shown(w.rows[0])})" for w in stack[:3])
    return errors.endless(call.span, call.span.text, where, trail, LEVELS_MAX)


def _shown(row: Given) -> str:
    return ", ".join(
        f"{v:g}" if isinstance(v, float) else "?" if isinstance(v, Absent) else str(v) for v in row
    )


def _evaluated(
    function: Function, rows: list[Given], world: World, names: dict[str, str], evaluate: Evaluate
) -> list[Found]:
    """Evaluate a function's body for rows of arguments."""
    assert function.body is not None
    if not rows:
        return []
    parameters = [p for p in function.parameters if isinstance(p, Local)]
    if len(rows) > 1 and any(isinstance(value, Absent) for row in rows for value in row):
        each = (_evaluated(function, [row], world, names, evaluate) for row in rows)
        return [outcome for found in each for outcome in found]
    locals_: dict[str, np.ndarray] = {}
    absent: dict[str, Absent] = {}
    for parameter, column in zip(parameters, zip(*rows, strict=True), strict=True):
        if isinstance(column[0], Absent):
            absent[parameter.key], column = column[0], (0,)
        kind = np.float64 if isinstance(parameter.type, Real) else np.int64
        locals_[parameter.key] = np.array(column, kind)
    world = replace(world, absent=absent)
    env = Env(world, Frame(len(rows), locals_), Slots(), (), names).gathering()
    try:
        values = np.broadcast_to(evaluate(function.body, env), (len(rows),))
    except (RaggedItems, NoValue) as error:
        if len(rows) == 1 and isinstance(error, NoValue):
            told = error.diagnostics[0]
            return [(0, lambda _: told)]
        # One after another: each has its own number of items.
        each = (_evaluated(function, [row], world, names, evaluate) for row in rows)
        return [outcome for found in each for outcome in found]
    return [(v, _hole(env, k)) for k, v in enumerate(values.tolist())]


def _hole(env: Env, row: int) -> Callable[[str], Diagnostic] | None:
    """Return what tells why a row has no value; None where it has one."""
    for hole in env.holes or ():
        place = row if len(hole.mask) > 1 else 0
        if hole.mask[place]:
            return lambda where: hole.tell((place,), where)
    return None
