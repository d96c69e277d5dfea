"""TRW-S: a certified bound for graphs of pairs.

Kolmogorov, "Convergent tree-reweighted message passing for energy minimization" (PAMI 2006).
"""
