"""Laws and forms of a statement's instances, as arrays over the selectors they depend on."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Bool, Cases, Constant, Distribution, Expression
from gmlang.core.walk import is_random, parts, replace_part
from gmlang.diagnostics import GmError, Span
from gmlang.graph.functions.unrolling import unrolled
from gmlang.graph.lowering.grounder import Grounder, check_memory, environment
from gmlang.graph.lowering.undefined import gap_of, note_gap
from gmlang.graph.rows.forms import Form, Law, collect_finite, form_of, law_of, only_where
from gmlang.graph.rows.linear import Linear
from gmlang.graph.values.environment import Env, first_place, is_tried
from gmlang.graph.values.evaluate import RaggedItems, conditions
from gmlang.graph.world.world import Frame, select_rows, where_text

_T = TypeVar("_T")

Found = tuple[np.ndarray, Env, np.ndarray, _T]
"""Some of the instances, where they were evaluated, where all gates hold, and what was found."""


def laws(
    grounder: Grounder, frame: Frame, law: Expression, gates: Sequence[Expression], span: Span
) -> Iterator[Found[Law]]:
    """Evaluate a law in all instances, those together that are alike.

    Where a law has no value, in states that something else must exclude, its row forbids these.

    Raises:
        GmError: where it has no value in any state, or is too wide.
    """
    for rows, env, holds, found, gap in _each(grounder, frame, (law, *gates), span, law_of):
        # NaN is no standard deviation, so that such a row forbids the state.
        sd = np.where(gap, np.nan, found.sd) if gap.any() else found.sd
        yield rows, env, holds, Law(only_where(~gap, found.mean), sd)


def forms(
    grounder: Grounder, frame: Frame, value: Expression, gates: Sequence[Expression], span: Span
) -> Iterator[Found[Form]]:
    """Do the same for an expression that is linear in reals."""
    for rows, env, holds, form, gap in _each(grounder, frame, (value, *gates), span, form_of):
        yield rows, env, holds, only_where(~gap, form)


def _each(
    grounder: Grounder,
    frame: Frame,
    expressions: tuple[Expression, ...],
    span: Span,
    find: Callable[[Expression, Env], _T],
) -> Iterator[tuple[np.ndarray, Env, np.ndarray, _T, np.ndarray]]:
    groups = [(np.arange(frame.count), expressions)]
    if grounder.world.has_functions:
        groups = list(unrolled(grounder.world, frame, grounder.names, expressions))
    for rows, written in groups:
        part = select_rows(frame, rows)
        for some, plain in decided(grounder, part, written):
            inner = select_rows(part, some)
            yield from _alike(grounder, inner, rows[some], plain, span, find)


def _alike(
    grounder: Grounder,
    frame: Frame,
    rows: np.ndarray,
    expressions: tuple[Expression, ...],
    span: Span,
    find: Callable[[Expression, Env], _T],
) -> Iterator[tuple[np.ndarray, Env, np.ndarray, _T, np.ndarray]]:
    """Evaluate in instances whose sums have as many items; others are halved until they do.

    Last comes where there is no value.
    """
    if not len(rows):
        return
    env = environment(grounder, frame)
    value, *gates = expressions
    try:
        for expression in (*gates, value):
            collect_finite(expression, env)
    except RaggedItems:
        middle = len(rows) // 2
        for half in (np.arange(middle), np.arange(middle, len(rows))):
            part = select_rows(frame, half)
            yield from _alike(grounder, part, rows[half], expressions, span, find)
        return
    entries = float(np.prod([float(slot.states.count) for slot in env.slots.items]))
    check_memory(grounder.world, span, 1, int(min(entries, 1e15)))
    inner, holds = env.gathering(), np.ones(1, np.bool_)
    for gate in gates:
        holds = holds & conditions(gate, inner)
        inner = inner.guarded(holds, wanted=True)
    found = find(value, inner)
    yield rows, env, holds, found, noted_gap(grounder, inner)


def noted_gap(grounder: Grounder, env: Env) -> np.ndarray:
    """Say where what was evaluated has no value, and note that something else must exclude it.

    Raises:
        GmError: where it has none in any state of some instance, or at some settings of parameters.
    """
    gap = gap_of(env)
    if gap.any():
        for hole in env.holes or ():
            for axis, slot in enumerate(env.slots.items):
                if is_tried(slot) and hole.mask.shape[1 + axis] > 1:
                    place = first_place(hole.mask)
                    where = where_text(env.frame, place[0], env.names)
                    raise GmError([hole.tell(place, where)])
        note_gap(grounder.builder, env, gap)
    return gap


def decided(
    grounder: Grounder, frame: Frame, expressions: tuple[Expression, ...]
) -> Iterator[tuple[np.ndarray, tuple[Expression, ...]]]:
    """Take instances apart by what is known before inference, so that nobody asks for the rest."""
    pending = [(np.arange(frame.count), expressions)]
    while pending:
        rows, written = pending.pop()
        found = next(_known_choices(written), None)
        if found is None:
            yield rows, written
            continue
        part, condition, then, otherwise = found
        env = environment(grounder, select_rows(frame, rows))
        holds = np.broadcast_to(np.asarray(conditions(condition, env)).reshape(-1), (len(rows),))
        for some, branch in ((~holds, otherwise), (holds, then)):
            if some.any():
                new = tuple(replace_part(expression, part, branch) for expression in written)
                pending.append((rows[some], new))


def _known_choices(
    expressions: tuple[Expression, ...],
) -> Iterator[tuple[Expression, Expression, Expression, Expression]]:
    """Give what chooses by a condition that is known, the condition, and what it chooses."""
    stack, seen = list(expressions), set[int]()
    while stack:
        part = stack.pop()
        if isinstance(part, Apply) and part.is_shared:
            if id(part) in seen:
                continue
            seen.add(id(part))
        match part:
            case Apply(operator="if", arguments=(condition, then, otherwise)):
                if not is_random(condition):
                    yield part, condition, then, otherwise
            case Cases(conditions=(condition, *rest), values=(value, *values)) if rest:
                if not is_random(condition):
                    others = Cases(part.span, tuple(rest), tuple(values), part.type)
                    yield part, condition, value, others
            case Cases(values=(value,), conditions=(Constant(value=True, type=Bool()),)):
                pass
            case _:
                pass
        if isinstance(part, Aggregate):
            stack += [item.value for item in part.items if not item.context]
        elif not isinstance(part, Distribution) or not part.items:
            stack += parts(part)


def linear_of(
    form: Form, env: Env, others: Sequence[np.ndarray] = ()
) -> tuple[Linear, list[np.ndarray]]:
    """Write a form with the axes of those slots alone that something depends on.

    Args:
        form: evaluated.
        env: where.
        others: further arrays with its axes.

    Returns:
        It, and the other arrays, (tables, *states).
    """
    count, sizes = env.frame.count, [slot.states.count for slot in env.slots.items]
    arrays = [_whole(a, len(sizes)) for a in (form.constant, *others, *(c for _, c in form.terms))]
    # Settings that are tried keep their axis, however many there are.
    tried = [k for k, slot in enumerate(env.slots.items) if is_tried(slot)]
    used = [k for k in range(len(sizes)) if k in tried or any(a.shape[1 + k] > 1 for a in arrays)]
    kept = [a.reshape(len(a), *(a.shape[1 + k] for k in used)) for a in arrays]
    constant, rest, coefficients = kept[0], kept[1 : 1 + len(others)], kept[1 + len(others) :]
    scopes = np.empty((count, len(used)), np.int64)
    for column, k in enumerate(used):
        scopes[:, column] = env.slots.items[k].variables
    reals = np.empty((count, len(form.terms)), np.int64)
    for column, (numbers, _) in enumerate(form.terms):
        reals[:, column] = numbers
    if coefficients:
        stacked = np.stack(np.broadcast_arrays(*coefficients), axis=-1)
    else:
        stacked = np.zeros((1, *([1] * len(used)), 0))
    linear = Linear(scopes, tuple(sizes[k] for k in used), reals, stacked, constant)
    return linear, rest


def _whole(array: np.ndarray, num_slots: int) -> np.ndarray:
    array = np.asarray(array, np.float64)
    missing = 1 + num_slots - array.ndim
    return array.reshape(*([1] * missing), *array.shape) if missing > 0 else array
