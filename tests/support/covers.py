"""What covers what, as naively as it can be worked out, and programs in which something does."""

import math
import random
from collections.abc import Iterator

from gmlang.syntax import ast
from tests.support import interpreter as naive
from tests.support.chances import weights
from tests.support.interpreter import Env, Meaning, Place, World
from tests.support.numbers import number
from tests.support.reading import mentioned
from tests.support.rounds import branch

Layer = tuple[float, int, ast.Cover, Env]


def log_covered(m: Meaning, world: World, silenced: set[tuple[Place, Place]]) -> float:
    """Sum, over all sites, the log of what their coverers make of them, relative to the base."""
    sites: dict[Place, list[Layer]] = {}
    for rank, owner in enumerate(_in_order(m)):
        model = m.models[str(owner[1])]
        if not world[owner] or not isinstance(model, ast.Model):
            continue
        env = naive.bound(m, owner)
        depth = 0.0
        if model.depth is not None:
            depth = float(number(naive.evaluate(m, model.depth, env, world)))
        for s in model.body:
            for place, statement, inner in _covers(m, s, env, world):
                is_quiet = statement.span.line_column()[0] in m.skipped or place in m.hidden
                if not is_quiet and (owner, place) not in silenced:
                    sites.setdefault(place, []).append((depth, rank, statement, inner))
    return sum(_log_site(m, world, place, layers) for place, layers in sites.items())


def _log_site(m: Meaning, world: World, place: Place, layers: list[Layer]) -> float:
    value, base = world[place], naive.base_of(m, place)
    total, still = 0.0, 1.0
    for _, _, s, env in sorted(layers, key=lambda layer: layer[:2]):
        c = 1.0 if s.confidence is None else float(naive.evaluate(m, s.confidence, env, world))
        if s.operator == "=":
            given = 1.0 if naive.evaluate(m, s.value, env, world) == value else 0.0
        else:
            given = float(weights(m, s.value, env, world, m.domains[place])[value])
        total += still * c * given
        still *= 1.0 - c
    total += still * float(base[value])
    return (math.log(total) if total > 0 else -math.inf) - math.log(base[value])


def _in_order(m: Meaning) -> list[Place]:
    """List the instances in the order in which they are considered, then as models stand."""
    found: list[Place] = []
    for s in m.statements:
        if isinstance(s, ast.Consider | ast.Use):
            items = s.items if isinstance(s, ast.Consider) else (s.model,)
            for item in items:
                for place in mentioned(m, item, {}):
                    found += _taken_apart(m, place)
    models = [*m.models]
    rest = sorted(m.instances, key=lambda p: (models.index(str(p[1])), _key(m, p)))
    return list(dict.fromkeys([*found, *rest]))


def _taken_apart(m: Meaning, place: Place) -> list[Place]:
    if isinstance(m.models[str(place[1])], ast.Composite):
        return [p for part in naive.parts(m, place) for p in _taken_apart(m, part)]
    return [place]


def _key(m: Meaning, place: Place) -> tuple[int, ...]:
    things = [*m.things]
    assert isinstance(place[2], tuple)
    parameters = m.models[str(place[1])].parameters
    found: list[int] = []
    for position, a in enumerate(place[2]):
        if isinstance(a, str) and a not in things:
            found.append(naive.domain(m, parameters[position].type).index(a))
        else:
            found.append(things.index(a) if a in things else int(a))
    return tuple(found)


def _covers(
    m: Meaning, s: ast.Statement, env: Env, world: World
) -> Iterator[tuple[Place, ast.Cover, Env]]:
    match s:
        case ast.For():
            for inner in naive.loops(m, s.loops, s.condition, env):
                for b in s.body:
                    yield from _covers(m, b, inner, world)
        case ast.If() | ast.Match():
            for b in branch(m, s, env, world):
                yield from _covers(m, b, env, world)
        case ast.Cover():
            place = naive.place_of(m, s.target, env, world)
            assert place is not None
            yield place, s, env
        case _:
            return


# --- Programs ----------------------------------------------------------------------------


def cover_program(rng: random.Random) -> str:
    """Write a program of models that cover, and predict, the dots of a page."""
    c = [rng.choice(["1", "0.5", f"{rng.uniform(0.05, 0.98):.2f}"]) for _ in range(6)]
    p = [f"{rng.uniform(0.05, 0.95):.2f}" for _ in range(4)]
    depths = ["", "", " depth 1", " depth -0.5", " depth x.far", " depth 2 - x.far"]
    base = rng.choice(["", " base {ink: 1, gray: 1, blank: 2}"])
    body = rng.choice(
        [
            [f"    cover x.dot[0] = ink @ {c[0]}"],
            [f"    cover x.dot[0] ~ {{ink: {p[0]}, rest}} @ {c[0]}"],
            [f"    cover x.dot[x.far] = ink @ {c[0]}"],
            [f"    for i in 0..1: cover x.dot[i] = gray @ {c[0]}"],
            [f"    if x.big: cover x.dot[0] = ink @ {c[0]}", "    else: cover x.dot[1] = gray"],
        ]
    )
    lines = [
        "domain Dot = {ink, gray, blank}",
        "entity Page:",
        f"    dot[2] : Dot{base}",
        "    far : 0..1",
        "    big : bool",
        f"model stroke(x: Page) prior {p[1]}{rng.choice(depths)}:",
        *body,
        f"model blot(x: Page, k: 0..1) prior {p[2]}"
        f"{rng.choice([*depths, ' depth k', ' depth -k'])}:",
        rng.choice(
            [
                f"    cover x.dot[k] ~ {{blank: {p[0]}, rest}} @ {c[1]}",
                f"    cover x.dot[k] = x.dot[1 - k] @ {c[1]}",
                f"    for i in 0..k: cover x.dot[i] = blank @ {c[1]}",
                f"    cover x.dot[k] = ink if x.big else gray @ {c[1]}",
            ]
        ),
        f"model writer(x: Page) prior 0.3{rng.choice(depths)}:",
        rng.choice(
            [
                f"    predict x.dot[0] = ink @ {p[3]}",
                f"    cover x.dot[1] = gray @ {c[2]}",
                "    use stroke(x) except x.dot[0]",
                "    predict blot(x, 1) @ 0.7",
            ]
        ),
        rng.choice(["    use stroke(x)", f"    cover x.dot[0] = blank @ {c[3]}"]),
        "var it : Page",
        "consider "
        + ", ".join(rng.sample(["stroke(it)", "blot(it, k) for k in 0..1", "writer(it)"], 3)),
        rng.choice(
            [
                "observe it.dot[0] = ink",
                "observe it.dot[1] like {ink: 0.7, rest: 0.2}",
                "prefer it.big weight 0.3",
                "constraint at_most(2, stroke(it), writer(it), blot(it, k) for k in 0..1)",
            ]
        ),
    ]
    return "\n".join(lines) + "\n"
