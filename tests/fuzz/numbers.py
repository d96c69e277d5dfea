"""Random programs of awkward numbers: beliefs of hundreds of nats, and integers near 2**63."""

import random


def strong_program(rng: random.Random) -> str:
    """Write a program whose beliefs are of up to 700 nats, for and against each other."""
    nats = [rng.choice([0.5, 3, 30, 300, 350, 699.5, 700]) * rng.choice([1, -1]) for _ in range(5)]
    tiny = rng.choice(["1e-300", "1e-17", "0.3", "1e-9"])
    near = rng.choice(["1 - 1e-12", "0.999999", "1e-250", "0.5"])
    lines = [
        f"var a : bool ~ Bernoulli({tiny})",
        f"var b : bool ~ Bernoulli({near} if a else {tiny})",
        "var c[2] : bool",
        f"var n : 0..3 ~ {_family(rng)}",
        f"prefer a weight {nats[0]}",
    ]
    for _ in range(rng.randint(1, 4)):
        lines.append(
            rng.choice(
                [
                    f"prefer a == b weight {nats[1]}",
                    f"prefer c[0] == a weight {nats[2]}",
                    f"factor {nats[3]} * (n - 1)",
                    f"observe b like {{true: {tiny}, false: 1}}",
                    f"prefer c[0] and c[1] and n > 1 weight {nats[4]}",
                    f"factor {nats[1]} * c[1] - {nats[2]} * b",
                    f"observe n like {{0: 1, 1: {tiny}, 2: 0, 3: 1}}",
                    "constraint c[0] or n < 2",
                    f"var e{len(lines)} : bool ~ NoisyOr(a: {tiny}, c[0]: {near}, leak={tiny})",
                ]
            )
        )
    return "\n".join(lines) + "\n"


def _family(rng: random.Random) -> str:
    """Write a distribution over 0..3, often far out in its tail."""
    return rng.choice(
        [
            f"Binomial({rng.choice([3, 40, 300])}, {rng.choice([0.5, 1e-6, 0.97])})",
            f"Poisson({rng.choice([1e-9, 0.7, 90, 500])})",
            f"Geometric({rng.choice([1e-12, 0.3, 0.9999, 1])})",
            f"Around({rng.choice([1.5, -30, 400, 0])}, {rng.choice([0.1, 1, 9])})",
            "{0: 1e-200, 1: 1 - 1e-200, 2: 0, 3: 0}",
            f"Categorical([0.25, 0.25, {rng.choice(['0.5, 0', '0.25, 0.25'])}])",
            "Uniform()",
        ]
    )


EDGES = (2**31, 2**53 - 2, 2**53, 2**62, 2**63 - 5, -(2**63) + 1, -(2**53) - 1, 10**18)
"""Where integers and floats begin to differ, and where integers end."""


def large_program(rng: random.Random) -> str:
    """Write a program of integers whose products, sums and quotients may not fit 64 bits."""
    first, second = rng.choice(EDGES), rng.choice(EDGES)
    lines = [
        f"data big[3] : int = [{first}, {second}, {rng.randint(-9, 9)}]",
        f"var n : {first}..{first + 3}",
        "var k : -2..2",
        "var i : 0..2",
        "var b[2] : bool",
    ]
    if rng.random() < 0.3:
        lines.append("constraint k > 0")
    for _ in range(rng.randint(1, 3)):
        condition = _large_condition(rng)
        lines.append(
            rng.choice(
                [
                    f"prefer {condition} weight 0.7",
                    f"constraint {condition} or b[0]",
                    f"prefer b[0] == ({condition}) weight 0.9",
                    f"if b[1]:\n    prefer {condition} weight -0.8",
                    f"var d{len(lines)} : bool := {condition}",
                    f"observe not ({condition}) or b[1]",
                    f"constraint {condition}",
                ]
            )
        )
    return "\n".join(lines) + "\n"


def _large_number(rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice(["n", "n", "k", "big[i]", "big[0]", "b[0]", "2", str(rng.choice(EDGES))])
    one, two = (_large_number(rng, depth - 1) for _ in range(2))
    return rng.choice(
        [
            f"({one} + {two})",
            f"({one} - {two})",
            f"{one} * {rng.choice(['k', 'b[1]', '3'])}",
            f"({one}) // {rng.choice(['2', '3', '-7', 'big[0]'])}",
            f"({one}) % {rng.choice(['2', '3', '-7', 'big[1]'])}",
            f"({one} if b[0] else {two})",
            f"max({one}, {two})",
            f"min({one}, k)",
            f"abs({one})",
            f"-({one})",
            "sum(big[j] * b[j] for j in 0..1)",
            f"k ** {rng.choice(['2', '3', '62'])}",
        ]
    )


def _large_condition(rng: random.Random) -> str:
    one, two = (_large_number(rng, rng.randint(0, 2)) for _ in range(2))
    operator = rng.choice(["==", "!=", "<", "<=", ">", ">="])
    return rng.choice(
        [
            f"{one} {operator} {two}",
            f"{one} - {two} {operator} 0",
            f"k != 0 and ({one}) // k {operator} {two}",
            f"({one}) / 3 {operator} {two}",
            f"k > 0 and {one} {operator} {two} * k",
            f"{one} * 1.0 {operator} {two}",
        ]
    )


NUMBER_CONDITIONS = {"strong": ("a", "b", "c[0]", "n > 1"), "large": ("b[0]", "k > 0", "i == 1")}
"""Conditions that are always known."""
