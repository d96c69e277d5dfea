"""Checks of what is learned: params, models, functions; how declared, and where they stand."""
