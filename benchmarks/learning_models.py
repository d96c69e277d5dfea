"""`learn model` beside formulas: shares, calibration, time, protests, what a library spares.

    python benchmarks/learning_models.py

Things have twelve attributes of five to eight values; a model predicts one or two of them. Concepts
are drawn from the prior of `learn model`, their examples from them, a tenth of the attributes not
seen.
"""

from itertools import combinations
from math import comb, log
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np

import gmlang

Prediction = tuple[int, int, float]
"""An attribute, a value, and how surely."""


class World(NamedTuple):
    """Attributes by their numbers of values, and what models predict."""

    sizes: tuple[int, ...]
    models: tuple[tuple[Prediction, ...], ...]


def drawn_world(rng: np.random.Generator, num_models: int, num_attributes: int = 12) -> World:
    """Draw attributes, and models that all predict something else."""
    sizes = tuple(int(n) for n in rng.integers(5, 9, num_attributes))
    models: dict[frozenset[tuple[int, int]], tuple[Prediction, ...]] = {}
    while len(models) < num_models:
        at = rng.choice(num_attributes, int(rng.choice([1, 1, 2])), replace=False)
        own = tuple(
            (int(a), int(rng.integers(sizes[a])), float(np.round(rng.uniform(0.9, 0.99), 2)))
            for a in at
        )
        models.setdefault(frozenset((a, v) for a, v, _ in own), own)
    return World(sizes, tuple(models.values()))


def chances(world: World, chosen: tuple[int, ...]) -> list[np.ndarray]:
    """Return the distribution of each attribute of a thing that some models apply to."""
    found = [np.full(size, 1.0 / size) for size in world.sizes]
    for model in chosen:
        for attribute, value, sure in world.models[model]:
            size = world.sizes[attribute]
            own = np.full(size, (1.0 - sure) / (size - 1))
            own[value] = sure
            found[attribute] = found[attribute] * own * size
    return [one / one.sum() for one in found]


def drawn(
    rng: np.random.Generator, world: World, chosen: tuple[int, ...], count: int, unseen: float
) -> np.ndarray:
    """Draw things that some models apply to; -1 where an attribute was not seen."""
    laws = chances(world, chosen)
    things = np.stack([rng.choice(len(law), count, p=law) for law in laws], axis=1)
    return np.where(rng.random(things.shape) < unseen, -1, things)


def program(world: World, things: np.ndarray, size: int, listed: tuple[int, ...] = ()) -> str:
    """Write a world, examples, and a `learn model` from them."""
    lines = ["entity Thing:"]
    lines += [f"    a{a} : 0..{n - 1}" for a, n in enumerate(world.sizes)]
    for number, own in enumerate(world.models):
        lines.append(f"model m{number}(x: Thing):")
        lines += [f"    predict x.a{a} = {v} @ {c!r}" for a, v, c in own]
    lines.append(f"var ex[{len(things)}] : Thing")
    for n, thing in enumerate(things):
        seen = [f"ex[{n}].a{a} = {v}" for a, v in enumerate(thing.tolist()) if v >= 0]
        lines += [f"observe {', '.join(seen)}"] if seen else []
    names = ", ".join(f"m{k}" for k in listed or range(len(world.models)))
    lines.append(f"learn model r(x: Thing) from ex using {names} size {size}")
    return "\n".join(lines)


def shares(world: World, things: np.ndarray, size: int) -> dict[tuple[str, ...], float]:
    """Work out the posterior of every choice by formulas."""
    count = len(world.models)
    scores: dict[tuple[str, ...], float] = {}
    for k in range(1, size + 1):
        for chosen in combinations(range(count), k):
            laws = chances(world, chosen)
            total = -(k + 1) * log(2) - log(comb(count, k))
            for a, law in enumerate(laws):
                seen = things[things[:, a] >= 0, a]
                total += float(np.log(law)[seen].sum())
            scores[tuple(f"m{m}" for m in chosen)] = total
    most = max(scores.values())
    weights = {chosen: np.exp(score - most) for chosen, score in scores.items()}
    whole = sum(weights.values())
    return {chosen: weight / whole for chosen, weight in weights.items()}


