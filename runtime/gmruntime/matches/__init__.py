"""Matches looked at as far as there is time: the likeliest exemplars first, then those like them.

Stands above the kinds and below whoever answers: no engine sees a match, but a table of what was
found. Invariant: an answer is as good as that of the table only where all was looked at; else it is
an estimate.
"""
