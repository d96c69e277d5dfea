"""Thousands of copies of a graph annealed at once, on a GPU."""
