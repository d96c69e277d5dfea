"""The meaning of the language, as naively as it can be written: enumerate every assignment.

It reads the surface AST and shares nothing with the compiler. A world is a dict from places to
values: ("var", name, indices), ("attr", thing, attribute, indices), ("model", name, arguments).
Values are bools, ints, and strings for names.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from gmlang.diagnostics import Span
from gmlang.syntax import ast
from gmlang.syntax.print import spelt_out
from tests.support.numbers import (
    AGGREGATES,
    Random,
    Undefined,
    Value,
    arithmetic,
    attempt,
    given,
    known,
    number,
)

Place = tuple[object, ...]
World = dict[Place, Value]
Env = dict[str, Value]


@dataclass
class Meaning:
    """A program taken apart.

    What stands in one of the lines `skipped`, and predictions about the places `hidden`, count
    nothing, though all that is mentioned there exists. Of things that may not exist, `some` lists
    those of an array, and `chances` says how probable each is, given that another one exists.
    """

    domains: dict[Place, list[Value]] = field(default_factory=dict)
    bases: dict[Place, dict[Value, float | Fraction]] = field(default_factory=dict)
    declared: dict[str, ast.VarDeclaration] = field(default_factory=dict)
    entities: dict[str, ast.Entity] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)
    some: dict[str, list[str]] = field(default_factory=dict)
    chances: dict[str, tuple[float, str]] = field(default_factory=dict)
    defs: dict[str, ast.DefDeclaration] = field(default_factory=dict)
    models: dict[str, ast.Model | ast.Composite] = field(default_factory=dict)
    named: dict[str, ast.Expression] = field(default_factory=dict)
    constants: Env = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    statements: list[ast.Statement] = field(default_factory=list)
    instances: list[Place] = field(default_factory=list)
    skipped: frozenset[int] = frozenset()
    hidden: frozenset[Place] = frozenset()


def domain(m: Meaning, e: ast.Expression) -> list[Value]:
    """List the values of a type."""
    match e:
        case ast.Name(text="bool"):
            return [False, True]
        case ast.Name():
            return domain(m, m.named[e.text])
        case ast.Range():
            first = int(evaluate(m, e.first, {}, None))
            last = int(evaluate(m, e.last, {}, None)) + (1 if e.includes_last else 0)
            return list(range(first, last))
        case ast.Braces():
            values = [i.text for i in e.items if isinstance(i, ast.Name)]
            m.names.update(values)
            return list(values)
        case ast.Call():
            sizes = [int(evaluate(m, a, {}, None)) for a in e.arguments]  # type: ignore[arg-type]
            if e.function.span.text == "shift":
                reach = range(-sizes[0], sizes[0] + 1)
                return [(row, column) for row in reach for column in reach]  # type: ignore[misc]
            return [(row, column) for row in range(sizes[0]) for column in range(sizes[1])]  # type: ignore[misc]
        case _:
            raise AssertionError(e)


# --- Expressions -------------------------------------------------------------------------


def place_of(m: Meaning, e: ast.Expression, env: Env, world: World | None = None) -> Place | None:
    """Return the place that a reference names, None when it is no reference."""
    match e:
        case ast.Name(text=name) if name in m.declared and name not in env:
            return ("var", name, ())
        case ast.Index(base=ast.Name(text=name)) if name in m.declared:
            assert isinstance(e, ast.Index)
            return ("var", name, _index(m, e, env, world))
        case ast.Attribute(name=ast.Name(text="index")) if m.some:
            return None
        case ast.Attribute(owner=owner, name=name) if name.text not in ("row", "column"):
            return ("attr", thing_of(m, owner, env), name.text, ())
        case ast.Index(base=ast.Attribute(owner=owner, name=name)):
            assert isinstance(e, ast.Index)
            return ("attr", thing_of(m, owner, env), name.text, _index(m, e, env, world))
        case ast.Call(function=ast.Name(text=name), arguments=given) if name in m.models or (
            name == "exists" and m.some
        ):
            arguments: list[Value] = []
            for a in given:
                assert isinstance(a, ast.Expression)
                is_thing = isinstance(a, ast.Name | ast.Index) and thing_of(m, a, env) in m.things
                arguments.append(thing_of(m, a, env) if is_thing else evaluate(m, a, env, None))
            if _is_holder(m, name, arguments):
                return None
            return member(m, name, arguments)
        case _:
            return None


def member(m: Meaning, name: str, arguments: list[Value]) -> Place:
    """Return the place of an instance, whose model may be a name for members of another."""
    model = m.models.get(name)
    if isinstance(model, ast.Composite) and len(model.parts) == 1 and model.prior is None:
        (part,) = model.parts
        if isinstance(part, ast.Call) and isinstance(part.function, ast.Name):
            written = [a for a in part.arguments if isinstance(a, ast.Expression)]
            names = {p.name.text for p in model.parameters}
            given = [a for a in written if not (isinstance(a, ast.Name) and a.text in names)]
            values = [evaluate(m, a, {}, None) for a in given]
            return member(m, part.function.text, [*arguments, *values])
    return ("model", name, tuple(arguments))


def _is_holder(m: Meaning, name: str, arguments: list[Value]) -> bool:
    """Say whether a family is given its thing and no value: the member that holds is meant."""
    model = m.models.get(name)
    return isinstance(model, ast.Model) and len(model.parameters) == len(arguments) + 1


def _called(m: Meaning, e: ast.Call, env: Env, world: World | None) -> Value:
    """Return what a def is for some arguments."""
    assert isinstance(e.function, ast.Name)
    name = e.function.text
    names = [p.text for p in m.defs[name].parameters]
    # An argument that has no value matters only where it is mentioned.
    written = [a for a in e.arguments if isinstance(a, ast.Expression)]
    values = [attempt(lambda a=a: evaluate(m, a, env, world)) for a in written]
    return evaluate(m, m.defs[name].body, dict(zip(names, values, strict=True)), world)


def _holder(m: Meaning, e: ast.Call, env: Env, world: World | None) -> Value:
    """Return the value of the one member that holds of a thing."""
    if world is None:
        raise Random
    (thing,) = (a for a in e.arguments if isinstance(a, ast.Expression))
    assert isinstance(e.function, ast.Name)
    start = ("model", e.function.text)
    held = [
        place[2][1]  # type: ignore[index]
        for place, is_active in world.items()
        if place[:2] == start and is_active and place[2][0] == thing_of(m, thing, env)  # type: ignore[index]
    ]
    if len(held) != 1:
        raise Undefined
    return held[0]


def _index(m: Meaning, e: ast.Index, env: Env, world: World | None) -> tuple[int, ...]:
    indices = [i for i in e.indices if isinstance(i, ast.Expression)]
    values = [evaluate(m, i, env, world) for i in indices]
    return tuple(int(v) for each in values for v in (each if isinstance(each, tuple) else (each,)))


def is_listed(m: Meaning, place: Place, e: ast.Argument, env: Env, world: World) -> bool:
    """Say whether the elements of an array are what a nested list says; `_` is anything."""
    match e:
        case ast.Brackets(items=items):
            *name, indices = place
            assert isinstance(indices, tuple)
            return all(
                is_listed(m, (*name, (*indices, k)), item, env, world)
                for k, item in enumerate(items)
            )
        case ast.Name(text="_"):
            return True
        case _:
            assert isinstance(e, ast.Expression)
            return world[place] == evaluate(m, e, env, None)


def thing_of(m: Meaning, e: ast.Expression, env: Env) -> str:
    """Return the name of a thing; "" where it is none, or one that a loop further in picks."""
    match e:
        case ast.Name(text=text):
            return str(env.get(text, text))
        case ast.Index(base=ast.Name(text=text)) if text in m.some:
            try:
                (k,) = _index(m, e, env, None)
            except (TypeError, ValueError):
                return ""
            return m.some[text][k]
        case _:
            return ""


def evaluate(m: Meaning, e: ast.Expression, env: Env, world: World | None) -> Value:
    """Evaluate an expression in a world; without one, what is random raises `Random`."""
    place = place_of(m, e, env, world)
    if place is not None:
        if world is None:
            raise Random
        if place not in world:
            raise Undefined
        return world[place]
    match e:
        case ast.Attribute(owner=owner, name=ast.Name(text="index")):
            name = thing_of(m, owner, env)
            return next(k for those in m.some.values() for k, t in enumerate(those) if t == name)
        case ast.Attribute(name=name) if name.text in ("row", "column"):
            spot = evaluate(m, e.owner, env, world)
            return spot[0 if name.text == "row" else 1]  # type: ignore[index]
        case ast.Tuple():
            return tuple(evaluate(m, i, env, world) for i in e.items)  # type: ignore[return-value]
        case ast.Name():
            return given(env[e.text]) if e.text in env else m.constants.get(e.text, e.text)
        case ast.Number() | ast.Boolean():
            return known(e.value)
        case ast.Unary():
            inner = evaluate(m, e.operand, env, world)
            return (not inner) if e.operator == "not" else known(-number(inner))
        case ast.Binary():
            return _binary(m, e, env, world)
        case ast.Compare():
            return _chain(m, e, env, world)
        case ast.Conditional():
            chosen = e.then if evaluate(m, e.condition, env, world) else e.otherwise
            return evaluate(m, chosen, env, world)
        case ast.Is():
            calls = [applied(e.span, e.thing, part) for part in e.models]
            return all([bool(evaluate(m, c, env, world)) for c in calls])
        case ast.Call(function=ast.Name(text=name)) if name in m.models or name in m.defs:
            return (_holder if name in m.models else _called)(m, e, env, world)
        case ast.Call(function=ast.Name(text=("within" | "far") as name)):
            one, other, *reach = (evaluate(m, a, env, world) for a in e.arguments)  # type: ignore[arg-type]
            apart = [abs(a - b) for a, b in zip(one, other, strict=True)]  # type: ignore[arg-type]
            return sum(apart) if name == "far" else max(apart) <= reach[0]  # type: ignore[operator]
        case ast.Call(function=ast.Name(text=name)):
            values = [v for a in e.arguments for v in argument_values(m, a, env, world)]
            return AGGREGATES[name](values)
        case ast.MatchExpression():
            return evaluate(m, row_of(m, e, env, world), env, world)
        case ast.Brackets():
            return tuple(evaluate(m, i, env, world) for i in e.items)  # type: ignore[arg-type]
        case ast.Index():
            found = evaluate(m, e.base, env, world)
            for i in _index(m, e, env, world):
                if not 0 <= i < len(found):  # type: ignore[arg-type]
                    raise Undefined
                found = found[i]  # type: ignore[index]
            return found
        case _:
            raise AssertionError(e)


def argument_values(m: Meaning, a: ast.Argument, env: Env, world: World | None) -> Iterator[Value]:
    """Evaluate an argument, every repetition of a comprehension."""
    if isinstance(a, ast.Comprehension):
        assert isinstance(a.body, ast.Expression)
        for inner in loops(m, a.loops, a.condition, env):
            yield evaluate(m, a.body, inner, world)
    else:
        assert isinstance(a, ast.Expression)
        yield evaluate(m, a, env, world)


def loops(
    m: Meaning, found: tuple[ast.Loop, ...], condition: ast.Expression | None, env: Env
) -> Iterator[Env]:
    """Run loops one after another."""
    if not found:
        if condition is None or evaluate(m, condition, env, None):
            yield env
        return
    first, *rest = found
    if isinstance(first.domain, ast.Name) and first.domain.text in m.some:
        for thing in m.some[first.domain.text]:
            yield from loops(m, tuple(rest), condition, {**env, first.names[0].text: thing})
        return
    for value in domain(m, first.domain) if not env else _values(m, first.domain, env):
        yield from loops(m, tuple(rest), condition, {**env, first.names[0].text: value})


def _values(m: Meaning, e: ast.Expression, env: Env) -> list[Value]:
    if isinstance(e, ast.Call):
        return domain(m, e)
    assert isinstance(e, ast.Range)
    first, last = (int(evaluate(m, x, env, None)) for x in (e.first, e.last))
    return list(range(first, last + (1 if e.includes_last else 0)))


def applied(span: Span, thing: ast.Expression, part: ast.Expression) -> ast.Call:
    """Write `purple` and `coloured(purple)` about a thing."""
    function, values = (part.function, part.arguments) if isinstance(part, ast.Call) else (part, ())
    return ast.Call(span, function, (thing, *values))


def _binary(m: Meaning, e: ast.Binary, env: Env, world: World | None) -> Value:
    if e.operator == "in":
        value = evaluate(m, e.left, env, world)
        return value in (_values(m, e.right, env) if env else domain(m, e.right))
    left = evaluate(m, e.left, env, world)
    if e.operator == "and" and not left:
        return False
    if e.operator == "or" and left:
        return True
    right = evaluate(m, e.right, env, world)
    if isinstance(left, tuple) and isinstance(right, tuple):
        sign = 1 if e.operator == "+" else -1
        return tuple(a + sign * b for a, b in zip(left, right, strict=True))  # type: ignore
    return bool(right) if e.operator in ("and", "or") else arithmetic(e.operator, left, right)


def _chain(m: Meaning, e: ast.Compare, env: Env, world: World | None) -> bool:
    left = evaluate(m, e.operands[0], env, world)
    for operator, operand in zip(e.operators, e.operands[1:], strict=True):
        right = evaluate(m, operand, env, world)
        if not _compare(operator, left, right):
            return False
        left = right
    return True


def _compare(operator: str, a: Value, b: Value) -> bool:
    if operator in ("==", "!="):
        return (a == b) == (operator == "==")
    x, y = number(a), number(b)
    return {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[operator]


# --- Cases and models ---------------------------------------------------------------------


def row_of(m: Meaning, e: ast.MatchExpression, env: Env, world: World | None) -> ast.Expression:
    """Return the value of the first case that fits."""
    subjects = [evaluate(m, s, env, world) for s in e.subjects]
    for case in e.cases:
        if all(_fits(m, p, s, env) for p, s in zip(case.patterns, subjects, strict=False)):
            row = case.value
            return spelt_out(row) if isinstance(row, ast.Row) else row
    raise AssertionError("uncovered")


def _fits(m: Meaning, pattern: ast.Expression, value: Value, env: Env) -> bool:
    if isinstance(pattern, ast.Name) and pattern.text == "_":
        return True
    if isinstance(pattern, ast.Range):
        return value in _values(m, pattern, env)
    return evaluate(m, pattern, env, None) == value


def base_of(m: Meaning, place: Place) -> dict[Value, float | Fraction]:
    """Return a place's base distribution."""
    if place[0] == "model":
        p = prior(m, place)
        return {False: 1 - p, True: p}
    values = m.domains[place]
    return m.bases.get(place, dict.fromkeys(values, 1 / len(values)))


