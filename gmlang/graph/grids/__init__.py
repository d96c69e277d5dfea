"""Reals that laws depend on otherwise than linearly, in panels of nodes: what laws say, as tables.

`laws.py` makes tables of laws at any points, `branches.py` takes laws apart where they choose
reals, `given.py` where these are observed, `summing.py` adds up what is said of the same
variables, `scales.py` says where logs are concave, `edges.py` where panels end at first.
"""
