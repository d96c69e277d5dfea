"""Arrays by the names of params; another name is told of with the nearest that there is."""

from typing import NoReturn

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors.learning import course as errors
from gmlang.learning.numbers.coordinates import Layout


class _ByName(dict[str, np.ndarray]):
    """What was learned of each param, by its name."""

    __slots__ = ()

    def __missing__(self, name: object) -> NoReturn:
        """Refuse a name of which nothing was learned.

        Raises:
            GmError: with the nearest name.
        """
        raise GmError([errors.not_learned(str(name), list(self))])


def by_name(layout: Layout, numbers: np.ndarray) -> _ByName:
    """Return params by the names that users know."""
    found = layout.values(numbers)
    return _ByName({array.shown: np.array(found[array.name]) for array in layout.arrays})
