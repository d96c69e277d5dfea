"""Branch and bound on cost networks in whole numbers, which finds and proves at once.

A network (`network.py`) is made smaller by moves of cost (`moves.py`, `consistency.py`) in every
node; `search.py` goes through the nodes, `components.py` splits what has become independent,
`leaves.py` eliminates what is narrow. Invariant: every move keeps all costs, so the constant is a
bound.
"""
