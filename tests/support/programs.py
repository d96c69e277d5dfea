"""Small random programs, for holding the compiler against the naive interpreter."""

import random
import re

from gmlang.families import CALLED
from tests.support.calls import call
from tests.support.chances import MASSES


def condition(rng: random.Random, depth: int = 2) -> str:
    """Write a condition over a, b, c, n, x[0..2], z."""
    leaf = rng.choice(
        ["a", "b", "c", "n == 1", "n > 0", "x[0]", "x[1]", "x[2]", "n in 1..2", "x[z]", "z != 1"]
    )
    if depth == 0:
        return leaf
    inner = [condition(rng, depth - 1) for _ in range(3)]
    return rng.choice(
        [
            leaf,
            f"not ({inner[0]})",
            f"({inner[0]}) and ({inner[1]})",
            f"({inner[0]}) or ({inner[1]}) or ({inner[2]})",
            f"({inner[0]}) == ({inner[1]})",
            f"xor({inner[0]}, {inner[1]}, {inner[2]})",
            f"exactly({rng.randint(0, 3)}, {inner[0]}, {inner[1]}, x[i] for i in 0..2)",
            f"at_most({rng.randint(0, 2)}, x[i] for i in 0..2)",
            "any(x[i] for i in 0..2)",
            f"sum(x[i] for i in 0..2) + n >= {rng.randint(0, 4)}",
        ]
    )


def distribution(rng: random.Random) -> str:
    """Write a distribution over bool."""
    p, q = round(rng.uniform(0.05, 0.95), 2), round(rng.uniform(0.05, 0.95), 2)
    return rng.choice(
        [
            f"Bernoulli({p})",
            f"Bernoulli({p} if a else {q})",
            f"{{true: {p}, false: {round(1 - p, 2)}}}",
            f"NoisyOr(a: {p}, x[i]: {q} for i in 0..2, leak=0.1)",
        ]
    )


def flat_program(rng: random.Random) -> str:
    """Write a program of variables, mechanisms, factors, constraints and evidence."""
    lines = [
        "param J = 0.7",
        "var a : bool ~ Bernoulli(0.3)",
        "var x[3] : bool",
        "var n : 0..2 base {0: 2, 1: 1, 2: 1}",
        "var z : 0..2",
        f"var b : bool ~ {distribution(rng)}",
        "var c : bool := " + re.sub(r"\bc\b", "a", condition(rng, 1)),
    ]
    w = [round(rng.uniform(-1.5, 1.5), 2) for _ in range(4)]
    for _ in range(rng.randint(1, 4)):
        lines.append(
            rng.choice(
                [
                    f"factor {w[0]} * n * x[0] - abs(n - 1)",
                    f"prefer {condition(rng)} weight {w[1]}",
                    f"constraint {condition(rng, 1)} or a",
                    "for i in 0..1:\n    prefer x[i] == x[i + 1] weight J",
                    f"for i in 0..2 if i != 1:\n    factor {w[2]} * x[i]",
                    f"if {condition(rng, 1)}:\n    factor {w[3]}\nelse:\n    prefer x[1] weight J",
                    "match n:\n    0:\n        factor 0.3 * x[0]\n    1:\n        factor 0.2\n"
                    "    _:\n        factor -0.4 * a",
                    f"observe b like {{true: {abs(w[0])}, false: 1}}",
                    f"observe {condition(rng, 1)} or b",
                ]
            )
        )
    return "\n".join(lines) + "\n"


