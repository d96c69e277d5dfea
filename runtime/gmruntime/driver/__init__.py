"""The anytime driver for maxima: one clock, one incumbent, one bound, and who takes the next turn.

The only place of the search where policy stands. Above: `inference.py`. Below: every engine
(primal, bounds, branching, constraints, layered, elimination). Invariant: whatever an engine
reports is scored again before it is believed.
"""
