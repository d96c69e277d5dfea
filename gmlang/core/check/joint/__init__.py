"""Reals that depend on each other: what they are drawn from, and whether that is linear."""
