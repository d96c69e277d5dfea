"""Reals through time: beliefs carried from step to step."""
