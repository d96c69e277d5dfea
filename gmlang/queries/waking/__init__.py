"""Models that may sleep while a question is answered.

Above: `session.py`, which asks. Below: `gmruntime.waking`, which decides who is awake.
"""
