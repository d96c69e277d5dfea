"""Certified upper bounds on maxima, by dual ascent; mini-buckets stand with the primal engines.

Above: the driver. Below: pieces of a graph as tables. Invariant: a bound counts the rounding of the
sums it was made of, and is never below the truth.
"""
