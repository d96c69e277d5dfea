"""Which names there are: modules, the scopes they make, and what is not there.

Above: the checks of expressions and statements. Below: the surface AST. Nothing here looks inside
a declaration.
"""
