"""What every kind of fuzzing has in common: a case is made from a seed, and checked.

The same seed always makes the same case. A fault says what is wrong, shows what was made, and names
the command that makes it again.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

TRACE_LINES = 3
"""So many of the innermost frames of an exception are shown."""


class Case(Protocol):
    """Something made from a seed."""

    @property
    def text(self) -> str:
        """What was made, as a person would read it."""
        ...

    @property
    def num_questions(self) -> int:
        """How many questions the case asks, or how many inputs it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """A kind of fuzzing.

    Attributes:
        name: of it, on the command line.
        make: a case from a seed.
        check: what is wrong with a case, a sentence for each fault.
    """

    name: str
    make: Callable[[int], Case]
    check: Callable[[Any], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong, and how to see it again."""

    round_name: str
    seed: int
    what: str
    text: str

    @property
    def command(self) -> str:
        """The command that repeats it."""
        return f"python -m tests.fuzz.night {self.round_name} --seed {self.seed} --count 1"

    def __str__(self) -> str:
        shown = "\n".join(f"    {line}" for line in self.text.split("\n"))
        return f"{self.round_name} {self.seed}: {self.what}\n{shown}\n  again: {self.command}"


@dataclass(frozen=True, slots=True)
class Tried:
    """What a seed came to."""

    num_questions: int
    faults: tuple[Fault, ...]


def try_seed(of: Round, seed: int) -> Tried:
    """Make and check one case; what is raised is a fault as well."""
    case = of.make(seed)
    faults = tuple(Fault(of.name, seed, what, case.text) for what in _found(of, case))
    return Tried(case.num_questions, faults)


def _found(of: Round, case: Case) -> Iterator[str]:
    try:
        yield from of.check(case)
    except Exception as error:
        yield told(error)


def told(error: BaseException) -> str:
    """Describe an exception that should not have been, in one line."""
    frames = traceback.extract_tb(error.__traceback__)[-TRACE_LINES:]
    places = " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(frames))
    return f"raised {type(error).__name__}: {error} ({places})"


def all_faults(of: Round, seeds: Iterable[int]) -> str:
    """Return the faults of many seeds as one text, empty where nothing is wrong."""
    return "\n".join(str(fault) for seed in seeds for fault in try_seed(of, seed).faults)
