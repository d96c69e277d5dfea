"""How F is climbed: by expected counts (`em.py`), by its gradient (`ascent.py`).

Both are generators of rounds, so that whoever asks may stop at any of them. `climbing.py` is what
they have in common, `lbfgs.py` the steps of the gradient. `search.py` climbs from several starts,
`curvature.py` looks at where they end. **Invariant:** F never falls from round
to round, and nothing is called converged while more than `GAIN_MAX` is expected.
"""
