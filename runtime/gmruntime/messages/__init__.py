"""Belief propagation: marginals, log Z and best assignments of graphs too loopy for exactness."""
