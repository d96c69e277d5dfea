"""Random programs of reals and finite variables, and what they mean by enumeration.

In each state of the finite variables every real is a number plus a sum of independent standard
normal noises; what is observed conditions these noises by dense linear algebra. Nothing here knows
of rows.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np

State = tuple[int, ...]
"""Of all finite variables."""

Affine = tuple[float, np.ndarray]
"""A number, and the coefficients of noises."""

Number = Callable[[State], float]
Value = Callable[[State, list[Affine]], Affine]


@dataclass
class LinearProgram:
    """A program as text, and as functions of states.

    Attributes:
        sizes: numbers of states of the finite variables z0, z1, ...; `log_prior` is theirs.
        reals: what x[0], x[1], ... are, and how much noise is added to each.
        looks: what was seen, as a value, its noise, and the number.
    """

    lines: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    priors: list[Number] = field(default_factory=list)
    reals: list[tuple[Value, Number]] = field(default_factory=list)
    looks: list[tuple[Value, Number, float]] = field(default_factory=list)

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclass
class Truth:
    """What is true of a program: by state its log weight, and moments of x given it."""

    states: list[State]
    log_weights: np.ndarray
    means: list[np.ndarray]
    covariances: list[np.ndarray]

    @property
    def log_z(self) -> float:
        return float(np.logaddexp.reduce(self.log_weights))

    @property
    def weights(self) -> np.ndarray:
        return np.exp(self.log_weights - self.log_z)

    def chance(self, holds: Callable[[State], bool]) -> float:
        pairs = zip(self.states, self.weights, strict=True)
        return float(sum(w for s, w in pairs if holds(s)))

    def moments(self, row: np.ndarray) -> tuple[float, float]:
        """Return the mean and the standard deviation of a sum of reals."""
        parts = self.parts(row)
        mean = sum(w * m for w, m, _ in parts)
        return mean, float(np.sqrt(sum(w * (v + (m - mean) ** 2) for w, m, v in parts)))

    def parts(self, row: np.ndarray) -> list[tuple[float, float, float]]:
        """Return the weight, mean and variance of a sum of reals in each state."""
        triples = zip(self.weights, self.means, self.covariances, strict=True)
        return [(float(w), float(row @ m), float(row @ c @ row)) for w, m, c in triples]


def truth_of(program: LinearProgram) -> Truth:
    """Work out what a program means."""
    found: list[tuple[State, float, np.ndarray, np.ndarray]] = []
    for state in product(*(range(size) for size in program.sizes)):
        log_weight = sum(float(prior(state)) for prior in program.priors)
        if log_weight == -np.inf:
            continue
        log_likelihood, mean, covariance = _given(program, state)
        found.append((state, log_weight + log_likelihood, mean, covariance))
    states, logs, means, covariances = zip(*found, strict=True)
    return Truth(list(states), np.array(logs), list(means), list(covariances))


def _given(program: LinearProgram, state: State) -> tuple[float, np.ndarray, np.ndarray]:
    count = len(program.reals)
    known: list[Affine] = []
    for k, (value, sd) in enumerate(program.reals):
        constant, row = value(state, known)
        noise = np.zeros(count)
        noise[k] = sd(state)
        known.append((constant, row + noise))
    base = np.array([c for c, _ in known])
    rows = np.array([r for _, r in known])
    if not program.looks:
        return 0.0, base, rows @ rows.T
    seen = [value(state, known) for value, _, _ in program.looks]
    away = np.array([y for *_, y in program.looks]) - np.array([c for c, _ in seen])
    through = np.array([r for _, r in seen])
    noise = np.diag([sd(state) ** 2 for _, sd, _ in program.looks])
    spread = through @ through.T + noise
    _, log_det = np.linalg.slogdet(spread)
    solved = np.linalg.solve(spread, away)
    log_likelihood = -0.5 * (away @ solved + log_det + len(away) * np.log(2 * np.pi))
    cross = rows @ through.T
    mean = base + cross @ solved
    covariance = rows @ rows.T - cross @ np.linalg.solve(spread, cross.T)
    return float(log_likelihood), mean, covariance


# --- Random ones -------------------------------------------------------------------------


def random_program(seed: int) -> LinearProgram:
    """Make a program up: up to three finite variables, up to four reals, some looks."""
    rng = random.Random(seed)
    made = LinearProgram()
    for k in range(rng.randint(1, 3)):
        _finite(made, rng, k)
    count = rng.randint(1, 4)
    made.lines.append(f"var x[{count}] : real")
    for k in range(count):
        _real(made, rng, k)
    for _ in range(rng.randint(0, 3)):
        _look(made, rng)
    return made


def _number(rng: random.Random, low: float = -2.0, high: float = 2.0) -> float:
    return round(rng.uniform(low, high), 2)


def _finite(made: LinearProgram, rng: random.Random, k: int) -> None:
    size = 3 if rng.random() < 0.3 else 2
    weights = [[rng.randint(1, 9) for _ in range(size)] for _ in range(2)]
    rows = [np.array(row) / sum(row) for row in weights]
    parent = rng.randrange(k) if k and rng.random() < 0.6 else -1
    shown = [f"[{', '.join(repr(float(p)) for p in row)}]" for row in rows]
    law = f"Categorical({shown[0]})"
    if parent >= 0:
        law = f"Categorical({shown[0]} if z{parent} > 0 else {shown[1]})"
    made.lines.append(f"var z{k} : 0..{size - 1} ~ {law}")
    made.sizes.append(size)

    def prior(state: State) -> float:
        row = rows[1] if parent >= 0 and state[parent] == 0 else rows[0]
        return float(np.log(row[state[k]]))

    made.priors.append(prior)


def _scale(made: LinearProgram, rng: random.Random, *, may_be_none: bool) -> tuple[str, Number]:
    one, other = _number(rng, 0.3, 2.0), _number(rng, 0.3, 2.0)
    if rng.random() < 0.5:
        return str(one), lambda _: one
    z = rng.randrange(len(made.sizes))
    if may_be_none and rng.random() < 0.3:
        other = 0
    return f"({one} if z{z} > 0 else {other})", lambda s: one if s[z] > 0 else other


def _real(made: LinearProgram, rng: random.Random, k: int) -> None:
    text, value = _form(made, rng, k)
    kind = rng.random()
    if kind < 0.15 and k:
        made.lines.append(f"x[{k}] := {text}")
        made.reals.append((value, lambda _: 0.0))
        return
    scale, sd = _scale(made, rng, may_be_none=True)
    if kind < 0.3:
        z = rng.randrange(len(made.sizes))
        other_text, other = _form(made, rng, k)
        made.lines += [
            f"if z{z} > 0: x[{k}] ~ Normal({text}, {scale})",
            f"else: x[{k}] ~ Normal({other_text}, 1.5)",
        ]
        made.reals.append(
            (
                lambda s, x: value(s, x) if s[z] > 0 else other(s, x),
                lambda s: sd(s) if s[z] > 0 else 1.5,
            )
        )
        return
    made.lines.append(f"x[{k}] ~ Normal({text}, {scale})")
    made.reals.append((value, sd))


def _form(made: LinearProgram, rng: random.Random, k: int) -> tuple[str, Value]:
    """Make up what is linear in x[0], ..., x[k - 1]."""
    parts = [_part(made, rng, k) for _ in range(rng.randint(1, 3))]
    text = " + ".join(text for text, _ in parts)

    def value(state: State, known: list[Affine]) -> Affine:
        found = [part(state, known) for _, part in parts]
        return sum(c for c, _ in found), sum((r for _, r in found), np.zeros(len(made.reals)))

    return text, value


def _part(made: LinearProgram, rng: random.Random, k: int) -> tuple[str, Value]:
    c, z = _number(rng), rng.randrange(len(made.sizes))
    kind = rng.choice("nzpmi" if k else "nz")
    i = rng.randrange(k) if k else 0

    def nothing() -> np.ndarray:
        return np.zeros(len(made.reals))

    match kind:
        case "n":
            return f"{c}", lambda s, x: (c, nothing())
        case "z":
            return f"{c} * z{z}", lambda s, x: (c * s[z], nothing())
        case "p":
            return f"{c} * x[{i}]", lambda s, x: (c * x[i][0], c * x[i][1])
        case "m":
            return (
                f"(x[{i}] / 2 if z{z} == 1 else {c})",
                lambda s, x: (x[i][0] / 2, x[i][1] / 2) if s[z] == 1 else (c, nothing()),
            )
        case _:
            return f"x[min(z{z}, {i})]", lambda s, x: x[min(s[z], i)]


def _look(made: LinearProgram, rng: random.Random) -> None:
    count, seen = len(made.reals), _number(rng)
    text, value = _form(made, rng, count)
    kind = rng.random()
    if kind < 0.3:
        made.lines.append(f"observe {text} like Normal({seen}, 0.8)")
        if "x[" not in text:
            made.lines[-1] = f"observe {seen} ~ Normal({text}, 0.8)"
        made.looks.append((value, lambda _: 0.8, seen))
        return
    scale, sd = _scale(made, rng, may_be_none=False)
    made.lines.append(f"observe {seen} ~ Normal({text}, {scale})")
    made.looks.append((value, sd, seen))


def pairs(count: int) -> Iterator[tuple[int, int]]:
    """Give pairs of numbers below one."""
    return ((i, j) for i in range(count) for j in range(i))
