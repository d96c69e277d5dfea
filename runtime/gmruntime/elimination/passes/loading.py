"""Whether compiled loops have been loaded: the first of a process take as long as much work.

This file does not import them, so that whoever asks does not load them.
"""

import sys

LOADING_S = 0.7
"""What importing the compiler and loading the first loops from disk takes, as measured."""


def is_loaded() -> bool:
    """Say whether the compiler has been imported."""
    return "numba" in sys.modules


def load() -> None:
    """Import the compiler: for whoever asks so often that no single question should wait for it."""
    import numba

    assert numba is not None
