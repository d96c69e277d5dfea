"""Calls of functions that mention random variables, written out for the instances of a frame.

    def total(n) = 0 if n == 0 else x[n - 1] + total(n - 1)         total(2) is x[1] + (x[0] + 0)

A call becomes the function's body with its arguments in it. Conditions that are known say which
instances ask for which part of a body, and what no instance asks for is left out: so it ends. Where
instances disagree they are taken apart, or the items of an aggregate are.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import numpy as np

from gmlang.core.ast import (
    Aggregate,
    Apply,
    Bind,
    Bool,
    Call,
    Cases,
    Constant,
    Distribution,
    Expression,
    Integer,
    IntRange,
    Item,
    Thing,
    Where,
)
from gmlang.core.print import show
from gmlang.core.walk import first_variable, is_random, parts, type_of, walk, with_parts
from gmlang.diagnostics import GmError, Span
from gmlang.errors import recursion as errors
from gmlang.graph.functions import guards
from gmlang.graph.functions.places import Divided, Place, decided, mentioned, nothing
from gmlang.graph.functions.substitution import Substitution, identity, simpler
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate, expand
from gmlang.graph.world.world import Frame, World, select_rows, where_text

_T = TypeVar("_T")

LEVELS_MAX = 100
"""A function may call itself through so many levels."""

DEPTH_MAX = 80
"""So many operations may stand inside one another: later passes go down by recursion, through
some six calls of Python for each."""

CALLS_MAX = 20_000
"""One statement may amount to so many calls."""

SIZE_MAX = 1 << 20
"""And to so many operations when all that is shared is written out."""


def _calls_at_random(expression: Expression) -> bool:
    """Say whether an expression calls a function in a way that mentions a random variable."""
    return any(isinstance(part, Call) and is_random(part) for part in walk(expression))


def unrolled(
    world: World, frame: Frame, names: dict[str, str], expressions: Sequence[Expression]
) -> list[tuple[np.ndarray, tuple[Expression, ...]]]:
    """Return expressions without calls that mention random variables, for each group of instances.

    Args:
        world: with the data.
        frame: the instances.
        names: of loop variables, for messages; those of loops inside functions are added.
        expressions: what is evaluated in every instance.

    Returns:
        For each group its rows, and the expressions as they are there; the groups are disjoint
        and cover the frame.

    Raises:
        GmError: when a function does not end, or what ends it is random.
    """
    every = np.arange(frame.count)
    if not any(map(_calls_at_random, expressions)):
        return [(every, tuple(expressions))]
    done: list[tuple[np.ndarray, tuple[Expression, ...]]] = []
    pending = [every]
    while pending:
        rows = pending.pop()
        env = Env(world, select_rows(frame, rows), Slots(), (), names)
        keys = frozenset(frame.locals)
        place = Place(env, keys, keys)
        unroller = _Unroller()
        try:
            done.append((rows, tuple(unroller.visit(e, place) for e in expressions)))
        except Divided as divided:
            holds, undefined = decided(divided.condition, env)
            groups = (holds & ~undefined, ~holds & ~undefined, undefined)
            pending.extend(rows[group] for group in groups if group.any())
    return done


class _Wanted(Exception):
    """What a call stands for is needed first.

    Attributes:
        key: what it is known by.
        body: the function's, in this call.
        place: where that stands.
    """

    def __init__(self, key: tuple[object, ...], body: Expression, place: Place) -> None:
        super().__init__()
        self.key = key
        self.body = body
        self.place = place


@dataclass(slots=True, eq=False)
class _Progress:
    """How far an item is written out: the parts that it was split into."""

    pending: list[Item]
    done: list[Item] = field(default_factory=list[Item])


@dataclass(slots=True, eq=False)
class _Unroller:
    """What was written out for one group of instances.

    No depth of calls is a depth of Python's: what a body calls is written out first, and then the
    body is visited again. What was made for the earlier visit is found again by identity.

    Attributes:
        made: by what it is, and the identities of an expression and a frame; with these, so that
            their identities stay their own.
        known: what calls are by what they are given, or the condition about which they disagree.
        has_calls: by an expression's identity.
        sizes: of results, by identity: how many operations they are, and how deep.
    """

    made: dict[tuple[str, int, int], tuple[object, Frame, object]] = field(
        default_factory=dict[tuple[str, int, int], tuple[object, Frame, object]]
    )
    known: dict[tuple[object, ...], tuple[Place, Expression | Divided]] = field(
        default_factory=dict[tuple[object, ...], tuple[Place, Expression | Divided]]
    )
    has_calls: dict[int, tuple[Expression, bool]] = field(
        default_factory=dict[int, tuple[Expression, bool]]
    )
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    num_calls: int = 0

    def _once(self, what: str, of: object, frame: Frame, make: Callable[[], _T]) -> _T:
        key = what, id(of), id(frame)
        if key not in self.made:
            self.made[key] = (of, frame, make())
        return cast("_T", self.made[key][2])

    def calls(self, expression: Expression) -> bool:
        """Say whether an expression is to be written out."""
        if id(expression) not in self.has_calls:
            self.has_calls[id(expression)] = (expression, _calls_at_random(expression))
        return self.has_calls[id(expression)][1]

    def visit(self, expression: Expression, place: Place) -> Expression:
        """Return an expression with its calls written out."""
        if not self.calls(expression):
            return expression
        frame = place.env.frame
        if frame.count == 0:
            return nothing(expression.span, type_of(expression))
        return self._once("value", expression, frame, lambda: self._visit(expression, place))

    def among(self, place: Place, rows: np.ndarray) -> Place:
        """Return a place for some of its instances, the same one each time."""
        if rows.all():
            return replace(place, is_decided=True)
        env = place.env
        what = rows.tobytes().hex()
        frame = self._once(what, None, env.frame, lambda: select_rows(env.frame, rows))
        return replace(place, env=Env(env.world, frame, Slots(), (), env.names), is_decided=True)

    def _visit(self, expression: Expression, place: Place) -> Expression:
        match expression:
            case Call():
                return self._call(expression, place)
            case Apply(operator="if"):
                return guards.conditional(self, expression, place)
            case Apply(operator="and" | "or"):
                return guards.junction(self, expression, place)
            case Cases():
                return guards.cases(self, expression, place)
            case Aggregate():
                items = [new for item in expression.items for new in self._items(item, place)]
                parameter = expression.parameter
                parameter = None if parameter is None else self.visit(parameter, place)
                return replace(expression, items=tuple(items), parameter=parameter)
            case Distribution():
                # The order of its items may matter: they are kept together.
                fixed = replace(place, locals=None)
                pairs = tuple(self._item(item, fixed) for item in expression.items)
                arguments = tuple(self.visit(a, place) for a in expression.arguments)
                return replace(expression, items=pairs, arguments=arguments)
            case _:
                return with_parts(expression, [self.visit(p, place) for p in parts(expression)])

    # --- Items ---------------------------------------------------------------------------

    def _items(self, item: Item, place: Place) -> list[Item]:
        """Write an item out, as several where its repetitions disagree."""
        so_far = self._once("items", item, place.env.frame, lambda: _Progress([item]))
        while so_far.pending:
            part = so_far.pending[-1]
            try:
                so_far.done.append(self._item(part, place))
            except Divided as divided:
                condition = divided.condition
                if place.locals is None or mentioned(condition) <= place.locals:
                    raise
                off = Apply(condition.span, "not", (condition,), Bool())
                clauses = Where(off.span, off), Where(condition.span, condition)
                split = [replace(part, context=(*part.context, clause)) for clause in clauses]
                so_far.pending[-1:] = split
            else:
                so_far.pending.pop()
        return so_far.done

    def _item(self, item: Item, place: Place) -> Item:
        outer = place.env
        frame = self._once(
            "frame", item, outer.frame, lambda: expand(outer.still(), item.context)[0]
        )
        if frame.count == 0:
            return replace(item, value=nothing(item.value.span, type_of(item.value)))
        env = Env(outer.world, frame, Slots(), (), outer.names)
        own = {clause.key for clause in item.context if isinstance(clause, Bind)}
        inner = replace(place, env=env, locals=None if place.locals is None else place.locals | own)
        key = None if item.key is None else self.visit(item.key, inner)
        return replace(item, value=self.visit(item.value, inner), key=key)

    # --- Calls ---------------------------------------------------------------------------

    def _call(self, call: Call, place: Place) -> Expression:
        env = place.env
        call = self._once(
            "call",
            call,
            env.frame,
            lambda: replace(call, arguments=self._arguments(call, place)),
        )
        key = (call.function, id(env.frame), *map(identity, call.arguments))
        if key not in self.known:
            inside = place if place.calls else replace(place, is_decided=False, at_random=None)
            inside = replace(inside, calls=(*inside.calls, call))
            self._check(inside)
            body = call.function.body
            assert body is not None
            self.num_calls += 1
            wanted = _Wanted(key, Substitution(call, len(inside.calls)).of(body), inside)
            if place.calls:
                raise wanted
            self._find(wanted)
        found = self.known[key][1]
        if isinstance(found, Divided):
            raise Divided(found.condition)
        return found

    def _arguments(self, call: Call, place: Place) -> tuple[Expression | Thing, ...]:
        """Write the arguments out: what they stand for may be known although they look random."""
        found: list[Expression | Thing] = []
        for argument in call.arguments:
            given = argument
            if not isinstance(argument, Thing) and self.calls(argument):
                # Where it has no value the function need not ask for it.
                with suppress(GmError):
                    given = self.visit(argument, place)
            found.append(_argument(given, place.env))
        return tuple(found)

    def _find(self, first: _Wanted) -> None:
        """Write a body out, and before it those that it calls."""
        stack = [first]
        while stack:
            wanted = stack[-1]
            try:
                found = self._finished(self.visit(wanted.body, wanted.place), wanted.place)
            except _Wanted as more:
                stack.append(more)
                continue
            except Divided as divided:
                # Whoever is around, and has the items or instances, takes them apart.
                found = divided
            self.known[wanted.key] = wanted.place, found
            stack.pop()

    def _finished(self, written: Expression, place: Place) -> Expression:
        """Return what a call is written out as, to be shared."""
        written = replace(written, span=place.calls[-1].span)
        if isinstance(written, Apply):
            written = replace(written, is_shared=True)
        total, deepest, pending = 0, 0, [(written, 1)]
        while pending and total <= SIZE_MAX:
            part, depth = pending.pop()
            size, inside = self.sizes.get(id(part), (1, 0))
            total, deepest = total + size, max(deepest, depth, depth - 1 + inside)
            if not inside:
                pending.extend((inner, depth + 1) for inner in parts(part))
        if total > SIZE_MAX:
            raise GmError([errors.too_many_calls(*_named(place), SIZE_MAX)])
        if deepest > DEPTH_MAX:
            raise GmError([errors.too_deep(*_named(place), DEPTH_MAX)])
        self.sizes[id(written)] = total, deepest
        return written

    def _check(self, place: Place) -> None:
        """Refuse calls that go on and on."""
        place.env.world.check_time()
        if self.num_calls >= CALLS_MAX:
            raise GmError([errors.too_many_calls(*_named(place), CALLS_MAX)])
        if len(place.calls) <= LEVELS_MAX:
            return
        if place.at_random is not None and not place.is_decided:
            variable = first_variable(place.at_random)
            assert variable is not None
            span, text, _ = _named(place)
            raise GmError([errors.ends_at_random(span, text, variable.span.text)])
        trail = ", ".join(show(call) for call in place.calls[:3])
        raise GmError([errors.endless(*_named(place), trail, LEVELS_MAX)])


def _named(place: Place) -> tuple[Span, str, str]:
    """Return the first call around a place, as written, and one of its instances."""
    span = place.calls[0].span
    frame = place.env.frame
    shown = Frame(frame.count, {k: v for k, v in frame.locals.items() if k in place.outer})
    return span, span.text, where_text(shown, 0, place.env.names)


def _argument(argument: Expression | Thing, env: Env) -> Expression | Thing:
    """Return an argument as a constant where it is one, and simpler where it is known."""
    if isinstance(argument, Thing | Constant):
        return argument
    if is_random(argument):
        return replace(argument, is_shared=True) if isinstance(argument, Apply) else argument
    inner = env.still().gathering()
    values = np.asarray(evaluate(argument, inner)).reshape(-1)
    if values.size and not inner.holes and (values == values[0]).all():
        type_ = type_of(argument)
        type_ = Integer() if isinstance(type_, IntRange) else type_
        return Constant(argument.span, values[0].item(), type_)
    return simpler(argument)