def society_program(rng: random.Random) -> str:
    """Write a program of things, models, predictions, uses and gates."""
    c = [round(rng.uniform(0.1, 0.95), 2) for _ in range(6)]
    lines = [
        "domain Color = {red, green, blue}",
        "entity Thing:",
        "    color : Color base {red: 1, green: 2, blue: 1}",
        "    big : bool",
        "    row[2] : bool",
        f"model red(x: Thing) prior {c[0]}:",
        f"    predict x.color = red @ {c[1]}",
        rng.choice(["    predict x.big = true @ 0.6", "    prefer x.big weight 0.4"]),
        f"model noisy(x: Thing, i: 0..1) prior {c[2]}:",
        f"    predict x.row[i] ~ {{true: 0.8, false: 0.2}} @ {c[3]}",
        "model leader(x: Thing) prior 0.2:",
        rng.choice(
            ["    use red(x)", "    use red(x) except x.color", f"    predict red(x) @ {c[4]}"]
        ),
        rng.choice(["    predict not noisy(x, 0) @ 0.7", "    use noisy(x, 1)"]),
        rng.choice(
            [
                f"    if x.big:\n        predict x.row[1] = true @ {c[5]}\n"
                "    else:\n        use noisy(x, 0)",
                "    match x.color:\n        red:\n            use noisy(x, 0)\n"
                "        green:\n            factor 0.5",
                "    predict x.row[1] = x.row[0] @ 0.8",
            ]
        ),
        rng.choice(["model pair = red leader soft", "model pair = red leader prior 0.3 soft"]),
        "var it : Thing",
        rng.choice(["consider leader(it)", "consider red(it), noisy(it, i) for i in 0..1"]),
        rng.choice(["observe it.big = true", "consider pair(it)", "prefer red(it) weight 0.3"]),
    ]
    return "\n".join(lines) + "\n"


FLAT_QUERIES = (
    "P(a = true)",
    "P(b = true | x[0] = true)",
    "P(n = 1 | a = false)",
    "P(x[2] and c | n in 0..1)",
    "P(z = 2 | x[1] or a)",
)
SOCIETY_QUERIES = (
    "P(it.color = red)",
    "P(red(it) | it.color = red)",
    "P(leader(it) | it.row[1] = true, it.big = true)",
    "P(it.row[0] = true | leader(it))",
    "P(it is red leader | it.color = blue)",
    "P(pair(it) | it.row[0] = true)",
)


def wide_program(rng: random.Random) -> str:
    """Write a program of data, counts, sums and families of distributions over few variables."""
    p = [round(rng.uniform(0.05, 0.95), 2) for _ in range(6)]
    rows = ", ".join(f"[{a}, {round(1 - a, 2)}]" for a in p[:3])
    level = rng.choice(
        [
            "Categorical([0.2, 0.5, 0.3])",
            *(call(family, rng) for family in CALLED.values() if family.name in MASSES),
            "Binomial(2, rate[1])",
        ]
    )
    lines = [
        f"data rate[4] = [{', '.join(map(str, p[:4]))}]",
        f"data table[3, 2] = [{rows}]",
        "data seen[4] : bool = [true, false, true, true]",
        "var x[4] : bool",
        "for i in 0..3:\n    x[i] ~ Bernoulli(rate[i])",
        f"var level : 0..2 ~ {level}",
        "var sign : bool ~ Categorical(table[level])",
        "var seat[3] : 0..2",
        rng.choice(
            [
                "constraint alldifferent(seat[i] for i in 0..2)",
                "for i in 0..1:\n    constraint seat[i] <= seat[i + 1]",
                "constraint seat[0] + 2 * seat[1] - seat[2] == 2",
                "prefer alldifferent(seat[i] for i in 0..2) weight 1.5",
            ]
        ),
    ]
    for _ in range(rng.randint(1, 3)):
        k = rng.randint(0, 3)
        lines.append(
            rng.choice(
                [
                    f"constraint at_most({k + 1}, x[i] for i in 0..3)",
                    f"prefer exactly({k}, x[i] for i in 0..3) weight 0.8",
                    "prefer xor(x[0], x[1], x[2], x[3], sign) weight -0.6",
                    "for i in 0..3:\n    prefer x[i] == seen[i] weight 0.9 - rate[i]",
                    "factor 0.4 * count(x[i] for i in 0..3) - 0.3 * level * seat[0]",
                    f"prefer sum(x[i] for i in 0..3) + level >= {k} weight 0.7",
                    "observe any(x[i] for i in 0..3 if i != 2)",
                    f"prefer x[0] and not x[1] or x[2] and x[3] or level == {k % 3} weight 0.5",
                    "constraint 2 * x[0] + 3 * x[1] + level < 6",
                    "if seen[1]:\n    factor 5\nelse:\n    prefer x[3] weight 0.25",
                    "prefer rate[seat[0]] > 0.5 weight 0.4",
                ]
            )
        )
    return "\n".join(lines) + "\n"


