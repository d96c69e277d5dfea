"""Mistakes of programs that act: calls and processes."""
