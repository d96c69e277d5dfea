"""Numbers for the kinds of factors, as flat arrays and compiled rules know them."""

TABLE, GATED, POTTS, SUM, OR, PARITY, DIFFERENT, PLACES, MEMORY, COVER = range(10)
