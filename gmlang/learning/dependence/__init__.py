"""Which entry of which table depends on which learned number, and how.

`occurrences.py` derives expressions, `direct.py` knows where an entry is a number itself,
`tables.py` does what is plainest for each block of the graph. **Invariant:** what is taken as
direct was compared with what the program says at other numbers.
"""