def exactness(num_concepts: int) -> None:
    """Compare the order and the shares of choices with formulas."""
    furthest, same = 0.0, 0
    for seed in range(num_concepts):
        rng = np.random.default_rng(seed)
        world = drawn_world(rng, 8)
        chosen = tuple(sorted(rng.choice(8, rng.integers(1, 4), replace=False).tolist()))
        things = drawn(rng, world, chosen, int(rng.integers(1, 6)), 0.1)
        found = gmlang.compile(program(world, things, 3)).learn_model("r")
        expected = shares(world, things, 3)
        furthest = max(furthest, max(abs(a.share - expected[a.parts]) for a in found.alternatives))
        listed = [expected[a.parts] for a in found.alternatives]
        same += bool((np.diff(listed) <= 1e-9).all()) and len(listed) == len(expected)
    print(
        f"{num_concepts} concepts: {same} in the order of the formulas, shares within "
        f"{furthest:.1e}"
    )


def drawn_concept(seed: int) -> tuple[World, tuple[int, ...], np.ndarray]:
    """Draw a world of twelve models, a concept from the prior of choices, and examples of it."""
    rng = np.random.default_rng(10_000 + seed)
    world = drawn_world(rng, 12)
    size = int(rng.choice([1, 2, 3], p=np.array([4, 2, 1]) / 7))
    chosen = tuple(sorted(rng.choice(12, size, replace=False).tolist()))
    return world, chosen, drawn(rng, world, chosen, int(rng.choice([1, 2, 3, 5])), 0.1)


def calibration(num_concepts: int) -> None:
    """Compare how sure the best choice is with how often it is the truth."""
    sure, right = np.zeros(num_concepts), np.zeros(num_concepts)
    seconds = process_time()
    for seed in range(num_concepts):
        world, chosen, things = drawn_concept(seed)
        best = gmlang.compile(program(world, things, 3)).learn_model("r").best
        sure[seed], right[seed] = best.share, best.parts == tuple(f"m{m}" for m in chosen)
    seconds = (process_time() - seconds) / num_concepts
    _tell_calibration(
        f"{num_concepts} concepts, {seconds:.2f} s of processor time each", sure, right
    )


def calibration_of_formulas(num_concepts: int) -> None:
    """Do the same with the shares of the formulas, which are those of `learn model` to 1e-14."""
    sure, right = np.zeros(num_concepts), np.zeros(num_concepts)
    for seed in range(num_concepts):
        world, chosen, things = drawn_concept(seed)
        found = shares(world, things, 3)
        best = max(found, key=lambda one: round(found[one], 9))
        sure[seed], right[seed] = found[best], best == tuple(f"m{m}" for m in chosen)
    _tell_calibration(f"{num_concepts} concepts by formulas", sure, right)


def _tell_calibration(what: str, sure: np.ndarray, right: np.ndarray) -> None:
    """Say how far shares are off, and how far right ones would be, were truths drawn by them."""
    draws = np.random.default_rng(0).random((2000, len(sure))) < sure
    chance = np.sort([_error(sure, draw) for draw in draws])
    found = _error(sure, right)
    off = (right.sum() - sure.sum()) / np.sqrt((sure * (1.0 - sure)).sum())
    print(
        f"{what}: the best is right in {right.mean():.4f}, sure by {sure.mean():.4f} "
        f"({off:+.2f} standard errors); calibration error {found:.4f}, of exact shares "
        f"{chance.mean():.4f} (90 % of them {chance[99]:.4f} to {chance[1899]:.4f}, "
        f"{(chance >= found).mean():.2f} as large)"
    )


