"""Sites: factors of one sum of reals each that are not Gaussian, such as that something happened.

    log f(x) = weight * log phi(a . x - offset; numbers)

`families.py` says what phi may be. `projections.py` and `fields.py` hold the Gaussian that stands
for all of them, densely, `sparse_field.py` by elimination; `laplace.py` finds the maximum, and
`expectation.py` the Gaussians with the moments of each site, which `tilted.py` knows. `edges.py`
does that by messages where the joint Gaussian is too large; `solver.py` chooses. Where few reals
are in sites, `outer` takes them for parameters: `starting.py` says where they are likely,
`chosen.py` what rows say at settings.
**Invariant:** what rests on an approximation says so, and what has no integral is refused.
"""