WIDE_QUERIES = (
    "P(level = 1)",
    "P(sign = true | x[0] = true)",
    "P(seat[0] = 2 | level = 0)",
    "P(x[1] and sign | seat[2] = 1)",
)
ASKED = {
    "flat": (("a", "b"), ("n", "x[1]"), ("z",)),
    "wide": (("level", "sign"), ("seat[0]", "x[2]"), ("x[3]",)),
    "society": (("it.color", "it.big"), ("red(it)", "it.row[0]")),
}


def _whole_number(rng: random.Random) -> str:
    """Write an aggregate whose value is a whole number."""
    each = "i in 0..2"
    return rng.choice(
        [
            f"count(x[i] > 1 for {each})",
            f"sum(3 * (x[i] > 1) for {each})",
            f"sum(k[i] if b[i] else 0 for {each})",
            f"sum(x[i] * x[i] for {each})",
            f"sum(abs(x[i] - 2) for {each})",
            f"min(x[i] for {each})",
            f"max(x[i] + k[i] for {each})",
            f"max(x[i] * b[i] for {each})",
            f"sum(k[i] * x[i] for {each})",
            f"sum(x[i] * b[i] for {each})",
            f"count(x[i] == y for {each})",
            f"sum(x[i] if b[i] else y for {each})",
            f"min(2 * x[i] - y for {each})",
        ]
    )


def _real_number(rng: random.Random) -> str:
    """Write an aggregate whose value is a real number."""
    each = "i in 0..2"
    return rng.choice(
        [
            f"sum(w[i] * x[i] for {each})",
            f"sum(w[i] * b[i] for {each})",
            f"sum(w[i] * (x[i] > 1) for {each})",
            f"sum(w[i] * x[i] * b[i] for {each})",
            f"(sum(w[i] * x[i] for {each}) - 0.3) / 2",
            f"max(w[i] * x[i] for {each})",
            f"sum(w[x[i] % 3] for {each})",
        ]
    )


def _comparison(rng: random.Random) -> str:
    """Write a condition on an aggregate."""
    whole, real = _whole_number(rng), _real_number(rng)
    operator = rng.choice(["<=", "<", ">=", ">", "==", "!="])
    order = rng.choice(["<=", "<", ">=", ">"])
    bound = round(rng.uniform(0.3, 3), 1)
    return rng.choice(
        [
            f"{whole} {operator} {rng.randint(0, 6)}",
            f"{whole} {operator} y",
            f"{whole} {operator} {_whole_number(rng)}",
            f"{real} {order} {bound}",
            f"{real} > 0.5 * y",
            f"{real} <= {_real_number(rng)}",
            f"{bound} < {real}",
            "alldifferent(x[i] + i for i in 0..2)",
            "alldifferent(x[i] - x[0] for i in 1..2)",
            "alldifferent(x[0], y, x[1])",
            "exactly(y, b[i] for i in 0..2)",
            "at_most(2, x[i] > 1 for i in 0..2)",
            "at_least(y - 1, x[i] != y for i in 0..2)",
            f"1 <= {whole} <= 4",
            f"{whole} % 3 == 1",
            f"abs({whole} - 3) <= 1",
        ]
    )


def aggregate_program(rng: random.Random) -> str:
    """Write a program of aggregates over conditions and functions of variables, and of reals."""
    w = [round(rng.uniform(0.1, 1.5), rng.choice([1, 2, 4])) for _ in range(3)]
    k = [rng.randint(-3, 6) for _ in range(3)]
    lines = [
        f"data w[3] : real = {w}",
        f"data k[3] : int = {k}",
        "var x[3] : 0..2",
        "var b[3] : bool",
        "var y : 0..2",
        "var d : bool",
    ]
    for _ in range(rng.randint(1, 3)):
        condition = _comparison(rng)
        lines.append(
            rng.choice(
                [
                    f"constraint {condition} or d",
                    f"observe not ({condition}) or b[0]",
                    f"prefer {condition} weight 0.7",
                    f"if d:\n    constraint {condition}",
                    f"factor 0.3 * {_whole_number(rng)}",
                    f"factor -0.1 * abs({_whole_number(rng)} - 2)",
                    f"prefer {condition} and not ({_comparison(rng)}) weight -0.4",
                    f"constraint {condition}",
                    f"factor 0.2 * {_real_number(rng)}",
                    f"factor exp(-{_real_number(rng)})",
                ]
            )
        )
    lines.append(f"var e : bool := {_comparison(rng)}")
    return "\n".join(lines) + "\n"


