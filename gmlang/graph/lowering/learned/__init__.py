"""Statements that depend on what is learned: tables of params, and calls of functions."""
