"""Random programs that no engine finishes at once, with a question about each."""

import random
from dataclasses import dataclass

QUESTIONS = (
    "logZ()",
    "MAP()",
    "P({one})",
    "count()",
    "MMAP({one})",
    "best(3, {one})",
    "why({one})",
)


@dataclass(frozen=True, slots=True)
class Heavy:
    """A program with a question.

    Attributes:
        program: its text.
        question: about it.
    """

    program: str
    question: str


def heavy(rng: random.Random) -> Heavy:
    """Choose a program and what is asked of it."""
    program, one = rng.choice([_grid, _clauses, _sums, _chain, _seats, _causes])(rng)
    return Heavy(program, rng.choice(QUESTIONS).replace("{one}", one))


def _grid(rng: random.Random) -> tuple[str, str]:
    size, states = rng.choice([(20, 2), (40, 2), (25, 4), (60, 3)])
    kind = "bool" if states == 2 else f"0..{states - 1}"
    text = f"""var x[{size}, {size}] : {kind}
for i in 0..<{size}, j in 0..<{size}:
    prefer x[i, j] == x[(i * 7 + j) % {size}, (j * 3 + i + 1) % {size}] weight 0.8
for i in 0..<{size}, j in 0..<{size - 1}:
    prefer x[i, j] != x[i, j + 1] weight {rng.choice([0.3, 1.1])}
for i in 0..<{size - 1}, j in 0..<{size}:
    prefer x[i, j] == x[i + 1, j] weight {rng.choice([0.4, -0.9])}
"""
    return text, "x[0, 0]"


def _clauses(rng: random.Random) -> tuple[str, str]:
    count = rng.choice([60, 150, 400])
    lines = [f"var x[{count}] : bool"]
    for _ in range(int(count * rng.choice([2.0, 3.5, 4.2]))):
        three = rng.sample(range(count), 3)
        parts = [("" if rng.random() < 0.5 else "not ") + f"x[{v}]" for v in three]
        lines.append(f"constraint {' or '.join(parts)}")
    return "\n".join(lines) + "\n", "x[0]"


def _sums(rng: random.Random) -> tuple[str, str]:
    count = rng.choice([30, 80, 200])
    weights = [rng.randint(1, 40) for _ in range(count)]
    values = [rng.randint(1, 40) for _ in range(count)]
    text = f"""data w[{count}] : int = {weights}
data v[{count}] : int = {values}
var x[{count}] : bool
constraint sum(w[i] * x[i] for i in 0..<{count}) <= {sum(weights) // 3}
factor 0.5 * sum(v[i] * x[i] for i in 0..<{count})
for i in 0..<{count - 3}:
    prefer x[i] == x[i + 3] weight 0.2
"""
    return text, "x[0]"


def _chain(rng: random.Random) -> tuple[str, str]:
    length, states = rng.choice([(10, 1000), (300, 60), (2000, 20)])
    text = f"""var z[{length}] : 0..<{states}
for t in 1..<{length}:
    factor -0.01 * abs(z[t] - z[t - 1]) * (1 + z[t] % 3)
"""
    return text, "z[0]"


def _seats(rng: random.Random) -> tuple[str, str]:
    count = rng.choice([9, 14, 25])
    text = f"""var s[{count}] : 0..<{count}
constraint alldifferent(s[i] for i in 0..<{count})
constraint alldifferent(s[i] + i for i in 0..<{count})
for i in 0..<{count}:
    factor 0.1 * (s[i] * {rng.randint(2, 9)} % 7)
"""
    return text, "s[0]"


def _causes(rng: random.Random) -> tuple[str, str]:
    causes, effects = rng.choice([(20, 40), (80, 150)])
    text = f"""var d[{causes}] : bool
for i in 0..<{causes}: d[i] ~ Bernoulli(0.02 + 0.001 * i)
var f[{effects}] : bool
for j in 0..<{effects}:
    f[j] ~ NoisyOr(
        d[i]: 0.3 + 0.005 * i for i in 0..<{causes} if (i * 7 + j * 5) % 4 == 0, leak=0.01
    )
for j in 0..<{effects} if j % 3 == 0:
    observe f[j]
"""
    return text, "d[0]"