PARTIAL_NAMES = ("a", "b", "k")


def partial_number(rng: random.Random, depth: int) -> str:
    """Write a number over a : 0..2, b : -1..1, k : 0..2, x[2], m[2] : 0..2 and data w[2]."""
    leaf = rng.choice([*PARTIAL_NAMES, *PARTIAL_NAMES, "1", "2", "3", "4611686018427387904"])
    if depth == 0 or rng.random() < 0.2:
        return leaf
    one, two = (partial_number(rng, depth - 1) for _ in range(2))
    return rng.choice(
        [
            f"({one} + {two})",
            f"({one} - {two})",
            f"{one} * {two}",
            f"({one}) // ({two})",
            f"({one}) % ({two})",
            f"m[{one}]",
            f"w[{one}]",
            f"m[{rng.choice(PARTIAL_NAMES)}]",
            f"w[{rng.choice(PARTIAL_NAMES)}]",
            f"m[{one} if {partial_condition(rng, 0)} else {two}]",
            f"({one} if {partial_condition(rng, depth - 1)} else {two})",
            f"max({one}, {two})",
            f"sum(m[i] * {one} for i in 0..1 if i != {rng.randint(0, 2)})",
            f"abs({one}) ** 3",
            f"abs({one})",
        ]
    )


def partial_condition(rng: random.Random, depth: int) -> str:
    """Write a condition, with or without guards, whose parts may have no value."""
    if depth == 0:
        return rng.choice(["x[0]", "x[k]", "x[a]", "b != 0", "k < 2", "a == b", "m[a] > 1"])
    one, two = (partial_number(rng, depth - 1) for _ in range(2))
    left, right = (partial_condition(rng, depth - 1) for _ in range(2))
    by = rng.choice(PARTIAL_NAMES)
    return rng.choice(
        [
            f"{one} {rng.choice(['==', '<', '>=', '!='])} {two}",
            f"{by} != 0 and ({one}) {rng.choice(['//', '%'])} {by} == {rng.randint(0, 1)}",
            f"({by} == 0 or ({one}) // {by} > 0)",
            "k < 2 and x[k]",
            "(k == 2 or x[k])",
            "0 <= b and x[b]",
            f"not ({left})",
            f"({left}) and ({right})",
            f"({left}) or ({right})",
            f"any(x[m[i]] for i in 0..1) == ({left})",
        ]
    )


def partial_program(rng: random.Random) -> str:
    """Write a program some of whose expressions have no value in some states."""
    lines = [
        "data w[2] : int = [2, 0]",
        "var a : 0..2",
        "var b : -1..1",
        "var k : 0..2 base {0: 1, 1: 2, 2: 1}",
        "var x[2] : bool",
        f"var m[2] : 0..{rng.choice([1, 2])}",
    ]
    narrow = ["constraint b != 0", "constraint k < 2", "observe a > 0", "observe x[0] = true"]
    lines += [line for line in narrow if rng.random() < 0.4]
    for position in range(rng.randint(1, 2)):
        depth = rng.randint(1, 2)
        condition, number = partial_condition(rng, depth), partial_number(rng, depth)
        lines.append(
            rng.choice(
                [
                    f"constraint {condition}",
                    f"prefer {condition} weight 0.7",
                    f"if {partial_condition(rng, 1)}:\n    prefer {condition} weight 0.4",
                    f"for t in 0..2:\n    prefer t == 0 or x[t - 1] == ({condition}) weight 0.3",
                    "for t in 0..2 if t > 0 and 4 // t > 1:\n    prefer x[t - 1] weight w[t - 1]",
                    f"var d{position} : -2..4 := {number}",
                    f"var e{position} : bool ~ Bernoulli(0.9 if {condition} else 0.2)",
                    f"observe {condition}",
                ]
            )
        )
    return "\n".join(lines) + "\n"


def partial_queries(rng: random.Random) -> tuple[str, ...]:
    """Write queries whose events and conditions may have no value in some states."""
    return (
        "P(x[0] and k > 0)",
        f"P({partial_condition(rng, 1)} | b != 0, k < 2)",
        f"P(a = 1 | {partial_condition(rng, 1)})",
    )
