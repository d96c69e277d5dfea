"""Arrays by the names of params; another name is told of with the nearest that there is."""

from typing import NoReturn

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors.learning import course as errors


class ByName(dict[str, np.ndarray]):
    """What was learned of each param, by its name."""

    __slots__ = ()

    def __missing__(self, name: object) -> NoReturn:
        """Refuse a name of which nothing was learned.

        Raises:
            GmError: with the nearest name.
        """
        raise GmError([errors.not_learned(str(name), list(self))])
