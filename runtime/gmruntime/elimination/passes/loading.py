"""Whether compiled loops have been loaded: the first of a process take as long as much work.

This file does not import them, so that whoever asks does not load them.
"""

import sys

from gmruntime.budget import Budget

LOADING_S = 0.7
"""What importing the compiler and loading the first loops from disk takes, as measured."""


def is_loaded() -> bool:
    """Say whether the compiler has been imported."""
    return "numba" in sys.modules


def may_load(budget: Budget) -> bool:
    """Say whether compiled loops may be asked for: they are loaded, or there is time for that.

    Loading cannot be ended by a deadline.
    """
    return is_loaded() or budget.left_s() >= LOADING_S


def load() -> None:
    """Import the compiler: for whoever asks so often that no single question should wait for it."""
    import numba

    assert numba is not None
