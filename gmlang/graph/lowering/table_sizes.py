"""How large tables may be: where a table is preferred, and where it is refused."""

SMALL_ENTRIES = 512
"""A table up to this size is preferred to a structured factor: it is exact and quick anywhere."""

PLAIN_ENTRIES = 1 << 14
"""A table up to this size is preferred to auxiliary variables for parts of an expression."""

ENTRIES_MAX = 1 << 24
"""A table of more entries is refused: 2^24 numbers are 128 MiB."""
