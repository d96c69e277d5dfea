"""Declarations, statements and questions checked: where they stand, and what they become.

Above: `gmlang.core.from_syntax`, which checks a program. Below: expressions and names.
"""
