"""How F is climbed: by expected counts (`em.py`), by its gradient (`ascent.py`), by chains.

All are generators of rounds, so that whoever asks may stop at any of them. `variational.py` and
`pseudo.py` are other functions than F; `chains.py` climbs what `sampled.py` samples, `arrival.py`
measures where that ends. `climbing.py` is what methods have in common, `lbfgs.py` the steps of the
gradient. `search.py` climbs from several starts, `curvature.py` looks at where they end.
**Invariant:** what is maximised never falls from round to round, but for chains, which never know
it; nothing is called converged while more than `GAIN_MAX` is expected.
"""