def prior(m: Meaning, place: Place) -> float:
    """Return the prior of an instance; a conjunction's is its parts' product."""
    if place[1] == "exists":
        assert isinstance(place[2], tuple)
        p, before = m.chances[place[2][0]]
        return p * (prior(m, ("model", "exists", (before,))) if before else 1.0)
    model = m.models[str(place[1])]
    if isinstance(model, ast.Composite) and model.prior is None:
        return math.prod(prior(m, p) for p in parts(m, place))
    return 0.5 if model.prior is None else float(evaluate(m, model.prior, bound(m, place), None))


def bound(m: Meaning, place: Place) -> Env:
    """Return the parameters of an instance."""
    model = m.models[str(place[1])]
    assert isinstance(place[2], tuple)
    if isinstance(model, ast.Composite):
        return {}
    return {p.name.text: v for p, v in zip(model.parameters, place[2], strict=True)}


def parts(m: Meaning, place: Place) -> list[Place]:
    """Return the parts of a composite's instance."""
    model = m.models[str(place[1])]
    assert isinstance(model, ast.Composite) and isinstance(place[2], tuple)  # noqa: PT018
    found: list[Place] = []
    for part in model.parts:
        call = applied(part.span, part, part)
        assert isinstance(call.function, ast.Name)
        written = [a for a in call.arguments[1:] if isinstance(a, ast.Expression)]
        values = [evaluate(m, a, {}, None) for a in written]
        found.append(member(m, call.function.text, [*place[2], *values]))
    return found
