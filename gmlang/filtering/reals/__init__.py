"""Reals of a program over time: a Gaussian belief, found by structure, that steps carry on.

`entering.py` finds the data that laws of reals are linear in, `taking.py` takes the rows of the
last step of a window and how they depend on that data, `asked.py` what is asked of reals,
`carrying.py` runs steps, `answers.py` and `coming.py` say what is believed. **Invariant:** what
depends on data otherwise than linearly is grounded anew for new data.
"""
