"""Conditions in what is written out: what is known says who asks for which part."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from gmlang.core.ast import Apply, Bool, Cases, Constant, Expression
from gmlang.core.walk import is_random
from gmlang.graph.functions.places import Divided, Place, decided, mentioned, nothing, truth


class Writer(Protocol):
    """Writes calls out."""

    def calls(self, expression: Expression) -> bool:
        """Say whether an expression is to be written out."""
        ...

    def visit(self, expression: Expression, place: Place) -> Expression:
        """Return an expression with its calls written out."""
        ...

    def among(self, place: Place, rows: np.ndarray) -> Place:
        """Return a place for some of its instances, the same one each time."""
        ...


def _decide(condition: Expression, place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate a known condition; take the instances apart where they disagree."""
    holds, undefined = decided(condition, place.env)
    num_groups = sum(g.any() for g in (holds, ~holds & ~undefined, undefined))
    # A filter must have a value everywhere.
    free = place.outer if undefined.any() else place.locals
    if num_groups > 1 and free is not None and mentioned(condition) <= free:
        raise Divided(condition)
    return holds, undefined


def _nobody(writer: Writer, place: Place) -> Place:
    """Return a place for none of the instances."""
    return writer.among(place, np.zeros(place.env.frame.count, np.bool_))


def conditional(writer: Writer, expression: Apply, place: Place) -> Expression:
    """Write an `if` out, without the branch that no instance asks for."""
    condition, then, otherwise = expression.arguments
    if is_random(condition):
        when, inner = _condition(writer, condition, place)
        settled, nobody = truth(when), _nobody(writer, inner)
        if isinstance(when, Constant):
            return writer.visit(then if settled else otherwise, inner)
        on = writer.visit(then, nobody if settled is False else inner)
        off = writer.visit(otherwise, nobody if settled is True else inner)
        return replace(expression, arguments=(when, on, off))
    holds, undefined = _decide(condition, place)
    on = writer.visit(then, writer.among(place, holds))
    off = writer.visit(otherwise, writer.among(place, ~holds & ~undefined))
    if holds.all():
        return on
    if not holds.any() and not undefined.any():
        return off
    return replace(expression, arguments=(condition, on, off))


def _condition(writer: Writer, condition: Expression, place: Place) -> tuple[Expression, Place]:
    """Write a random condition out as far as what is known leaves it open.

    Returns:
        It, and the place of what it guards.
    """
    match condition:
        case Apply(operator="not", arguments=(inner,)) if is_random(inner):
            new, behind = _condition(writer, inner, place)
            if isinstance(new, Constant):
                return Constant(new.span, not new.value, Bool()), behind
            return replace(condition, arguments=(new,)), behind
        case Apply(operator="and" | "or", arguments=arguments):
            new = junction(writer, condition, place, is_guard=True)
            is_open = all(map(is_random, arguments))
            return new, place.under(condition) if is_open else replace(place, is_decided=True)
        case _:
            return writer.visit(condition, place), place.under(condition)


def junction(
    writer: Writer, expression: Apply, place: Place, *, is_guard: bool = False
) -> Expression:
    """Write a conjunction or disjunction out, up to the operand that decides it.

    Args:
        writer: writes calls out.
        expression: it.
        place: where it stands.
        is_guard: whether it decides what else is asked for.
    """
    is_and = expression.operator == "and"
    kept: list[Expression] = []
    arguments = expression.arguments
    for k, argument in enumerate(arguments):
        if place.env.frame.count == 0:
            break
        asks = is_guard or any(writer.calls(later) for later in arguments[k + 1 :])
        if is_random(argument):
            if asks:
                new, place = _condition(writer, argument, place)
            else:
                new = writer.visit(argument, place)
            same = isinstance(new, Apply) and new.operator == expression.operator
            kept += new.arguments if same and isinstance(new, Apply) else (new,)
            if asks and truth(new) is not is_and and truth(new) is not None:
                break
            continue
        if not asks:
            kept.append(argument)
            continue
        holds, undefined = _decide(argument, place)
        on = holds if is_and else ~holds & ~undefined
        if not on.all():
            settled = not on.any() and not undefined.any()
            decided = Constant(argument.span, not is_and, Bool())
            kept.append(decided if settled else argument)
        place = writer.among(place, on)
    kept = [k for k in kept if not (isinstance(k, Constant) and bool(k.value) == is_and)]
    if not kept:
        return Constant(expression.span, is_and, Bool())
    if len(kept) == 1:
        return kept[0]
    return replace(expression, arguments=tuple(kept))


def cases(writer: Writer, expression: Cases, place: Place) -> Expression:
    """Write a `match` out, without the rows that no instance asks for."""
    rows: list[tuple[Expression, Expression]] = []
    pairs = list(zip(expression.conditions, expression.values, strict=True))
    for k, (condition, value) in enumerate(pairs):
        if place.env.frame.count == 0:
            # Who is left was decided before; nobody asks for this.
            always = Constant(condition.span, True, Bool())
            rows.append((always, nothing(value.span, expression.type)))
            break
        if is_random(condition):
            when, place = _condition(writer, condition, place)
            settled, nobody = truth(when), _nobody(writer, place)
            rows.append((when, writer.visit(value, nobody if settled is False else place)))
            if settled:
                place = nobody
            continue
        if not any(writer.calls(e) for pair in pairs[k:] for e in pair):
            rows += pairs[k:]
            break
        holds, undefined = _decide(condition, place)
        if holds.all():
            always = Constant(condition.span, True, Bool())
            # `_` decides nothing.
            inner = place if isinstance(condition, Constant) else writer.among(place, holds)
            rows.append((always, writer.visit(value, inner)))
            break
        if holds.any() or undefined.any():
            rows.append((condition, writer.visit(value, writer.among(place, holds))))
        place = writer.among(place, ~holds & ~undefined)
    if not rows:
        values = tuple(nothing(value.span, expression.type) for value in expression.values)
        return replace(expression, values=values)
    match rows[0]:
        case Constant(value=True), value:
            return value
        case _:
            whens, values = zip(*rows, strict=True)
            return replace(expression, conditions=whens, values=values)
