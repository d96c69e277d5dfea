"""Terms over many variables that have a form of their own: noisy-or, all-different, min and max.

Each file recognises one form and writes it, or returns nothing, and then another is tried.
"""
