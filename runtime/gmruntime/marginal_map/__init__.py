"""Marginal MAP as an anytime search: candidates that are scored exactly, under a proven bound.

What is asked is maximised after the rest was summed out. The sums alone are eliminated first
(`surrogate.py`); where no table had to be split, a search for a maximum of what is left proves the
answer. Else that search bounds it, and candidates come from it, from the best assignment of
everything, and from moves that solve a part exactly (`moves.py`). Above: `gmruntime.policy`. Below:
the search for maxima, and elimination. Invariant: a lower bound is a candidate's sum, worked out
exactly or from below; an upper bound is a proof, rounded outwards.
"""
