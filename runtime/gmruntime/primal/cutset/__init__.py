"""Bounded-width neighbourhoods: freeze a random cutset, re-optimise all the rest exactly."""
