"""Memories taken out of graphs: what is left is a table over each index, and completes the answer.

Invariant: a sum over patterns has -inf where a pattern is impossible, never NaN.
"""
