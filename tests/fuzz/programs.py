"""Random programs with random questions of every kind, each asked with every engine."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fuzz import numbers, societies
from tests.support import covers, existence, mechanisms, programs, reading, recursion
from tests.support.interpreter import Meaning
from tests.support.numbers import Undefined
from tests.support.worlds import Plain, label, listed, place_name

MAKERS: dict[str, Callable[[random.Random], str]] = {
    "flat": programs.flat_program,
    "wide": programs.wide_program,
    "society": programs.society_program,
    "aggregate": programs.aggregate_program,
    "partial": programs.partial_program,
    "strong": numbers.strong_program,
    "large": numbers.large_program,
    "mechanisms": mechanisms.mechanism_program,
    "recursion": recursion.recursive_program,
    "beings": societies.society,
    "covers": covers.cover_program,
    "some": existence.some_program,
}
NUM_QUESTIONS = 24
WORLDS_MAX = 3000
"""Programs with more worlds are left to the tests of meaning."""

USING = ("", "", "", " using exact", " using bp", " using bp(iters=3, damping=0.3)")
SEARCHING = ("", " using exact", " using search", " using bp")


@dataclass(frozen=True, slots=True)
class Question:
    """A query and the circumstances of its asking.

    Attributes:
        text: without its options.
        using: the method that is insisted on, as it is written behind.
        budget_s: seconds.
        memory_bytes: cap, or None.
    """

    text: str
    using: str
    budget_s: float = 5.0
    memory_bytes: int | None = None

    def __str__(self) -> str:
        more = "" if self.memory_bytes is None else f", {self.memory_bytes} bytes"
        return f"{self.text}{self.using} ({self.budget_s} s{more})"


@dataclass(frozen=True, slots=True, eq=False)
class ProgramCase:
    """A program with its questions.

    Attributes:
        kind: which generator made it.
        program: its text.
        questions: about it.
        plain: its worlds; None where reading it met what has no value.
    """

    kind: str
    program: str
    questions: tuple[Question, ...]
    plain: Plain | None = field(repr=False)

    @property
    def text(self) -> str:
        """The program."""
        return self.program

    @property
    def num_questions(self) -> int:
        """How many questions it is asked."""
        return len(self.questions)


def make(seed: int) -> ProgramCase:
    """Make a program of one kind, and its questions."""
    rng = random.Random(seed)
    kind = [*MAKERS][seed % len(MAKERS)]
    while True:
        text = MAKERS[kind](rng)
        try:
            meaning = reading.read_text(text)
            worlds = listed(meaning) if num_worlds(meaning) <= WORLDS_MAX else None
        except Undefined:
            return ProgramCase(kind, text, (Question("logZ()", ""),), None)
        if worlds is not None:
            break
    asked = tuple(_question(rng, kind, worlds.meaning) for _ in range(NUM_QUESTIONS))
    return ProgramCase(kind, text, asked, worlds)


def num_worlds(meaning: Meaning) -> int:
    """Count a program's assignments."""
    return math.prod(len(states) for states in meaning.domains.values())


# --- Questions -----------------------------------------------------------------------------


def _question(rng: random.Random, kind: str, meaning: Meaning) -> Question:
    names = [place_name(place) for place in meaning.domains]
    few = rng.sample(names, min(len(names), rng.randint(1, 3)))
    given = _given(rng, kind, meaning)
    event = _event(rng, kind, meaning)
    listed = ", ".join(few)
    text: str = rng.choice(
        [
            f"P({few[0]}{given})",
            f"P({event}{given})",
            f"P({event}{given})",
            f"P({listed}{given})",
            f"MAP({listed}{given})",
            "MAP()",
            f"MMAP({listed}{given})",
            f"best({rng.choice([1, 2, 5, 40])}, {listed}{given})",
            f"logZ({given.removeprefix(' ')})",
            f"count({given.removeprefix(' ')})",
            f"why({event}{given})",
            f"why({rng.choice(names)}{given})",
            f"sample(20, {listed}{given})",
            f"indep({', '.join(rng.sample(names, 2))}{_given_variable(rng, names, meaning)})",
            *([_compatibility(rng)] * 3 if kind == "beings" else []),
            *(["active(it)"] if kind in ("beings", "society") else []),
        ]
    )
    using = rng.choice(SEARCHING if text.startswith(("MAP", "best")) else USING)
    budget_s = rng.choice([5.0, 5.0, 5.0, 5.0, 0.05, 1e-3])
    return Question(text, using, budget_s, rng.choice([None, None, None, 300, 50_000]))


def _given_variable(rng: random.Random, names: list[str], meaning: Meaning) -> str:
    """Write a state, or a variable of any state, or nothing."""
    equation = " = ".join(_equation(rng, meaning))
    return rng.choice(["", f" | {equation}", f" | {rng.choice(names)}"])


def _compatibility(rng: random.Random) -> str:
    one, two = rng.sample(["tall", "leader", "shy", "pair"], 2)
    return f"{rng.choice(['compat', 'blame'])}({one}, {two})"


def _equation(rng: random.Random, meaning: Meaning) -> tuple[str, str]:
    place = rng.choice([*meaning.domains])
    return place_name(place), label(rng.choice(meaning.domains[place]))


def _comparison(rng: random.Random, meaning: Meaning) -> str:
    name, state = _equation(rng, meaning)
    return f"{name} {rng.choice(['==', '!='])} {state}"


def _given(rng: random.Random, kind: str, meaning: Meaning) -> str:
    """Write what is given, or nothing."""
    parts: list[str] = []
    while rng.random() < 0.4:
        equation = " = ".join(_equation(rng, meaning))
        parts.append(rng.choice([equation, _condition(rng, kind, meaning)]))
    return f" | {', '.join(parts)}" if parts else ""


def _event(rng: random.Random, kind: str, meaning: Meaning) -> str:
    one, two = _condition(rng, kind, meaning), _condition(rng, kind, meaning)
    return rng.choice([one, f"({one}) and ({two})", f"({one}) or ({two})", f"not ({one})"])


def _condition(rng: random.Random, kind: str, meaning: Meaning) -> str:
    """Write a condition over a program's variables; those of a partial one may have no value."""
    plainly = _comparison(rng, meaning)
    match kind:
        case "flat":
            return rng.choice([plainly, programs.condition(rng, 1)])
        case "partial":
            return rng.choice([plainly, plainly, programs.partial_condition(rng, 1)])
        case "strong" | "large":
            return rng.choice([plainly, rng.choice(numbers.NUMBER_CONDITIONS[kind])])
        case _:
            return plainly
