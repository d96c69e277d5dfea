"""What distributions give to values, as naively as it can be worked out."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache

from gmlang.syntax import ast
from tests.support.interpreter import (
    Env,
    Meaning,
    World,
    argument_values,
    evaluate,
    loops,
    row_of,
)
from tests.support.numbers import Undefined, Value, number


def weights(
    m: Meaning,
    e: ast.Expression,
    env: Env,
    world: World | None,
    values: list[Value],
    *,
    normal: bool = False,
) -> dict[Value, float | Fraction]:
    """Return what a distribution gives to each value."""
    match e:
        case ast.Conditional():
            chosen = e.then if evaluate(m, e.condition, env, world) else e.otherwise
            return weights(m, chosen, env, world, values)
        case ast.MatchExpression():
            return weights(m, row_of(m, e, env, world), env, world, values)
        case ast.Braces():
            found = _braces(m, e, env, world, values)
            total = sum(found.values()) if normal else 1.0
            return {v: w / total for v, w in found.items()}
        case ast.Call(function=ast.Name(text="Weights"), arguments=(ast.Braces() as braces,)):
            return weights(m, braces, env, world, values, normal=True)
        case ast.Call(function=ast.Name(text="Uniform")):
            return dict.fromkeys(values, 1 / len(values))
        case ast.Call(function=ast.Name(text="Bernoulli")):
            (argument,) = argument_values(m, e.arguments[0], env, world)
            p = Fraction(float(argument))
            return {False: 1 - p, True: p}
        case ast.Call(function=ast.Name(text="NoisyOr")):
            return _noisy_or(m, e, env, world)
        case ast.Call(function=ast.Name(text="Categorical")):
            if isinstance(e.arguments[0], ast.Brackets):
                items = e.arguments[0].items
                vector = [v for i in items for v in argument_values(m, i, env, world)]
            else:
                (vector,) = argument_values(m, e.arguments[0], env, world)
            return dict(zip(values, map(float, vector), strict=True))  # type: ignore[arg-type]
        case ast.Call(function=ast.Name(text=name)):
            given = [float(v) for a in e.arguments for v in argument_values(m, a, env, world)]
            return dict(zip(values, family(name, tuple(given), tuple(values)), strict=True))
        case _:
            raise AssertionError(e)


def _braces(
    m: Meaning, e: ast.Braces, env: Env, world: World | None, values: list[Value]
) -> dict[Value, float]:
    found: dict[Value, float] = {}
    each: float | None = None
    for item in e.items:
        if isinstance(item, ast.Name):
            each = -1.0
            continue
        is_many = isinstance(item, ast.Comprehension)
        pair = item.body if is_many else item
        assert isinstance(pair, ast.Pair)
        for inner in loops(m, item.loops, item.condition, env) if is_many else [env]:
            weight = float(evaluate(m, pair.value, inner, world))
            if pair.key.span.text in ("_", "rest"):
                each = weight
                continue
            key = evaluate(m, pair.key, inner, world)
            if key not in values:
                raise Undefined
            found[key] = found.get(key, 0.0) + weight
    others = [v for v in values if v not in found]
    if each == -1.0:
        each = (1 - sum(found.values())) / max(1, len(others))
    return {**dict.fromkeys(others, each or 0.0), **found}


@cache
def family(name: str, given: tuple[float, ...], values: tuple[Value, ...]) -> tuple[Fraction, ...]:
    """Return what a family gives to the numbers of a domain, exactly; together they are one."""
    raw = [MASSES[name](int(number(v)), *map(Fraction, given)) for v in values]
    return tuple(w / sum(raw) for w in raw)


def _exponential(nats: Fraction) -> Fraction:
    """Return exp of a number, however small, as a power of two times what a float holds."""
    doublings = round(float(nats) / math.log(2.0))
    return Fraction(math.exp(float(nats) - doublings * math.log(2.0))) * Fraction(2) ** doublings


def _binomial(k: int, n: Fraction, p: Fraction) -> Fraction:
    inside = 0 <= k <= n
    return math.comb(int(n), k) * p**k * (1 - p) ** (int(n) - k) if inside else Fraction(0)


MASSES: dict[str, Callable[..., Fraction]] = {
    "Binomial": _binomial,
    "Poisson": lambda k, mean: mean**k / math.factorial(k) if k >= 0 else Fraction(0),
    "Geometric": lambda k, p: p * (1 - p) ** k if k >= 0 else Fraction(0),
    "Around": lambda k, centre, width: _exponential(-((k - centre) ** 2) / (2 * width**2)),
}
"""What a family gives to an integer, but for a constant."""


def _noisy_or(
    m: Meaning, e: ast.Call, env: Env, world: World | None
) -> dict[Value, float | Fraction]:
    none = Fraction(1)
    for a in e.arguments:
        if isinstance(a, ast.Equation):
            none *= 1 - _fraction(evaluate(m, a.right, env, world))
            continue
        envs = loops(m, a.loops, a.condition, env) if isinstance(a, ast.Comprehension) else [env]
        pair = a.body if isinstance(a, ast.Comprehension) else a
        assert isinstance(pair, ast.Pair)
        for inner in envs:
            if evaluate(m, pair.key, inner, world):
                none *= 1 - _fraction(evaluate(m, pair.value, inner, world))
    return {False: none, True: 1 - none}


def _fraction(value: Value) -> Fraction:
    return Fraction(float(value))
