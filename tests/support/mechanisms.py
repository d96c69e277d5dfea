"""Random programs of mechanisms: under conditions, with weights, with random values, in circles."""

import random

CASES = (
    "Bernoulli(0.3)",
    "Bernoulli(0.8 if c else 0.1)",
    "{a: 0.25, not c: 0.5, true: 0.25}",
    "Weights({true: 2 + n, false: 1})",
    "Categorical([(i + 1) / 3 for i in 0..1])",
)
LEVELS = (
    "Binomial(2, 0.4)",
    "Weights({v: 1 + v * n for v in 0..2})",
    "Weights({0: 3, _: 1})",
    "{n: 0.5, 2 - n: 0.3, 1: 0.2}",
    "{n: 0.4, rest}",
    "{n: 0.4, rest: 0.3}",
    "{n: 0.25, 1: 0.25, rest: 0.25 if n == 1 else 0.5}",
    "Weights({n: 2, _: 1})",
    "Weights({n: 2, 1: 1, _: 1 + n})",
    "Categorical([(1 + i) / 6 for i in 0..2])",
    "Categorical([0.5 if i == n else 0.25 for i in 0..2])",
)


def _condition(rng: random.Random) -> str:
    one, two = rng.choice(["a", "c", "n == 1", "n > 0", "n == 2"]), rng.choice(["a", "c", "n < 2"])
    return rng.choice([one, f"not ({two})", f"({one}) and ({two})", f"({one}) or ({two})"])


def _under_conditions(rng: random.Random) -> list[str]:
    """Write mechanisms of y (bool), s (0..2) and w[2] (bool) under conditions."""
    y, z = rng.choice(CASES), rng.choice(CASES)
    s, t = rng.choice(LEVELS), rng.choice(LEVELS)
    when, other = _condition(rng), _condition(rng)
    return [
        "var y : bool" + rng.choice(["", " base {true: 1, false: 3}"]),
        "var s : 0..2" + rng.choice(["", " base {0: 1, 1: 2, 2: 3}"]),
        "var w[2] : bool",
        rng.choice(
            [
                f"if {when}: y ~ {y}\nelse: y ~ {z}",
                f"if {when}: y ~ {y}",
                f"if {when}: y := {other}\nelse: y ~ {z}",
                f"if {when}: y := {other}\nelse: y := a",
                f"if {when}: y ~ {y}\nif not ({when}): y ~ {z}",
                f"constraint not (({when}) and ({other}))\nif {when}: y ~ {y}\nif {other}: y ~ {z}",
            ]
        ),
        rng.choice(
            [
                f"match n:\n    0: s ~ {s}\n    1: s := n\n    _: s ~ {t}",
                f"match n:\n    0: s ~ {s}\n    2: s ~ {t}",
                f"for k in 0..2:\n    if n == k: s ~ {s}",
                f"if {when}:\n    s ~ {s}\nelse:\n    if {other}: s ~ {t}",
                f"s ~ {s}",
            ]
        ),
        rng.choice(
            [
                f"for i in 0..1:\n    if {when}: w[i] ~ {y}\n    else: w[i] := a",
                f"if {when}:\n    for i in 0..1: w[i] ~ {z}\nelse:\n    w[0] := c",
                "w[0] := c and w[1]\nw[1] := a or w[0]",
                f"for i in 0..1:\n    if {when}: w[i] ~ {y}",
            ]
        ),
    ]


def _circle(rng: random.Random) -> list[str]:
    """Write definitions that go round: r[0..2] (bool)."""
    each = rng.choice(
        [
            "any(r[j] and e[i, j] for j in 0..2)",
            "any(r[j] for j in 0..2 if j != i) and a",
            "r[(i + 1) % 3] and c or r[i] and a",
            "count(r[j] for j in 0..2) >= 2",
            "at_least(2, r[0], r[1], r[2], a)",
            "(r[(i + 1) % 3] if a else r[(i + 2) % 3])",
            "not all(not r[j] for j in 0..2 if e[i, j])",
        ]
    )
    start = rng.choice(["i == n", "i == 0 and c", "b[i]"])
    return [
        "data e[3, 3] : bool = [[0, 1, 0], [1, 0, 1], [1, 1, 0]]",
        "var b[3] : bool",
        "for i in 0..2: b[i] ~ Bernoulli(0.3)",
        "var r[3] : bool",
        f"for i in 0..2: r[i] := {start} or {each}",
    ]


def mechanism_program(rng: random.Random) -> str:
    """Write a program of mechanisms in all the forms that depend on variables."""
    lines = [
        "var a : bool ~ Bernoulli(0.3)",
        "var c : bool ~ Bernoulli(0.6)",
        "var n : 0..2 ~ Weights({v: 3 - v for v in 0..2})",
    ]
    lines += _circle(rng) if rng.random() < 0.4 else _under_conditions(rng)
    seen = rng.choice(["", "observe a or c", "prefer n == 1 weight 0.7", "observe n > 0"])
    return "\n".join([*lines, seen]) + "\n"
