"""Calculations with answers, and lists, by enumerating worlds: no number where there is none."""

import math
from collections.abc import Callable, Sequence

from gmlang.syntax import ast
from tests.support import interpreter as naive
from tests.support import oracle, reading
from tests.support.numbers import number
from tests.support.reading import Meaning

Env = dict[str, naive.Value]
Found = float | bool | None | list["Found"]

_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}
_FUNCTIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "max": max,
    "min": min,
    "sum": sum,
    "exp": lambda v: math.exp(v[0]),
    "abs": lambda v: abs(v[0]),
}


class Worlds:
    """The worlds of a program with their weights."""

    def __init__(self, program: str) -> None:
        """Enumerate them."""
        self.m: Meaning = reading.read_text(program)
        scored = [(world, oracle.log_score(self.m, world)) for world in oracle.worlds(self.m)]
        self.worlds = [(world, math.exp(s)) for world, s in scored if s > -math.inf]

    def answer(self, e: ast.Argument, env: Env | None = None) -> Found:
        """Return what an item of a query stands for; None where something is impossible."""
        env = env or {}
        match e:
            case ast.Brackets(items=items):
                return [value for item in items for value in self._repeated(item, env)]
            case ast.Call(function=ast.Name(text="P" | "E"), arguments=(asked,)):
                return self._mean(asked, e.given or (), env)
            case ast.Call(function=ast.Name(text=name), arguments=arguments):
                values = [v for a in arguments for v in self._repeated(a, env)]
                return None if None in values else _FUNCTIONS[name]([float(v) for v in values])  # type: ignore[arg-type]
            case ast.Unary(operand=operand):
                value = self.answer(operand, env)
                return None if value is None else -float(value)  # type: ignore[arg-type]
            case ast.Binary(operator=operator, left=left, right=right):
                return self._both(operator, left, right, env)
            case ast.Compare(operators=(operator,), operands=(left, right)):
                return self._both(operator, left, right, env)
            case ast.Number(value=value):
                return float(value)
            case ast.Name(text=text):
                return float(number(env[text]))
            case _:
                raise AssertionError(e)

    def _both(self, operator: str, left: ast.Expression, right: ast.Expression, env: Env) -> Found:
        a, b = self.answer(left, env), self.answer(right, env)
        return None if a is None or b is None else _OPERATORS[operator](float(a), float(b))  # type: ignore[arg-type]

    def _repeated(self, item: ast.Argument, env: Env) -> list[Found]:
        if not isinstance(item, ast.Comprehension):
            return [self.answer(item, env)]
        return [
            self.answer(item.body, dict(inner))
            for inner in naive.loops(self.m, item.loops, item.condition, env)
        ]

    def _mean(self, asked: ast.Argument, given: Sequence[ast.Argument], env: Env) -> Found:
        total = whole = 0.0
        for world, weight in self.worlds:
            if all(self._holds(one, env, world) for one in given):
                whole += weight
                total += weight * float(self._holds(asked, env, world))
        return total / whole if whole else None

    def _holds(self, e: ast.Argument, env: Env, world: naive.World) -> float:
        if isinstance(e, ast.Equation) and isinstance(e.right, ast.Brackets):
            place = naive.place_of(self.m, e.left, env)
            assert place is not None
            return naive.is_listed(self.m, place, e.right, env, world)
        if isinstance(e, ast.Equation):
            left = naive.evaluate(self.m, e.left, env, world)
            return left == naive.evaluate(self.m, e.right, env, world)
        assert isinstance(e, ast.Expression)
        return float(number(naive.evaluate(self.m, e, env, world)))
