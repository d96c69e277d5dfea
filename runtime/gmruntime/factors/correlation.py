"""What exemplars say of a picture at places: sums over pixels of what is said of the site below.

    sum[e, q] = sum over p of told[e, p, picture[sites[p, q]]]

Where every place moves all pixels alike, sites[p, q] = origin[p] + shift[q], that is a correlation,
by fast Fourier transforms; places are numbered in rows, so one axis does for any number. Elsewhere
it is a product of matrices for each symbol but the first.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int, Integer
from gmruntime.budget import UNLIMITED, Budget

_ENTRIES_AT_ONCE = 1 << 22
"""Of products and transforms, 32 MiB, between two looks at the clock."""

_PLACES_MIN = 30
"""Fewer places are added up one by one sooner than they are transformed."""

_TRANSFORMED_MAX = 1e4
"""Nats of a pixel: a transform spreads the rounding of the largest over all places."""


@dataclass(frozen=True, slots=True, eq=False)
class _Alike:
    """How places move all pixels alike.

    Attributes:
        origin: of each pixel, from 0.
        shift: of each place; origin + shift is the site.
        length: of the transforms: nothing that is read has wrapped around.
        signals: for each symbol but the first, the transform of where it stands.
    """

    origin: Int[np.ndarray, " pixels"]
    shift: Int[np.ndarray, " places"]
    length: int
    signals: tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Correlation:
    """A picture, and where its sites are.

    Attributes:
        sites: of each pixel at each place.
        picture: the symbol of each site.
        num_symbols: of which there are so many.
        alike: None where places move pixels differently.
    """

    sites: Integer[np.ndarray, "pixels places"]
    picture: Integer[np.ndarray, " sites"]
    num_symbols: int
    alike: _Alike | None

    @staticmethod
    def of(
        sites: Integer[np.ndarray, "pixels places"],
        picture: Integer[np.ndarray, " sites"],
        num_symbols: int,
    ) -> "Correlation":
        """Look how places move pixels, and transform the picture where they do it alike."""
        return Correlation(sites, picture, num_symbols, _alike(sites, picture, num_symbols))

    def sums(
        self, told: Float64[np.ndarray, "exemplars pixels symbols"], budget: Budget = UNLIMITED
    ) -> Float64[np.ndarray, "exemplars places"]:
        """Add up what exemplars say at each place.

        Args:
            told: of each symbol under each pixel, finite.
            budget: asked now and then.

        Raises:
            TimeoutError: when the budget is spent.
        """
        num_places = self.sites.shape[1]
        found = np.repeat(told[:, :, 0].sum(axis=1)[:, None], num_places, axis=1)
        width = max(told.shape[1], self.alike.length if self.alike else num_places)
        step = max(1, _ENTRIES_AT_ONCE // max(1, width))
        for first in range(0, len(told), step):
            piece = slice(first, first + step)
            for symbol in range(1, self.num_symbols):
                budget.check()
                gains = told[piece, :, symbol] - told[piece, :, 0]
                found[piece] += self._of_symbol(gains, symbol)
        return found

    def _of_symbol(self, gains: np.ndarray, symbol: int) -> np.ndarray:
        """Add up what exemplars gain wherever a symbol stands."""
        if self.alike is None or float(np.abs(gains).max(initial=0.0)) > _TRANSFORMED_MAX:
            stands = self.picture == symbol
            found = np.zeros((len(gains), self.sites.shape[1]))
            step = max(1, _ENTRIES_AT_ONCE // max(1, self.sites.shape[1]))
            for first in range(0, len(self.sites), step):
                has = stands[self.sites[first : first + step]].astype(np.float64)
                found += gains[:, first : first + step] @ has
            return found
        laid = np.zeros((len(gains), self.alike.length))
        laid[:, self.alike.origin] = gains
        product = np.conj(np.fft.rfft(laid, axis=1)) * self.alike.signals[symbol - 1]
        return np.fft.irfft(product, n=self.alike.length, axis=1)[:, self.alike.shift]


def _alike(sites: np.ndarray, picture: np.ndarray, num_symbols: int) -> _Alike | None:
    """Find how far each pixel is from the first, and each place; None where that is not all."""
    if min(sites.shape) < 1 or sites.shape[1] < _PLACES_MIN:
        return None
    numbers = sites.astype(np.int32)
    origin, shift = numbers[:, 0] - numbers[0, 0], numbers[0]
    if not (numbers == origin[:, None] + shift).all() or len(np.unique(origin)) < len(origin):
        return None
    least = origin.min()
    length = _fast_length(len(picture))
    signals = tuple(
        np.fft.rfft((picture == symbol).astype(np.float64), n=length)
        for symbol in range(1, num_symbols)
    )
    return _Alike(origin - least, shift + least, length, signals)


def _fast_length(least: int) -> int:
    """Return a length whose only prime factors are 2, 3 and 5, hardly longer than asked.

    >>> _fast_length(9216), _fast_length(97)
    (9216, 100)
    """
    return min(odd << max(0, -(-least // odd) - 1).bit_length() for odd in (1, 3, 5, 9, 15, 25, 27))
