"""Tables of cases, made up and damaged: learned from, or refused in the language's own words.

Whatever a table says, nothing that is called converged holds a number that is none.
"""

import math
import random
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import click
import numpy as np

import gmlang
from gmlang.api import Model
from gmlang.cli.options import bound
from gmlang.diagnostics import GmError
from gmlang.learning.results.result import Learned
from tests.fuzz.damage import damage

INPUTS = 20
"""Tables of one case."""

HEAD = """
domain Color = {red, green, blue}
data t : rows
"""
PROGRAMS = (
    """
param p : probability ~ Beta(1, 9)
param q[2] : probability
param s[2, 3] : simplex ~ Dirichlet(0)
var a : bool ~ Bernoulli(p)
var b : bool ~ Bernoulli(q[a])
var c : Color ~ Categorical(s[b])
var d : 0..3 ~ Poisson(1.5)
var x[2] : bool
for k in 0..1: x[k] ~ Bernoulli(q[k])
learn p, q, s from t
""",
    """
param w : real
param v : real ~ Normal(0, 1)
var a : bool
var b : bool
var c : Color
var d : 0..3
var x[2] : bool
prefer a == b weight w
prefer c == red weight w * v
prefer x[0] == x[1] weight v
learn w, v from t
""",
    """
param w : real
param v : real ~ Normal(0, 1)
var a : bool
var b : bool
var c : Color
var d : 0..3
var x[2] : bool
prefer a == b weight w
prefer a == (c == red) weight v
learn w, v from t to predict a
""",
    """
param m : positive
param p : probability
var d : 0..3 ~ Poisson(m)
var a : bool ~ Bernoulli(min(2 * p, 1) if d > 1 else p * p)
var b : bool := a
var c : Color
var x[2] : bool
x[0] ~ NoisyOr(a: p)
learn m, p from t
""",
    """
entity Thing:
    c : Color
    d : 0..3
param sure : probability ~ Beta(9, 1)
param often : probability ~ Beta(1, 9)
model red_one(it: Thing) prior often:
    predict it.c = red @ sure
var it : Thing
consider red_one(it)
learn sure, often from t
""",
)
NAMES = ("a", "b", "c", "d", "x[0]", "x[1]", "it.c", "it.d", "red_one(it)", "weight")
WORDS = {
    "bool": ("0", "1", "true", "false", "", "?", "NA"),
    "color": ("red", "green", "blue", "", "NA"),
    "number": ("0", "1", "2", "3", "", "nan"),
    "weight": ("1", "2", "0", "0.5", "7", "1e9", "1e-300"),
}
ODD = (
    "yes",
    "1e309",
    "9" * 30,
    "-0",
    "3.0",
    " 1",
    '"1',
    "purple",
    "1;0",
    "\x1b",
    "é",
    "#",
    "x" * 99,
)


@dataclass(frozen=True, slots=True, eq=False)
class CasesCase:
    """Some tables, each with the number of the program that is to be learned from it."""

    tables: tuple[tuple[int, bytes], ...] = field(repr=False)

    @property
    def text(self) -> str:
        """How many tables there are; each fault shows its own."""
        return f"{len(self.tables)} tables"

    @property
    def num_questions(self) -> int:
        """How many tables there are."""
        return len(self.tables)


def make(seed: int) -> CasesCase:
    """Make some tables up, and damage most of them."""
    rng = random.Random(seed)
    return CasesCase(tuple(_table(rng) for _ in range(INPUTS)))


def _table(rng: random.Random) -> tuple[int, bytes]:
    number = rng.randrange(len(PROGRAMS))
    fits = ("it.c", "it.d", "red_one(it)") if number == len(PROGRAMS) - 1 else NAMES[:6]
    names = [name for name in fits if rng.random() < 0.7] or list(fits[:1])
    names += ["weight"] * (rng.random() < 0.2)
    if rng.random() < 0.1:
        names.append(rng.choice(NAMES))
    rng.shuffle(names)
    count = rng.choice((0, 1, 1, 2, 3, 5, 8, 20))
    separator = rng.choice((",", ",", ",", ";", "\t"))
    odd = 0.02 if rng.random() < 0.2 else 0.0
    rows = [[_cell(rng, name, odd) for name in names] for _ in range(count)]
    lines = [separator.join(row) for row in (names, *rows)]
    content = (rng.choice(("\n", "\n", "\r\n")).join(lines) + "\n").encode()
    return number, damage(rng, content) if rng.random() < 0.4 else content


def _cell(rng: random.Random, name: str, odd: float) -> str:
    kind = "weight" if name == "weight" else "color" if name.endswith("c") else "bool"
    kind = "number" if name.endswith("d") else kind
    return rng.choice(ODD) if rng.random() < odd else rng.choice(WORDS[kind])


@cache
def _models() -> tuple[Model, ...]:
    return tuple(gmlang.compile(HEAD + text) for text in PROGRAMS)


def faults(case: CasesCase) -> Iterator[str]:
    """Learn from every table; yield what is raised but no refusal, and numbers that are none."""
    from tests.fuzz.rounds import told

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        path = Path(folder) / "t.csv"
        for number, content in case.tables:
            path.write_bytes(content)
            try:
                model = bound(_models()[number], (), (f"t={path}",))
                wrong = _wrong(model.learn(budget_s=5.0, restarts=None if number else 2))
            except (GmError, click.UsageError) as error:
                str(error)
                continue
            except (Exception, SystemExit) as error:
                wrong = told(error)
            if wrong:
                yield f"program {number}: {wrong}\n{content!r}"


def _wrong(learned: Learned[Model]) -> str:
    """Say what is wrong with what was learned; "" for nothing."""
    repr(learned)
    learned.to_json()
    values = np.concatenate([np.ravel(value) for value in learned.values.values()])
    errors = np.concatenate([np.ravel(value) for value in learned.errors.values()])
    if np.isnan(values).any() or np.isinf(errors).any():
        return f"numbers that are none: {learned.values}, {learned.errors}"
    if math.isnan(learned.objective):
        return "F is no number"
    if learned.status == "converged" and not (
        np.isfinite(values).all() and math.isfinite(learned.objective)
    ):
        return f"converged, with F = {learned.objective}"
    return ""
