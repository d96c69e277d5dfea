"""Terms to factors: a table where it fits, a structured factor where there is one.

`lower.py` decides; `forms/` and `sums/` are what it may decide for; `narrowing.py` cuts what has no
form of its own. Invariant: a lowered term equals the table of its values, whichever way was taken.
"""
