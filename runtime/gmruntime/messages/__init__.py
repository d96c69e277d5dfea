"""Belief propagation on factor graphs. Estimates, and they say so."""
