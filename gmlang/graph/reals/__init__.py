"""Attributes that are real numbers: what is observed of them, and how likely models make it."""
