"""Hard constraints alone: propagation on domains, refutations by matchings, complete search.

Invariant: what is refuted has no assignment; nothing here is an estimate.
"""
