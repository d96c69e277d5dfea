"""Processes: models whose steps run one after another, lowered to chains of variables.

Above: `from_syntax.py`, which finishes models, and the checks of expressions. Below: records,
statements and expressions of the core. Invariant: what comes after the check knows of no process,
only of variables, their mechanisms, and calls that their values gate.
"""
