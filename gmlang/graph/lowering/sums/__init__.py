"""Weighted sums of many variables, and what they are compared with.

`linear.py` reads a sum, `comparisons.py` makes one factor of its comparison, `diagrams.py` and
`moves.py` a chain of tables.
"""
