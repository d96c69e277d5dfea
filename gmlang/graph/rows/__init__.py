"""Reals that depend on each other: what is said of them as Gaussian rows, by array arithmetic.

Above `values` and `world`, beside `reals`, which looks at single reals at nodes. `routes.py` says
which reals are which. **Invariant:** the structure of rows depends on what a program says, not on
the numbers in it.
"""
