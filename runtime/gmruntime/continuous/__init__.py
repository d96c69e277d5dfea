"""Reals that depend on each other linearly, with Gaussian noise: eliminated before anything else.

What is left is an ordinary factor graph, so that no engine of finite variables knows of reals.
**Invariant:** structure comes from structure, never from values: a coefficient that is 0 keeps its
place.
"""
