"""Places: values that lie on grids, as rows and columns, and what is asked of them.

Above: the forms of expressions, which lead here. Below: operators and types. Invariant: a sum of
places is a row and a column, and never reaches the grounder as a value.
"""
