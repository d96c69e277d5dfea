"""What is learned and from what: parameters with their priors, tables of cases, `learn`."""

import re
from dataclasses import dataclass
from enum import Enum

from gmlang.core.ast import Expression, Reference
from gmlang.diagnostics import Span


class ParameterKind(Enum):
    """What numbers a parameter may be; the value is the word of its type.

    Each row along the last axis of a simplex sums to one; the others are single numbers.
    """

    PROBABILITY = "probability"
    SIMPLEX = "simplex"
    REAL = "real"
    POSITIVE = "positive"


PARAMETER_WORDS = tuple(kind.value for kind in ParameterKind if kind is not ParameterKind.REAL)
"""The types that only a param has; `real` is one of data as well."""

ROWS_WORD = "rows"
"""The type of a table of cases."""

PRIORS = {
    "Beta": (ParameterKind.PROBABILITY, ("a", "b")),
    "Dirichlet": (ParameterKind.SIMPLEX, ("a",)),
    "Normal": (ParameterKind.REAL, ("mean", "sd")),
    "Gamma": (ParameterKind.POSITIVE, ("shape", "rate")),
}
"""The priors: of which kind of parameter each is, and what it takes."""

METHODS = {
    "em": "expected counts, and the numbers that are best for them",
    "gradient": "expected counts with what was seen, less those without",
    "variational": "distributions in place of numbers, and a bound on the log evidence",
    "pseudo": "each variable given all others: no sum over states, everything observed",
    "cd(5)": "chains that sweep five times a step in place of log Z",
}
"""What `using` may say behind `learn`, and what that is; `cd` with any number of sweeps."""

SWEEPS_MAX = 1000
"""So many sweeps of its chains `cd` does between two steps at most."""

_SWEEPS = 5
"""So many where nothing is said."""

_CHAINS = re.compile(r"cd(?:\(([0-9]{1,9})\))?")


def method_named(text: str) -> str:
    """Return a method of learning as it is called throughout; "" for what is none.

    >>> method_named("cd( 3 )"), method_named("cd"), method_named("em"), method_named("cd(0)")
    ('cd(3)', 'cd(5)', 'em', '')
    """
    plain = "".join(text.split())
    found = _CHAINS.fullmatch(plain)
    if found is not None:
        sweeps = int(found[1] or _SWEEPS)
        return f"cd({sweeps})" if 1 <= sweeps <= SWEEPS_MAX else ""
    return plain if plain in METHODS else ""


def sweeps_of(method: str) -> int | None:
    """Return the sweeps of `cd(k)`; None for another method."""
    found = _CHAINS.fullmatch(method)
    return None if found is None else int(found[1] or _SWEEPS)


@dataclass(frozen=True, slots=True)
class Prior:
    """`Beta(1, 9)`.

    Attributes:
        arguments: numbers known from data; of a Dirichlet perhaps one for each state.
    """

    span: Span
    family: str
    arguments: tuple[Expression | tuple[Expression, ...], ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """How a param may be learned.

    Attributes:
        prior: None for the usual weak one.
    """

    kind: ParameterKind
    prior: Prior | None


@dataclass(frozen=True, slots=True)
class RowsSymbol:
    """`data patients : rows`.

    Attributes:
        outside: the names by which the table may be given; the first means nothing else.
    """

    span: Span
    name: str
    outside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Learn:
    """`learn A, B from patients to predict y using em restarts 10 within 60 s`.

    Attributes:
        text: as written.
        names: of the params, in the core program.
        source: the table of cases; "" where the program's own observations are the one case.
        targets: what is to be predicted; () for everything.
        position: how many questions stand before it.
        method: as `method_named` calls it, or "" for the one that fits.
        restarts: how many beginnings; None for as many as the program needs.
        within_s: seconds, or None.
        name: given by `as`, or "".
    """

    span: Span
    text: str
    names: tuple[str, ...]
    source: str
    targets: tuple[Reference, ...]
    position: int
    method: str = ""
    restarts: int | None = None
    within_s: float | None = None
    name: str = ""
