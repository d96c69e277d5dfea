"""Exemplars matched to the places where they may lie on a picture that is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from threading import Lock

import numpy as np

from gmruntime.arrays import Bool, Float64, Integer
from gmruntime.factors.correlation import Correlation
from gmruntime.factors.kind import FactorKind
from gmruntime.factors.parameters import (
    FINITE_MIN,
    ParameterError,
    floats,
    same_length,
    small_integers,
)

_ENTRIES_AT_ONCE = 1 << 22
"""Of what pixels say, gathered at once where single values are asked for: 32 MiB."""


@dataclass(slots=True, eq=False)
class Progress:
    """How far matches have been looked at: it grows, and is shared by all who ask.

    Attributes:
        scores: what each exemplar says at each place, or what those like it say together; None
            before anybody has looked.
        masses: what these add up to over all places for each exemplar, in logs.
        is_known: which exemplars were looked at themselves.
        waiting: what to look at next; whoever looks knows what it is.
        lock: of whoever looks.
        is_checked: whether the parameters were found to fit: they do not change.
    """

    scores: Float64[np.ndarray, "exemplars places"] | None = None
    masses: Float64[np.ndarray, " exemplars"] | None = None
    is_known: Bool[np.ndarray, " exemplars"] | None = None
    waiting: list[object] = field(default_factory=list[object])
    lock: Lock = field(default_factory=Lock)
    is_checked: bool = False

    def __reduce__(self) -> tuple[type["Progress"], tuple[()]]:
        """Travel to other processes as nothing: there it is looked at anew."""
        return Progress, ()


@dataclass(frozen=True, slots=True, eq=False)
class Match(FactorKind):
    """What exemplars say of the sites of a picture, wherever they lie on it.

    log f(e, q) = sum over p of told[e, p, picture[sites[p, q]]]

    The scope has a gate first, where it is gated: log f = 0 while that is false. Then come the
    variables whose joint state is the exemplar e, then those whose joint state is the place q.

    One factor may be the product of some 10 000 million numbers: `gmruntime.matches` looks at as
    many exemplars as there is time for, before any engine sees it.

    Attributes:
        told: what each pixel of an exemplar says of a symbol below it, nats, finite.
        sites: which lie below each pixel at each place.
        picture: the symbol of each site.
        sizes: how many states each variable of the scope has, the gate aside.
        num_said: so many of these make the exemplar.
        is_gated: whether there is a gate.
        progress: how far it has been looked at.
    """

    told: Float64[np.ndarray, "tables exemplars pixels symbols"]
    sites: Integer[np.ndarray, "tables pixels places"]
    picture: Integer[np.ndarray, "tables sites"]
    sizes: tuple[int, ...]
    num_said: int
    is_gated: bool = False
    progress: Progress = field(default_factory=Progress)

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        if self.progress.is_checked and len(self.sizes) == arity - self.is_gated:
            return self
        told = floats("told", self.told, 4, lowest=FINITE_MIN)
        picture = small_integers("picture", self.picture, 2, max(1, told.shape[3]))
        sites = small_integers("sites", self.sites, 3, max(1, picture.shape[1]))
        for name, values in (("told", told), ("sites", sites), ("picture", picture)):
            same_length(name, values, 1, "for all factors")
        same_length("sites", sites, told.shape[2], "the pixels of `told`", 1)
        if not 0 <= self.num_said <= len(self.sizes) == arity - self.is_gated:
            raise ParameterError(
                f"sizes lists {len(self.sizes)} variables, {self.num_said} of the exemplar; "
                f"the scope has {arity}"
            )
        exemplars, places = prod(self.sizes[: self.num_said]), prod(self.sizes[self.num_said :])
        same_length("told", told, exemplars, "the joint states of the exemplar", 1)
        same_length("sites", sites, places, "the joint states of the place", 2)
        self.progress.is_checked = True
        rest = self.sizes, self.num_said, self.is_gated, self.progress
        return Match(told, sites, picture, *rest)

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        del table_index
        inner = states[:, self.is_gated :].astype(np.int64)
        exemplar = _joint(inner[:, : self.num_said], self.sizes[: self.num_said])
        place = _joint(inner[:, self.num_said :], self.sizes[self.num_said :])
        found = np.zeros(len(states))
        pixels = np.arange(self.told.shape[2])
        step = max(1, _ENTRIES_AT_ONCE // max(1, len(pixels)))
        for first in range(0, len(states), step):
            some = slice(first, first + step)
            symbols = self.picture[0][self.sites[0][:, place[some]]].T
            found[some] = self.told[0][exemplar[some, None], pixels, symbols].sum(axis=1)
        return np.where(states[:, 0] > 0, found, 0.0) if self.is_gated else found

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return 2 if self.is_gated and position == 0 else self.sizes[position - self.is_gated]

    def correlation(self) -> Correlation:
        """Return the picture, ready for sums over it."""
        return Correlation.of(self.sites[0], self.picture[0], self.told.shape[3])

    def entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says: all at once."""
        del shape
        known = self.progress
        if known.scores is None or known.is_known is None or not known.is_known.all():
            scores = self.correlation().sums(self.told[0]).reshape(1, -1)
        else:
            scores = known.scores.reshape(1, -1)
        return np.concatenate([np.zeros_like(scores), scores], 1) if self.is_gated else scores


def _joint(states: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Number the joint states of some variables, the last changing fastest."""
    if not sizes:
        return np.zeros(len(states), np.int64)
    return np.asarray(np.ravel_multi_index(tuple(states.T), sizes))
