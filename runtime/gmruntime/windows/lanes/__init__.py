"""Many rows of data against one graph of places.

`answer.py` is what others call. **Invariant:** a row whose sums might lose digits is left to logs.
"""
