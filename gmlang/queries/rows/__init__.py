"""Questions about reals that depend on each other: integrated exactly, given their selectors.

`asked.py` makes what is asked linear in reals, `integrating.py` eliminates them, `borders.py` asks
how probable the states of finite variables around them are, `answering.py` puts both together.
What is asked of finite variables alone is asked of the graph that is left, as of any.
**Invariant:** an answer is exact only where the sums over finite variables are.
"""
