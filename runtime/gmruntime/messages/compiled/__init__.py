"""Compiled runs of belief propagation: floods, and visits of single factors, row by row."""
