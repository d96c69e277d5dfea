"""Random programs about places: windows, prices, sums, pairs, gates and models."""

import random

DOMAINS = ("shift(1)", "grid(2, 3)", "grid(3, 2)")
PLACES_QUERIES = (
    "P(within(a, b, 1))",
    "P(a == b)",
    "P(a.row <= c.row)",
    "P(far(b, c) > 1)",
    "P(flag | b == c)",
    "P(a + c == c + b)",
)


def places_program(rng: random.Random) -> str:
    """Write a program with three places of one grid, and a switch."""
    where = rng.choice(DOMAINS)
    first = "(0, 0)" if where.startswith("grid") else "(1, 1)"
    lines = [
        f"domain Spot = {where}",
        "data w[3, 3] : real = [[0.5, -1, 0], [2, 0.25, -0.5], [0, 1, -2]]",
        "data home[2, 2] : 0..2 = [[0, 1], [1, 0]]",
        "var a : Spot",
        "var b : Spot",
        "var c : Spot base {(0, 1): 2, rest: 0.3}" if rng.random() < 0.3 else "var c : Spot",
        "var flag : bool ~ Bernoulli(0.4)",
    ]
    for _ in range(rng.randint(2, 5)):
        lines.append(_statement(rng, first))
    return "\n".join(lines) + "\n"


def _statement(rng: random.Random, first: str) -> str:
    one, other = rng.sample("abc", 2)
    reach, price, cap = rng.randint(0, 2), rng.choice((0.3, 1, 2.5)), rng.randint(0, 3)
    gate = rng.choice(("", "", "if flag: ", "if not flag: ", f"if {one}.row > 0 or flag: "))
    match rng.randint(0, 8):
        case 0 | 1:
            return f"{gate}constraint within({one}, {other}, {reach})"
        case 2 | 3:
            return f"{gate}factor -{price} * min(far({one}, {other}), {cap})"
        case 4:
            moved = f"({one} + {first})"
            inside = f"{moved}.row in 0..2 and {moved}.column in 0..2"
            return f"{gate}factor w[{moved}] if {inside} else 0"
        case 5:
            return f"{gate}prefer {one} == (0, {rng.randint(0, 1)}) weight {price}"
        case 6:
            moved = f"{one} - home[{rng.randint(0, 1)}]"
            return f"{gate}prefer within({moved}, {other}, {reach}) weight {price}"
        case 7:
            return f"{gate}factor {price} * {one}.column - far({one}, {other})"
        case _:
            return f"for p in grid(2, 2): prefer {one} == p + home[0] weight {price}"
