"""Models with `prior 0`, as naively as it can be worked out, and programs with some."""

import math
import random
from collections.abc import Iterator

from gmlang.syntax import ast
from tests.support import interpreter as naive
from tests.support.existence import all_exist, applies
from tests.support.interpreter import Env, Meaning, Place, World
from tests.support.rounds import known_branch


def is_called(m: Meaning, place: Place) -> bool:
    """Say whether a model is active only where another calls it."""
    if place[0] != "model" or place[1] == "exists":
        return False
    prior = m.models[str(place[1])].prior
    return isinstance(prior, ast.Number) and prior.value == 0


def has_called(m: Meaning, place: Place) -> bool:
    """Say whether a model is only called, or is the conjunction of some that are."""
    if place[0] != "model" or place[1] == "exists":
        return False
    model = m.models[str(place[1])]
    if isinstance(model, ast.Composite) and model.prior is None:
        return any(has_called(m, part) for part in naive.parts(m, place))
    return is_called(m, place)


def log_called(m: Meaning, world: World, silenced: set[tuple[Place, Place]]) -> float:
    """Return how probable it is that those models are active that others call, as a log."""
    fails = {place: 1.0 for place in m.instances if is_called(m, place)}
    for target, c in _made(m, world, silenced):
        fails[target] *= 1 - c
    total = 0.0
    for place, fail in fails.items():
        p = (1 - fail if world[place] else fail) if all_exist(m, world, place) else 1.0
        total += math.log(p) if p > 0 else -math.inf
    return total


def _made(
    m: Meaning, world: World, silenced: set[tuple[Place, Place]]
) -> Iterator[tuple[Place, float]]:
    """Yield the calls that are made in a world."""
    for s in m.statements:
        yield from _calls(m, s, {}, world, silenced, None)
    for place in m.instances:
        model = m.models[str(place[1])] if place[1] != "exists" else None
        if model is None or not world[place]:
            continue
        if isinstance(model, ast.Model):
            env = naive.bound(m, place)
            for s in model.body:
                yield from _calls(m, s, env, world, silenced, place)
        elif model.prior is not None:
            for part in naive.parts(m, place):
                yield from _called(m, part, 1.0)


def _called(m: Meaning, place: Place, c: float) -> Iterator[tuple[Place, float]]:
    if is_called(m, place):
        yield place, c
    elif has_called(m, place):
        for part in naive.parts(m, place):
            yield from _called(m, part, c)


def _calls(
    m: Meaning,
    s: ast.Statement,
    env: Env,
    world: World,
    silenced: set[tuple[Place, Place]],
    owner: Place | None,
) -> Iterator[tuple[Place, float]]:
    if not applies(m, s, env, world):
        return
    match s:
        case ast.For():
            for inner in naive.loops(m, s.loops, s.condition, env):
                for b in s.body:
                    yield from _calls(m, b, inner, world, silenced, owner)
        case ast.If() | ast.Match():
            for b in known_branch(m, s, env, world):
                yield from _calls(m, b, env, world, silenced, owner)
        case ast.Use(model=ast.Comprehension() as written):
            assert isinstance(written.body, ast.Expression)
            one = ast.Use(s.span, written.body, s.exceptions)
            for inner in naive.loops(m, written.loops, written.condition, env):
                yield from _calls(m, one, inner, world, silenced, owner)
        case ast.Use():
            assert isinstance(s.model, ast.Expression)
            place = naive.place_of(m, s.model, env)
            assert place is not None
            yield from _called(m, place, 1.0)
        case ast.Predict(operator="", target=ast.Call() as target):
            place = naive.place_of(m, target, env)
            if place is None or (owner, place) in silenced:
                return
            c = s.confidence
            yield from _called(m, place, 1.0 if c is None else float(naive.evaluate(m, c, env, {})))
        case _:
            return


def calling_program(rng: random.Random) -> str:
    """Write a program whose models call others that are only called."""
    c = [round(rng.uniform(0.1, 0.95), 2) for _ in range(8)]
    calls = ["use red(x)", f"predict red(x) @ {c[0]}", "if x.big: use red(x)", "use near(x, 1)"]
    calls += [f"if x.row[0]: predict near(x, 0) @ {c[1]}", f"predict not red(x) @ {c[2]}"]
    some = rng.random() < 0.4
    it = "it[0]" if some else "it"
    composites = [
        "model both = red near(1) soft",
        "model mixed = plain red soft",
        "model whole = " + rng.choice(["first red prior 0.3 soft", "near(0) prior 0 soft"]),
    ]
    calls += ["for i in 0..1: use near(x, i)"]
    calls += [] if some else ["use both(x)", "use mixed(x)"]
    last = ["observe it.row[1]", "predict red(it) @ 0.2", "use near(it, 1)"]
    last += [] if some else ["consider whole(it)"]
    lines = [
        "domain Color = {red, green, blue}",
        "entity Thing:",
        "    color : Color base {red: 1, green: 2, blue: 1}",
        "    big : bool",
        "    row[2] : bool",
        "model red(x: Thing) prior 0:",
        f"    predict x.color = red @ {c[3]}",
        "model near(x: Thing, i: 0..1) prior 0:",
        f"    predict x.row[i] = true @ {c[4]}",
        *([f"    if i == 1:\n        {rng.choice(calls[:3])}"] if rng.random() < 0.6 else []),
        f"model plain(x: Thing) prior {c[5]}:",
        "    predict x.big = true @ 0.8",
        *([] if some else composites[:2]),
        f"model first(x: Thing) prior {c[6]}:",
        *(f"    {one}" for one in rng.sample(calls, 2)),
        f"model second(x: Thing) prior {c[7]}:",
        f"    {rng.choice(calls)}",
        rng.choice(["    predict x.big = false @ 0.7", "    use red(x) except x.color"]),
        *([] if some else composites[2:]),
        f"some it[1] : Thing prior {c[1]}" if some else "var it : Thing",
        f"consider first({it}), second({it}), red({it}), near({it}, i) for i in 0..1",
        rng.choice(last).replace("it.", f"{it}.").replace("(it", f"({it}"),
    ]
    return "\n".join(lines) + "\n"
