"""Indices: which axis each belongs to, and whether it can lie inside."""

from dataclasses import replace

from gmlang.core.ast import (
    Array,
    AttributeRef,
    Constant,
    DataRef,
    Enum,
    Expression,
    VariableRef,
    Whole,
)
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import scalars
from gmlang.core.expressions.operators import fit, literal_size, need_integer, num_whole, with_rank
from gmlang.core.names.scope import (
    Axes,
    DataMeaning,
    EntityMeaning,
    Env,
    ModelMeaning,
    VariableMeaning,
)
from gmlang.core.places.values import place_of, row_and_column
from gmlang.core.print import show, show_element
from gmlang.core.processes.lowering import shape_of
from gmlang.core.records.processes import process_of
from gmlang.core.walk import type_of
from gmlang.diagnostics import Span
from gmlang.errors import forms
from gmlang.errors import shapes as shape_errors
from gmlang.syntax import ast

Indices = tuple[Expression | Whole, ...]


def check_index(state: Checking, env: Env, expression: ast.Index) -> Expression:
    """Check `x[i, j]`; axes not indexed stay whole."""
    base = scalars.check(state, env, expression.base, None)
    span = expression.span
    if not isinstance(base, DataRef | VariableRef | AttributeRef):
        fail(
            state,
            shape_errors.wrong_number_of_indices(
                span, expression.base.span.text, 0, len(expression.indices)
            ),
        )
    text = expression.base.span.text
    axes, sizes = _free_axes(state, base)
    surplus = len(expression.indices) > len(axes)
    if surplus and isinstance(base, AttributeRef) and num_whole(base.thing.indices):
        # What stands behind a name indexes that name: the things are indexed before the dot.
        counts = len(axes), len(expression.indices)
        element = show_element(base)
        fail(state, shape_errors.attribute_indexed(span, base.attribute, *counts, element))
    checked = check_indices(state, env, span, text, expression.indices, axes, sizes)
    element = base.type.element if isinstance(base.type, Array) else base.type
    indices = filled(base.indices, checked)
    rank = num_whole(indices)
    if isinstance(base, AttributeRef):
        rank += num_whole(base.thing.indices)
    return replace(base, span=span, indices=indices, type=with_rank(element, rank))


def filled(indices: Indices, given: Indices) -> Indices:
    """Put indices where axes were still whole, in order."""
    rest = iter(given)
    return tuple(next(rest, index) if isinstance(index, Whole) else index for index in indices)


def _free_axes(
    state: Checking, base: DataRef | VariableRef | AttributeRef
) -> tuple[Axes, tuple[Expression | str | None, ...]]:
    """Return, for each axis still whole, the enum that indexes it and its size."""
    axes, shape = axes_of(state, base)
    free = [k for k, index in enumerate(base.indices) if isinstance(index, Whole)]
    return tuple(axes[k] for k in free), tuple(shape[k] for k in free)


def _steps_of(state: Checking, model: str) -> tuple[Axes, tuple[Expression | str, ...]]:
    """Return what indexes each axis of the steps of a process, and their shape."""
    meaning = state.core_names[model].meaning
    assert isinstance(meaning, ModelMeaning)
    assert meaning.process is not None
    shape = shape_of(meaning.parameters, meaning.process.time)
    return (None,) * len(shape), shape


def axes_of(
    state: Checking, base: DataRef | VariableRef | AttributeRef
) -> tuple[Axes, tuple[Expression | str, ...]]:
    """Return what indexes each axis of a symbol, and its shape."""
    if isinstance(base, AttributeRef):
        meaning = state.entities[base.thing.entity].meaning
        assert isinstance(meaning, EntityMeaning)
        if model := process_of(base.attribute):
            return _steps_of(state, model)
        for real in meaning.symbol.reals:
            if real.name == base.attribute:
                return real.axes, real.shape
        names = [attribute.name for attribute in meaning.symbol.attributes]
        position = names.index(base.attribute)
        return meaning.axes[position], meaning.symbol.attributes[position].shape
    match state.core_names[base.name].meaning:
        case DataMeaning(axes=axes, symbol=data):
            return axes, data.shape
        case VariableMeaning(axes=axes, symbol=variable):
            return axes, variable.shape
        case _:
            raise AssertionError(base.name)


def check_indices(
    state: Checking,
    env: Env,
    span: Span,
    text: str,
    indices: tuple[ast.Expression | ast.All, ...],
    axes: Axes,
    sizes: tuple[Expression | str | None, ...],
) -> Indices:
    """Check what stands in brackets, each index against its axis."""
    if len(indices) > len(axes):
        fail(state, shape_errors.wrong_number_of_indices(span, text, len(axes), len(indices)))
    found: list[Expression | Whole] = []

    def check(index: ast.Expression | ast.All) -> None:
        here = len(found)
        if isinstance(index, ast.All):
            found.append(Whole(index.span))
            return
        axis = axes[here] if here < len(axes) else None
        found.append(Whole(index.span))
        checked = scalars.check(state, env, index, axis)
        place = None if axis is not None and type_of(checked) == axis else place_of(state, checked)
        if place is None:
            parts = (scalars.need_scalar(state, checked),)
        else:
            # A place is two indices: a row and a column.
            if len(axes) < here + 2 or any(axes[here : here + 2]):
                fail(state, shape_errors.not_two_axes(index.span, text))
            parts = row_and_column(place)
        own = zip(parts, axes[here:], sizes[here:], strict=False)
        found[here:] = each(lambda one: _check_one_index(state, env, index, *one), own)

    each(check, indices)
    if len(found) > len(axes):
        fail(state, shape_errors.wrong_number_of_indices(span, text, len(axes), len(found)))
    return tuple(found)


def _check_one_index(
    state: Checking,
    env: Env,
    index: ast.Expression,
    checked: Expression,
    axis: Enum | None,
    size: Expression | str | None,
) -> Expression:
    if axis is not None:
        return fit(state, checked, axis)
    if isinstance(type_of(checked), Enum):
        return checked
    need_integer(state, checked, "an integer index")
    if env.is_guarded:
        return checked
    # What a def is given may be guarded in its body, so that only grounding can tell.
    is_written_here = checked.span == index.span
    if is_written_here and isinstance(checked, Constant) and isinstance(size, Constant):
        num = literal_size(size)
        if num is not None and not 0 <= checked.value < num:
            fail(state, shape_errors.out_of_bounds(checked.span, int(checked.value), num))
    if isinstance(checked, Constant) and checked.value < 0:
        shown = show(size) if isinstance(size, Expression) else size
        fail(state, forms.negative_index(checked.span, int(checked.value), shown))
    return checked
