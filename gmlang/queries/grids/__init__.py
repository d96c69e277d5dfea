"""Questions about programs with reals in panels: where these end, and what is proven.

`pieces.py` is a question's graph apart from its reals, `refining.py` finds panels that are narrow
where it matters, `certifying.py` proves bounds where all laws are concave in each real.
"""
