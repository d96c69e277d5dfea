"""SRMP: the bound of TRW-S for factors of any number of variables; on the CPU and on a GPU.

Kolmogorov, "A new look at reweighted message passing" (PAMI 2015).
"""
