"""The protocol of a distribution: everything that the language knows of one, in one record.

A family is written, checked, evaluated, lowered, completed, coloured and documented from its record
alone. Its arithmetic sees arrays only: what an expression is or where it stands is the business of
`gmlang.core.expressions.distributions` and `gmlang.graph.values.distributions`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gmruntime.factors.kinds import FactorKind


class Domains(Enum):
    """Which variables a family may be drawn for; the value is how the documents say it."""

    ANY = "any"
    TWO_VALUES = "`bool`, `0..1`"
    INTEGERS = "integers"


class Taken(Enum):
    """What a parameter is: a number, a probability, a value, or a probability for each value.

    LENGTH is how many probabilities a list has, which the variable must have as states.

    A family written by its name takes numbers and probabilities, or one row and nothing else; a
    row in brackets is read as `{value: p, ...}`, whose law it then has.
    """

    NUMBER = "number"
    PROBABILITY = "probability"
    VALUE = "value"
    ROW = "row"
    LENGTH = "length"


class Gives(Enum):
    """What a family's law returns.

    LOGS: natural logs of probabilities, which sum to one over the variable's states.
    WRITTEN: probabilities as the author wrote them; whoever asks checks that they sum to one.
    LOG_WEIGHTS: natural logs of weights of any scale; whoever asks divides by their sum. The
        numbers of its pairs are logs as well.
    """

    LOGS = "logs"
    WRITTEN = "written"
    LOG_WEIGHTS = "log weights"


class Pairs(Enum):
    """What the pairs `key: number` in a family's brackets mean.

    CAUSES: conditions, each with a probability that is asked for only where it holds.
    VALUES: values of the variable, each with its probability; `rest` names those not named.
    """

    CAUSES = "causes"
    VALUES = "values"


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """The numbers above `low`, or from it on; infinite ones never belong."""

    low: float = -np.inf
    is_open: bool = False
    is_whole: bool = False

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Say which numbers belong.

        >>> Range(0, is_whole=True).holds(np.array([-1, 0, 0.5, 2, np.inf, np.nan])).tolist()
        [False, True, False, True, False, False]
        """
        inside = (values > self.low) if self.is_open else (values >= self.low)
        inside &= np.isfinite(values)
        return inside & (values == np.rint(values)) if self.is_whole else inside

    def describe(self) -> str:
        """Say what a number must be, as in "it must be above 0"."""
        if self.is_open:
            return f"above {self.low:g}"
        what = "a whole number" if self.is_whole else "a number"
        return what if self.low == -np.inf else f"{what} of at least {self.low:g}"


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A parameter by its name.

    Attributes:
        range: what it must lie in, beyond what its kind says.
        default: its value where it is not given; None where it must be.
    """

    name: str
    taken: Taken
    range: Range | None = None
    default: float | None = None


def number(
    name: str, low: float = -np.inf, *, above: bool = False, whole: bool = False
) -> Parameter:
    """Make a parameter that is a finite number, of at least `low` or above it."""
    return Parameter(name, Taken.NUMBER, Range(low, above, whole))


def chance(name: str, *, above: float | None = None, default: float | None = None) -> Parameter:
    """Make a parameter that is a probability."""
    range_ = None if above is None else Range(above, is_open=True)
    return Parameter(name, Taken.PROBABILITY, range_, default)


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """What a family is asked: arrays that broadcast against one another.

    Attributes:
        values: the numbers that the variable's states stand for, along `axis`.
        axis: of the states.
        parameters: in the order of the family's.
        needed: where anybody asks; elsewhere a parameter may be anything.
        pairs: where the key of each pair holds, or which states it names (None: those that
            share what the others leave), and its number. They are worked out one after another,
            and can be gone through once.
    """

    values: np.ndarray
    axis: int
    parameters: tuple[np.ndarray, ...] = ()
    needed: np.ndarray | np.bool_ = np.True_
    pairs: Iterator[tuple[np.ndarray | None, np.ndarray]] = field(default_factory=lambda: iter(()))


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A distribution.

    Attributes:
        name: as it is called, and printed.
        form: as the documents write it; "" where no program writes it as a distribution.
        help: what it is, in one line.
        example: a whole program whose assertions hold.
        domains: which variables it may be drawn for.
        law: its probabilities, or their logs: what `gives` says.
        parameters: in order.
        pairs: what pairs in its brackets mean; None where it takes none.
        first: the least integer that may have a probability, or the parameter that says it.
        last: the largest, likewise.
        factor: makes one factor of many causes and the effect, from the probabilities (instances,
            causes) and the parameters (instances each); None where tables do.
        is_called: whether it is written by its name; the others have a form of their own.
        is_certain: whether it gives one value everything.
    """

    name: str
    form: str
    help: str
    example: str
    domains: Domains
    law: Callable[[Draw], np.ndarray]
    gives: Gives = Gives.LOGS
    parameters: tuple[Parameter, ...] = ()
    pairs: Pairs | None = None
    first: float | str = -np.inf
    last: float | str = np.inf
    factor: Callable[[np.ndarray, tuple[np.ndarray, ...]], "FactorKind"] | None = None
    is_called: bool = True
    is_certain: bool = False

    def parameter_names(self) -> tuple[str, ...]:
        """List the names of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)
