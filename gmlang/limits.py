"""How far the settings of a query may go: more is refused by name, wherever it is given."""

SECONDS_MAX = 1e8
"""Three years. Clocks and timers of operating systems end not far beyond."""

SEED_MAX = (1 << 64) - 1

MEMORY_MAX = 1 << 60
"""Bytes; a cap above this is none."""

SECONDS = "a number of seconds above 0 and up to 1e8"
MEMORY = "a number above 0"
FOLDER = "True, False, or a folder that can be written to"
SEED = "a whole number from 0 to 2^64 - 1"


def is_seconds(value: float) -> bool:
    """Say whether a query can be given so many seconds; not when it is no number, NaN."""
    return 0 < value <= SECONDS_MAX
