"""Worlds in which something was done: what follows there, and what would have been."""
