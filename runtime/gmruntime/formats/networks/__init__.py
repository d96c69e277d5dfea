"""Bayesian networks in the formats of other tools: with names, distributions and parents."""
