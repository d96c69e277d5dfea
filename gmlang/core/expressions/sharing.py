"""Expressions that a def's uses share: each is checked once, and counts once.

    def f1(a) = a + a
    def f2(a) = f1(a) + f1(a)          f2(x) is a graph of four sums, not a tree

A parameter that is mentioned twice is one value; so is a def called twice with the same parameters.
What works on expressions goes through such a graph by identity; the few loops that go through it
as a tree are kept short by a limit.
"""

from collections.abc import Callable
from dataclasses import replace

from gmlang.core.ast import Apply, Enum, Expression, Type
from gmlang.core.checking import Checking, PoisonedError, fail
from gmlang.core.names.scope import Env, Thunk
from gmlang.core.walk import parts
from gmlang.diagnostics import Span
from gmlang.errors import types as errors
from gmlang.syntax import ast

_EXPANDED_MAX = 1 << 22
"""Operations that a value may amount to when every use of a def is written out."""


def argument_of(env: Env, argument: ast.Expression) -> Thunk:
    """Return the argument of a def; a parameter that is handed on stays the same one."""
    if isinstance(argument, ast.Name):
        bound = env.names.get(argument.text)
        if isinstance(bound, Thunk):
            return bound
    return Thunk(argument, env)


def checked_once(
    state: Checking,
    env: Env,
    owners: tuple[object, ...],
    expected: Type | None,
    span: Span,
    check: Callable[[], Expression],
) -> Expression:
    """Check what a def stands for, or return what it was found to be before.

    Args:
        state: of the check; it remembers.
        env: the surroundings of the use.
        owners: what the value depends on besides, by identity.
        expected: the type that the surroundings ask for.
        span: where it is used, for a value that is too large.
        check: checks it.
    """
    wanted = expected if isinstance(expected, Enum) else None
    if env.in_assert:
        # The queries in it are numbered among those of one calculation.
        owners = (*owners, state.asked)
    key = (*map(id, owners), wanted, env.in_assert, env.model, env.is_guarded)
    if key in state.shared:
        value = state.shared[key][1]
        if value is None:
            raise PoisonedError
        return value
    try:
        value = check()
        if isinstance(value, Apply) and not value.is_shared:
            value = replace(value, is_shared=True)
        _note_size(state, value, span)
    except PoisonedError:
        state.shared[key] = (owners, None)
        raise
    state.shared[key] = (owners, value)
    return value


def used_at(state: Checking, value: Expression, span: Span) -> Expression:
    """Return a value that was checked once as it is used in a place."""
    placed = replace(value, span=span)
    size = state.sizes_of.get(id(value), 0)
    if size:
        state.sizes_of[id(placed)] = size
        state.placed.append(placed)
    return placed


def _note_size(state: Checking, value: Expression, span: Span) -> None:
    """Count the operations of a value written out, and refuse too many."""
    total, pending = 0, [value]
    while pending:
        part = pending.pop()
        known = state.sizes_of.get(id(part), 0)
        total += max(known, 1)
        if not known:
            pending.extend(parts(part))
    if total > _EXPANDED_MAX:
        fail(state, errors.too_much_to_expand(span, span.text, total, _EXPANDED_MAX))
    state.sizes_of[id(value)] = total
