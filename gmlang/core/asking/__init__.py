"""Questions checked: queries, assertions, what they ask for, what is given, and their options.

Above `gmlang.core.check`, which checks what a program says; the records of the questions themselves
come from above (`QueryForm`).
"""
