"""Sparse elimination of reals: an order, what it fills in, and the numbers, compiled."""
