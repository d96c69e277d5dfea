"""Exact inference by variable elimination. Knows tables only."""
