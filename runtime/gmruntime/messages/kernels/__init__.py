"""The message rules of kinds that are fast: compiled, and on a GPU."""
