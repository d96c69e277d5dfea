"""Differential fuzzing: whatever the engines say of made-up input, held against plain meaning.

`worth.py` enumerates what every kind of factor means; `graphs.py` makes graphs and `questions.py`
asks them everything with engines forced. `night.py` runs all of it for hours.
"""
