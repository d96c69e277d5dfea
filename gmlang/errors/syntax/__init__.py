"""Mistakes of syntax: what is said of them, and the rules that guess what was meant."""
