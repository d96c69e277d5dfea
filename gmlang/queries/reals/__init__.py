"""Answers that depend on reals that are not observed: how far sums over nodes may be off."""
