"""Real variables: what is summed over them before, or beside, the finite ones.

Above: nobody yet. Below: the budget and arrays. Invariant: a number that comes of finitely many
points is an estimate, and says by how much it may be off.
"""
