"""Layered search: best assignments where wide factors are functions of sums.

Variables are decided one after another; what must be remembered of those decided is a state of the
layer. Kept states give assignments, those left out are bounded.
"""
