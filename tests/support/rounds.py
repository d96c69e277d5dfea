"""Definitions that go round, as naively as they can be read: their least solution."""

from collections.abc import Iterator

from gmlang.syntax import ast
from tests.support import interpreter as naive
from tests.support.interpreter import Env, Meaning, Place, World


def branch(m: Meaning, s: ast.If | ast.Match, env: Env, world: World) -> tuple[ast.Statement, ...]:
    """Return the statements that apply in a world."""
    if isinstance(s, ast.If):
        return s.then if naive.evaluate(m, s.condition, env, world) else s.otherwise
    subjects = [naive.evaluate(m, e, env, world) for e in s.subjects]
    for case in s.cases:
        patterns = zip(case.patterns, subjects, strict=True)
        if all(
            (isinstance(p, ast.Name) and p.text == "_") or naive.evaluate(m, p, env, None) == v
            for p, v in patterns
        ):
            return case.body
    return ()


def known_branch(
    m: Meaning, s: ast.If | ast.Match, env: Env, world: World
) -> tuple[ast.Statement, ...]:
    """Return what applies; nothing where the condition has no value, which the score will say."""
    try:
        return branch(m, s, env, world)
    except naive.Undefined:
        return ()


def is_least(m: Meaning, world: World) -> bool:
    """Say whether the defined booleans of a world are the least that their definitions allow.

    True where a definition has no value on the way, which another check sees.
    """
    found = [d for s in m.statements for d in _definitions(m, s, {}, world)]
    booleans = [(p, e, env) for p, e, env in found if m.domains[p] == [False, True]]
    low = {**world, **{place: False for place, _, _ in booleans}}
    try:
        for _ in range(len(booleans) + 1):
            now = {p: bool(naive.evaluate(m, e, env, low)) for p, e, env in booleans}
            if all(low[place] == value for place, value in now.items()):
                return low == world
            low |= now
    except naive.Undefined:
        pass
    return True


def _definitions(
    m: Meaning, s: ast.Statement, env: Env, world: World
) -> Iterator[tuple[Place, ast.Expression, Env]]:
    match s:
        case ast.For():
            for inner in naive.loops(m, s.loops, s.condition, env):
                for b in s.body:
                    yield from _definitions(m, b, inner, world)
        case ast.If() | ast.Match():
            for b in known_branch(m, s, env, world):
                yield from _definitions(m, b, env, world)
        case ast.Mechanism(operator=":="):
            place = naive.place_of(m, s.target, env)
            assert place is not None
            yield place, s.value, env
        case _:
            pass
