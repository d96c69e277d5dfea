"""Message rules and sweeps compiled by Numba. Knows flat arrays only."""
