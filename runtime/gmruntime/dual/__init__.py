"""Proofs: certified bounds on maxima, and searches that are complete."""
