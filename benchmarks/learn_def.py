"""Addition and subtraction from short examples: how often what is learned is right, and the time.

    python benchmarks/learn_def.py [random] [asked] [hundred] [--seeds 20]

`random`: 50 random sums of up to three digits, 20 seeds. `asked`: two random sums, then the one on
which the likeliest rules differ most, until they say the same of all of 300. `hundred`: sums of
100 digits, forwards and, given one number and the sum, backwards.
"""

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np

import gmlang
from gmlang.learning.functions.result import LearnedDefs

PROGRAM = """
data a[N, T] : 0..9
data b[N, T] : 0..9
data s[N, T] : 0..9
var x[N, T] : 0..9
var y[N, T] : 0..9
var z[N, T] : 0..9
var c[N, T + 1] : 0..1
for n in 0..<N: c[n, 0] := 0
for n in 0..<N, t in 0..<T:
    z[n, t] := digit(x[n, t], y[n, t], c[n, t])
    c[n, t + 1] := carry(x[n, t], y[n, t], c[n, t])
observe x = a, y = b, z = s
learn def digit(x: 0..9, y: 0..9, c: 0..1) : 0..9 using +, -, %, >=, 0..10 size 7
learn def carry(x: 0..9, y: 0..9, c: 0..1) : 0..1 using +, -, %, >=, 0..10 size 7
"""
WIDTH = 5
ASKED_MAX = 20
POOL = 300

Pair = tuple[int, int]


def digits(number: int, width: int) -> list[int]:
    """Write a number's digits, the least first."""
    return [int(digit) for digit in str(number).zfill(width)][::-1]


def table(pairs: list[Pair], operate: Callable[[int, int], int], width: int) -> dict[str, object]:
    """Write examples as the program reads them."""
    rows = [(digits(x, width), digits(y, width), digits(operate(x, y), width)) for x, y in pairs]
    return {name: [row[k] for row in rows] for k, name in enumerate("abs")}


def drawn(count: int, rng: np.random.Generator, *, is_sorted: bool) -> list[Pair]:
    """Draw pairs of numbers of one to three digits."""
    found: list[Pair] = []
    for _ in range(count):
        most = 10 ** int(rng.integers(1, 4))
        x, y = (int(v) for v in rng.integers(0, most, 2))
        found.append((max(x, y), min(x, y)) if is_sorted else (x, y))
    return found


def is_right(learned: LearnedDefs[gmlang.Model], *, is_difference: bool) -> bool:
    """Say whether the rules are those of the operation, wherever a column may be."""
    x, y, c = np.indices((10, 10, 2))
    value = x - y - c if is_difference else x + y + c
    over = value < 0 if is_difference else value >= 10
    own = learned.values()
    return bool((own["digit"] == value % 10).all() and (own["carry"] == over).all())


def random_sums(seeds: int, *, is_difference: bool) -> None:
    """Learn from 50 random examples."""
    model, right, seconds = gmlang.compile(PROGRAM), 0, list[float]()
    operate = (lambda x, y: x - y) if is_difference else (lambda x, y: x + y)
    for seed in range(seeds):
        pairs = drawn(50, np.random.default_rng(seed), is_sorted=is_difference)
        start = perf_counter()
        learned = model.learn_def(**table(pairs, operate, WIDTH))
        seconds.append(perf_counter() - start)
        is_good = is_right(learned, is_difference=is_difference)
        right += is_good
        if not is_good:
            print(f"  seed {seed}: {learned.best.rules}, share {learned.best.share:.3g}")
    name = "differences" if is_difference else "sums"
    print(f"50 random {name}: right in {right} of {seeds}; {np.median(seconds):.2f} s, median")


def asked_sums(seeds: int, *, is_difference: bool) -> None:
    """Learn from two random examples, and those that are asked for."""
    model, right, counts, seconds = gmlang.compile(PROGRAM), 0, list[int](), list[float]()
    operate = (lambda x, y: x - y) if is_difference else (lambda x, y: x + y)
    for seed in range(seeds):
        pairs = drawn(2, np.random.default_rng(seed), is_sorted=is_difference)
        pool = drawn(POOL, np.random.default_rng(1000 + seed), is_sorted=is_difference)
        open_pool = {**table(pool, operate, WIDTH), "s": [[None] * WIDTH] * len(pool)}
        start = perf_counter()
        while True:
            learned = model.learn_def(**table(pairs, operate, WIDTH))
            example = learned.ask("z", **open_pool)
            if example is None or len(pairs) >= ASKED_MAX:
                break
            pairs.append(pool[example.number])
        seconds.append(perf_counter() - start)
        counts.append(len(pairs))
        right += is_right(learned, is_difference=is_difference)
    name = "differences" if is_difference else "sums"
    print(
        f"asked, {name}: right in {right} of {seeds}, from {min(counts)} to {max(counts)} of them; "
        f"{np.median(seconds):.1f} s, median, all rounds"
    )


def hundred() -> None:
    """Add and subtract numbers of 100 digits with what was learned."""
    pairs = drawn(50, np.random.default_rng(0), is_sorted=False)
    learned = gmlang.compile(PROGRAM).learn_def(**table(pairs, lambda x, y: x + y, WIDTH))
    rng = np.random.default_rng(7)
    seconds: dict[str, list[float]] = {"z": [], "y": []}
    right = {"z": 0, "y": 0}
    for _ in range(10):
        x, y = (int("".join(map(str, rng.integers(0, 10, 100)))) for _ in range(2))
        told = table([(x, y)], lambda x, y: x + y, 101)
        for about, hidden in (("z", "s"), ("y", "b")):
            start = perf_counter()
            model = learned.model.bind(**{**told, hidden: [[None] * 101]})
            answer = model.query(f"MAP({about})")
            seconds[about].append(perf_counter() - start)
            is_same = answer.array is not None and answer.array.tolist() == told[hidden]
            right[about] += is_same and answer.status == "exact"
    for about, name in (("z", "forwards"), ("y", "backwards")):
        own = seconds[about]
        print(
            f"100 digits {name}: right and exact {right[about]} of 10; {np.median(own):.3f} s, "
            f"median, {max(own):.3f} s at most"
        )


def main() -> None:
    """Run what is named, or all."""
    words = sys.argv[1:]
    seeds = int(words[words.index("--seeds") + 1]) if "--seeds" in words else 20
    chosen = [word for word in words if word in ("random", "asked", "hundred")]
    for name in chosen or ("random", "asked", "hundred"):
        if name == "hundred":
            hundred()
            continue
        run = random_sums if name == "random" else asked_sums
        for is_difference in (False, True):
            run(seeds, is_difference=is_difference)


if __name__ == "__main__":
    main()
