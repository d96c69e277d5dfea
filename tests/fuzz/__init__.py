"""Differential fuzzing: whatever is said of made-up input, held against plain meaning.

`rounds.py` says what a kind of fuzzing is, `all_rounds.py` lists them, `night.py` runs them for
hours. Programs (`programs.py`, `numbers.py`, `societies.py`) are held against the naive interpreter
(`plain.py`, `answers.py`); graphs (`graphs.py`) against their enumeration (`worth.py`,
`questions.py`); damaged bytes (`damage.py`) are read or refused, the command line (`matrix.py`)
ends as documented, and what is heavy (`heavy.py`) keeps to the clock (`clock.py`) and tells what it
has found when it is interrupted (`interrupted.py`).
"""
