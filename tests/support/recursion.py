"""Random programs with defs that call themselves: alone, in pairs, over arrays, with random values.

Depths are literals, data and loop variables, so that instances ask for different depths.
"""

import random

NUMBERS = (
    "0 if k <= 0 else x[k - 1] + {f}(k - 1)",
    "{f}(k - 1) * 2 - x[(k + 1) % 3] if k > 0 else n",
    "n if k < 1 else x[0] if k == 1 else min({f}(k - 1), 3 - {f}(k - 2))",
    "x[0] if k <= 0 else sum({f}(j) for j in 0..<k) % 3",
    "max(n, {f}(k - 1), k) if k > 0 and k < 5 else 1",
    "match k:\n    0 -> n\n    1 -> x[1]\n    _ -> {f}(k - 1) + {f}(k - 2) if k > 0 else 0",
    "count(x[j] == {f}(j) for j in 0..<k if j != 1)",
    "n + c if k <= 0 else abs({f}(k - 1) - x[k % 3])",
    "x[k - 1] if k == 1 or k == 2 else 0 if k <= 0 else {f}(k // 2) - 1",
)
"""Bodies of number(k)."""

CONDITIONS = (
    "e[k % 2] if k == 0 else not {f}(k - 1) or a",
    "k > 0 and (x[k - 1] > 0 or {f}(k - 1))",
    "k <= 0 or e[k % 2] and {f}(k - 1)",
    "any(e[j % 2] and {f}(j) for j in 0..<k) or a",
    "all({f}(j) or x[j] == 1 for j in 0..<k)",
    "a and k > 0 and {f}(k - 1) or k == 0 and c",
    "exactly(1, a, c, k > 1 and {f}(k - 2))",
    "(k != 0 and {f}(k - 1)) == c",
)
"""Bodies of holds(k)."""

PAIRS = (
    ("a if k <= 0 else {g}(k - 1)", "c if k <= 0 else not {f}(k - 1)"),
    ("k > 0 and {g}(k - 1) or e[1]", "k > 1 and {f}(k - 2) or x[k % 3] == 1"),
    ("xor({g}(j) for j in 0..<k)", "a if k <= 0 else {f}(k - 1) and c"),
)
"""Bodies of ping(k) and pong(k)."""

WALKS = (
    "e[(i + j) % 2] or k > 0 and any(e[(i + m) % 2] and {f}(m, j, k - 1) for m in 0..1)",
    "i == j if k <= 0 else any({f}(i, m, k - 1) and e[(m + j) % 2] for m in 0..1)",
    "e[(i + j) % 2] if k <= 0 else all(e[(i + m) % 2] or {f}(m, j, k - 1) for m in 0..1 if m != i)",
)
"""Bodies of walk(i, j, k)."""

CARRIED = (
    "v if k <= 0 else {f}(k - 1, v + x[k - 1])",
    "k if k <= 0 or v <= 0 else {f}(k - 1, v - 1)",
    "v if k <= 0 else {f}(k - 1, v + v) % 5 + {f}(0, k)",
    "0 if k >= 3 else (v == x[k]) + {f}(k + 1, x[k])",
    "x[v % 3] if k <= 0 else {f}(k - 1, x[v % 3])",
)
"""Bodies of carried(k, v), whose v may be random."""

KNOWN = (
    "1 if k <= 0 else 2 * {f}(k - 1)",
    "k if k < 2 else {f}(k - 1) + {f}(k - 2)",
    "w[k % 3] if k <= 0 else max({f}(j) + 1 for j in 0..<k)",
    "0 if k <= 0 else k % 2 + {f}(k // 2)",
    "6 // k if k < 2 else {f}(k - 2) + 1",
)
"""Bodies of known(k), which mentions no variable; the last has no value for some k."""

STATEMENTS = (
    "for i in 0..3: factor 0.2 * number(i)",
    "for i in 0..2:\n    if holds(i): factor 0.1 * number(2 - i)",
    "constraint number(T) < 4 or holds(2)",
    "observe holds(1) or walk(0, 1, 1)",
    "for i in 0..1:\n    for j in 0..1: prefer walk(i, j, i + j) weight 0.3",
    "factor 0.1 * carried(2, n)",
    "for i in 0..2: factor 0.1 * carried(i, x[i] + known(i + 2))",
    "for i in 0..<known(2): factor 0.1 * x[i % 3]",
    "for i in 0..3:\n    if ping(i): factor 0.2\n    else: factor -0.1 * i",
    "prefer ping(T) and not pong(1) weight 0.5",
    "factor -0.3 * number(carried(0, T))",
    "for i in 0..1: constraint i > 0 and pong(i - 1) or ping(i)",
    "observe c or number(1) in 0..2",
    "factor 0.1 * sum(number(i) for i in 0..T if i != 1)",
    "constraint count(ping(i) for i in 0..T) != 1",
    "factor 0.1 * known(T) * (known(1) + a)",
)

MECHANISMS = (
    "var y : bool := holds(T)",
    "var y : bool := walk(0, 1, T) or ping(1)",
    "var y : bool ~ Bernoulli(0.5 if holds(1) else 0.2)",
    "var y : bool ~ Bernoulli(0.1 + 0.02 * known(3) + 0.1 * a)",
    "var y : bool\nif ping(2): y ~ Bernoulli(0.3)\nelse: y := holds(0)",
    "var y : bool := match T, number(T):\n    0, _ -> holds(1)\n    _, 1 -> a\n    _ -> ping(T)",
    "var y : bool ~ match number(1):\n    0 -> Bernoulli(0.3)\n    _ -> Bernoulli(0.6)",
)

RECURSIVE_QUERIES = ("y", "n == 1", "holds(2)", "walk(1, 0, 2)", "number(3) > 1", "ping(3) and a")


def recursive_program(rng: random.Random) -> str:
    """Write a program with defs that call themselves, mention variables and take them."""
    first, second = rng.choice(PAIRS)
    carried, statements, numbers = rng.choice(CARRIED), rng.sample(STATEMENTS, 3), NUMBERS
    if any("number(carried" in statement for statement in statements):
        # What ends a def must be known, and what ends a loop must look so.
        carried = CARRIED[0]
        numbers = tuple(body for body in NUMBERS if "0..<k" not in body)
    lines = [
        f"data T = {rng.randint(0, 3)}",
        "data w[3] = [2, 0, 1]",
        f"def number(k) = {rng.choice(numbers).format(f='number')}",
        f"def holds(k) = {rng.choice(CONDITIONS).format(f='holds')}",
        f"def ping(k) = {first.format(f='ping', g='pong')}",
        f"def pong(k) = {second.format(f='ping', g='pong')}",
        f"def walk(i, j, k) = {rng.choice(WALKS).format(f='walk')}",
        f"def carried(k, v) = {carried.format(f='carried')}",
        f"def known(k) = {rng.choice(KNOWN).format(f='known')}",
        "var a : bool ~ Bernoulli(0.3)",
        "var c : bool ~ Bernoulli(0.6)",
        "var n : 0..2 ~ {0: 0.5, 1: 0.2, 2: 0.3}",
        "var x[3] : 0..1",
        "for i in 0..2: x[i] ~ {0: 0.4, 1: 0.6}",
        "var e[2] : bool",
        "for i in 0..1: e[i] ~ Bernoulli(0.3 + 0.2 * i)",
        rng.choice(MECHANISMS),
        *statements,
    ]
    return "\n".join(lines) + "\n"
