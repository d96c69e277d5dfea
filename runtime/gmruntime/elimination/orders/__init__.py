"""Elimination orders: greedy, from many restarts, and remembered between questions."""
