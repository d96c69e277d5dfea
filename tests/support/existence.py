"""Things that may not exist, as naively as it can be worked out, and programs about some."""

import math
import random
from collections.abc import Iterator

from gmlang.syntax import ast
from tests.support import interpreter as naive
from tests.support.interpreter import Env, Meaning, Place, World


def log_existing(m: Meaning, world: World) -> float:
    """Return how probable it is that the things of a world exist, as a log."""
    total = 0.0
    for thing, (p, before) in m.chances.items():
        if before and not _exists(world, before):
            p = 0.0
        mine = p if _exists(world, thing) else 1 - p
        total += math.log(mine) if mine > 0 else -math.inf
    return total


def all_exist(m: Meaning, world: World, place: Place) -> bool:
    """Say whether the things exist that an instance is about."""
    assert isinstance(place[2], tuple)
    return all(_exists(world, thing) for thing in place[2] if thing in m.chances)


def _exists(world: World, thing: str) -> bool:
    return bool(world[("model", "exists", (thing,))])


def applies(m: Meaning, s: ast.Statement, env: Env, world: World) -> bool:
    """Say whether the things exist that a statement names, and not those of its blocks."""
    if not m.chances:
        return True
    match s:
        case ast.For():
            return True
        case ast.If():
            held: list[object] = [s.condition]
        case ast.Match():
            held = [s.subjects]
        case _:
            held = [getattr(s, name) for name in type(s).__slots__ if name != "span"]
    named = {thing for part in held for thing in _named(m, part, env)}
    return all(_exists(world, thing) for thing in named)


def _named(m: Meaning, e: object, env: Env) -> Iterator[str]:
    match e:
        case tuple():
            for part in e:
                yield from _named(m, part, env)
        case ast.Comprehension(loops=loops):
            bound = {name.text: "?" for loop in loops for name in loop.names}
            yield from _named(m, e.body, {**env, **bound})
        case ast.Call(function=ast.Name(text="exists")):
            return
        case ast.Name() | ast.Index():
            thing = naive.thing_of(m, e, env)
            if thing in m.chances:
                yield thing
            if isinstance(e, ast.Index):
                yield from _named(m, (e.base, e.indices), env)
        case ast.Attribute(owner=owner):
            yield from _named(m, owner, env)
        case _:
            for name in getattr(type(e), "__slots__", ()):
                if name != "span":
                    yield from _named(m, getattr(e, name), env)


def some_program(rng: random.Random) -> str:
    """Write a program about things some of which may not exist."""
    p = [f"{rng.uniform(0.1, 0.9):.2f}" for _ in range(5)]
    other = rng.choice(["it", "a[0]", "a[0]"])
    lines = [
        "domain Hat = {red, green}",
        "entity Thing:",
        f"    hat : Hat{rng.choice([' base {red: 1, green: 3}', ''])}",
        "    big : bool",
        "entity Page:",
        "    dot : bool base {true: 0.2, false: 0.8}",
        f"some a[2] : Thing prior {rng.choice([*p[:2], '1', '0.5'])}",
        *(["var it : Thing"] if other == "it" else []),
        "var page : Page",
        f"model tall(x: Thing) prior {p[2]}:",
        f"    predict x.hat = red @ {p[3]}",
        rng.choice(["    factor 0.7 * x.big", "    if x.big: predict x.hat = red @ 0.6"]),
        "model near(x: Thing, y: Thing) prior 0.4:",
        rng.choice(["    constraint x.hat == y.hat", "    prefer x.big == y.big weight 0.9"]),
        f"model shown(q: Page, x: Thing){rng.choice(['', ' depth x.index', ' depth -x.index'])}:",
        rng.choice(
            [
                f"    cover q.dot = true @ {p[4]}",
                f"    cover q.dot = x.big @ {p[4]}",
                "    if x.hat == red: cover q.dot ~ Bernoulli(0.7) @ 0.9",
                "    if tall(x): cover q.dot = true @ 0.8",
            ]
        ),
        rng.choice(
            [
                "use shown(page, x) for x in a",
                "consider shown(page, x) for x in a",
                "for x in a: use shown(page, x)",
            ]
        ),
    ]
    for _ in range(rng.randint(1, 3)):
        lines.append(
            rng.choice(
                [
                    "consider tall(a[0])",
                    "consider tall(a[k]) for k in 0..1",
                    "consider near(a[0], a[1])",
                    f"consider near({other}, a[1])",
                    "observe page.dot = true",
                    "observe a[0].hat = red",
                    "for x in a: observe x.big = true",
                    "observe a[1].hat like {red: 0.7, green: 0.1}",
                    "observe tall(a[1])",
                    "observe near(a[0], a[1])",
                    "observe exists(a[0])",
                    "observe not exists(a[1])",
                    "prefer a[0].hat != a[1].hat weight 0.8",
                    "constraint exactly_one(tall(x) for x in a)",
                    f"constraint exists(a[0]) or {other}.big",
                    "predict tall(a[0]) @ 0.8",
                    "predict exists(a[1]) @ 0.7",
                    "if exists(a[1]): factor 0.4",
                    f"if a[1].big: prefer {other}.big weight 0.5",
                    "observe count(exists(x) for x in a) >= 1",
                    "for k in 0..1: factor 0.3 * a[k].big",
                ]
            )
        )
    return "\n".join(dict.fromkeys(lines)) + "\n"
