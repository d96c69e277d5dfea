"""The values of expressions, for all instances and all states at once, and where they have none.

One array operation for each node of an expression, never a loop over instances. Above: lowering.
Below: the world.
"""