def _error(sure: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error over ten parts of equal size."""
    parts = np.array_split(np.argsort(sure), 10)
    return sum(len(part) * abs(sure[part].mean() - right[part].mean()) for part in parts) / len(
        sure
    )


def speed() -> None:
    """Time 987 choices by 100 examples."""
    rng = np.random.default_rng(0)
    world = drawn_world(rng, 18)
    things = drawn(rng, world, (0, 1), 100, 0.1)
    model = gmlang.compile(program(world, things, 3))
    start, wall = process_time(), perf_counter()
    found = model.learn_model("r", budget_s=60)
    seconds, wall = process_time() - start, perf_counter() - wall
    print(
        f"{found.num_scored} choices by {len(things)} examples: {seconds:.2f} s of processor time, "
        f"{wall:.2f} s on the clock; {found.best.text} {found.best.share:.3f}"
    )


def spared(num_concepts: int) -> None:
    """Count the examples that a library of twenty spares: those without it for the same KL.

    Concepts are of two or three models. With the library a prediction is that of the choice found
    (`best`), or of all choices by their shares (`all`); without, of each attribute by itself, as
    `param p[K] : simplex` learns it: what was seen and one imaginary case. The figure is the KL
    divergence from the concept to the prediction, nats, over all twelve attributes.
    """
    rng = np.random.default_rng(0)
    world = drawn_world(rng, 20)
    sizes = (1, 2, 3, 5, 8)
    more = tuple(int(n) for n in np.unique(np.geomspace(1, 2000, 60).round()))
    best, whole = np.zeros(len(sizes)), np.zeros(len(sizes))
    alone = np.zeros(len(more))
    for _ in range(num_concepts):
        chosen = tuple(sorted(rng.choice(20, rng.integers(2, 4), replace=False).tolist()))
        truth = chances(world, chosen)
        things = drawn(rng, world, chosen, more[-1], 0.0)
        for k, n in enumerate(sizes):
            found = gmlang.compile(program(world, things[:n], 3)).learn_model("r", budget_s=60)
            laws = [np.zeros(size) for size in world.sizes]
            for number, one in enumerate(found.alternatives):
                own = chances(world, tuple(int(part[1:]) for part in one.parts))
                best[k] += _divergence(truth, own) if not number else 0.0
                laws = [law + one.share * add for law, add in zip(laws, own, strict=True)]
            whole[k] += _divergence(truth, laws)
        for k, n in enumerate(more):
            counts = [
                np.bincount(things[:n, a], minlength=size) + 1.0 / size
                for a, size in enumerate(world.sizes)
            ]
            alone[k] += _divergence(truth, [count / count.sum() for count in counts])
    for k, n in enumerate(sizes):
        told = []
        for name, nats in (("best", best[k]), ("all", whole[k])):
            enough = np.flatnonzero(alone <= nats)
            needed = more[enough[0]] if len(enough) else more[-1]
            sign = "" if len(enough) else "more than "
            needs = f"{sign}{needed} without ({sign}{needed / n:.0f}x)"
            told.append(f"{name} {nats / num_concepts:.3f} nats, {needs}")
        print(f"{n} examples with the library: {'; '.join(told)}")


def _divergence(truth: list[np.ndarray], other: list[np.ndarray]) -> float:
    return sum(float((p * np.log(p / q)).sum()) for p, q in zip(truth, other, strict=True))


def protests(num_things: int) -> None:
    """Count what is told of examples with one predicted attribute changed, and of the others."""
    rng = np.random.default_rng(1)
    found = false = total = 0
    while total < num_things:
        world = drawn_world(rng, 8)
        chosen = tuple(sorted(rng.choice(8, 2, replace=False).tolist()))
        said = [(a, v) for m in chosen for a, v, _ in world.models[m]]
        if len({a for a, _ in said}) < len(said):
            continue
        things = rng.integers(0, world.sizes, (10, len(world.sizes)))
        for a, v in said:
            things[:, a] = v
        changed: dict[str, str] = {}
        for n in range(5):
            a, v = said[rng.integers(len(said))]
            things[n, a] = (v + 1 + rng.integers(world.sizes[a] - 1)) % world.sizes[a]
            changed[f"ex[{n}]"] = f"a{a} = {things[n, a]}"
        whole = World(world.sizes, (*world.models, tuple((a, v, 0.9) for a, v in said)))
        result = gmlang.compile(program(whole, things, 1, (8,))).learn_model("r")
        told = {(p.example, p.seen) for p in result.protests}
        found += len(told & set(changed.items()))
        false += len(told - set(changed.items()))
        total += 5
    print(f"{total} changed attributes: {found} told; {false} told where nothing was changed")


if __name__ == "__main__":
    exactness(50)
    speed()
    protests(200)
    calibration(300)
    calibration(1200)
    calibration_of_formulas(10_000)
    spared(40)
