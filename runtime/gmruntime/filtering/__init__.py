"""Beliefs carried from step to step of a chain through time: one step compiled, run many times."""
