"""The score of a world, and what holds in it, on top of the naive interpreter."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial

from gmlang.syntax import ast
from tests.support import interpreter as naive
from tests.support.called import has_called, is_called, log_called
from tests.support.chances import weights
from tests.support.covers import log_covered
from tests.support.existence import all_exist, applies, log_existing
from tests.support.interpreter import Env, Meaning, Place, World
from tests.support.rounds import branch, is_least, known_branch


def log_safe(p: float | Fraction) -> float:
    """Return log p, -inf for 0; of a fraction also where no float holds it."""
    if p <= 0:
        return -math.inf
    if isinstance(p, Fraction):
        return math.log(p.numerator) - math.log(p.denominator)
    return math.log(p)


def log_score(m: Meaning, world: World) -> float:
    """Sum every log-factor of a program in a world."""
    if not is_least(m, world):
        return -math.inf
    drawn = {p for s in m.statements for p in _drawn(m, s, {})}
    applied = Counter(p for s in m.statements for p in _drawn(m, s, {}, world))
    total = 0.0
    for place, base in m.bases.items():
        if place not in drawn:
            total += log_safe(base[world[place]])
    for place in drawn:
        if not applied[place]:
            total += log_safe(naive.base_of(m, place)[world[place]])
    total += log_existing(m, world)
    for place in m.instances:
        model = m.models[str(place[1])]
        if not all_exist(m, world, place):
            if world[place]:
                return -math.inf
            continue
        if isinstance(model, ast.Composite) and model.prior is None:
            if world[place] != all(world[p] for p in naive.parts(m, place)):
                return -math.inf
            continue
        if not is_called(m, place):
            total += log_safe(naive.base_of(m, place)[world[place]])
    silenced = set(_silenced(m, world))
    total += log_called(m, world, silenced)
    parts = [partial(_score, m, s, {}, world, silenced, None) for s in m.statements]
    parts += [_undefined for times in applied.values() if times > 1]
    for place in m.instances:
        model = m.models[str(place[1])]
        if not world[place]:
            continue
        if isinstance(model, ast.Composite):
            if model.prior is not None:
                parts += [partial(_active, m, p, 1.0, world) for p in naive.parts(m, place)]
            continue
        env = naive.bound(m, place)
        parts += [partial(_score, m, s, env, world, silenced, place) for s in model.body]
    parts.append(partial(log_covered, m, world, silenced))
    return total + together(parts)


def _undefined() -> float:
    raise naive.Undefined


def together(parts: Iterable[Callable[[], float]]) -> float:
    """Add up log-factors; one that has no value counts only where no other forbids."""
    total, undefined = 0.0, None
    for part in parts:
        try:
            score = part()
        except naive.Undefined as error:
            undefined = error
            continue
        if score == -math.inf:
            return score
        total += score
    if undefined is not None:
        raise undefined
    return total


def required(m: Meaning, e: ast.Expression, env: Env, world: World) -> float:
    """Require a condition; a conjunction requires each of its parts on its own."""
    each = partial(_each_required, m, world)
    match e:
        case ast.Binary(operator="and"):
            return each([(e.left, env), (e.right, env)])
        case ast.Compare() if len(e.operands) > 2:
            links = zip(e.operators, e.operands, e.operands[1:], strict=False)
            return each([(ast.Compare(e.span, (o,), (a, b)), env) for o, a, b in links])
        case ast.Unary(operator="not", operand=ast.Binary(operator="or") as inner):
            parts = (ast.Unary(e.span, "not", part) for part in (inner.left, inner.right))
            return each([(part, env) for part in parts])
        case ast.Unary(operator="not", operand=ast.Unary(operator="not") as inner):
            return required(m, inner.operand, env, world)
        case _:
            return 0.0 if naive.evaluate(m, e, env, world) else -math.inf


def _each_required(m: Meaning, world: World, pairs: list[tuple[ast.Expression, Env]]) -> float:
    return together(partial(required, m, e, env, world) for e, env in pairs)


def _drawn(m: Meaning, s: ast.Statement, env: Env, world: World | None = None) -> Iterator[Place]:
    """Yield the places that have a mechanism, in a world or, without one, in any."""
    match s:
        case ast.For():
            for inner in naive.loops(m, s.loops, s.condition, env):
                for b in s.body:
                    yield from _drawn(m, b, inner, world)
        case ast.If() | ast.Match():
            bodies = [s.then, s.otherwise] if isinstance(s, ast.If) else [c.body for c in s.cases]
            for body in bodies if world is None else [known_branch(m, s, env, world)]:
                for b in body:
                    yield from _drawn(m, b, env, world)
        case ast.Mechanism():
            place = naive.place_of(m, s.target, env)
            if place is not None:
                yield place
        case _:
            pass


def _silenced(m: Meaning, world: World) -> Iterator[tuple[Place, Place]]:
    def walk(s: ast.Statement, env: Env) -> Iterator[tuple[Place, Place]]:
        match s:
            case ast.For():
                for inner in naive.loops(m, s.loops, s.condition, env):
                    for b in s.body:
                        yield from walk(b, inner)
            case ast.If() | ast.Match():
                for b in known_branch(m, s, env, world):
                    yield from walk(b, env)
            case ast.Use(model=ast.Comprehension() as written):
                assert isinstance(written.body, ast.Expression)
                one = ast.Use(s.span, written.body, s.exceptions)
                for inner in naive.loops(m, written.loops, written.condition, env):
                    yield from walk(one, inner)
            case ast.Use():
                assert isinstance(s.model, ast.Expression)
                used = naive.place_of(m, s.model, env)
                assert used is not None
                for e in s.exceptions:
                    target = naive.place_of(m, e, env)
                    assert target is not None
                    yield used, target
            case _:
                return

    for place in m.instances:
        model = m.models[str(place[1])]
        if world[place] and isinstance(model, ast.Model):
            for s in model.body:
                yield from walk(s, naive.bound(m, place))


def _active(m: Meaning, place: Place, p: float, world: World) -> float:
    """Return what is predicted of an activation; calls are counted where what they call is."""
    if is_called(m, place):
        return 0.0
    if has_called(m, place):
        return sum(_active(m, part, p, world) for part in naive.parts(m, place))
    base = naive.base_of(m, place)
    mine = p if world[place] else 1 - p
    if base[world[place]] == 0:
        return -math.inf
    return log_safe(mine) - math.log(base[world[place]])


def _score(
    m: Meaning,
    s: ast.Statement,
    env: Env,
    world: World,
    silenced: set[tuple[Place, Place]],
    owner: Place | None,
) -> float:
    if m.skipped and s.span.line_column()[0] in m.skipped:
        return 0.0
    if not applies(m, s, env, world):
        return 0.0
    match s:
        case ast.For():
            envs = naive.loops(m, s.loops, s.condition, env)
            return together(
                partial(_score, m, b, e, world, silenced, owner) for e in envs for b in s.body
            )
        case ast.If() | ast.Match():
            body = branch(m, s, env, world)
            return together(partial(_score, m, b, env, world, silenced, owner) for b in body)
        case ast.Factor():
            return float(naive.evaluate(m, s.value, env, world))
        case ast.Prefer():
            holds = naive.evaluate(m, s.condition, env, world)
            return float(naive.evaluate(m, s.weight, env, world)) if holds else 0.0
        case ast.Constraint():
            return required(m, s.condition, env, world)
        case ast.Mechanism():
            return _mechanism(m, s, env, world)
        case ast.Observe():
            return _observe(m, s, env, world)
        case ast.Use(model=ast.Comprehension() as written):
            assert isinstance(written.body, ast.Expression)
            one = ast.Use(s.span, written.body, s.exceptions)
            envs = naive.loops(m, written.loops, written.condition, env)
            return together(partial(_score, m, one, e, world, silenced, owner) for e in envs)
        case ast.Use():
            assert isinstance(s.model, ast.Expression)
            place = naive.place_of(m, s.model, env)
            assert place is not None
            return _active(m, place, 1.0, world)
        case ast.Predict():
            return _predict(m, s, env, world, silenced, owner)
        case _:
            return 0.0


def _mechanism(m: Meaning, s: ast.Mechanism, env: Env, world: World) -> float:
    place = naive.place_of(m, s.target, env)
    assert place is not None
    if s.operator == ":=":
        value = naive.evaluate(m, s.value, env, world)
        if value not in m.domains[place]:
            raise naive.Undefined
        return 0.0 if world[place] == value else -math.inf
    p = weights(m, s.value, env, world, m.domains[place])
    return log_safe(p[world[place]])


def _observe(m: Meaning, s: ast.Observe, env: Env, world: World) -> float:
    if s.operator == "":
        return required(m, s.target, env, world)
    place = naive.place_of(m, s.target, env)
    assert place is not None
    assert s.value is not None
    if isinstance(s.value, ast.Brackets):
        is_seen = naive.is_listed(m, place, s.value, env, world)
        return 0.0 if is_seen else -math.inf
    if s.operator == "=":
        return 0.0 if world[place] == naive.evaluate(m, s.value, env, None) else -math.inf
    return log_safe(weights(m, s.value, env, world, m.domains[place])[world[place]])


def _predict(
    m: Meaning,
    s: ast.Predict,
    env: Env,
    world: World,
    silenced: set[tuple[Place, Place]],
    owner: Place | None,
) -> float:
    c = 1.0 if s.confidence is None else float(naive.evaluate(m, s.confidence, env, world))
    if math.isnan(c):
        return 0.0
    target, positive = s.target, True
    if isinstance(target, ast.Unary):
        target, positive = target.operand, False
    place = naive.place_of(m, target, env)
    assert place is not None
    if place in m.hidden or (owner is not None and (owner, place) in silenced):
        return 0.0
    if s.operator == "":
        if not positive and has_called(m, place):
            return log_safe(1 - c if world[place] else c)
        return _active(m, place, c if positive else 1 - c, world)
    assert s.value is not None
    base = naive.base_of(m, place)
    if s.operator == "=":
        named = naive.evaluate(m, s.value, env, world)
        rest = 1 - base[named]
        p = {v: c if v == named else (1 - c) * b / rest for v, b in base.items()}
    else:
        d = weights(m, s.value, env, world, m.domains[place])
        p = {v: c * d[v] + (1 - c) * b for v, b in base.items()}
    return log_safe(p[world[place]]) - math.log(base[world[place]])


def worlds(m: Meaning) -> Iterator[World]:
    """List every assignment."""
    places = list(m.domains)
    for values in itertools.product(*(m.domains[p] for p in places)):
        yield dict(zip(places, values, strict=True))


def log_holds(m: Meaning, e: object, world: World) -> float:
    """Return the log-factor of one condition of a query: 0 where it holds."""
    if isinstance(e, ast.Expression) and not isinstance(e, ast.Equation):
        return required(m, e, {}, world)
    return 0.0 if holds(m, e, world) else -math.inf


def holds(m: Meaning, e: object, world: World) -> bool:
    """Say whether an event, or an equation of a query, holds in a world."""
    if isinstance(e, ast.Equation):
        place = naive.place_of(m, e.left, {})
        if place is None:
            return naive.evaluate(m, e.left, {}, world) == naive.evaluate(m, e.right, {}, None)
        return world[place] == naive.evaluate(m, e.right, {}, None)
    assert isinstance(e, ast.Expression)
    return bool(naive.evaluate(m, e, {}, world))
