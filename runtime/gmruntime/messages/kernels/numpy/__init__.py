"""Message rules in NumPy: the definition as loops, and the same by array arithmetic."""
